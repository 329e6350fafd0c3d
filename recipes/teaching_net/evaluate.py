"""How good a net is on a folder of class folders: accuracy with interval, per class, confusion and calibration."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn import functional as F

from hrnet_viz.attribution.truth_table import Interval, wilson
from hrnet_viz.long_work import run_tasks
from hrnet_viz.network import HRNet
from hrnet_viz.outputs import output_names
from hrnet_viz.photos.folder import PhotoFolder, list_classes
from hrnet_viz.photos.preparation import Preparation
from recipes.class_folders import match_classes
from recipes.teaching_net.photos import Photos, read_photos

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

    The loss is convex in 1 / temperature, so it has one minimum. Source: Guo et al. 2017, section 4.2.
    """
    logits = logits.double()

    def loss(inverse: float) -> float:
        return float(F.cross_entropy(logits * inverse, labels))

    return 1 / float(minimize_scalar(loss, bounds=(0.05, 20.0), method="bounded", options={"xatol": 1e-6}).x)


def normalise(pixels: Tensor, mean: Sequence[float], std: Sequence[float], *, channels_last: bool = False) -> Tensor:
    """Turn uint8 (N, 3, H, W) into what a net takes: (pixels / 255 - mean) / std, float32."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    values = pixels.contiguous(memory_format=layout).float()
    scale = 1 / (255 * values.new_tensor(std).view(3, 1, 1))
    shift = values.new_tensor(mean).view(3, 1, 1) * 255 * scale
    return values.mul_(scale).sub_(shift)


@torch.no_grad()
def predict(
    net: nn.Module, pixels: Tensor, *, mean: Sequence[float], std: Sequence[float], batch: int = 64, bf16: bool = False
) -> Tensor:
    """Run a net over photos and collect its logits.

    Args:
        net: in the mode that it should be run in; ``eval()`` for a test.
        pixels: uint8 (N, 3, H, W).
        mean: of each colour, on the scale 0..1.
        std: of each colour, on the scale 0..1.
        batch: photos per pass.
        bf16: whether to run in bfloat16 where autocast finds it safe; twice as fast, a little less exact.

    Returns:
        Float32 (number of photos, number of classes), on the CPU.
    """
    device = next(net.parameters()).device
    logits: list[Tensor] = []
    for start in range(0, len(pixels), batch):
        x = pixels[start : start + batch].to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            out = net(normalise(x, mean, std, channels_last=True))
        logits.append(out.float().cpu())
    return torch.cat(logits)


def measure(
    net: HRNet,
    folder: str | Path,
    sizes: Sequence[int],
    *,
    batch: int = 64,
    bf16: bool = False,
    executor: Executor | None = None,
    log: Callable[[str], object] = warnings.warn,
) -> list[Scores]:
    """Try a net on a folder of class folders at several sizes, each photo prepared as the net asks for.

    Args:
        net: in eval mode, with ``classes``.
        folder: one folder of photos for each class, called as the net calls it; not every class has to be there.
        sizes: sides of the square input in pixels.
        batch: photos per pass.
        bf16: faster, a little less exact.
        executor: who computes; None for this process. The numbers are the same.
        log: takes lines for people: files left out, photos that can't be read, folders matched by their order.

    Raises:
        ValueError: a folder of a class that the net doesn't know, or no photo that can be read.
    """
    photos = list_classes(folder, log)
    places = torch.tensor(match_classes(net, photos.classes, log))
    names = net.classes if len(net.classes) == net.num_outputs else output_names(net)
    parts = [photos.pick(range(k, min(k + batch, len(photos)))) for k in range(0, len(photos), batch)]
    tasks = [(part, replace(net.preparation, size=(size, size))) for size in sizes for part in parts]
    answers = list(run_tasks(_answer, (net, bf16), tasks, executor=executor, unit="batch"))
    skipped = list(dict.fromkeys(line for _, read in answers for line in read.skipped))
    for line in skipped:
        log(f"Skipped: {line}")
    if len(skipped) == len(photos):
        raise ValueError(f"Not one of the {len(photos)} photos in '{photos.root}' could be read: {skipped[0]}")
    results = []
    for number, size in enumerate(sizes):
        logits, read = zip(*answers[number * len(parts) : (number + 1) * len(parts)], strict=True)
        labels = torch.cat([part.labels for part in read])
        results.append(score(torch.cat(logits), places[labels], names, size))
    return results


def _answer(shared: tuple[HRNet, bool], task: tuple[PhotoFolder, Preparation]) -> tuple[Tensor, Photos]:
    """Return the logits of some photos, and their labels; the pixels stay where they were read."""
    (net, bf16), (part, preparation) = shared, task
    read = read_photos(part, preparation, allow_none=True)
    logits = torch.empty(0, net.num_outputs)
    if len(read):
        logits = predict(net, read.pixels, mean=preparation.mean, std=preparation.std, batch=len(read), bf16=bf16)
    return logits, replace(read, pixels=read.pixels[:0])


def write_table(results: Sequence[Scores]) -> str:
    """Accuracy at each size, per class, then the confusion at each size."""
    width = max(len("expected calibration error"), *(len(name) for name in results[0].classes))
    rows = [("", *(f"{result.size} px" for result in results))]
    rows.append(("all photos", *(_percent(result.accuracy) for result in results)))
    for i, name in enumerate(results[0].classes):
        rows.append((name, *(_percent(result.per_class[i]) for result in results)))
    rows.append(("expected calibration error", *(f"{result.calibration_error:.3f}" for result in results)))
    rows.append(("loss (nats)", *(f"{result.loss:.3f}" for result in results)))
    lines = [f"{row[0]:{width}}" + "".join(f"{cell:>24}" for cell in row[1:]) for row in rows]
    for result in results:
        lines += ["", f"confusion at {result.size} px: row = truth, column = answer, in the order of the rows"]
        lines += [
            f"{name:{width}}" + "".join(f"{count:>5}" for count in row)
            for name, row in zip(result.classes, result.confusion, strict=True)
        ]
    return "\n".join(lines)


def make_plain(results: Sequence[Scores]) -> list[dict[str, Any]]:
    """Plain values, one entry for each size."""
    return [
        {
            "size": result.size,
            "photos": result.accuracy.n,
            "accuracy": _plain(result.accuracy),
            "per_class": {name: _plain(one) for name, one in zip(result.classes, result.per_class, strict=True)},
            "classes": list(result.classes),
            "confusion": [list(row) for row in result.confusion],
            "calibration_error": result.calibration_error,
            "loss": result.loss,
        }
        for result in results
    ]


def _plain(interval: Interval) -> dict[str, float]:
    return {"value": interval.value, "low": interval.low, "high": interval.high, "photos": interval.n}


def _percent(interval: Interval) -> str:
    if not interval.n:
        return "no photo"
    return f"{interval.value:.1%} ({100 * interval.low:.1f}-{100 * interval.high:.1f})"
