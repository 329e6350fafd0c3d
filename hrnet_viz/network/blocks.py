"""The smallest parts: convolution with BatchNorm, the two residual blocks, and the hand-over of a tensor.

Nothing here works in place and no ReLU is shared, so that every tensor stays what it was when it was made. Attribute
names of everything that carries parameters are the published ones.
"""

from __future__ import annotations

from torch import Tensor, nn


class HandOver(nn.Module):
    """Hand a tensor on as a view of it: same numbers, but a tensor of its own.

    A gradient taken here is that of this one contribution, not that of everything its source feeds.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return a view of x, any shape."""
        return x.view_as(x)


class ConvNorm(nn.Sequential):
    """Convolution ``0``, BatchNorm ``1`` and, unless switched off, ReLU ``2``. Padding keeps ceil(size / stride)."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, relu: bool = True, bias: bool = False
    ) -> None:
        """Make the two or three layers; ``inputs`` and ``outputs`` are numbers of channels."""
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=bias),
            nn.BatchNorm2d(outputs),
        ]
        super().__init__(*layers, *([nn.ReLU()] if relu else []))


def shortcut(inputs: int, outputs: int) -> nn.Module:
    """Return what a residual block adds: its input, projected by a 1x1 convolution if the channels change."""
    return HandOver() if inputs == outputs else ConvNorm(inputs, outputs, kernel=1, relu=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut; the block of stages 2, 3 and 4 (He et al. 2016, figure 5 left)."""

    expansion = 1

    def __init__(self, inputs: int, planes: int) -> None:
        """Make a block from ``inputs`` to ``planes`` channels."""
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = shortcut(inputs, planes)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, planes, H, W)."""
        out = self.relu1(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        result: Tensor = self.relu2(out + self.downsample(x))
        return result


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 and a shortcut; the block of stage 1 and of ``incre_modules`` (He et al. 2016, figure 5 right)."""

    expansion = 4

    def __init__(self, inputs: int, planes: int) -> None:
        """Make a block from ``inputs`` to four times ``planes`` channels."""
        super().__init__()
        outputs = planes * self.expansion
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = shortcut(inputs, outputs)
        self.relu3 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, 4 * planes, H, W)."""
        out = self.relu1(self.bn1(self.conv1(x)))
        out = self.relu2(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        result: Tensor = self.relu3(out + self.downsample(x))
        return result


def chain(block: type[BasicBlock | Bottleneck], inputs: int, planes: int, length: int) -> nn.Sequential:
    """Put blocks one after the other: the first takes ``inputs`` channels, the others what the first puts out."""
    outputs = planes * block.expansion
    return nn.Sequential(block(inputs, planes), *(block(outputs, planes) for _ in range(length - 1)))
