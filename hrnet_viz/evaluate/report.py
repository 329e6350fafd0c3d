"""Scores as a table for people and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hrnet_viz.attribution.intervals import Interval
from hrnet_viz.evaluate.scores import Scores


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
