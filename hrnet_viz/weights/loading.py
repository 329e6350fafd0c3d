"""``hv.load``: from a name or a file to a net that is ready to look at."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from hrnet_viz.network import HRNet, build
from hrnet_viz.network.net import read_classes
from hrnet_viz.network.variants import FINAL_CHANNELS
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.sites import quote
from hrnet_viz.weights.fit import CLASSIFIER, Fit, fit
from hrnet_viz.weights.keys import BILINEAR, Flavour
from hrnet_viz.weights.published import load_imagenet_classes
from hrnet_viz.weights.report import LoadReport, LoadWarning, WeightsError, list_some
from hrnet_viz.weights.sources import OUTPUTS, Source, open_source

IMAGENET_HINT = 'outputs without names; if they are those of ImageNet: hv.load(..., classes="imagenet")'


def load(
    source: str | os.PathLike[str],
    *,
    name: str | None = None,
    part: str | None = None,
    num_outputs: int | None = None,
    partial: bool = False,
    classes: Sequence[str] | Mapping[Any, Any] | None = None,
    preparation: Preparation | None = None,
    progress: bool = True,
) -> HRNet:
    """Load a net with weights that mean something; it comes in eval mode, in float32, on the CPU.

    Everything is checked before a net is made: there is either a whole one or an error that lists, by name, what is
    missing and what is unexpected. A file is read without running code that it may contain.

    Args:
        source: "teaching" for the weights that ship with the project; "hrnet_w18", or another variant, or
            "hrnet_w18_ssld", "hrnet_w48_ssld" for the published ImageNet weights, which are downloaded once (see
            ``hrnet_viz.weights.published`` for what is known of their hashes) to ``HRNET_VIZ_CACHE`` or
            ``~/.cache/hrnet_viz``; or a file with the keys of the official code, timm or mmpretrain, with any prefix,
            wrapped in ``state_dict`` or ``model`` or not, safetensors or torch. A file that is called like published
            weights is meant by "./hrnet_w18".
        name: variant of a file, where it should be checked; it is inferred from the shapes.
        part: place of the net in a file that holds several ("state_dict_ema"); ``net.load_report`` names them.
        num_outputs: number of logits. If the file has another one, exactly the classifier starts at random, and a
            warning says so.
        partial: take over what fits, start the rest at random, warn and report, instead of refusing the file.
        classes: names of the outputs in their order, or a mapping between names and their numbers, or "imagenet"; by
            default those that the file or the publication states.
        preparation: how a photo becomes an input; by default what the file or the publication states, otherwise the
            usual ImageNet evaluation (224 px, centre crop of 0.875).
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
    origin = open_source(source, name=name, part=part, progress=progress)
    file, card = origin.checkpoint, origin.card
    found = fit(
        origin.tensors, origin.flavour, str(file.path), variant=origin.variant, outputs=num_outputs, partial=partial
    )
    given: Any = preparation  # a caller without a type checker may give anything
    if given is not None and not isinstance(given, Preparation):
        raise WeightsError(f"preparation={quote(given)} was given; one was expected, such as hv.Preparation(size=224).")
    names = _name_outputs(origin, found, classes)
    net = _assemble(found, card.temperature)
    net.classes = names
    net.preparation = preparation or card.preparation
    report = LoadReport(
        source=str(file.path),
        variant=net.variant.name,
        flavour=origin.flavour.name,
        tried=origin.flavour.tried,
        loaded=len(found.tensors),
        missing=found.missing,
        reinitialised=found.reinitialised,
        unexpected=found.unexpected,
        sha256=origin.sha256,
        temperature=1.0 if found.new_classifier else card.temperature,
        provenance=card.provenance,
        part=file.part,
        others=file.others,
        hint="" if names or net.num_outputs != OUTPUTS else IMAGENET_HINT,
    )
    net.load_report = report
    _warn(report, origin.flavour, partial=partial)
    return net


def _name_outputs(origin: Source, found: Fit, classes: Sequence[str] | Mapping[Any, Any] | None) -> tuple[str, ...]:
    """Return the names of the outputs: those given, else those of the file if the classifier is still the file's."""
    if isinstance(classes, str):
        if classes != "imagenet":
            raise WeightsError(f"classes='{classes}' was given; expected a list of names, or \"imagenet\".")
        classes = load_imagenet_classes()
    if classes is None:
        classes = () if found.new_classifier else origin.card.classes
        if classes and len(classes) != found.net.num_outputs:
            raise WeightsError(
                f"{origin.checkpoint.path} names {len(classes)} classes for {found.net.num_outputs} outputs."
            )
        return tuple(map(str, classes))
    try:
        return read_classes(classes, found.net.num_outputs)
    except ValueError as error:
        raise WeightsError(
            f"{error} For another number of outputs, num_outputs= starts another classifier at random."
        ) from error


def _assemble(found: Fit, temperature: float) -> HRNet:
    """Put the tensors into a net that has none yet; only what is reinitialised is drawn at random."""
    net, tensors = found.net, dict(found.tensors)
    for name, value in net.state_dict().items():
        if name in found.missing:
            tensors[name] = torch.zeros(value.shape, dtype=value.dtype)
    if set(found.reinitialised) <= set(CLASSIFIER):
        fresh = (
            nn.Linear(FINAL_CHANNELS, net.num_outputs).state_dict(prefix="classifier.") if found.reinitialised else {}
        )
    else:
        fresh = build(net.variant, net.task, net.num_outputs).state_dict()
    tensors |= {name: fresh[name] for name in found.reinitialised}
    for name in CLASSIFIER:
        if name not in found.reinitialised:
            tensors[name] = tensors[name] / temperature
    net.load_state_dict(tensors, strict=True, assign=True)
    return net.eval()


def _warn(report: LoadReport, flavour: Flavour, *, partial: bool) -> None:
    told = []
    if report.reinitialised:
        only_classifier = set(report.reinitialised) <= set(CLASSIFIER)
        what = "Its classifier starts" if only_classifier else f"{len(report.reinitialised)} tensors start"
        told.append(f"{what} at random: {list_some(report.reinitialised)}.")
    if report.unexpected:
        told.append(f"{len(report.unexpected)} tensors of the file were left out: {list_some(report.unexpected)}.")
    if partial and flavour.bilinear:
        told.append(BILINEAR)
    if told:
        warnings.warn(f"{report.source} was loaded as {report.variant}. {' '.join(told)}", LoadWarning, stacklevel=3)
