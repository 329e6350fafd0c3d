"""What a net answers to a photo, by its head; and whether the photo is of anything that it was trained to name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from hrnet_viz.decoding import decode
from hrnet_viz.network.variants import TASKS
from hrnet_viz.outputs import answer_of, find_output, output_names
from hrnet_viz.photos.photo import SAMPLES
from hrnet_viz.sites import check_whole
from hrnet_viz.tracing import Trace, trace

if TYPE_CHECKING:
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
        return find_output(self, target)

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


class Point(NamedTuple):
    """A joint or landmark: where it is on the photo, in px from the centre of the first pixel, and its peak."""

    x: float
    y: float
    score: float


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The joints or landmarks of one photo; ``keypoints["nose"]`` is one of them.

    Attributes:
        classes: names of the outputs, () where they are not known.
        xy: (J, 2), x to the right and y downwards, in pixels of the photo (of the input, if a tensor was given); the
            centre of the first pixel is 0.
        score: (J,) peaks of the heat maps.
        noun: "joint" or "landmark".
        photo: the photo, None if a tensor was given.
    """

    classes: tuple[str, ...]
    xy: Tensor
    score: Tensor
    noun: str = "joint"
    photo: Photo | None = None

    @property
    def num_outputs(self) -> int:
        """Number of joints or landmarks."""
        return len(self.score)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each, "output 3" where they are not known."""
        return output_names(self)

    def __getitem__(self, name: str | int) -> Point:
        index = find_output(self, name)
        x, y = self.xy[index].tolist()
        return Point(x, y, float(self.score[index]))

    def __iter__(self) -> Iterator[Point]:
        return (self[index] for index in range(self.num_outputs))

    def __str__(self) -> str:
        return describe(self)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The classes of every pixel of one photo.

    Attributes:
        classes: names of the outputs, () where they are not known.
        labels: (H, W) class of every pixel of the photo (of the input, if a tensor was given); -1 where the net did not
            see it, as at the border that its preparation cuts off.
        logits: (K, h, w) as the net gives them.
        photo: the photo, None if a tensor was given.
        sampler: resamples a map (h, w) to the pixels of the photo.
    """

    classes: tuple[str, ...]
    labels: Tensor
    logits: Tensor = field(repr=False)
    photo: Photo | None = None
    sampler: Callable[[Tensor], Tensor] = field(default=lambda maps: maps, repr=False)

    @property
    def num_outputs(self) -> int:
        """Number of classes."""
        return len(self.logits)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each class, "output 3" where they are not known."""
        return output_names(self)

    @cached_property
    def share(self) -> dict[str, float]:
        """Name of a class -> its share of the pixels that the net saw; the largest first, those of none left out."""
        counts = torch.bincount(self.labels[self.labels >= 0], minlength=self.num_outputs)
        shares = (counts / counts.sum()).tolist()
        order = sorted(range(len(shares)), key=lambda one: -shares[one])
        return {self.names[one]: shares[one] for one in order if shares[one]}

    def probability(self, name: str | int) -> Tensor:
        """Return the probability of a class at every pixel of the photo, (H, W), by a softmax of the resampled logits.

        Raises:
            ValueError: no such class.
        """
        index = find_output(self, name)
        return self.sampler(self.logits).softmax(0)[index]

    def __str__(self) -> str:
        return describe(self)


Answer: TypeAlias = "Prediction | Keypoints | Segmentation"


def predict(net: HRNet, photos: ImageSource | Sequence[ImageSource]) -> Any:
    """Ask a net what a photo shows.

    Args:
        net: the net; it runs in eval mode and is afterwards as it was.
        photos: one, several, or a ready float tensor (N, 3, H, W).

    Returns:
        For one photo a ``Prediction``, ``Keypoints`` or a ``Segmentation``, by the head of the net; a tuple of them for
        a list or a tensor.

    Raises:
        ValueError: something that is no photo, or a pyramid, which answers nothing by itself.
    """
    if not answer_of(net.plan):
        raise ValueError(
            f"{net.owner} answers nothing by itself: its five maps are what a detector reads. hv.trace(net, photo) "
            "shows them, as 'head.level0' to 'head.level4'."
        )
    answers = read_predictions(trace(net, photos, sites=answer_of(net.plan)))
    return answers if isinstance(photos, list | tuple | Tensor) else answers[0]


def read_predictions(trace: Trace) -> tuple[Any, ...]:
    """Read the answers off a trace that kept what the net answers, one per photo."""
    (site,) = answer_of(trace.plan)
    answer = trace[site].detach().cpu()
    photos = trace.photos or (None,) * len(answer)
    classes = trace.classes if len(trace.classes) == answer.shape[1] else ()  # those of another head name nothing
    if answer.dim() == 2:
        return tuple(Prediction(classes, row, photo) for row, photo in zip(answer, photos, strict=True))
    frames = [_Frame.of(trace, photo) for photo in photos]
    stride = trace.plan.sites[site].stride or 1
    if site == "heatmaps":
        cells, score = decode(answer.float())
        noun = TASKS[trace.plan.task].noun
        rows = zip(cells * stride, score, frames, photos, strict=True)
        return tuple(Keypoints(classes, frame.to_photo(one), top, noun, photo) for one, top, frame, photo in rows)
    found = []
    for maps, frame, photo in zip(answer.float(), frames, photos, strict=True):
        sampler = partial(frame.sample, align_corners=trace.plan.align_corners)
        labels = _by_rows(sampler, maps)
        found.append(Segmentation(classes, labels, maps, photo, sampler))
    return tuple(found)


@dataclass(frozen=True)
class _Frame:
    """Where the input of a net lies on the photo: the part of it (left, top, right, bottom), and both sizes."""

    box: tuple[float, float, float, float]
    photo: tuple[int, int]
    input: tuple[int, int]

    @classmethod
    def of(cls, trace: Trace, photo: Photo | None) -> _Frame:
        """Return it for a photo of a trace; for a tensor the input stands for the photo."""
        height, width = trace.input.shape[-2:]
        if photo is None:
            return cls((0.0, 0.0, float(width), float(height)), (height, width), (height, width))
        return cls(trace.preparation.box(photo), (photo.height, photo.width), (height, width))

    def to_photo(self, xy: Tensor) -> Tensor:
        """Return places (..., 2) of the input in pixels of the photo: photo = (input + 0.5) * scale - 0.5 + corner."""
        left, top, right, bottom = self.box
        scale = torch.tensor([(right - left) / self.input[1], (bottom - top) / self.input[0]])
        return (xy + 0.5) * scale - 0.5 + torch.tensor([left, top])

    def sample(self, maps: Tensor, rows: slice = slice(None), *, align_corners: bool = False) -> Tensor:
        """Return maps (K, h, w) at the pixels of the photo, (K, H, W), or at some rows of it; NaN where unseen.

        Bilinear: what ``interpolate`` gives where the input is the whole photo.
        """
        left, top, right, bottom = self.box
        ends = ((top, bottom, self.photo[0], maps.shape[1]), (left, right, self.photo[1], maps.shape[2]))
        places, seen = [], []
        for (start, stop, pixels, cells), part in zip(ends, (rows, slice(None)), strict=True):
            at = torch.arange(pixels, dtype=torch.float64)[part] + 0.5 - start  # px from the edge of what is seen
            seen.append((at > 0) & (at < stop - start))
            smooth = (at - 0.5) / max(stop - start - 1, 1) * (cells - 1)
            places.append((smooth if align_corners else at / (stop - start) * cells - 0.5).clamp(0, cells - 1))
        down, across = places
        value = _between(_between(maps, down, 1), across, 2)
        return value.masked_fill(~(seen[0][:, None] & seen[1]), torch.nan)


def _between(maps: Tensor, at: Tensor, axis: int) -> Tensor:
    """Return maps at places along an axis, linearly between the two cells beside each."""
    low = at.floor().long()
    high = (low + 1).clamp(max=maps.shape[axis] - 1)
    shape = [1, 1, 1]
    shape[axis] = len(at)
    weight = (at - low).to(maps.dtype).view(shape)
    return maps.index_select(axis, low) * (1 - weight) + maps.index_select(axis, high) * weight


def _by_rows(sampler: Callable[..., Tensor], maps: Tensor, most: int = 128) -> Tensor:
    """Return the class of every pixel, some rows at a time: all the maps of a large photo would fill the memory."""
    parts: list[Tensor] = []
    while not parts or len(parts[-1]) == most:
        start = most * len(parts)
        value = sampler(maps, slice(start, start + most))
        parts.append(value.argmax(0).masked_fill(value.isnan().any(0), -1) if value.shape[1] else value[0].long())
    return torch.cat(parts)


def describe(prediction: Answer, k: int = 3) -> str:
    """Return an answer in a line, and say so if the photo is of none of the trained classes.

    "cat 0.97 (margin 0.95 over dog)"; "coffee is outside the 12 trained classes; nearest answers: golf_ball 0.41, ...";
    "nose at (31.0, 40.2) 0.91, ..."; "road 41 %, sky 22 %, ..."; with ``k`` answers.
    """
    if isinstance(prediction, Keypoints):
        order = prediction.score.argsort(descending=True, stable=True)[:k].tolist()
        points = [(prediction.names[one], prediction[one]) for one in order]
        best = ", ".join(f"{name} at ({point.x:.1f}, {point.y:.1f}) {point.score:.3g}" for name, point in points)
        more = prediction.num_outputs - k
        return f"{best}, and {more} more {prediction.noun}s" if more > 0 else best
    if isinstance(prediction, Segmentation):
        largest = list(prediction.share.items())[:k]
        return ", ".join(f"{name} {share:.0%}" for name, share in largest).replace("%", " %")
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
