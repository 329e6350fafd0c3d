"""What two nets answer to the question where the point is, beside the scene."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from hrnet_viz.canvas.style import MARGIN, Picture, Theme, new_picture, outline, short, show_map, theme_colours

SIDE = 2.4  # in
GAP = 0.35  # in
WORDS = 0.45  # in, above each panel
RING = "#ff8c00"  # seen on dark and on bright cells


def point_answers(
    pixels: ArrayLike, place: tuple[float, float], answers: Mapping[str, ArrayLike], *, theme: Theme | None = None
) -> Picture:
    """Draw a scene with its point circled, and for each net the probability of each cell.

    Args:
        pixels: the scene, (H, W, 3) uint8.
        place: row and column of the point in px.
        answers: name of a net -> probabilities (h, w) of its cells, which cover the scene.
        theme: "light" or "dark"; the default theme if None.
    """
    scene = np.asarray(pixels)
    height, width = scene.shape[:2]
    row, column = place
    misses = {name: _miss(np.asarray(map_), place, (height, width)) for name, map_ in answers.items()}
    told = "; ".join(f"{name} is off by {miss:.1f} px" for name, miss in misses.items())
    panels = 1 + len(answers)
    with new_picture(
        panels * SIDE + (panels - 1) * GAP + 2 * MARGIN,
        SIDE + WORDS + 0.1,
        theme,
        title="Where is the point?",
        caption="Brightness is the probability that a net gives a cell of 4 x 4 px; the ring is where the point is.",
        alt=f"A textured scene with one point at row {row:.0f}, column {column:.0f}. Answers of the nets: {told}.",
    ) as picture:
        axes = picture.inches(MARGIN, WORDS, SIDE, SIDE)
        axes.imshow(scene, interpolation="nearest", extent=(0, width, height, 0))
        _finish(axes, place, "scene", f"{height} × {width} px, one point", picture)
        for number, (name, map_) in enumerate(answers.items(), start=1):
            axes = picture.inches(MARGIN + number * (SIDE + GAP), WORDS, SIDE, SIDE)
            values = np.asarray(map_, dtype=float)
            show_map(axes, values, vmin=0, extent=(0, width, height, 0))
            words = f"off by {misses[name]:.1f} px, best cell {short(float(values.max()))}"
            _finish(axes, place, name, words, picture)
    return picture


def _finish(axes: Axes, place: tuple[float, float], title: str, words: str, picture: Picture) -> None:
    axes.set(xticks=[], yticks=[])
    axes.plot(place[1] + 0.5, place[0] + 0.5, "o", markersize=16, mfc="none", mec=RING, mew=2)
    outline(axes, theme_colours(picture.theme).grid)
    axes.set_title(title, loc="left", fontweight="bold", pad=18)
    axes.text(0, 1.02, words, transform=axes.transAxes, color=theme_colours(picture.theme).muted, fontsize=9)


def _miss(values: NDArray[np.float64], place: tuple[float, float], size: tuple[int, int]) -> float:
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    middle = ((row + 0.5) * size[0] / values.shape[0] - 0.5, (column + 0.5) * size[1] / values.shape[1] - 0.5)
    return float(np.hypot(middle[0] - place[0], middle[1] - place[1]))
