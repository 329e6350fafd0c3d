"""Numbers that say how good logits are: accuracy with interval, per class, confusion, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from hrnet_viz.attribution.intervals import Interval, wilson

BINS = 15


@dataclass(frozen=True)
class Scores:
    """What a net achieves on photos of one size.

    Attributes:
        size: side of the input in pixels.
        classes: names of the classes.
        accuracy: share of photos whose most probable class is the right one, with its 95 % Wilson interval.
        per_class: the same for the photos of each class.
        confusion: [i][j]: photos of class i for which class j was most probable.
        calibration_error: expected calibration error, 15 bins: how far confidence and accuracy are apart.
        loss: mean negative log likelihood of the right class, in nats.
    """

    size: int
    classes: tuple[str, ...]
    accuracy: Interval
    per_class: tuple[Interval, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration_error: float
    loss: float


def score(logits: Tensor, labels: Tensor, classes: Sequence[str], size: int) -> Scores:
    """Compare logits (N, classes) with labels (N,).

    Raises:
        ValueError: shapes that don't belong together.
    """
    if logits.shape != (len(labels), len(classes)):
        raise ValueError(f"Logits {tuple(logits.shape)} don't fit {len(labels)} labels of {len(classes)} classes.")
    if not logits.isfinite().all():
        raise ValueError(
            "The net gave NaN or infinite numbers for some photos: its weights are broken. Nothing was scored."
        )
    best = logits.argmax(1)
    number = len(classes)
    confusion = torch.bincount(labels * number + best, minlength=number * number).view(number, number)
    return Scores(
        size,
        tuple(classes),
        wilson(int((best == labels).sum()), len(labels)),
        tuple(wilson(int(confusion[i, i]), int(confusion[i].sum())) for i in range(number)),
        tuple(tuple(int(count) for count in row) for row in confusion),
        expected_calibration_error(logits, labels),
        float(F.cross_entropy(logits.double(), labels)),
    )


def expected_calibration_error(logits: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """Mean distance between confidence and accuracy, over equally wide bins of confidence, weighted by their photos.

    Source: Guo et al. 2017, "On calibration of modern neural networks", equation 3.
    """
    confidence, best = logits.double().softmax(1).max(1)
    right = (best == labels).double()
    place = (confidence * bins).long().clamp(max=bins - 1)
    gap = torch.zeros(bins, dtype=torch.double).index_add_(0, place, confidence - right)
    return float(gap.abs().sum() / len(labels))


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Find the temperature by which logits have to be divided so that the right classes are most likely.

    The loss is convex in 1 / temperature, so a golden section search finds its one minimum.

    Source: Guo et al. 2017, section 4.2.
    """
    logits = logits.double()
    low, high, golden = 0.05, 20.0, (5**0.5 - 1) / 2

    def loss(inverse: float) -> float:
        return float(F.cross_entropy(logits * inverse, labels))

    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = loss(left), loss(right)
    while high - low > 1e-6:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - golden * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + golden * (high - low)
            at_right = loss(right)
    return 2 / (low + high)
