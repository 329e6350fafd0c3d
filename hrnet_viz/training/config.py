"""Every choice of the recipe, as data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

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
