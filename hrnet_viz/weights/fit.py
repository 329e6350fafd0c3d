"""Fit a state dict to a net: of which variant it is, what fits, and what does not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from hrnet_viz.network import TASKS, HRNet, Task, build
from hrnet_viz.network.heads import NETS
from hrnet_viz.network.variants import VARIANTS, Variant, find_task
from hrnet_viz.sites import quote
from hrnet_viz.weights.keys import Flavour, guess_net
from hrnet_viz.weights.report import WeightsError, list_some

BIASES = {
    "classification": (*(f"downsamp_modules.{i}.0.bias" for i in range(3)), "final_layer.0.bias"),
    "segmentation": ("last_layer.0.bias",),
    "landmarks": ("head.0.bias",),
    "ocr": ("conv3x3_ocr.0.bias", "aux_head.0.bias"),
}
"""Task -> biases before a BatchNorm, which does without them; SSLD, mmpretrain and mmsegmentation leave them out."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a file and a net have in common, by name; nothing of it is refused yet.

    Attributes:
        net: the net, still without numbers, on the "meta" device.
        given: published name -> tensor of the file.
        missing: tensors that the file does not need to have and that become 0.
        renewed: tensors that start at random because that was asked for: other outputs, a head on bare streams.
        absent: other tensors that the file lacks.
        unexpected: names in the file without a place.
        left_out: names of what stands beside the net.
        misfits: name -> in what a tensor of the file differs.
    """

    net: HRNet
    given: Mapping[str, Tensor]
    missing: tuple[str, ...] = ()
    renewed: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    misfits: Mapping[str, str] = field(default_factory=dict)

    @property
    def reinitialised(self) -> tuple[str, ...]:
        """Tensors that start at random."""
        return (*self.renewed, *self.absent, *self.misfits)

    @property
    def outputs(self) -> int | None:
        """Number of outputs, None for a pyramid."""
        return None if self.net.task.outputs is None else self.net.num_outputs

    @property
    def new_outputs(self) -> bool:
        """Whether the outputs are not the file's any more."""
        return any(name.startswith(self.net.ends or " ") for name in self.reinitialised)

    @property
    def fitting(self) -> tuple[str, ...]:
        """Names of the tensors that are taken over."""
        return tuple(name for name in self.net.state_dict() if name in self.given and name not in self.reinitialised)


def choose_task(
    flavour: Flavour,
    where: str,
    *,
    head: str | None = None,
    upsample: str | None = None,
    align_corners: bool | None = None,
) -> Task:
    """Return the task of the head that is asked for, by default the file's, with its way of up-sampling.

    Raises:
        WeightsError: no such head or setting, or a file without a head and nobody says which.
    """
    if head is None and not flavour.task:
        raise WeightsError(
            f"{where} holds the streams, but no head of this family ({flavour.name}). Say which one they get, to start "
            f"at random: head='pose', for example; heads are {', '.join(TASKS)}."
        )
    try:
        task = find_task(head or flavour.task)
    except ValueError as error:
        raise WeightsError(str(error)) from error
    if upsample not in (None, "nearest", "bilinear"):
        raise WeightsError(f"upsample={quote(upsample)} was given; 'nearest' or 'bilinear' was expected.")
    if align_corners is not None and not isinstance(align_corners, bool):
        raise WeightsError(f"align_corners={quote(align_corners)} was given; True or False was expected.")
    if align_corners is None and flavour.task == task.name:
        align_corners = flavour.align_corners
    settings: dict[str, Any] = {"upsample": upsample, "align_corners": align_corners}
    task = replace(task, **{key: value for key, value in settings.items() if value is not None})
    if task.align_corners and task.upsample == "nearest" and task.name in ("classification", "pose"):
        raise WeightsError(
            f"align_corners=True was given, but nothing in a net for {task.name} is resampled bilinearly. Leave it "
            "out, or say upsample='bilinear' as well."
        )
    return task


