"""The course of a training: which photos, at which size and learning rate, in which order; and how it keeps a deadline.

Everything is a function of the seed and of the position, so a resumed run sees exactly what an unbroken one would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hrnet_viz.training.config import Phase, Recipe

FIXED_COST_PX = 2000
"""Cost of a photo apart from its pixels, in pixels: fitted to CPU times of hrnet_w18_small_v2 at 64 and 128 px."""

FASTEST_PACE = 0.5
"""With time to spare a deadline lengthens the plan, but at most to twice its epochs."""


@dataclass(frozen=True)
class Position:
    """Where a training stands, between two steps.

    Attributes:
        step: steps done.
        epoch: passes over the photos that are complete.
        offset: photos of this pass that are done.
        progress: share of the schedule that is done, 0..1.
        pace: planned photos that one photo stands for: above 1 where the plan is shortened to keep a deadline.
    """

    step: int = 0
    epoch: int = 0
    offset: int = 0
    progress: float = 0.0
    pace: float = 1.0


@dataclass(frozen=True)
class Step:
    """One batch to come.

    Attributes:
        photos: indices of the photos of the global batch.
        size: side in pixels.
        rate: learning rate.
        at: the position before this step.
        after: the position after it.
    """

    photos: tuple[int, ...]
    size: int
    rate: float
    at: Position
    after: Position


def learning_rate(recipe: Recipe, progress: float) -> float:
    """One cycle: up to the peak in the warm-up, then down to zero at progress 1, both linearly."""
    if progress < recipe.warmup:
        return recipe.peak_rate * max(progress, 1e-3) / recipe.warmup
    return recipe.peak_rate * max(0.0, 1 - progress) / (1 - recipe.warmup)


def find_phase(recipe: Recipe, progress: float) -> Phase:
    """The phase that this share of the schedule lies in."""
    done = progress * recipe.epochs
    for phase in recipe.phases:
        if done < phase.epochs - 1e-6:  # a sum of shares may fall short of the border by a rounding error
            return phase
        done -= phase.epochs
    return recipe.phases[-1]


def cost(size: int) -> int:
    """Work for one photo of this side, in pixels."""
    return size * size + FIXED_COST_PX


def remaining_work(recipe: Recipe, progress: float, photos: int) -> float:
    """Work from here to the end of the plan at pace 1, in pixels, for a folder of that many photos."""
    done, work = progress * recipe.epochs, 0.0
    for phase in recipe.phases:
        left = phase.epochs - min(phase.epochs, done)
        done = max(0.0, done - phase.epochs)
        work += left * photos * float(np.mean([cost(size) for size in phase.sizes]))
    return work


def choose_pace(work: float, work_per_second: float, seconds_left: float) -> float:
    """The pace at which the remaining work fits into the time that is left.

    No time left gives an infinite pace: the next step is the last one.
    """
    if seconds_left <= 0:
        return float("inf")
    return max(FASTEST_PACE, work / work_per_second / seconds_left)


class Course:
    """The steps of a training from a position to its end.

    Args:
        recipe: phases, batch, rates, seed.
        photos: number of training photos.
        start: where to begin.
    """

    def __init__(self, recipe: Recipe, photos: int, start: Position = Position()) -> None:
        if photos < recipe.batch:
            raise ValueError(
                f"There are {photos} training photos, but a batch takes {recipe.batch}. Give a smaller --batch."
            )
        self.recipe = recipe
        self.photos = photos
        self.start = start
        self.pace = start.pace

    def __iter__(self) -> Iterator[Step]:
        """Yield steps until the schedule is done. ``pace`` may be set on the way; it holds from the next step on."""
        at = self.start
        order = self._shuffle(at.epoch)
        while at.progress < 1:
            chosen = tuple(int(i) for i in order[at.offset : at.offset + self.recipe.batch])
            gain = self.pace * len(chosen) / (self.photos * self.recipe.epochs)
            after = replace(at, step=at.step + 1, offset=at.offset + len(chosen), pace=self.pace)
            # Rounding must not add a last step at a rate of nearly zero.
            after = replace(after, progress=1.0 if at.progress + gain > 1 - 1e-9 else at.progress + gain)
            if after.offset + self.recipe.batch > self.photos:  # what is left over is drawn anew in the next pass
                after = replace(after, epoch=at.epoch + 1, offset=0)
            middle = (at.progress + after.progress) / 2
            yield Step(chosen, self._draw_size(at), learning_rate(self.recipe, middle), at, after)
            if after.epoch != at.epoch:
                order = self._shuffle(after.epoch)
            at = after

    def _shuffle(self, epoch: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.random.default_rng((self.recipe.seed, 1, epoch)).permutation(self.photos)

    def _draw_size(self, at: Position) -> int:
        sizes = find_phase(self.recipe, at.progress).sizes
        return sizes[int(np.random.default_rng((self.recipe.seed, 2, at.step)).integers(len(sizes)))]
