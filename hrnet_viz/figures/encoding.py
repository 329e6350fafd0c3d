"""Drawn pixels -> a small PNG that holds nothing but pixels, so that equal pictures are equal bytes."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PALETTE = 256
WORST_MEAN = 1.5  # of 255: average difference of a pixel to its palette colour
WORST_TAIL = 10  # of 255: difference that 999 of 1,000 pixels stay under


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode pixels (H, W, 3) uint8, with a palette of 256 colours where that loses nothing visible.

    A palette makes a figure of maps and text two to four times smaller. A picture with photos in it usually needs
    more colours; it is stored as it is.
    """
    image = Image.fromarray(pixels)
    small = image.quantize(PALETTE, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    off = np.abs(np.asarray(small.convert("RGB"), np.int16) - pixels).max(axis=2)
    chosen = small if off.mean() <= WORST_MEAN and np.quantile(off, 0.999) <= WORST_TAIL else image
    buffer = io.BytesIO()
    chosen.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
