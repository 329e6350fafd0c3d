"""Exercises of ``02_multi_resolution``: cells and pixels, what coarse cells lose, who is busy."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from hrnet_viz.course.core import Exercise
from hrnet_viz.network.net import HRNet
from hrnet_viz.tracing import Trace


def _pixels(net: HRNet) -> tuple[int, ...]:
    return tuple(site.stride or 0 for site in net.sites(kind="branch", stage=4)[:4])


def _cell() -> tuple[int, int]:
    return 100 // 16, 150 // 16


def _coarsened(trace: Trace) -> Tensor:
    return functional.avg_pool2d(trace["stage2.0.branch0"], 2)


def _survives(trace: Trace) -> float:
    fine = trace["stage2.0.branch0"]
    coarse = functional.interpolate(functional.avg_pool2d(fine, 8), scale_factor=8, mode="nearest")
    return float(coarse.var() / fine.var())


EXERCISES = (
    Exercise(
        name="02.1",
        task="How many photo pixels does one cell cover per side, in branch 0, 1, 2 and 3?",
        stars=1,
        minutes=2,
        stub="pixels = None",
        solution="pixels = (4, 8, 16, 32)",
        expected=_pixels,
        hints=(
            "Four numbers in brackets. The stem halves the photo twice.",
            "Each branch has half the resolution of the one above, so a cell covers twice the pixels.",
            "(4, 8, ...)",
        ),
    ),
    Exercise(
        name="02.2",
        task="The whisker is at row 100, column 150 of the photo that the net sees. Which (row, column) of branch 2?",
        stars=2,
        minutes=3,
        stub="cell = None",
        solution="cell = (100 // 16, 150 // 16)",
        expected=_cell,
        hints=(
            "Cells count from 0. How many pixels does a cell of branch 2 cover?",
            "Divide by 16 and drop the remainder.",
            "(6, ...)",
        ),
    ),
    Exercise(
        name="02.3",
        task="Halve the resolution of trace['stage2.0.branch0'] by averaging 2 x 2 cells.",
        stars=2,
        minutes=5,
        stub="half = None",
        solution='half = F.avg_pool2d(trace["stage2.0.branch0"], 2)',
        expected=_coarsened,
        hints=(
            "torch.nn.functional, here F, has a function for averages over square windows.",
            "F.avg_pool2d(tensor, 2) averages windows of 2 x 2 without overlap.",
            'F.avg_pool2d(trace["stage2.0.branch0"], 2)',
        ),
    ),
    Exercise(
        name="02.4",
        task="Which share of the variance of stage2.0.branch0 survives averaging over 8 x 8 cells?",
        stars=3,
        minutes=10,
        stub="share = None",
        solution=(
            'fine = trace["stage2.0.branch0"]\n'
            'coarse = F.interpolate(F.avg_pool2d(fine, 8), scale_factor=8, mode="nearest")\n'
            "share = (coarse.var() / fine.var()).item()"
        ),
        expected=_survives,
        hints=(
            "First average over 8 x 8 cells, then enlarge back by 8 with nearest neighbours, so that sizes agree.",
            "The share is the variance of the coarse tensor divided by that of the fine one: .var() of each.",
            'coarse = F.interpolate(F.avg_pool2d(fine, 8), scale_factor=8, mode="nearest")',
        ),
        tolerance=1e-2,
    ),
)