def match(
    tensors: Mapping[str, Tensor],
    flavour: Flavour,
    where: str,
    *,
    variant: Variant | None = None,
    outputs: int | None = None,
    **settings: Any,
) -> Match:
    """Compare the tensors of a file with a net.

    Args:
        tensors: published name -> tensor.
        flavour: whose names they had.
        where: what an error calls the file.
        variant: the net; inferred from the shapes if it is not given.
        outputs: number of outputs; by default that of the file. If it is another one, the last layers start at random.
        settings: head, upsample and align_corners, see ``choose_task``.

    Raises:
        WeightsError: no variant or head can be told, or it is another one; a number of outputs where there are none.
    """
    variant = choose_variant(tensors, where, variant)
    task = choose_task(flavour, where, **settings)
    if outputs is not None and task.outputs is None:
        raise WeightsError(f"num_outputs={outputs} was given; head='{task.name}' has none to count. Leave it out.")
    last = [f"{layer}.{kind}" for layer in NETS[task.name].ends for kind in ("weight", "bias")]
    stored = tensors.get(last[-2]) if last else None
    count = stored.shape[0] if stored is not None and stored.ndim and not _is_repeated(stored) else None
    net = build_skeleton(variant, task, outputs or count)
    expected = net.state_dict()
    given = {name: value for name, value in tensors.items() if not name.startswith(flavour.companions or " ")}
    left_out = [name for name in tensors if name not in given]
    renewed = [name for name in last if count and outputs not in (None, count) and given.pop(name, None) is not None]
    if not flavour.task:  # streams that get a head, of which a pose net needs less
        body = re.compile(r"(?:conv|bn)\d\.|layer1\.|transition\d\.|stage\d\.")
        renewed += [name for name in expected if name not in given and not body.match(name)]
        spare = re.compile(rf"stage4\.{variant.modules[2] - 1}\.fuse_layers\.[123]\.")
        left_out += [name for name in given if task.alone and spare.match(name)]
        given = {name: value for name, value in given.items() if name not in left_out}
    absent = [name for name in expected if name not in given and name not in renewed]
    missing = [name for name in absent if name.endswith("num_batches_tracked")]
    if task.name == flavour.task and set(biases := BIASES.get(task.name, ())) <= {*absent}:
        missing += biases
    misfits = {name: _misfit(given[name], value) for name, value in expected.items() if name in given}
    return Match(
        net,
        given,
        missing=tuple(missing),
        renewed=tuple(renewed),
        absent=tuple(name for name in absent if name not in missing),
        unexpected=tuple(name for name in given if name not in expected),
        left_out=tuple(left_out),
        misfits={name: reason for name, reason in misfits.items() if reason},
    )


def take(found: Match, flavour: Flavour, where: str, *, partial: bool = False) -> dict[str, Tensor]:
    """Return what fits: published name -> tensor, float32, not shared with the file.

    Args:
        found: what was compared.
        flavour: whose names the file has, for the sentence about a head that is missing.
        where: what an error calls the file.
        partial: take what fits, instead of refusing the file for the rest.

    Raises:
        WeightsError: something is missing, unexpected, of another shape or not finite.
    """
    if not partial and (found.absent or found.unexpected or found.misfits):
        told = [*_tell(found), *_advise(flavour, found)]
        raise WeightsError(" ".join([f"{where} does not fit {found.net.owner}, so nothing was loaded.", *told]))
    expected, names = found.net.state_dict(), found.fitting
    if not names:
        raise WeightsError(f"Nothing in {where} fits {found.net.owner}. Nothing was loaded.")
    taken = {
        name: torch.empty(expected[name].shape, dtype=expected[name].dtype).copy_(found.given[name].detach())
        for name in names
    }
    broken = [name for name, value in taken.items() if not bool(value.isfinite().all())]
    if broken:
        raise WeightsError(f"{where} holds NaN or infinite numbers in {list_some(broken)}. Nothing was loaded.")
    return taken


def choose_variant(tensors: Mapping[str, Tensor], where: str, asked: Variant | None) -> Variant:
    """Infer the variant from names and shapes, and compare it with the one that was asked for.

    Raises:
        WeightsError: it is none of the published nine, or not the one that was asked for.
    """
    found = measure(tensors)
    known = next((variant for variant in VARIANTS.values() if found and _numbers(variant) == _numbers(found)), None)
    if asked and (known is None or known == asked):
        return asked
    if asked and known:
        raise WeightsError(
            f"name='{asked.name}' was asked for, but the shapes in {where} are those of {known.name}. "
            f"Leave the name out, or get the file of {asked.name}."
        )
    if known:
        return known
    if found:
        modules = "/".join(map(str, found.modules))
        told = f"has width {found.width} and {modules} modules, as none of the published variants"
    elif guess_net(tensors):
        raise WeightsError(f"{where} is no HRNet: it has layer1, but no stage2.{guess_net(tensors)}")
    else:
        told = "lacks the parts that tell the variant (layer1 and stage2)"
    raise WeightsError(
        f"{where} {told}. Say with name= which one it should be ({', '.join(VARIANTS)}), to be told what does not fit."
    )


