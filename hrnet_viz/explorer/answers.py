"""What a page is answered: small JSON values, one block of bytes, and tables of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hrnet_viz.canvas.painting import short

STEPS = 255
"""Steps between the least and the greatest index; half of one is what an index may be off."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Answer:
    """One answer to a page.

    Attributes:
        meta: what JSON can carry.
        data: the bytes that go with it.
    """

    meta: dict[str, Any] = field(default_factory=dict)
    data: bytes = b""


def quantise(values: Floats) -> tuple[NDArray[np.uint8], Floats, Floats]:
    """Turn maps into indices: value = low + index * (high - low) / 255, at most half a step off.

    Args:
        values: (C, H, W); what is not finite counts as the nearest limit, not-a-number as the lower one.

    Returns:
        Indices (C, H, W), and the limits low and high of each map, (C,).
    """
    flat = values.reshape(len(values), -1)
    finite = np.isfinite(flat)
    low = np.where(finite, flat, np.inf).min(axis=1)
    high = np.where(finite, flat, -np.inf).max(axis=1)
    empty = low > high
    low, high = np.where(empty, 0, low).astype(np.float32), np.where(empty, 0, high).astype(np.float32)
    span = high.astype(np.float64) - low
    scale = np.divide(STEPS, span, out=np.zeros_like(span), where=span > 0)
    steps = np.where(np.isnan(flat), low[:, None], flat).clip(low[:, None], high[:, None]) - low[:, None].astype(float)
    return np.rint(steps * scale[:, None]).astype(np.uint8).reshape(values.shape), low, high


def pack_maps(values: Floats, *, signed: bool) -> Answer:
    """Pack all maps of a site.

    The bytes are low, high, mean and mean square of each channel (C floats each), the root of the mean square over the
    channels at each place (H * W floats), then the indices (C * H * W bytes).

    Args:
        values: (C, H, W).
        signed: whether negative values belong here.
    """
    indices, low, high = quantise(values)
    channels, rows, columns = values.shape
    squares = values.reshape(channels, -1).astype(np.float64) ** 2
    numbers = (
        low,
        high,
        values.reshape(channels, -1).mean(axis=1),
        squares.mean(axis=1),
        np.sqrt(squares.mean(axis=0)),
    )
    meta = {
        "channels": channels,
        "rows": rows,
        "columns": columns,
        "signed": signed,
        "unfinite": int((~np.isfinite(values)).sum()),
    }
    return Answer(meta, b"".join(as_floats(part) for part in numbers) + indices.tobytes())


def pack_floats(values: Floats) -> Answer:
    """Pack a tensor (C, H, W) as it is."""
    channels, rows, columns = values.shape
    return Answer({"channels": channels, "rows": rows, "columns": columns}, as_floats(values))


def as_floats(values: NDArray[Any]) -> bytes:
    """Return numbers as little-endian float32 bytes."""
    return np.ascontiguousarray(values, dtype="<f4").tobytes()


MOST = 12
"""Classes that a table lists."""

Numbers = NDArray[np.float64]


def percent(share: float) -> str:
    """Write a share as a percentage; a very small one only as such."""
    return "< 0.01 %" if 0 < share < 1e-4 else f"{short(100 * share, 3)} %"


def softmax(logits: Numbers) -> Numbers:
    """Return probabilities."""
    powers = np.exp(logits - logits.max())
    result: Numbers = powers / powers.sum()
    return result


def rank(numbers: Numbers) -> list[int]:
    """Return the classes that a table lists, the one with the largest number first."""
    order: list[int] = np.argsort(-numbers, kind="stable")[:MOST].tolist()
    return order


def list_answers(labels: Sequence[str], logits: Numbers, *, outside: bool) -> dict[str, Any]:
    """Return the table of the most probable classes; a bar is (start, length, mark) in shares of its room."""
    chances = softmax(logits)
    rows = [[labels[k], [0, chances[k], 0], percent(chances[k]), short(float(logits[k]), 4)] for k in rank(logits)]
    what = "Answers among the trained classes, none of which is the name of this photo" if outside else "Answers"
    return {"caption": what, "heads": ["class", "probability", "in numbers", "logit"], "rows": rows}


def list_changes(labels: Sequence[str], before: Numbers, after: Numbers) -> dict[str, Any]:
    """Return the table of logits before and after an edit.

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
    """Return what becomes of one class."""
    old, new = softmax(before)[target], softmax(after)[target]
    first, second = (1 + int((row > row[target]).sum()) for row in (before, after))
    logits = f"logit {short(float(before[target]), 4)} to {short(float(after[target]), 4)}"
    return f"{logits}, probability {percent(old)} to {percent(new)}, rank {first} to {second}"


def list_shares(module: str, words: str, matrix: Numbers) -> dict[str, Any]:
    """Return a matrix of shares as rows of (fuse path, number in words, length of its bar)."""
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
