"""One matrix per module along the depth: a row per output, a column per branch that contributes to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, isfinite, log10
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle

from hrnet_viz.canvas.colours import Theme, branch_colour, ink_on, theme_colours
from hrnet_viz.canvas.painting import colour_bar, map_limits, short, show_map, theme_of
from hrnet_viz.canvas.panels import Floats, count, name_photo
from hrnet_viz.canvas.style import MARGIN, NORMAL, ROOM, SMALL, WIDTH, Picture
from hrnet_viz.sites import check_index

MOST_CELLS = 14  # in a line
LARGEST = 0.62  # in
GAP = 0.5  # in, between matrices: room for the strip and the numbers of the rows
LEFT = MARGIN + 0.85
ABOVE = 0.62  # in, over a matrix: its name, then the numbers of the columns
BETWEEN = 0.16
STRIP = 0.05  # in, of the colour of a branch
BAR = 0.5


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
    """Draw a matrix (I, J) per module, row i the output, column j the branch, with its numbers and one scale for all.

    ``limit`` is the upper end of the scale, the largest value if None; ``label`` says what the numbers are.

    Raises:
        ValueError: no matrix.
    """
    if not matrices:
        raise ValueError("No matrix was given to draw; there is one for every module with an exchange.")
    lines = _break_lines({module: matrix.shape[1] for module, matrix in matrices.items()})
    most = max(sum(matrices[module].shape[1] for module in line) for line in lines)
    cell = min((ROOM + MARGIN - LEFT - (max(map(len, lines)) - 1) * GAP) / most, LARGEST)
    heights = [ABOVE + cell * max(matrices[module].shape[0] for module in line) for line in lines]
    low, high = map_limits(np.concatenate([matrix.ravel() for matrix in matrices.values()]), signed=signed)
    limits = low if signed else min(low, 0.0), high if limit is None else limit
    height = sum(heights) + BETWEEN * (len(lines) - 1) + BAR
    alt = describe_matrices(title, matrices, label)
    with Picture(WIDTH, height, theme, title=title, caption=caption, alt=alt) as picture:
        top = 0.0
        for line, tall in zip(lines, heights, strict=True):
            left = LEFT
            for module in line:
                rows, columns = matrices[module].shape
                picture.write(left, top, module, fontsize=NORMAL, fontweight="bold")
                picture.note(left, top + 0.2, "from branch j")
                axes = picture.inches(left, top + ABOVE, columns * cell, rows * cell, label=module)
                image = show_map(axes, matrices[module], signed=signed, vmin=limits[0], vmax=limits[1])
                number_cells(image, matrices[module], max(map(abs, limits)))
                _name_branches(axes, (rows, columns), cell, picture.colours.muted)
                left += columns * cell + GAP
            picture.note(MARGIN, top + ABOVE + 0.02, "into\noutput\ni")
            top += tall + BETWEEN
        colour_bar(image, picture.inches(LEFT, top + 0.05, 3.2, 0.09, label="scale"), orientation="horizontal")
        picture.write(LEFT + 3.4, top + 0.02, label, fontsize=SMALL)
    return picture


def _break_lines(sizes: Mapping[str, int]) -> list[list[str]]:
    """Break the modules into lines of at most ``MOST_CELLS`` cells, in their order."""
    lines: list[list[str]] = [[]]
    for module, size in sizes.items():
        if lines[-1] and sum(sizes[one] for one in lines[-1]) + size > MOST_CELLS:
            lines.append([])
        lines[-1].append(module)
    return lines


def _name_branches(axes: Axes, size: tuple[int, int], cell: float, ink: str) -> None:
    """Write the number and draw the colour of each branch above its column, and of each output beside its row."""
    thick, edge, inset = STRIP / cell, -0.5 - 0.03 / cell, 0.01 / cell  # in cells
    for k in range(max(size)):
        for down, number in enumerate(size):
            if k >= number:
                continue
            places = ((edge - thick, k - 0.5 + inset), (thick, 1 - 2 * inset), (edge - thick - 0.04 / cell, k))
            start, wide, (x, y) = (place[::-1] for place in places) if down else places
            axes.add_patch(Rectangle(start, *wide, color=branch_colour(k), linewidth=0, clip_on=False))
            side: dict[str, Any] = {"ha": "center", "va": "bottom"} if down else {"ha": "right", "va": "center"}
            axes.text(x, y, str(k), fontsize=SMALL, color=ink, **side)


def number_cells(image: AxesImage, matrix: Floats, greatest: float) -> None:
    """Write its number into every cell of a matrix that was drawn, with the decimals that the greatest one needs."""
    fills: Any = image.to_rgba(matrix)
    fault = theme_colours(theme_of(image.axes)).fault
    for (i, j), value in np.ndenumerate(matrix):
        colour = to_hex(fills[i, j]) if isfinite(value) else fault
        centred: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": SMALL, "color": ink_on(colour)}
        image.axes.text(j, i, _write(float(value), greatest), **centred)


def _write(value: float, greatest: float) -> str:
    if not isfinite(value):
        return "–"
    if not 1e-3 <= greatest < 1e4:
        return short(value, 1)
    words = f"{abs(value):.{max(1 - floor(log10(greatest)) + (greatest >= 1), 0)}f}"
    if not float(words):
        return "0"
    return "−" * (value < 0) + (words.removeprefix("0") if "." in words else words)


def describe_matrices(title: str, matrices: Mapping[str, Floats], label: str) -> str:
    """Write the text alternative of matrices: all their numbers."""
    each = []
    for module, matrix in matrices.items():
        rows = [f"output {i}: {', '.join(map(short, row))}" for i, row in enumerate(matrix.tolist())]
        each.append(f"{module}, {'; '.join(rows)}")
    return f"{title}. {label}, for each output by branch 0, 1, ...: {'. '.join(each)}."


def average(values: Sequence[Floats] | Floats, index: int | None) -> Floats:
    """Return the matrix of one photo, or the mean over all of them if None.

    Raises:
        IndexError: no such photo.
    """
    array = np.asarray(values, dtype=float)
    chosen: Floats = array.mean(0) if index is None else array[check_index(index, len(array))]
    return chosen


def whose(names: Sequence[str], photos: int, index: int | None) -> str:
    """Write which photos a picture is of: "photo “cat”", "mean over 2 photos"."""
    return f"mean over {count(photos, 'photo')}" if index is None and photos > 1 else name_photo(names, index or 0)
