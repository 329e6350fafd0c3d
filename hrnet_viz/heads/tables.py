"""The classification head part by part, and what the other published heads would cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from torch import nn

from hrnet_viz.network.blocks import Bottleneck
from hrnet_viz.network.counts import Count, count_sites
from hrnet_viz.photos.preparation import check_size

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.network.plan import Step

Shape: TypeAlias = tuple[int, ...]
COLUMNS = ("site", "published name", "in", "planes", "out", "kernel", "stride", "bias", "size", "parameters", "MACs")
JOINTS, LABELS = 17, 19
"""Outputs of the published nets: joints of a COCO pose, classes of Cityscapes."""
PYRAMID_CHANNELS, PYRAMID_LEVELS = 256, 5
SMALLEST_SIDE = 64  # px
NOTHING = Count(0, 0)


@dataclass(frozen=True, slots=True)
class HeadPart:
    """One part of the head.

    Attributes:
        site: address of what it puts out.
        published: its attribute name in the published code, "" for the pooling, which has none.
        inputs: channels that go in.
        planes: inner width of a bottleneck, None for other parts.
        outputs: channels that come out.
        kernel: sides of the kernels on the main path, one after the other; () where there is no convolution.
        stride: what the main path divides the resolution by; None where no resolution is left.
        bias: whether its convolutions, or the linear layer, have a bias; None for the pooling.
        size: rows and columns of the output, None where it has no spatial extent.
        count: parameters (BatchNorm's included) and multiply-adds for one photo.
    """

    site: str
    published: str
    inputs: int
    planes: int | None
    outputs: int
    kernel: tuple[int, ...]
    stride: int | None
    bias: bool | None
    size: tuple[int, int] | None
    count: Count

    @property
    def shape(self) -> Shape:
        """Shape of the output for one photo: (C, H, W), or (C,) where no resolution is left."""
        return (self.outputs, *(self.size or ()))

    def _row(self) -> tuple[str, ...]:
        bias = {True: "yes", False: "no", None: ""}[self.bias]
        kernel, size = ", ".join(map(str, self.kernel)), " x ".join(map(str, self.size or ()))
        cells = (self.site, self.published, f"{self.inputs:,}", self.planes, f"{self.outputs:,}", kernel, self.stride)
        words = (*cells, bias, size, f"{self.count.parameters:,}", f"{self.count.macs:,}")
        return tuple(str(word or "-") for word in words)


@dataclass(frozen=True, repr=False)
class HeadTable:
    """The parts in the order in which they are computed; shows itself as a text table.

    Attributes:
        owner: name of the variant.
        parts: one per module of the head; the sums, which have none, are left out.
        net: parameters and multiply-adds of the whole net, head included.
    """

    owner: str
    parts: tuple[HeadPart, ...]
    net: Count

    def __iter__(self) -> Iterator[HeadPart]:
        return iter(self.parts)

    @property
    def total(self) -> Count:
        """The head's parameters and multiply-adds."""
        return sum((part.count for part in self.parts), NOTHING)

    def __repr__(self) -> str:
        total = ("together", *[""] * (len(COLUMNS) - 3), f"{self.total.parameters:,}", f"{self.total.macs:,}")
        columns = zip(COLUMNS, *(part._row() for part in self.parts), total, strict=True)  # noqa: SLF001  # its own
        padded = []
        for place, column in enumerate(columns):  # two columns of words, then numbers, which end at the right
            width = max(map(len, column))
            padded.append([word.ljust(width) if place < 2 else word.rjust(width) for word in column])
        return "\n".join("  ".join(row).rstrip() for row in zip(*padded, strict=True))


def table(net: HRNet, height: int = 224, width: int = 224) -> HeadTable:
    """List the parts of a classification head, for photos of this size in px.

    A net that was built on the "meta" device will do.

    Raises:
        ValueError: a side that is no whole number, or under 32 px.
    """
    height, width = check_size((height, width))
    counts = count_sites(net, height, width)
    steps = [step for step in net.plan.steps if step.site.kind in {"head", "logits"} and step.target]
    parts = tuple(_read_part(net, step, counts[step.name], (height, width)) for step in steps)
    return HeadTable(net.variant.name, parts, sum(counts.values(), NOTHING))


def _read_part(net: HRNet, step: Step, cost: Count, photo: tuple[int, int]) -> HeadPart:
    main = [single.target for single in step.expand() if single.target and ".shortcut" not in single.name]
    layers = [layer for layer in map(net.get_submodule, main) if isinstance(layer, (nn.Conv2d, nn.Linear))]
    block = next(iter(net.get_submodule(step.target).children()), None)
    stride, source = step.site.stride, net.plan.sites[step.inputs[0]]
    return HeadPart(
        site=step.name,
        published=step.site.published,
        inputs=source.channels,
        planes=block.conv1.out_channels if isinstance(block, Bottleneck) else None,
        outputs=step.site.channels,
        kernel=tuple(layer.kernel_size[0] for layer in layers if isinstance(layer, nn.Conv2d)),
        stride=None if stride is None or source.stride is None else stride // source.stride,
        bias=any(layer.bias is not None for layer in layers) if layers else None,
        size=None if stride is None else step.site.size(*photo),
        count=cost,
    )


@dataclass(frozen=True)
class HeadChoice:
    """One way to read the four streams.

    Attributes:
        name: what the paper calls it: "V1", "V2", "V2p", "classification".
        task: what it is used for.
        question: what its output answers.
        steps: what happens, one sentence part per step, in order.
        between: shapes of the tensors between the streams and the outputs.
        outputs: shapes of the outputs.
        count: parameters and multiply-adds of the head for one photo.
        streams: shapes (C, H, W) of the four streams.
    """

    name: str
    task: str
    question: str
    steps: tuple[str, ...]
    between: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    count: Count
    streams: tuple[Shape, ...]

    @property
    def reads(self) -> tuple[int, ...]:
        """The branches that reach the output."""
        return (0,) if self.name == "V1" else (0, 1, 2, 3)


def choices(net: HRNet, height: int = 224, width: int = 224) -> tuple[HeadChoice, ...]:
    """Return V1, V2, V2p and the classification head for the streams of one net and photos of this size in px.

    The net's own head gives the numbers of the classification head. One that was built on the "meta" device will do.

    Raises:
        ValueError: a side under 64 px, where the coarsest level of V2p has no cell.
    """
    height, width = check_size((height, width))
    if min(height, width) < SMALLEST_SIDE:
        raise ValueError(
            f"The heads of a photo of {height} x {width} px were asked for; the coarsest level of V2p has stride 64, "
            f"so each side needs at least {SMALLEST_SIDE} px."
        )
    own = table(net, height, width)
    widths = net.variant.widths
    sizes = [part.size for part in own.parts if part.planes is not None]
    streams = tuple((channels, *size) for channels, size in zip(widths, sizes, strict=True) if size)
    fine, joined = streams[0][1:], sum(widths)
    levels = tuple((PYRAMID_CHANNELS, fine[0] // 2**i, fine[1] // 2**i) for i in range(PYRAMID_LEVELS))
    every = (joined, *fine)
    v1 = _convolution(widths[0], (JOINTS, *fine))
    v2 = _convolution(joined, every) + Count(2 * joined, 0) + _convolution(joined, (LABELS, *fine))
    v2p = sum((_convolution(PYRAMID_CHANNELS, level, 3) for level in levels), _convolution(joined, levels[0]))
    *inner, logits = (part.shape for part in own.parts)
    places, objects = "what is at each place?", "which objects of which size are where?"
    join, mix, pool = "enlarge and join", "1x1, BatchNorm, ReLU", ("1x1", "average pooling", "3x3 at each level")
    sums = ("widen", "carry down and add", "1x1", "mean over all cells", "linear")
    joints, labels, each = ((JOINTS, *fine),), ((LABELS, *fine),), tuple(inner)
    return (
        HeadChoice("V1", "pose", "where is each joint?", ("1x1 convolution",), (), joints, v1, streams),
        HeadChoice("V2", "segmentation, landmarks", places, (join, mix, "1x1"), (every, every), labels, v2, streams),
        HeadChoice("V2p", "detection", objects, (join, *pool), (every, levels[0]), levels, v2p, streams),
        HeadChoice("classification", "one answer per photo", "what is it?", sums, each, (logits,), own.total, streams),
    )


def _convolution(inputs: int, output: Shape, kernel: int = 1) -> Count:
    """Count a convolution with bias that puts out (C, H, W)."""
    weights = inputs * output[0] * kernel**2
    return Count(weights + output[0], weights * output[1] * output[2])
