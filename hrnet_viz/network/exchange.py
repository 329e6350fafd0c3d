"""A module of stages 2 to 4: parallel branches, then one exchange in which every branch contributes to every output.

Source: arXiv 1908.07919, section 3.1, "repeated multi-resolution fusions", equation 3 and figure 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from hrnet_viz.network.blocks import BasicBlock, ConvNorm, HandOver, chain
from hrnet_viz.network.variants import Task


class Resize(nn.Module):
    """Resampling to the size of the stream that a path joins, nearest-neighbour or bilinear as published for the task.

    Where the published scale factor 2**(j - i) fits, the result is the same to the bit; where it does not (an input
    whose sides are no multiple of 32) this one still works.
    """

    def __init__(self, mode: Literal["nearest", "bilinear"] = "nearest", *, align_corners: bool = False) -> None:
        """Choose how; ``align_corners`` is for bilinear alone."""
        super().__init__()
        self.mode = mode
        self.align_corners = align_corners if mode == "bilinear" else None

    def forward(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """Map (N, C, h, w) to (N, C, *size)."""
        return functional.interpolate(x, size=size, mode=self.mode, align_corners=self.align_corners)


class UpPath(nn.Sequential):
    """``fuse i<-j`` with j > i, from low to high resolution: 1x1 convolution, BatchNorm, up-sampling."""

    def __init__(self, inputs: int, outputs: int, task: Task) -> None:
        """Make the path from ``inputs`` (branch j) to ``outputs`` (branch i) channels."""
        resize = Resize(task.upsample, align_corners=task.align_corners)
        super().__init__(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), resize)

    def forward(self, x: Tensor, size: Sequence[int]) -> Tensor:  # type: ignore[override]  # it must know the size
        """Map (N, inputs, h, w) to (N, outputs, *size); ``size`` is that of branch i."""
        convolution, norm, resize = self
        result: Tensor = resize(norm(convolution(x)), size)
        return result


def down_path(inputs: int, outputs: int, steps: int) -> nn.Sequential:
    """Make ``fuse i<-j`` with j < i, from high to low resolution.

    i - j strided 3x3 convolutions with BatchNorm; all but the last keep the channels and end in a ReLU.
    """
    early = [ConvNorm(inputs, inputs, stride=2) for _ in range(steps - 1)]
    return nn.Sequential(*early, ConvNorm(inputs, outputs, stride=2, relu=False))


def fuse_path(widths: Sequence[int], i: int, j: int, task: Task) -> nn.Module:
    """Make the path from branch j to output i."""
    if j > i:
        return UpPath(widths[j], widths[i], task)
    return HandOver() if j == i else down_path(widths[j], widths[i], steps=i - j)


class HighResolutionModule(nn.Module):
    """Parallel branches, then the exchange: output i = ReLU(sum over j of path i<-j of branch j).

    Attributes:
        branches: one chain of basic blocks per resolution.
        fuse_layers: ``fuse_layers[i][j]`` is the path from branch j to output i.
        relus: one ReLU per output. The published code fires a single one for all of them, which hides all but the last
            from hooks.
    """

    def __init__(self, widths: Sequence[int], blocks: int, task: Task, *, alone: bool = False) -> None:
        """Make a module for branches with ``widths`` channels and ``blocks`` basic blocks each.

        ``alone`` leaves all outputs but the first out, as the last module of a pose net does.
        """
        super().__init__()
        inputs = range(len(widths))
        outputs = range(1 if alone else len(widths))
        self.branches = nn.ModuleList(chain(BasicBlock, width, width, blocks) for width in widths)
        self.fuse_layers = nn.ModuleList(nn.ModuleList(fuse_path(widths, i, j, task) for j in inputs) for i in outputs)
        self.relus = nn.ModuleList(nn.ReLU() for _ in outputs)

    def forward(self, streams: Sequence[Tensor]) -> list[Tensor]:
        """Map one tensor (N, C_b, H_b, W_b) per branch to one per output, of its shape; the list stays as it is."""
        branches = [branch(x) for branch, x in zip(self.branches, streams, strict=True)]
        return [relu(self.fuse_sum(branches, i)) for i, relu in enumerate(self.relus)]

    def fuse_sum(self, branches: Sequence[Tensor], i: int) -> Tensor:
        """Add the paths into output i up, in the order j = 0, 1, 2, 3. No ReLU yet."""
        total = self.contribution(branches, i, 0)
        for j in range(1, len(branches)):
            total = total + self.contribution(branches, i, j)
        return total

    def contribution(self, branches: Sequence[Tensor], i: int, j: int) -> Tensor:
        """Return what branch j contributes to output i, in the shape of branch i."""
        path = self.fuse_layers[i][j]  # type: ignore[index]  # a ModuleList of ModuleLists
        result: Tensor = path(branches[j], branches[i].shape[-2:]) if j > i else path(branches[j])
        return result
