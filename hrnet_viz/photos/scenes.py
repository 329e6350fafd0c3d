"""Synthetic scenes with exact truth, equal for equal arguments: a point, a checker, a mosaic of photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from hrnet_viz.photos.photo import Photo, PhotoError
from hrnet_viz.photos.preparation import Preparation, check_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CREDIT = "Synthetic, made by hrnet_viz"
# The background stays below this, so that a point of 255 is the brightest place wherever it falls.
BACKGROUND_TOP = 170
MARGIN = 0.1


@dataclass(frozen=True)
class PointScene:
    """A textured picture with one bright point.

    Attributes:
        picture: the picture.
        place: (row, column) of the middle of the point, in pixels.
    """

    picture: Photo
    place: tuple[int, int]


@dataclass(frozen=True)
class Mosaic:
    """Several photos in one picture.

    Attributes:
        picture: the picture.
        boxes: (left, top, right, bottom) of each photo in it, in pixels, in the order of the photos. Right and bottom
            are the first column and row outside; the boxes tile the picture.
    """

    picture: Photo
    boxes: tuple[tuple[int, int, int, int], ...]


def point_scene(size: int | tuple[int, int] = 224, seed: int = 0) -> PointScene:
    """Draw a photo-like texture (coarse and fine structure, roughly 1/f) with one white point of 3 x 3 pixels.

    Made for one question: can the point still be found after the picture went down and up again? Another seed gives
    another texture and another place, at least a tenth of each side away from the border.

    Raises:
        ValueError: for a size, (height, width) or one number in pixels, that makes no sense.
    """
    height, width = check_size(size)
    random = np.random.default_rng(seed)
    pixels = _weave(height, width, random)
    row, column = (int(side * (MARGIN + (1 - 2 * MARGIN) * random.random())) for side in (height, width))
    pixels[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] = 255
    return PointScene(Photo(pixels, f"point {seed}", CREDIT), (row, column))


def _weave(height: int, width: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Value noise: random grids, the finer the weaker, enlarged smoothly and added up."""
    total = np.zeros((height, width, 3))
    cells = 2
    while cells <= max(height, width):
        # mostly grey with a little colour, as photos are
        grid = random.random((cells, cells, 1)) + 0.35 * random.random((cells, cells, 3))
        for colour in range(3):
            layer = Image.fromarray(grid[:, :, colour].astype(np.float32))
            total[:, :, colour] += np.asarray(layer.resize((width, height), Image.Resampling.BICUBIC)) / cells**0.75
        cells *= 2
    low, high = total.min(), total.max()
    if high == low:  # a picture of a single pixel
        return np.full((height, width, 3), BACKGROUND_TOP // 2, dtype=np.uint8)
    woven: NDArray[np.uint8] = np.rint((total - low) / (high - low) * BACKGROUND_TOP).astype(np.uint8)
    return woven


def checker(size: int | tuple[int, int] = 224, cell: int = 8) -> Photo:
    """Draw a chessboard of black and white squares of `cell` pixels (at least 1), black in the top left corner.

    Squares smaller than a stream's stride can't survive in that stream.
    """
    height, width = check_size(size)
    if cell < 1:
        raise ValueError(f"cell is {cell}, but a square needs at least 1 pixel.")
    rows, columns = np.ogrid[:height, :width]
    board = ((rows // cell + columns // cell) % 2 * 255).astype(np.uint8)
    return Photo(np.repeat(board[:, :, None], 3, axis=2), f"checker {cell}", CREDIT)


def mosaic(
    photos: Sequence[Photo],
    grid: tuple[int, int] = (2, 2),
    size: int | tuple[int, int] = 224,
    *,
    fit: Literal["squash", "crop"] = "crop",
) -> Mosaic:
    """Lay photos into a grid, row by row, for the pointing game: does a map for a class point into its photo?

    Args:
        photos: as many as the grid has cells.
        grid: (rows, columns).
        size: (height, width) of the whole picture or one number, in pixels.
        fit: "crop" fills each cell with the middle of its photo, "squash" with all of it, whatever its shape.

    Raises:
        PhotoError: for another number of photos than cells.
        ValueError: for a grid or size that makes no sense.
    """
    (height, width), (rows, columns) = check_size(size), check_size(grid)
    if len(photos) != rows * columns:
        raise PhotoError(
            f"A grid of {rows} x {columns} takes {rows * columns} photos, but {len(photos)} were given. "
            "Repeat or leave out some, or choose another grid."
        )
    if rows > height or columns > width:
        raise ValueError(
            f"A grid of {rows} x {columns} doesn't fit into {height} x {width} pixels: choose a larger size."
        )
    tops = [row * height // rows for row in range(rows + 1)]
    lefts = [column * width // columns for column in range(columns + 1)]
    boxes = tuple(
        (lefts[column], tops[row], lefts[column + 1], tops[row + 1]) for row in range(rows) for column in range(columns)
    )
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    for photo, (left, top, right, bottom) in zip(photos, boxes, strict=True):
        cell = Preparation(size=(bottom - top, right - left), fit=fit, crop_fraction=1.0)
        pixels[top:bottom, left:right] = cell.picture(photo).pixels
    credit = " | ".join(dict.fromkeys(photo.credit for photo in photos if photo.credit))
    return Mosaic(Photo(pixels, "mosaic of " + ", ".join(photo.name for photo in photos), credit), boxes)
