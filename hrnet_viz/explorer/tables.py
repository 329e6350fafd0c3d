"""Tables of numbers in words: what a net answers, what an edit changes, what the paths of a module contribute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrnet_viz.canvas.painting import short

MOST = 12
"""Classes that a table lists."""

Numbers = NDArray[np.float64]


def percent(share: float) -> str:
    """Write a share as a percentage; a very small one only as such."""
    return "< 0.01 %" if 0 < share < 1e-4 else f"{short(100 * share, 3)} %"


def softmax(logits: Numbers) -> Numbers:
    """Give probabilities."""
    powers = np.exp(logits - logits.max())
    result: Numbers = powers / powers.sum()
    return result


def rank(numbers: Numbers) -> list[int]:
    """Give the classes that a table lists, the one with the largest number first."""
    order: list[int] = np.argsort(-numbers, kind="stable")[:MOST].tolist()
    return order


def list_answers(labels: Sequence[str], logits: Numbers, *, outside: bool) -> dict[str, Any]:
    """Give the table of the most probable classes; a bar is (start, length, mark) in shares of its room."""
    chances = softmax(logits)
    rows = [[labels[k], [0, chances[k], 0], percent(chances[k]), short(float(logits[k]), 4)] for k in rank(logits)]
    what = "Answers among the trained classes, none of which is the name of this photo" if outside else "Answers"
    return {"caption": what, "heads": ["class", "probability", "in numbers", "logit"], "rows": rows}


def list_changes(labels: Sequence[str], before: Numbers, after: Numbers) -> dict[str, Any]:
    """Give the table of logits before and after an edit.

    A bar is (start, length, mark) in shares of its room: from 0 to the logit now, with a mark at the logit before.
    """
    low, high = min(0.0, before.min(), after.min()), max(0.0, before.max(), after.max())
    span = high - low or 1.0
    old, new = softmax(before), softmax(after)
    rows = []
    for k in rank(before):
        numbers = (before[k], after[k], after[k] - before[k])
        bar = [float(part / span) for part in (min(0.0, after[k]) - low, abs(after[k]), before[k] - low)]
        rows.append([labels[k], bar, *(short(float(value), 4) for value in numbers), percent(old[k]), percent(new[k])])
    which = "All classes" if len(labels) <= MOST else f"The {MOST} classes with the highest logits before"
    heads = ["class", "logit now (line: before)", "before", "now", "change", "probability before", "now"]
    return {"caption": f"{which}, the highest logit before first", "heads": heads, "rows": rows}


def tell_change(before: Numbers, after: Numbers, target: int) -> str:
    """Say what becomes of one class."""
    old, new = softmax(before)[target], softmax(after)[target]
    first, second = (1 + int((row > row[target]).sum()) for row in (before, after))
    logits = f"logit {short(float(before[target]), 4)} to {short(float(after[target]), 4)}"
    return f"{logits}, probability {percent(old)} to {percent(new)}, rank {first} to {second}"


def list_shares(module: str, words: str, matrix: Numbers) -> dict[str, Any]:
    """Give a matrix of shares as rows of (fuse path, number in words, length of its bar)."""
    most = np.nanmax(np.abs(matrix), initial=1e-12)
    rows = [
        [
            [
                f"{module}.fuse{i}<-{j}",
                short(float(value)) if np.isfinite(value) else "none",
                float(np.nan_to_num(abs(value) / most)),
            ]
            for j, value in enumerate(row)
        ]
        for i, row in enumerate(matrix)
    ]
    return {"caption": f"{module}: {words}", "rows": rows}
