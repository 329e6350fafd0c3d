"""``hv.load``: from a name or a file to a net that is ready to look at."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hrnet_viz.network import TASKS, HRNet, build
from hrnet_viz.network.net import read_classes
from hrnet_viz.network.variants import FINAL_CHANNELS
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.sites import quote
from hrnet_viz.weights.fit import Match, match, take
from hrnet_viz.weights.published import NAMES, hint_classes, load_classes
from hrnet_viz.weights.report import LoadReport, LoadWarning, WeightsError, list_some
from hrnet_viz.weights.sources import Source, open_source


def load(
    source: str | os.PathLike[str],
    *,
    name: str | None = None,
    head: str | None = None,
    num_outputs: int | None = None,
    classes: Sequence[str] | Mapping[Any, Any] | None = None,
    part: str | None = None,
    upsample: str | None = None,
    align_corners: bool | None = None,
    partial: bool = False,
    preparation: Preparation | None = None,
    progress: bool = True,
) -> HRNet:
    """Load a net with weights that mean something; it comes in eval mode, in float32, on the CPU.

    Everything is checked before a net is made: there is either a whole one or an error that lists, by name, what is
    missing and what is unexpected. A file is read without running code that it may contain. Its keys tell the head.

    Args:
        source: "teaching" for the weights that ship with the project; "hrnet_w18", or another variant, "hrnet_w18_ssld"
            or "hrnet_w32_coco_256x192_dark" for published weights, which are downloaded once (all of them, and what is
            known of their hashes, in ``hrnet_viz.weights.published``) to ``HRNET_VIZ_CACHE`` or ``~/.cache/hrnet_viz``;
            or a file with the keys of any of the official repositories, timm, mmpretrain, mmpose, mmsegmentation or
            mmdetection, with any prefix, wrapped in ``state_dict`` or ``model`` or not, safetensors or torch. A file
            that is called like published weights is meant by "./hrnet_w18".
        name: variant of a file, where it should be checked; it is inferred from the shapes.
        head: what the net should be for, where a file has only streams, or where its own head is not wanted, which
            takes partial=True. What a head lacks starts at random, and a warning says so.
        num_outputs: number of outputs. If the file has another one, exactly the last layer starts at random, and a
            warning says so.
        classes: names of the outputs in their order, or a mapping between names and their numbers, or "imagenet",
            "coco" (joints), "ap10k", "cityscapes"; by default those that the file or the publication states.
        part: place of the net in a file that holds several ("state_dict_ema"); ``net.load_report`` names them.
        upsample: "nearest" or "bilinear", how the exchanges resample; no key tells, so by default as published.
        align_corners: of bilinear resampling, likewise.
        partial: take over what fits, start the rest at random, warn and report, instead of refusing the file.
        preparation: how a photo becomes an input; by default what the file or the publication states, otherwise the
            usual one of the task.
        progress: show a bar while downloading.

    Returns:
        The net. ``net.load_report`` tells where its weights come from. If the file states a calibration temperature,
        the classifier is divided by it, so that softmax(logits) is calibrated wherever it is computed.

    Raises:
        WeightsError: a ValueError, in a sentence: no such name or file, no network, a wrong hash, a full disk, a file
            that is broken, that would run code, or that does not fit.
    """
    if num_outputs is not None and num_outputs < 1:
        raise WeightsError(f"num_outputs={num_outputs} was given; a net needs at least one output.")
    given: Any = preparation  # a caller without a type checker may give anything
    if given is not None and not isinstance(given, Preparation):
        raise WeightsError(f"preparation={quote(given)} was given; one was expected, such as hv.Preparation(size=224).")
    origin = open_source(source, name=name, part=part, progress=progress)
    where, card, flavour = str(origin.checkpoint.path), origin.card, origin.flavour
    if head in (None, flavour.task):
        upsample = card.upsample if upsample is None else upsample
    settings = {"head": head, "upsample": upsample, "align_corners": align_corners}
    found = match(origin.tensors, flavour, where, variant=origin.variant, outputs=num_outputs, **settings)
    taken, task = take(found, flavour, where, partial=partial), found.net.task
    names = _name_outputs(origin, found, classes)
    net = _assemble(found, taken, card.temperature)
    net.classes = names
    published = Preparation(fit="crop") if task.name == "classification" else net.preparation
    net.preparation = preparation or (card.preparation if flavour.task == task.name else None) or published
    report = _report(origin, found, names)
    net.load_report = report
    _warn(report, found, origin)
    return net


def _report(origin: Source, found: Match, names: tuple[str, ...]) -> LoadReport:
    net, file = found.net, origin.checkpoint
    return LoadReport(
        source=str(file.path),
        variant=net.variant.name,
        task=net.task.name,
        flavour=origin.flavour.name,
        tried=origin.flavour.tried,
        loaded=len(found.fitting),
        missing=found.missing,
        reinitialised=found.reinitialised,
        unexpected=found.unexpected,
        left_out=found.left_out,
        sha256=origin.sha256,
        temperature=1.0 if found.new_outputs else origin.card.temperature,
        provenance=origin.card.provenance,
        part=file.part,
        others=file.others,
        hint="" if names else hint_classes(net.task.name, found.outputs),
    )


def _name_outputs(origin: Source, found: Match, classes: Sequence[str] | Mapping[Any, Any] | None) -> tuple[str, ...]:
    """Return the names of the outputs: those given, else those of the file if the outputs are still the file's."""
    net = found.net
    if net.task.outputs is None:
        if classes is not None:
            raise WeightsError(f"classes was given, but head='{net.task.name}' has no outputs to name. Leave it out.")
        return ()
    if isinstance(classes, str):
        if classes not in NAMES:
            raise WeightsError(
                f"classes='{classes}' was given; expected a list of names, or one of {', '.join(map(repr, NAMES))}."
            )
        classes = load_classes(classes)
    if classes is None:
        classes = () if found.new_outputs else origin.card.classes
        if classes and len(classes) != net.num_outputs:
            raise WeightsError(f"{origin.checkpoint.path} names {len(classes)} classes for {net.num_outputs} outputs.")
        return tuple(map(str, classes))
    try:
        return read_classes(classes, net.num_outputs)
    except ValueError as error:
        raise WeightsError(
            f"{error} For another number of outputs, num_outputs= starts other last layers at random."
        ) from error


