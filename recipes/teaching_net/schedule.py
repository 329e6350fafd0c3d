"""The recipe as data, and the steps that follow from it: which photos, at which size and learning rate, in which order.

Everything is a function of the seed and of the position, so a resumed run sees exactly what an unbroken one would.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from hrnet_viz.photos.preparation import IMAGENET_MEAN, IMAGENET_STD


@dataclass(frozen=True)
class Phase:
    """A stretch of training at one size, or at sizes drawn anew for each batch.

    Args:
        epochs: length, in passes over the photos.
        sizes: sides of the square input in pixels; a size that is listed twice is drawn twice as often.
        still: whether BatchNorm uses its statistics as they are, as in eval mode, and no longer those of the batch.
            Each size has statistics of its own, a net that is shipped one set for all: here the weights learn to live
            with that set (arXiv 1906.06423, section 4, tells what such a difference costs).
    """

    epochs: float
    sizes: tuple[int, ...]
    still: bool = False

    def __post_init__(self) -> None:
        """Refuse what can't be run."""
        if self.epochs <= 0 or not self.sizes or min(self.sizes) < 32:
            raise ValueError(f"A phase needs more than 0 epochs and sizes of at least 32 px; this one is {self}.")

    @classmethod
    def parse(cls, text: str) -> Phase:
        """Read ``"12@64"`` or ``"3@128,160,192:still"``: epochs, then the sizes, then whether norms stand still.

        Raises:
            ValueError: the text has another form.
        """
        epochs, _, rest = text.partition("@")
        sizes = rest.removesuffix(":still")
        try:
            return cls(float(epochs), tuple(int(size) for size in sizes.split(",")), sizes != rest)
        except ValueError as error:
            raise ValueError(
                f"'{text}' is no phase. Write epochs@size, or epochs@size,size,... (each at least 32): 3@128,160. "
                "With :still behind it, BatchNorm keeps its statistics."
            ) from error

    def __str__(self) -> str:
        """Write it as ``parse`` reads it."""
        return f"{self.epochs:g}@{','.join(map(str, self.sizes))}{':still' if self.still else ''}"


@dataclass(frozen=True)
class Recipe:
    """What decides the weights, apart from the photos.

    Attributes:
        variant: name of the published architecture.
        phases: sizes over time.
        batch: photos per step, over all processes.
        peak_rate: highest learning rate of the cycle.
        warmup: share of the training in which the rate rises to the peak; then it falls to zero, linearly.
        momentum: of SGD, Nesterov's form.
        weight_decay: on weights of convolutions and of the classifier; none on biases and norms.
        clip: greatest norm of the gradient of all weights, longer ones are shortened to it; 0 leaves them. Phases whose
            norms stand still need it: nothing else keeps a large step from being followed by a larger one.
        smoothing: label smoothing.
        ema_decay: of the moving average of weights that is evaluated and exported.
        smallest_crop: least share of the photo's area in a random crop.
        jitter: strength of the random change of brightness, contrast and saturation.
        held_back: share of the training photos that is never trained on; temperature is fitted there.
        autocast: "bf16" or "off".
        channels_last: whether tensors lie in memory with the channels innermost.
        mean: mean of each colour, on the scale 0..1.
        std: standard deviation of each colour, on the scale 0..1.
        stored: side at which photos are kept in memory, in pixels; crops are cut out of that.
        seed: of the weights, the split, the order and the augmentation.
    """

    variant: str = "hrnet_w18_small_v2"
    phases: tuple[Phase, ...] = (Phase(12, (64,)), Phase(6, (96,)), Phase(4, (96, 128, 160, 192)))
    batch: int = 64
    peak_rate: float = 0.1
    warmup: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    clip: float = 0.0
    smoothing: float = 0.1
    ema_decay: float = 0.998
    smallest_crop: float = 0.35
    jitter: float = 0.3
    held_back: float = 0.05
    autocast: str = "bf16"
    channels_last: bool = True
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    stored: int = 160
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what can't be run."""
        if self.autocast not in ("bf16", "off"):
            raise ValueError(f"autocast is '{self.autocast}', but must be bf16 or off.")
        if self.batch < 2:
            raise ValueError(f"batch is {self.batch}; BatchNorm needs at least 2 photos.")
        if not 0 <= self.held_back < 1:
            raise ValueError(f"held_back is {self.held_back}, but is a share of the photos: at least 0, below 1.")
        if not self.phases:
            raise ValueError("The recipe has no phase; give at least one, such as 12@64.")

    @property
    def epochs(self) -> float:
        """Planned passes over the photos."""
        return sum(phase.epochs for phase in self.phases)

    def to_json(self) -> str:
        """One line of JSON, for checkpoints and provenance."""
        return json.dumps(asdict(self) | {"phases": [str(phase) for phase in self.phases]})

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read what ``to_json`` wrote; what an older version didn't write has its default."""
        values: dict[str, Any] = json.loads(text)
        values["phases"] = tuple(Phase.parse(phase) for phase in values["phases"])
        values["mean"], values["std"] = tuple(values["mean"]), tuple(values["std"])
        return cls(**values)


@dataclass(frozen=True)
class Position:
    """Where a training stands, between two steps.

    Attributes:
        step: steps done.
        epoch: passes over the photos that are complete.
        offset: photos of this pass that are done.
        progress: share of the schedule that is done, 0..1.
    """

    step: int = 0
    epoch: int = 0
    offset: int = 0
    progress: float = 0.0


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


class Schedule:
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

    def __iter__(self) -> Iterator[Step]:
        """Yield steps until the schedule is done."""
        at = self.start
        order = self._shuffle(at.epoch)
        while at.progress < 1:
            chosen = tuple(int(i) for i in order[at.offset : at.offset + self.recipe.batch])
            gain = len(chosen) / (self.photos * self.recipe.epochs)
            after = replace(at, step=at.step + 1, offset=at.offset + len(chosen))
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
