"""Decide whether two pictures look the same: coarsely enough for another font, finely enough for another content.

Two questions, because areas and thin lines hide different mistakes. *Blocks*: both pictures are cut into 16 x 16
blocks, whose mean colours must agree. *Strays*: on 64 x 64 cells, a cell strays when its colour lies outside everything
that the other picture shows in the cells around it; few may.

Measured on line charts and on a grid of 32 maps, at 50 and 100 dpi: another font size, a shift by a pixel and a margin
wider by 6 px change a block by 21 at most, the average block by 1.7, and make 12 cells stray; a flip, other data,
another colour map, noise or an empty picture make 64 cells stray at least.
"""

import io

import numpy as np
from PIL import Image, ImageFilter, UnidentifiedImageError

BLOCKS = 16
LARGEST_BLOCK = 24.0  # of 255: difference of the mean colours of any block
AVERAGE_BLOCK = 2.5  # of 255: the same on average over all blocks
CELLS = 64
STRAY = 24.0  # of 255: a cell strays when it lies this far outside of its counterpart's neighbourhood
MOST_STRAYS = 25  # of 64 x 64 cells
SIZE_SLACK = 8  # px: a tight bounding box follows the font


def read_picture(data: bytes) -> Image.Image:
    """Decode a PNG or JPEG to RGBA; ValueError with a sentence when it is none."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.convert("RGBA")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{len(data)} bytes that are not a readable picture ({error})") from error


def explain_unreadable(stored: bytes, fresh: bytes) -> str | None:
    """Say which of two encoded pictures cannot be decoded, or None when both can."""
    for name, data in (("stored", stored), ("fresh", fresh)):
        try:
            read_picture(data)
        except ValueError as error:
            return f"the {name} picture is {error}"
    return None


def explain_difference(stored: bytes, fresh: bytes) -> str | None:
    """Say in one sentence how two encoded pictures differ, or None when they look the same."""
    unreadable = explain_unreadable(stored, fresh)
    if unreadable:
        return unreadable
    old, new = read_picture(stored), read_picture(fresh)
    if any(abs(a - b) > SIZE_SLACK for a, b in zip(old.size, new.size, strict=True)):
        return f"stored {old.width} x {old.height} px, fresh {new.width} x {new.height} px; {SIZE_SLACK} px may differ"
    return explain_blocks(old, new) or explain_strays(old, new)


def shrink(image: Image.Image, cells: int) -> Image.Image:
    """Mean colours of ``cells`` x ``cells`` equal parts, over light grey, with opacity as a fourth channel."""
    background = Image.new("RGBA", image.size, (224, 224, 224, 255))
    shown = Image.alpha_composite(background, image)
    shown.putalpha(image.getchannel("A"))
    parts = [band.resize((cells, cells), Image.Resampling.BOX) for band in shown.split()]
    return Image.merge("RGBA", parts)


def explain_blocks(old: Image.Image, new: Image.Image) -> str | None:
    """Say where the mean colours of coarse blocks differ most, or None when they agree."""
    means = [np.asarray(shrink(image, BLOCKS), float) for image in (old, new)]
    difference = np.abs(means[0] - means[1]).max(axis=2)
    if difference.max() <= LARGEST_BLOCK and difference.mean() <= AVERAGE_BLOCK:
        return None
    row, column = np.unravel_index(difference.argmax(), difference.shape)
    return (
        f"mean colours of {BLOCKS} x {BLOCKS} blocks differ by {difference.max():.0f} of 255 at block row {row}, "
        f"column {column} (allowed {LARGEST_BLOCK:.0f}), {difference.mean():.1f} on average (allowed {AVERAGE_BLOCK})"
    )


def explain_strays(old: Image.Image, new: Image.Image) -> str | None:
    """Say how many cells of one picture find nothing like them around the same place of the other, or None when few."""
    cells = [shrink(image, CELLS) for image in (old, new)]
    strays = max(count_strays(*cells), count_strays(*reversed(cells)))
    if strays <= MOST_STRAYS:
        return None
    return f"{strays} of {CELLS} x {CELLS} cells show what the other picture has nowhere near (allowed {MOST_STRAYS})"


def count_strays(cells: Image.Image, others: Image.Image) -> int:
    """Count the cells that lie outside the range of colours of the 3 x 3 cells around the same place in ``others``."""
    low = np.asarray(others.filter(ImageFilter.MinFilter(3)), float)
    high = np.asarray(others.filter(ImageFilter.MaxFilter(3)), float)
    values = np.asarray(cells, float)
    outside = np.maximum(low - values, values - high).max(axis=2)
    return int((outside > STRAY).sum())
