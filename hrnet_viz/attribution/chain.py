"""The head's chain of class activation maps: where resolution is given up and the class is decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrnet_viz.attribution.figures import caption_flags, describe, fit_tile, share_limit, title_of
from hrnet_viz.attribution.methods import NAMES
from hrnet_viz.attribution.tiles import RANGE_WORDS, Tile, draw_legend, draw_plain, draw_tile, read_picture, read_tile
from hrnet_viz.canvas.panels import draw_arrow
from hrnet_viz.canvas.style import LARGE, MARGIN, NORMAL, SMALL, Picture, Theme, new_picture, short, theme_colours

if TYPE_CHECKING:
    from hrnet_viz.attribution.cams import Cams, Enlarge

WIDTH = 10.0  # in
LABELS = 1.15
SIGN = 0.34  # in, between the maps of a row
HEAD = 0.22  # in, above each map
ROW_GAP = 0.12
TALLEST = 1.4  # in, of a map
ADDITIVE = ("gradcam", "hirescam")
"""Methods whose maps of the parts of a sum add up to the map of the sum: one gradient belongs to all of them."""


def cam_chain(cams: Cams, *, sample: int = 0, enlarge: Enlarge = "cells", theme: Theme | None = None) -> Picture:
    """Draw the maps of the head: widened (incre), carried down, added up, at one resolution per row, then the last one.

    Args:
        cams: the maps; they must hold the sites of the head.
        sample: number of the photo.
        enlarge: "cells" as they are, or "bilinear".
        theme: "light" or "dark"; the default theme if None.

    Raises:
        SiteError: a site that there is no map of.
        IndexError: no such photo.
    """
    adds = cams.method in ADDITIVE
    rows = [[read_tile(cams, "head.incre0", sample)]]
    for b in (1, 2, 3):
        tiles = [read_tile(cams, name, sample) for name in (f"head.incre{b}", f"head.down{b - 1}", f"head.sum{b}")]
        rows.append(share_limit(tiles, wanted=adds))
    final = read_tile(cams, "head.final", sample)
    pixels = read_picture(cams, sample)
    size = wide, high = fit_tile(cams, TALLEST)
    tall = HEAD + high + RANGE_WORDS + ROW_GAP
    start = MARGIN + LABELS
    column = wide + SIGN
    with new_picture(
        WIDTH,
        4 * tall - ROW_GAP,
        theme,
        title=f"{title_of(cams, sample)}: the head gives resolution up, step by step",
        caption=_caption(cams, rows, final, adds=adds),
        alt=describe(cams, [*(tile for row in rows for tile in row), final], sample, "through the head"),
    ) as picture:
        muted = theme_colours(picture.theme).muted

        def place(tile: Tile, left: float, top: float) -> None:
            picture.write(left, top, tile.site.name, fontsize=NORMAL, fontweight="bold")
            draw_tile(picture, tile, pixels, (left, top + HEAD), size, enlarge=enlarge)

        for b, row in enumerate(rows):
            top = b * tall
            words = f"stride {row[0].site.stride}\n{row[0].size} cells\n{row[0].site.channels} channels"
            picture.write(MARGIN, top + HEAD, words, fontsize=SMALL, color=muted, linespacing=1.35)
            for k, tile in enumerate(row):
                place(tile, start + k * column, top)
                if k:
                    between = (start + k * column - SIGN / 2, top + HEAD + high / 2)
                    picture.write(*between, "+="[k - 1], ha="center", va="center", fontsize=LARGE, color=muted)
            if b < 3:  # the running sum goes down into the next resolution
                last = start + (len(row) - 1) * column
                below = (b + 1) * tall
                if b:
                    draw_arrow(
                        picture, (last - 0.04, top + HEAD + high + 0.1), (start + column + wide + 0.06, below + HEAD)
                    )
                else:
                    draw_arrow(picture, (last + wide + 0.04, top + HEAD + high), (start + column + 0.25, below - 0.02))
        right, bottom = start + 3 * column + 0.3, 3 * tall
        middle = bottom + HEAD + high / 2
        draw_arrow(picture, (right - SIGN - 0.26, middle), (right - 0.06, middle))
        place(final, right, bottom)
        score = f"mean over all cells,\none linear layer:\nscore {short(float(cams.scores[sample]), 3)}"
        picture.write(right + wide + 0.2, middle, score, fontsize=NORMAL, va="center", linespacing=1.4)
        draw_plain(picture, pixels, (right, HEAD), size)
        draw_legend(picture, (right, HEAD + high + RANGE_WORDS + 0.3), min(2.6, WIDTH - MARGIN - right))
    return picture


def _caption(cams: Cams, rows: list[list[Tile]], final: Tile, *, adds: bool) -> str:
    silent = caption_flags([tile for row in rows for tile in row] + [final])
    if adds:
        return (
            f"{silent}{NAMES[cams.method]} maps of a row are in one unit, since one gradient belongs to a sum and to "
            "its parts: they share a scale, and the first two add up to the third. Rows cannot be compared."
        )
    return (
        f"{silent}Each map is coloured up to its own largest absolute value; with {NAMES[cams.method]} the maps of the "
        "parts do not add up to that of the sum."
    )
