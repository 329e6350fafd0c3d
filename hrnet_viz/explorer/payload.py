"""What travels to the page: 8-bit indices with the limits of each map, and floats where numbers are shown.

Every answer is a small JSON value and one block of bytes, whose parts stand one after the other: floats first, so that
they start where a ``Float32Array`` may start. Numbers are little-endian, as every browser's are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    """Give numbers as little-endian float32 bytes."""
    return np.ascontiguousarray(values, dtype="<f4").tobytes()