def measure(tensors: Mapping[str, Tensor]) -> Variant | None:
    """Read the numbers of a variant off names and shapes; None if the parts that tell them are missing."""
    width = tensors.get("stage2.0.branches.0.0.conv1.weight")
    stem = tensors.get("layer1.0.conv1.weight")
    if width is None or stem is None or not width.ndim or not stem.ndim:
        return None
    modules = [_count(tensors, rf"stage{stage}\.(\d+)\..*") for stage in (2, 3, 4)]
    return Variant(
        "measured",
        width.shape[0],
        modules=(modules[0], modules[1], modules[2]),
        blocks=_count(tensors, r"stage2\.0\.branches\.0\.(\d+)\..*"),
        layer1_blocks=_count(tensors, r"layer1\.(\d+)\..*"),
        layer1_planes=stem.shape[0],
    )


def build_skeleton(variant: Variant, task: Task, outputs: int | None = None) -> HRNet:
    """Build a net without numbers, on the "meta" device: in a few hundredths of a second, drawing no random number.

    Drawing them on that device would cost a second, the first time, and throw them away.
    """
    with torch.device("meta"), _WithoutDrawing():
        return build(variant, task, outputs)


class _WithoutDrawing(TorchFunctionMode):
    """Leave tensors as they are where they would be filled with random numbers."""

    skipped = frozenset(
        {torch.nn.init.kaiming_uniform_, torch.nn.init.uniform_, torch.Tensor.normal_, torch.Tensor.uniform_}
    )

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in self.skipped:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def _count(tensors: Mapping[str, Tensor], pattern: str) -> int:
    return len({match[1] for name in tensors if (match := re.fullmatch(pattern, name))})


def _numbers(variant: Variant) -> tuple[object, ...]:
    return (variant.width, variant.modules, variant.blocks, variant.layer1_blocks, variant.layer1_planes)


def _misfit(given: Tensor, expected: Tensor) -> str:
    """Return in what a tensor differs; "" if it fits."""
    if given.shape != expected.shape:
        return f"{tuple(given.shape)} instead of {tuple(expected.shape)}"
    if given.is_meta:
        return "without numbers (on the meta device)"
    if given.layout != torch.strided:
        return f"{str(given.layout).removeprefix('torch.')} instead of dense"
    if given.is_floating_point() != expected.is_floating_point() or given.is_quantized:
        return f"{str(given.dtype).removeprefix('torch.')} instead of {str(expected.dtype).removeprefix('torch.')}"
    return ""


def _is_repeated(given: Tensor) -> bool:
    """Whether a tensor shows fewer numbers again and again: a small file must not ask for a huge last layer."""
    if given.is_meta or given.layout != torch.strided:
        return False
    return given.numel() * given.element_size() > given.untyped_storage().nbytes()


def _tell(found: Match) -> Iterator[str]:
    if found.absent:
        yield f"Missing: {len(found.absent)} ({list_some(found.absent)})."
    if found.unexpected:
        yield f"Unexpected: {len(found.unexpected)} ({list_some(found.unexpected)})."
    if found.misfits:
        told = list_some(f"{name} is {reason}" for name, reason in found.misfits.items())
        yield f"Of another shape or type: {len(found.misfits)} ({told})."


def _advise(flavour: Flavour, found: Match) -> Iterator[str]:
    first = found.given.get("conv1.weight")
    if first is not None and first.ndim == 4 and first.shape[1] != 3:
        yield (
            f"Its first layer takes {first.shape[1]} channels where a photo has 3: set its weights first "
            "(weights['conv1.weight'] = w.mean(1, keepdim=True).repeat(1, 3, 1, 1), for example) and save them."
        )
    if flavour.task and flavour.task != found.net.task.name:
        yield f"By its keys it is a net for {flavour.task} ({flavour.name}); leave head= out to load it as that."
    yield "partial=True takes over what fits and starts the rest at random."
