"""Drawn pixels -> a small PNG that holds nothing but pixels, so that equal pictures are equal bytes."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PALETTE = 256
INVISIBLE = 6  # of 255: a colour may move so far; two steps of a colour map with 256 colours are about as large
EDGES = 0.01  # share of pixels that may move further: those on the slopes of lines and letters,
STRAY = 24  # but no pixel further than this


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode pixels (H, W, 3) uint8, with a palette of 256 colours where nothing changes visibly by that.

    A palette makes a figure of maps and text two to four times smaller. A picture with too many colours is stored as it
    is.
    """
    image = Image.fromarray(pixels)
    # Maximum coverage serves rare colours too; a median cut would give most of the palette to the greys of the text.
    small = image.quantize(PALETTE, method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
    palette = np.array(small.getpalette(), np.uint8).reshape(-1, 3)
    indices = np.asarray(small)
    palette[indices[0, 0]] = pixels[0, 0]  # the page meets the notebook's own: not even one step off
    small.putpalette(palette.tobytes())
    off = np.abs(palette[indices].astype(np.int16) - pixels).max(axis=2)
    fits = (off > INVISIBLE).mean() <= EDGES and off.max() <= STRAY
    buffer = io.BytesIO()
    (small if fits else image).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
