"""What a net answers to a photo, and whether the photo is of anything that it was trained to name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from torch import Tensor

from hrnet_viz.photos.photo import SAMPLES
from hrnet_viz.sites import check_whole
from hrnet_viz.targets import find_class, output_names
from hrnet_viz.tracing import Trace, trace

if TYPE_CHECKING:
    import os

    from PIL import Image

    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.decode import ImageSource
    from hrnet_viz.photos.photo import Photo


@dataclass(frozen=True, eq=False)
class Prediction:
    """The answer to one photo.

    Attributes:
        classes: names of the outputs, () where they are not known.
        logits: (outputs,), float32 or as the net computes, on the CPU.
        photo: the photo, None if a tensor was given.
    """

    classes: tuple[str, ...]
    logits: Tensor
    photo: Photo | None = None

    @cached_property
    def probabilities(self) -> Tensor:
        """Softmax of the logits, (outputs,), float64: the sum is 1 on every device."""
        return self.logits.double().softmax(0)

    @property
    def best(self) -> str:
        """Name of the most probable class."""
        return self.top(1)[0][0]

    @property
    def margin(self) -> float:
        """How far the most probable class is ahead of the second, in probability; 1 if there is but one output."""
        first, *others = self.top(2)
        return first[1] - (others[0][1] if others else 0.0)

    def top(self, k: int = 5) -> tuple[tuple[str, float], ...]:
        """Return the ``k`` most probable classes with their probabilities, best first; ties in class order.

        Raises:
            ValueError: ``k`` is no whole number above 0.
        """
        order = self.logits.argsort(descending=True, stable=True)[: check_whole("k", k)].tolist()
        return tuple((self.name(i), float(self.probabilities[i])) for i in order)

    def rank(self, target: str | int) -> int:
        """Return the place of a class, by name or number: 1 for the most probable; raises as ``index`` does."""
        return 1 + int((self.logits > self.logits[self.index(target)]).sum())

    def probability(self, target: str | int) -> float:
        """Return the probability of a class, by name or number; raises as ``index`` does."""
        return float(self.probabilities[self.index(target)])

    def name(self, output: int) -> str:
        """Name of an output: its class, or "output 17" where the classes are not known."""
        return output_names(self)[output]

    @property
    def num_outputs(self) -> int:
        """Number of outputs."""
        return len(self.logits)

    def index(self, target: str | int) -> int:
        """Return the number of a class, by name (case and the difference between "_" and " " don't matter) or number.

        Raises:
            ValueError: no such class; the message lists some that there are.
        """
        return find_class(self, target)

    def is_known(self) -> bool:
        """Whether a photo's name says that it shows one of the trained classes.

        "cat" does for the classes "cat" or "Egyptian cat", "my cat 2" for "cat"; case, "_" and "-" don't matter. A
        name is all there is to go by: False means that nothing says so.
        """
        shown = _words("" if self.photo is None else self.photo.name)
        known = [_words(name) for name in self.classes]
        return bool(shown) and any(shown <= name or (name and name <= shown) for name in known)

    def __str__(self) -> str:
        return describe(self)


@overload
def predict(net: HRNet, photos: Photo | str | os.PathLike[str] | Image.Image) -> Prediction: ...
@overload
def predict(net: HRNet, photos: list[Any] | tuple[Any, ...] | Tensor) -> tuple[Prediction, ...]: ...
@overload
def predict(net: HRNet, photos: ImageSource) -> Prediction | tuple[Prediction, ...]: ...
def predict(net: HRNet, photos: ImageSource | Sequence[ImageSource]) -> Prediction | tuple[Prediction, ...]:
    """Ask a net what a photo shows.

    Args:
        net: the net; it runs in eval mode and is afterwards as it was.
        photos: one, several, or a ready float tensor (N, 3, H, W).

    Returns:
        A prediction for one photo; a tuple of them for a list or a tensor.

    Raises:
        ValueError: something that is no photo.
    """
    answers = read_predictions(trace(net, photos, sites="logits"))
    return answers if isinstance(photos, list | tuple | Tensor) else answers[0]


def read_predictions(trace: Trace) -> tuple[Prediction, ...]:
    """Read the predictions off a trace that kept the logits, one per photo."""
    logits = trace["logits"].detach().cpu()
    photos = trace.photos or (None,) * len(logits)
    classes = trace.classes if len(trace.classes) == logits.shape[1] else ()  # those of another head name nothing
    return tuple(Prediction(classes, row, photo) for row, photo in zip(logits, photos, strict=True))


def describe(prediction: Prediction, k: int = 3) -> str:
    """Return a prediction in a line, and say so if the photo is of none of the trained classes.

    "cat 0.97 (margin 0.95 over dog)"; "coffee is outside the 12 trained classes; nearest answers: golf_ball 0.41, ..."
    with ``k`` answers.
    """
    ranked = prediction.top(max(k, 2))
    if prediction.classes and prediction.photo is not None and not prediction.is_known():
        nearest = ", ".join(f"{name} {p:.2f}" for name, p in ranked[:k])
        shown, known = prediction.photo.name, f"the {len(prediction.classes)} trained classes"
        if shown in SAMPLES:  # a sample's name tells what it shows, a file's name perhaps not
            return f"{shown} is outside {known}; nearest answers: {nearest}"
        return f"'{shown}' names none of {known} and may be outside them; nearest answers: {nearest}"
    over = f" (margin {prediction.margin:.2f} over {ranked[1][0]})" if len(ranked) > 1 else ""
    return f"{ranked[0][0]} {ranked[0][1]:.2f}{over}"


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[^\W_]+", text.casefold()))
