"""Fit a state dict to a net: of which variant it is, what fits, and what does not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from hrnet_viz.network import TASKS, HRNet, build
from hrnet_viz.network.variants import VARIANTS, Variant
from hrnet_viz.weights.keys import BILINEAR, Flavour, guess_net
from hrnet_viz.weights.report import WeightsError, list_some

CLASSIFIER = ("classifier.weight", "classifier.bias")
# The only convolutions of the net with a bias; SSLD and mmpretrain heads leave exactly these biases out.
HEAD_BIASES = (*(f"downsamp_modules.{i}.0.bias" for i in range(3)), "final_layer.0.bias")


@dataclass(frozen=True, slots=True)
class Fit:
    """What a file and a net have in common.

    Attributes:
        net: the net, still without numbers, on the "meta" device.
        tensors: published name -> tensor to take over, float32, not shared with the file.
        missing: tensors that become 0.
        reinitialised: tensors that start at random.
        unexpected: names in the file without a place.
    """

    net: HRNet
    tensors: Mapping[str, Tensor]
    missing: tuple[str, ...]
    reinitialised: tuple[str, ...]
    unexpected: tuple[str, ...]

    @property
    def new_classifier(self) -> bool:
        """Whether the classifier is not the file's any more."""
        return not set(CLASSIFIER).isdisjoint(self.reinitialised)


def fit(
    tensors: Mapping[str, Tensor],
    flavour: Flavour,
    where: str,
    *,
    variant: Variant | None = None,
    outputs: int | None = None,
    partial: bool = False,
) -> Fit:
    """Find out whether and how the tensors fit.

    Args:
        tensors: published name -> tensor.
        flavour: whose names they had, for the sentence about a head that is missing.
        where: what an error calls the file.
        variant: the net; inferred from the shapes if it is not given.
        outputs: number of logits; by default that of the file. If it is another one, the classifier starts at random.
        partial: take what fits, and report the rest instead of refusing it.

    Raises:
        WeightsError: the file is another variant, or something is missing, unexpected, of another shape or not finite.
    """
    variant = choose_variant(tensors, where, variant)
    stored = tensors[CLASSIFIER[0]].shape[0] if CLASSIFIER[0] in tensors else None
    outputs = outputs or stored or 1000
    net = build_skeleton(variant, outputs)
    expected = net.state_dict()
    given = dict(tensors)
    reinitialised: list[str] = []
    if stored not in (None, outputs):
        reinitialised = [name for name in CLASSIFIER if given.pop(name, None) is not None]

    absent = [name for name in expected if name not in given and name not in reinitialised]
    missing = [name for name in absent if name.endswith("num_batches_tracked")]
    if flavour.head and all(name in absent for name in HEAD_BIASES):
        missing += HEAD_BIASES
    absent = [name for name in absent if name not in missing]
    unexpected = [name for name in given if name not in expected]
    misfits = {
        name: _misfit(given[name], value)
        for name, value in expected.items()
        if name in given and name not in reinitialised
    }
    misfits = {name: reason for name, reason in misfits.items() if reason}
    if not partial and (absent or unexpected or misfits):
        told = _tell(absent, unexpected, misfits)
        raise WeightsError(
            " ".join([f"{where} does not fit {variant.name}, so nothing was loaded.", *told, *_advise(flavour, given)])
        )

    reinitialised += [*absent, *misfits]
    taken = {
        name: torch.empty(value.shape, dtype=value.dtype).copy_(given[name].detach())
        for name, value in expected.items()
        if name in given and name not in reinitialised
    }
    if not taken:
        raise WeightsError(f"Nothing in {where} fits {variant.name}. Nothing was loaded.")
    broken = [name for name, value in taken.items() if not bool(value.isfinite().all())]
    if broken:
        raise WeightsError(f"{where} holds NaN or infinite numbers in {list_some(broken)}. Nothing was loaded.")
    return Fit(net, taken, tuple(missing), tuple(reinitialised), tuple(unexpected))


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


def build_skeleton(variant: Variant, outputs: int) -> HRNet:
    """Build a net without numbers, on the "meta" device: in a few hundredths of a second, drawing no random number.

    Drawing them on that device would cost a second, the first time, and throw them away.
    """
    with torch.device("meta"), _WithoutDrawing():
        return build(variant, TASKS["classification"], outputs)


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


def _tell(absent: list[str], unexpected: list[str], misfits: Mapping[str, str]) -> Iterator[str]:
    if absent:
        yield f"Missing: {len(absent)} ({list_some(absent)})."
    if unexpected:
        yield f"Unexpected: {len(unexpected)} ({list_some(unexpected)})."
    if misfits:
        told = list_some(f"{name} is {reason}" for name, reason in misfits.items())
        yield f"Of another shape or type: {len(misfits)} ({told})."


def _advise(flavour: Flavour, given: Mapping[str, Tensor]) -> Iterator[str]:
    first = given.get("conv1.weight")
    if first is not None and first.ndim == 4 and first.shape[1] != 3:
        yield (
            f"Its first layer takes {first.shape[1]} channels where a photo has 3: set its weights first "
            "(weights['conv1.weight'] = w.mean(1, keepdim=True).repeat(1, 3, 1, 1), for example) and save them."
        )
    if not flavour.head:
        yield f"By its keys it is of another kind ({flavour.name}), without the classification head of this net."
    yield "partial=True takes over what fits and starts the rest at random."
    if flavour.bilinear:
        yield BILINEAR
