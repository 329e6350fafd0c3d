"""The classification head part by part, and what the other published heads would cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from math import ceil
from typing import TYPE_CHECKING

from torch import nn

from hrnet_viz.network.blocks import Bottleneck
from hrnet_viz.network.counts import Count, count_sites
from hrnet_viz.photos.preparation import check_size

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.network.plan import Step

COLUMNS = ("site", "published name", "in", "planes", "out", "kernel", "stride", "bias", "size", "parameters", "MACs")
TEXT_COLUMNS = 2
"""The first columns are words and start at the left; the others are numbers and end at the right."""


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
    def shape(self) -> tuple[int, ...]:
        """Shape of the output for one photo: (C, H, W), or (C,) where no resolution is left."""
        return (self.outputs, *(self.size or ()))

    def words(self) -> tuple[str, ...]:
        """Write it as one row of the table."""
        side = [str(length) for length in self.kernel]
        return (
            self.site,
            self.published or "-",
            f"{self.inputs:,}",
            "-" if self.planes is None else str(self.planes),
            f"{self.outputs:,}",
            ", ".join(side) or "-",
            "-" if self.stride is None else str(self.stride),
            "-" if self.bias is None else "yes" if self.bias else "no",
            " x ".join(map(str, self.size)) if self.size else "-",
            f"{self.count.parameters:,}",
            f"{self.count.macs:,}",
        )


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
        return sum((part.count for part in self.parts), Count(0, 0))

    def __repr__(self) -> str:
        total = ("together", *[""] * (len(COLUMNS) - 3), f"{self.total.parameters:,}", f"{self.total.macs:,}")
        rows = [COLUMNS, *(part.words() for part in self.parts), total]
        widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
        return "\n".join(
            "  ".join(
                word.ljust(width) if place < TEXT_COLUMNS else word.rjust(width)
                for place, (word, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        )


def table(net: HRNet, height: int = 224, width: int = 224) -> HeadTable:
    """List the parts of a classification head.

    Args:
        net: the net; one built on the "meta" device will do.
        height: photo height in px.
        width: photo width in px.

    Raises:
        ValueError: a side that is no whole number, or under 32 px.
    """
    height, width = check_size((height, width))
    counts = count_sites(net, height, width)
    steps = [step for step in net.plan.steps if step.site.kind in {"head", "logits"} and step.target]
    parts = tuple(_read_part(net, step, counts[step.name], height, width) for step in steps)
    return HeadTable(net.variant.name, parts, sum(counts.values(), Count(0, 0)))


def _read_part(net: HRNet, step: Step, cost: Count, height: int, width: int) -> HeadPart:
    main = [single for single in step.expand() if single.target and ".shortcut" not in single.name]
    layers = [net.get_submodule(single.target) for single in main]
    weighted = [layer for layer in layers if isinstance(layer, (nn.Conv2d, nn.Linear))]
    convolutions = [layer for layer in weighted if isinstance(layer, nn.Conv2d)]
    block = next(iter(net.get_submodule(step.target).children()), None)
    stride = step.site.stride
    source = net.plan.sites[step.inputs[0]]
    return HeadPart(
        site=step.name,
        published=step.site.published,
        inputs=source.channels,
        planes=block.conv1.out_channels if isinstance(block, Bottleneck) else None,
        outputs=step.site.channels,
        kernel=tuple(layer.kernel_size[0] for layer in convolutions),
        stride=None if stride is None or source.stride is None else stride // source.stride,
        bias=any(layer.bias is not None for layer in weighted) if weighted else None,
        size=None if stride is None else (ceil(height / stride), ceil(width / stride)),
        count=cost,
    )


JOINTS, LABELS = 17, 19
"""Outputs of the published nets: joints of a COCO pose, classes of Cityscapes."""
PYRAMID_CHANNELS, PYRAMID_LEVELS = 256, 5
SMALLEST_SIDE = 64  # px

Shape = tuple[int, ...]


@dataclass(frozen=True)
class HeadChoice:
    """One way to read the four streams.

    Attributes:
        name: what the paper calls it: "V1", "V2", "V2p", "classification".
        task: what it is used for.
        question: what its output answers.
        reads: the branches that reach the output.
        streams: shapes (C, H, W) of the four streams.
        steps: what happens, one sentence part per step, in order.
        between: shapes of the tensors between the streams and the outputs.
        outputs: shapes of the outputs.
        count: parameters and multiply-adds of the head for one photo.
    """

    name: str
    task: str
    question: str
    reads: tuple[int, ...]
    streams: tuple[Shape, ...]
    steps: tuple[str, ...]
    between: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    count: Count


def choices(net: HRNet, height: int = 224, width: int = 224) -> tuple[HeadChoice, ...]:
    """Describe V1, V2, V2p and the classification head for the streams of one net.

    Args:
        net: the net whose streams are read; its own head gives the numbers of the classification head. One built on the
            "meta" device will do.
        height: photo height in px.
        width: photo width in px.

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
    cells = fine[0] * fine[1]
    levels = tuple((PYRAMID_CHANNELS, fine[0] // 2**i, fine[1] // 2**i) for i in range(PYRAMID_LEVELS))
    reduced = _convolution(joined, PYRAMID_CHANNELS, 1, cells)
    smoothed = [_convolution(PYRAMID_CHANNELS, PYRAMID_CHANNELS, 3, level[1] * level[2]) for level in levels]
    everything = (0, 1, 2, 3)
    v1 = HeadChoice(
        "V1",
        "pose",
        "where is each joint?",
        (0,),
        streams,
        ("1x1 convolution",),
        (),
        ((JOINTS, *fine),),
        _convolution(widths[0], JOINTS, 1, cells),
    )
    v2 = HeadChoice(
        "V2",
        "segmentation, landmarks",
        "what is at each place?",
        everything,
        streams,
        ("enlarge and join", "1x1, BatchNorm, ReLU", "1x1"),
        ((joined, *fine), (joined, *fine)),
        ((LABELS, *fine),),
        _convolution(joined, joined, 1, cells) + Count(2 * joined, 0) + _convolution(joined, LABELS, 1, cells),
    )
    v2p = HeadChoice(
        "V2p",
        "detection",
        "which objects of which size are where?",
        everything,
        streams,
        ("enlarge and join", "1x1", "average pooling", "3x3 at each level"),
        ((joined, *fine), (PYRAMID_CHANNELS, *fine)),
        levels,
        sum(smoothed, reduced),
    )
    parts = own.parts
    classification = HeadChoice(
        "classification",
        "one answer per photo",
        "what is it?",
        everything,
        streams,
        ("widen", "carry down and add", "1x1", "mean over all cells", "linear"),
        tuple(part.shape for part in parts[:-1]),
        (parts[-1].shape,),
        own.total,
    )
    return v1, v2, v2p, classification


def _convolution(inputs: int, outputs: int, kernel: int, cells: int) -> Count:
    """Count a convolution with bias."""
    weights = inputs * outputs * kernel**2
    return Count(weights + outputs, weights * cells)
