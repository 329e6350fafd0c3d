"""The heads of the HRNet family side by side: which streams each reads, what it does to them, and what it costs.

Source: arXiv 1908.07919, section 3.3 (V1, V2, V2p) and appendix B (classification), and the published code, which fixes
the biases. Sizes and costs follow from the widths of the streams; nothing is run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hrnet_viz.heads.table import table as head_table
from hrnet_viz.network.counts import Count
from hrnet_viz.photos.preparation import check_size

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet

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
    table = head_table(net, height, width)
    widths = net.variant.widths
    sizes = [part.size for part in table.parts if part.planes is not None]
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
    parts = table.parts
    classification = HeadChoice(
        "classification",
        "one answer per photo",
        "what is it?",
        everything,
        streams,
        ("widen", "carry down and add", "1x1", "mean over all cells", "linear"),
        tuple(part.shape for part in parts[:-1]),
        (parts[-1].shape,),
        table.total,
    )
    return v1, v2, v2p, classification


def _convolution(inputs: int, outputs: int, kernel: int, cells: int) -> Count:
    """Count a convolution with bias."""
    weights = inputs * outputs * kernel**2
    return Count(weights + outputs, weights * cells)
