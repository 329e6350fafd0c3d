"""Pictures made on the fly, for the tests of reading."""

import io
import struct
import zlib

import numpy as np

from hrnet_viz import Photo


def ramp(height=24, width=32):
    """Smooth, so that JPEG keeps it, and different in each corner, so that a wrong turn shows."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 10, columns * 7, 128 + 0 * rows], axis=2).astype(np.uint8)


def noise(height, width, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Photo(pixels, f"noise {seed}", "nobody")


def encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def png_of(width, height, depth, colour_type, rows):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