def _assemble(found: Match, taken: Mapping[str, Tensor], temperature: float) -> HRNet:
    """Put the tensors into a net that has none yet; only what is reinitialised is drawn at random."""
    net, tensors, drawn = found.net, dict(taken), found.reinitialised
    for name, value in net.state_dict().items():
        if name in found.missing:
            tensors[name] = torch.zeros(value.shape, dtype=value.dtype)
    if net.task.name == "classification" and all(name.startswith("classifier.") for name in drawn):
        fresh = nn.Linear(FINAL_CHANNELS, net.num_outputs).state_dict(prefix="classifier.") if drawn else {}
    else:
        fresh = build(net.variant, net.task, found.outputs).state_dict() if drawn else {}
    tensors |= {name: fresh[name] for name in drawn}
    for name in ("classifier.weight", "classifier.bias"):
        if net.task.name == "classification" and name not in drawn:
            tensors[name] = tensors[name] / temperature
    net.load_state_dict(tensors, strict=True, assign=True)
    return net.eval()


def _warn(report: LoadReport, found: Match, origin: Source) -> None:
    told = []
    net, flavour = found.net, origin.flavour
    if report.reinitialised:
        layers = list(dict.fromkeys(name.rpartition(".")[0] for name in report.reinitialised))
        only_last = set(layers) <= {*net.ends}
        what = (
            f"Its {' and '.join(layers)} start{'s' * (len(layers) == 1)}"
            if only_last
            else f"{len(report.reinitialised)} tensors start"
        )
        told.append(f"{what} at random: {list_some(report.reinitialised)}.")
    if flavour.task and TASKS[flavour.task].alone and not net.task.alone:
        told.append("The last exchange of a pose net has output 0 alone, so all paths into the others are among them.")
    if report.unexpected:
        told.append(f"{len(report.unexpected)} tensors of the file were left out: {list_some(report.unexpected)}.")
    if flavour.task not in ("", report.task):
        theirs = origin.card.upsample or TASKS[flavour.task].upsample
        if theirs != net.task.upsample:
            told.append(
                f"Its exchanges resampled with upsample='{theirs}' in training, those here with "
                f"'{net.task.upsample}': its features will differ."
            )
    if told:
        warnings.warn(f"{report.source} was loaded as {net.owner}. {' '.join(told)}", LoadWarning, stacklevel=3)
