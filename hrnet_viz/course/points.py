"""Two small nets of the same budget and one question for both: where is the point?

``SerialNet`` goes down to stride 32 and up again, one resolution after the other. ``ParallelNet`` is an HRNet in small,
made of the library's own modules: it keeps stride 4 and runs the coarser streams beside it. Both answer with one score
per cell of stride 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hrnet_viz.network.blocks import BasicBlock, ConvNorm
from hrnet_viz.network.net import hand_over, stage, transition
from hrnet_viz.network.variants import TASKS
from hrnet_viz.photos.scenes import point_scene

STRIDE = 4


class ParallelNet(nn.Module):
    """Stem, then modules of two, three and four streams; the score is read from branch 0."""

    def __init__(self, width: int = 8) -> None:
        """Make it with ``width`` channels in branch 0."""
        super().__init__()
        widths = (width, 2 * width, 4 * width, 8 * width)
        self.stem = nn.Sequential(ConvNorm(3, width, stride=2), ConvNorm(width, width, stride=2))
        self.transitions = nn.ModuleList(transition(widths[:n], widths[: n + 1]) for n in (1, 2, 3))
        self.stages = nn.ModuleList(stage(widths[: n + 1], 1, 1, TASKS["classification"]) for n in (1, 2, 3))
        self.score = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures (N, 3, H, W) to scores (N, H/4, W/4)."""
        streams = [self.stem(x)]
        for layers, modules in zip(self.transitions, self.stages, strict=True):
            streams = modules(hand_over(layers, streams))  # type: ignore[arg-type]  # a ModuleList forgets its types
        scores: Tensor = self.score(streams[0])[:, 0]
        return scores


class SerialNet(nn.Module):
    """Stem, then down to stride 32 with a residual block at every resolution, and up again step by step."""

    def __init__(self, width: int) -> None:
        """Make it with ``width`` channels at stride 4, twice as many at each halving."""
        super().__init__()
        self.stem = nn.Sequential(ConvNorm(3, width, stride=2), ConvNorm(width, width, stride=2))
        layers: list[nn.Module] = [BasicBlock(width, width)]
        for n in range(3):
            layers += [ConvNorm(width * 2**n, width * 2 ** (n + 1), stride=2)]
            layers += [BasicBlock(width * 2 ** (n + 1), width * 2 ** (n + 1))]
        self.down = nn.Sequential(*layers)
        self.up = nn.ModuleList(ConvNorm(width * 2 ** (n + 1), width * 2**n) for n in (2, 1, 0))
        self.score = nn.Conv2d(width, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map pictures (N, 3, H, W) to scores (N, H/4, W/4)."""
        y = self.down(self.stem(x))
        for layer in self.up:
            y = layer(functional.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False))
        scores: Tensor = self.score(y)[:, 0]
        return scores


@dataclass(frozen=True)
class Scenes:
    """Pictures with one point each.

    Attributes:
        pictures: (N, 3, size, size), about -1 to 1.
        places: (N, 2), row and column of the point in px.
    """

    pictures: Tensor
    places: Tensor

    @property
    def cells(self) -> Tensor:
        """Number of the stride-4 cell that the point lies in, (N,)."""
        across = self.pictures.shape[-1] // STRIDE
        rows, columns = (self.places // STRIDE).long().unbind(1)
        return rows * across + columns


def make_scenes(number: int, size: int = 64, seed: int = 0) -> Scenes:
    """Make scenes; another seed makes others."""
    scenes = [point_scene(size, seed * 100_000 + k) for k in range(number)]
    pixels = np.stack([scene.picture.pixels for scene in scenes])
    pictures = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    return Scenes(pictures, torch.tensor([scene.place for scene in scenes]))


def multiply_adds(net: nn.Module, size: int = 64) -> int:
    """Count the multiply-adds of a net's convolutions for one picture."""
    total = 0

    def add(module: nn.Module, _inputs: object, output: Tensor) -> None:
        nonlocal total
        assert isinstance(module, nn.Conv2d)  # noqa: S101  # for mypy: only convolutions are listened to
        total += module.weight.numel() * output.shape[-2] * output.shape[-1]

    handles = [module.register_forward_hook(add) for module in net.modules() if isinstance(module, nn.Conv2d)]
    try:
        with torch.no_grad():
            net.eval()(torch.zeros(1, 3, size, size))
    finally:
        for handle in handles:
            handle.remove()
    return total


def match_budget(budget: int, size: int = 64) -> SerialNet:
    """Make the serial net whose multiply-adds come nearest to a budget."""
    return min((SerialNet(width) for width in range(4, 33)), key=lambda net: abs(multiply_adds(net, size) - budget))


def train(net: nn.Module, scenes: Scenes, steps: int = 50, batch: int = 16, seed: int = 0) -> list[float]:
    """Teach a net to find the point; give the loss (cross-entropy over cells) of every step."""
    torch.manual_seed(seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    net.train()
    losses = []
    with one_thread():
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = 3e-3 * (1 - step / steps)
            chosen = torch.randint(len(scenes.places), (batch,))
            loss = functional.cross_entropy(net(scenes.pictures[chosen]).flatten(1), scenes.cells[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
    net.eval()
    return losses


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: nets this small gain nothing from two, and lose much on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def miss_distances(net: nn.Module, scenes: Scenes) -> Tensor:
    """Return the distance in px between each point and the middle of the cell with the highest score, (N,)."""
    scores = net.eval()(scenes.pictures)
    best = scores.flatten(1).argmax(1)
    across = scores.shape[-1]
    found = torch.stack([best // across, best % across], 1) * STRIDE + (STRIDE - 1) / 2
    distances: Tensor = (found - scenes.places).float().norm(dim=1)
    return distances


@torch.no_grad()
def answer(net: nn.Module, scenes: Scenes, number: int = 0) -> Tensor:
    """Return the probability of every cell of one scene, (h, w)."""
    scores: Tensor = net.eval()(scenes.pictures[number : number + 1])[0]
    return scores.flatten().softmax(0).reshape(scores.shape)


def within(distances: Tensor | Sequence[float], pixels: float) -> float:
    """Share of points found within so many px."""
    return float((torch.as_tensor(distances) <= pixels).float().mean())
