"""The head of a net part by part, and what the other published heads would make of the same streams, at what cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from posixpath import commonpath
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import nn

from hrnet_viz.network.blocks import Bottleneck
from hrnet_viz.network.counts import Count, count_sites
from hrnet_viz.network.heads import build
from hrnet_viz.network.variants import TASKS
from hrnet_viz.photos.preparation import check_size

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.network.plan import Step

Shape: TypeAlias = tuple[int, ...]
COLUMNS = ("site", "published name", "in", "planes", "out", "kernel", "stride", "bias", "size", "parameters", "MACs")
SMALLEST_SIDE = TASKS["pyramid"].smallest  # px
NOTHING = Count(0, 0)
READERS = ("pose", "segmentation", "pyramid", "ocr", "classification")
"""Tasks of the heads that ``choices`` compares; landmarks are read as segmentation is."""


@dataclass(frozen=True, slots=True)
class HeadPart:
    """One part of the head.

    Attributes:
        site: address of what it puts out.
        published: its attribute name in the published code, or what the names of its modules begin with; "" for what
            has none, such as the pooling.
        inputs: channels that go into its first module.
        planes: inner width of a bottleneck, None for other parts.
        outputs: channels that come out.
        kernel: sides of the kernels on the main path, one after the other; () where there is no convolution.
        stride: what the main path divides the resolution by, 1/2 where it doubles; None where no resolution is left.
        bias: whether its convolutions, or the linear layer, have a bias; None where there are none.
        size: rows and columns of the output, of OCR's objects their number and 1; None where it is a vector.
        count: parameters (BatchNorm's included) and multiply-adds for one photo.
    """

    site: str
    published: str
    inputs: int
    planes: int | None
    outputs: int
    kernel: tuple[int, ...]
    stride: Fraction | None
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
        owner: name of the net.
        parts: one per landmark of the head that modules compute; sums and stacks, which have none, are left out.
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
    """List the parts of the head of a net, for photos of this size in px.

    A net that was built on the "meta" device will do.

    Raises:
        ValueError: a side that is no whole number, or under 32 px (61 px for a pyramid).
    """
    height, width = check_size((height, width))
    counts = count_sites(net, height, width)
    steps = [step for step in net.plan.steps if step.site.kind in {"head", "logits", "heatmaps"}]
    parts = tuple(
        _read_part(net, step, counts[step.name], (height, width))
        for step in steps
        if any(single.target for single in step.expand())
    )
    return HeadTable(net.owner, parts, sum(counts.values(), NOTHING))


def _read_part(net: HRNet, step: Step, cost: Count, photo: tuple[int, int]) -> HeadPart:
    main = [single for single in step.expand() if single.target and ".shortcut" not in single.name]
    modules = [net.get_submodule(single.target) for single in main]
    layers = [layer for layer in modules if isinstance(layer, (nn.Conv2d, nn.Linear))]
    block = next(iter(net.get_submodule(step.target).children()), None)
    names = [single.site.published.replace(".", "/") for single in main if single.site.published]
    site, source = step.site, net.plan.sites[step.inputs[0]]
    return HeadPart(
        site=step.name,
        published=site.published or (commonpath(names).replace("/", ".") if names else ""),
        inputs=net.plan.sites[main[0].inputs[0]].channels,
        planes=block.conv1.out_channels if isinstance(block, Bottleneck) else None,
        outputs=site.channels,
        kernel=tuple(layer.kernel_size[0] for layer in layers if isinstance(layer, nn.Conv2d)),
        stride=None if site.stride is None or source.stride is None else Fraction(site.stride, source.stride),
        bias=any(layer.bias is not None for layer in layers) if layers else None,
        size=site.size(*photo) if site.stride or site.cells else None,
        count=cost,
    )


@dataclass(frozen=True)
class HeadChoice:
    """One way to read the four streams.

    Attributes:
        name: what the papers call it: "V1", "V2", "V2p", "classification", "OCR".
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
    """Return V1, V2, V2p, the classification head and OCR for the streams of one net and photos of this size in px.

    The net's own head gives the numbers of its kind; the others are those of the published nets, with 17 joints or 19
    classes. A net that was built on the "meta" device will do.

    Raises:
        ValueError: a side under 61 px, where the coarsest level of V2p has no cell.
    """
    height, width = check_size((height, width))
    if min(height, width) < SMALLEST_SIDE:
        raise ValueError(
            f"The heads of a photo of {height} x {width} px were asked for; a cell of the coarsest level of V2p is the "
            f"mean of 16 x 16 of stride 4, so each side needs at least {SMALLEST_SIDE} px."
        )
    with torch.device("meta"):
        nets = {name: net if name == net.task.name else build(net.variant, TASKS[name]) for name in READERS}
    tables = {name: table(one, height, width) for name, one in nets.items()}
    cost = {name: one.total for name, one in tables.items()}
    branches = (net.plan.sites[name] for name in net.plan.modules[-1].branches)
    streams = tuple((site.channels, *site.size(height, width)) for site in branches)
    stack = (sum(net.variant.widths), *streams[0][1:])
    # What only enlarges a stream shows in the stack.
    shapes = {name: [part.shape for part in one if ".up" not in part.site] for name, one in tables.items()}
    mixed, labels = shapes["segmentation"]
    reduced, levels = shapes["pyramid"][0], tuple(shapes["pyramid"][-len(nets["pyramid"].outputs) :])
    (*seen, found), (*inner, logits) = shapes["ocr"], shapes["classification"]
    places, objects = "what is at each place?", "which objects of which size are where?"
    helped = "what is at each place, given what else there is?"
    join, mix, pool = "enlarge and join", "1x1, BatchNorm, ReLU", ("1x1", "average pooling", "3x3 at each level")
    sums = ("widen", "carry down and add", "1x1", "mean over all cells", "linear")
    ask = ("guess a class for each pixel", "describe each class by its mean pixel", "let each pixel ask these objects")
    joints, each, all_seen = tuple(shapes["pose"]), tuple(inner), (stack, *seen)
    v1, v2, v2p, ocr, own = (cost[name] for name in READERS)
    return (
        HeadChoice("V1", "pose", "where is each joint?", ("1x1 convolution",), (), joints, v1, streams),
        HeadChoice("V2", "segmentation, landmarks", places, (join, mix, "1x1"), (stack, mixed), (labels,), v2, streams),
        HeadChoice("V2p", "detection", objects, (join, *pool), (stack, reduced), levels, v2p, streams),
        HeadChoice("classification", "one answer per photo", "what is it?", sums, each, (logits,), own, streams),
        HeadChoice("OCR", "segmentation", helped, (join, *ask), all_seen, (found,), ocr, streams),
    )
