"""One matrix per module along the depth: a row per output, a column per branch that contributes to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, isfinite, log10
from typing import Any

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from hrnet_viz.canvas.panels import Floats
from hrnet_viz.canvas.style import (
    MARGIN,
    NORMAL,
    SMALL,
    Picture,
    Theme,
    branch_colour,
    colour_bar,
    ink_on,
    map_limits,
    new_picture,
    short,
    show_map,
    theme_colours,
)

WIDTH = 10.0  # in
MOST_CELLS = 14  # in a line
LARGEST = 0.62  # in
GAP = 0.5  # in, between matrices: room for the strip and the numbers of the rows
LEFT = 0.85
ABOVE = 0.62  # in, over a matrix: its name, then the numbers of the columns
BETWEEN = 0.16
STRIP = 0.07
BAR = 0.5
SMALLEST_PLAIN, LARGEST_PLAIN = 1e-3, 1e4


def matrices_picture(
    matrices: Mapping[str, Floats],
    *,
    signed: bool,
    limit: float | None = None,
    title: str,
    caption: str,
    label: str,
    theme: Theme | None = None,
) -> Picture:
    """Draw a matrix per module, with a number in every cell and one scale for all.

    Args:
        matrices: module -> (I, J); row i is the output, column j the branch.
        signed: use the signed colours.
        limit: upper end of the scale; the largest value if None.
        title: a few words for the top.
        caption: a sentence or two for below.
        label: what the numbers are, with their unit.
        theme: "light" or "dark"; the default theme if None.
    """
    if not matrices:
        raise ValueError("No matrix was given to draw; there is one for every module with an exchange.")
    lines = break_lines({module: matrix.shape[1] for module, matrix in matrices.items()})
    most = max(sum(matrices[module].shape[1] for module in line) for line in lines)
    gaps = max(len(line) for line in lines) - 1
    cell = min((WIDTH - 2 * MARGIN - LEFT - gaps * GAP) / most, LARGEST)
    heights = [ABOVE + cell * max(matrices[module].shape[0] for module in line) for line in lines]
    low, high = map_limits(np.concatenate([matrix.ravel() for matrix in matrices.values()]), signed=signed)
    low, high = low if signed else min(low, 0.0), high if limit is None else limit
    with new_picture(
        WIDTH,
        sum(heights) + BETWEEN * (len(lines) - 1) + BAR,
        theme,
        title=title,
        caption=caption,
        alt=describe_matrices(title, matrices, label),
    ) as picture:
        top = 0.0
        for line, height in zip(lines, heights, strict=True):
            left = MARGIN + LEFT
            for module in line:
                image = _draw(picture, module, matrices[module], (left, top), cell, signed=signed, limits=(low, high))
                left += matrices[module].shape[1] * cell + GAP
            picture.write(MARGIN, top + ABOVE + 0.02, "into\noutput\ni", fontsize=SMALL, color=_muted(picture))
            top += height + BETWEEN
        bar = picture.inches(MARGIN + LEFT, top + 0.05, 3.2, 0.09, label="scale")
        colour_bar(image, bar, orientation="horizontal")
        picture.write(MARGIN + LEFT + 3.4, top + 0.02, label, fontsize=SMALL)
    return picture


def break_lines(sizes: Mapping[str, int]) -> list[list[str]]:
    """Break the modules into lines of at most ``MOST_CELLS`` cells, in their order."""
    lines: list[list[str]] = [[]]
    used = 0
    for module, size in sizes.items():
        if lines[-1] and used + size > MOST_CELLS:
            lines.append([])
            used = 0
        lines[-1].append(module)
        used += size
    return lines


def describe_matrices(title: str, matrices: Mapping[str, Floats], label: str) -> str:
    """Say in words what the matrices hold."""
    told = []
    for module, matrix in matrices.items():
        rows = [f"output {i}: {', '.join(short(value) for value in row)}" for i, row in enumerate(matrix.tolist())]
        told.append(f"{module}, {'; '.join(rows)}")
    return f"{title}. {label}, for each output by branch 0, 1, ...: {'. '.join(told)}."


def write_numbers(matrix: Floats, greatest: float) -> list[list[str]]:
    """Write the numbers of a matrix, all with the same decimals: ".94", "−.01", "0"; ``greatest`` says how many."""
    return [[_write(value, greatest) for value in row] for row in matrix.tolist()]


def _write(value: float, greatest: float) -> str:
    if not isfinite(value):
        return "–"
    if not SMALLEST_PLAIN <= greatest < LARGEST_PLAIN:
        return short(value, 1)
    decimals = max(1 - floor(log10(greatest)) + (greatest >= 1), 0)
    words = f"{abs(value):.{decimals}f}"
    if not float(words):
        return "0"
    words = words.removeprefix("0") if "." in words else words
    return f"−{words}" if value < 0 else words


def _draw(
    picture: Picture,
    module: str,
    matrix: Floats,
    place: tuple[float, float],
    cell: float,
    *,
    signed: bool,
    limits: tuple[float, float],
) -> AxesImage:
    (left, top), (rows, columns) = place, matrix.shape
    muted = _muted(picture)
    picture.write(left, top, module, fontsize=NORMAL, fontweight="bold")
    picture.write(left, top + 0.2, "from branch j", fontsize=SMALL, color=muted)
    axes = picture.inches(left, top + ABOVE, columns * cell, rows * cell, label=module)
    image = show_map(axes, matrix, signed=signed, vmin=limits[0], vmax=limits[1])
    numbers = write_numbers(matrix, max(abs(limits[0]), abs(limits[1])))
    fills: Any = image.to_rgba(matrix)
    for (i, j), value in np.ndenumerate(matrix):
        colour = to_hex(fills[i, j]) if isfinite(value) else theme_colours(picture.theme).fault
        axes.text(j, i, numbers[i][j], ha="center", va="center", fontsize=SMALL, color=ink_on(colour))
    for number in range(max(rows, columns)):
        if number < columns:
            x = left + (number + 0.5) * cell
            picture.write(x, top + ABOVE - STRIP - 0.2, str(number), ha="center", fontsize=SMALL, color=muted)
            _strip(picture, number, (left + number * cell, top + ABOVE - STRIP - 0.02), (cell, STRIP))
        if number < rows:
            y = top + ABOVE + (number + 0.5) * cell
            picture.write(left - STRIP - 0.06, y, str(number), ha="right", va="center", fontsize=SMALL, color=muted)
            _strip(picture, number, (left - STRIP - 0.02, top + ABOVE + number * cell), (STRIP, cell))
    return image


def _strip(picture: Picture, branch: int, place: tuple[float, float], size: tuple[float, float]) -> None:
    """Draw the colour of a branch beside its row or above its column."""
    (left, top), (wide, high) = place, size
    corner = picture.locate(left + 0.01, top + high - 0.01)
    opposite = picture.locate(left + wide - 0.01, top + 0.01)
    patch = Rectangle(
        corner, opposite[0] - corner[0], opposite[1] - corner[1], color=branch_colour(branch), linewidth=0
    )
    patch.set_transform(picture.transFigure)
    picture.add_artist(patch)


def _muted(picture: Picture) -> str:
    return theme_colours(picture.theme).muted


def average(values: Sequence[Floats] | Floats, sample: int | None) -> Floats:
    """Give the matrix of one photo, or the mean over all of them.

    Raises:
        IndexError: no such photo.
    """
    array = np.asarray(values, dtype=float)
    if sample is None:
        mean: Floats = array.mean(0)
        return mean
    if not 0 <= sample < len(array):
        raise IndexError(f"sample={sample} was asked for, but there are photos 0 to {len(array) - 1}.")
    one: Floats = array[sample]
    return one
