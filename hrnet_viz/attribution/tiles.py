"""One class activation map over the photo, the tile of every figure of such maps.

The photo is grey, so that colour is the map's alone: brown speaks for the target, blue against it, and where a map is
near zero the photo shows through. A map without any positive value is drawn in blues with words across it; one that is
zero everywhere leaves the photo, with words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor
from typing import Any

import numpy as np
import torch
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from numpy.typing import NDArray
from PIL import Image

from hrnet_viz.attribution.cams import SCORE_PER_PHOTO, Cams, Enlarge, upsample
from hrnet_viz.attribution.methods import NAMES
from hrnet_viz.canvas.colours import SIGNED, Theme, theme_colours
from hrnet_viz.canvas.painting import outline, short
from hrnet_viz.canvas.panels import Floats, count, site_colour, thin_colours
from hrnet_viz.canvas.style import SMALL, Picture
from hrnet_viz.sites import Site, check_index

STEPS = 12  # of colour on each side of zero, and
GREYS = 8  # of the photo: together they fit into the palette of one PNG
THINNEST, THICKEST = 0.32, 0.9  # opacity of zero, which is a veil, and of the largest step
RANGE_WORDS = 0.34  # in, two lines below a tile
TALLEST = 1.7  # in, of a map


@dataclass(frozen=True)
class Tile:
    """A map and what is known about it.

    Attributes:
        site: where it was taken.
        values: raw signed map, (h, w).
        note: why it says nothing, "" where it says something.
        limit: value at the ends of its colours; the largest absolute value if None.
    """

    site: Site
    values: Floats
    note: str = ""
    limit: float | None = None

    @property
    def low(self) -> float:
        """Lowest value."""
        return float(self.values.min())

    @property
    def high(self) -> float:
        """Highest value."""
        return float(self.values.max())

    @property
    def reach(self) -> float:
        """Value at the ends of its colours."""
        return max(abs(self.low), abs(self.high)) if self.limit is None else self.limit

    @property
    def flag(self) -> str:
        """What is written across a map that says nothing."""
        if not self.note:
            return ""
        return "the same\neverywhere" if self.low == self.high or self.high > 0 else "nothing\nfor it"

    @property
    def size(self) -> str:
        """Rows and columns of cells, "40 × 40"."""
        return f"{self.values.shape[0]} × {self.values.shape[1]}"

    def describe(self) -> str:
        """Return in words what the tile shows, for a text alternative."""
        words = f"{self.site.name} ({self.size}) from {short(self.low)} to {short(self.high)}"
        if self.flag:
            return f"{words}, {self.flag.replace(chr(10), ' ')}"
        return f"{words}, highest {name_place(self.values)}"


def read_tile(cams: Cams, site: str | Site, index: int = 0) -> Tile:
    """Take one photo's map out of ``Cams``.

    Raises:
        SiteError: no such site, or no map of it.
        IndexError: no such photo.
    """
    index = check_index(index, len(cams.targets))
    known = cams.plan.place(site).narrowed
    return Tile(known, cams[known][index].detach().cpu().double().numpy(), cams.note(known, index))


def read_picture(cams: Cams, index: int) -> NDArray[np.uint8] | None:
    """Return the picture that the net saw, (H, W, 3) uint8; None where it is not known or is no picture."""
    try:
        return cams.photo(index).pictures[0].pixels
    except ValueError:
        return None


def name_place(values: Floats) -> str:
    """Return in which ninth of the picture the highest value lies: "in the upper left", "in the middle"."""
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    down = ("upper", "", "lower")[floor(3 * (int(row) + 0.5) / values.shape[0])]
    across = ("left", "", "right")[floor(3 * (int(column) + 0.5) / values.shape[1])]
    if not down and not across:
        return "in the middle"
    return f"in the {down} {across}" if down and across else f"in the {down or 'middle'} {across or 'middle'}"


def blend(
    pixels: NDArray[np.uint8] | None, values: Floats, reach: float, theme: Theme, enlarge: Enlarge = "cells"
) -> NDArray[np.uint8]:
    """Return a raw signed map (h, w) over a grey photo, or over a plain surface, (H, W, 3) uint8.

    ``reach`` is the value at the ends of the colours; there are at most ``GREYS`` times ``2 * STEPS + 1`` of them.
    """
    size = (192, 192 * values.shape[1] // values.shape[0]) if pixels is None else pixels.shape[:2]
    large = upsample(torch.from_numpy(values)[None], (size[0], size[1]), enlarge)[0].numpy()
    steps = np.rint(np.clip(large / reach, -1, 1) * STEPS) if reach > 0 else np.zeros(size)
    strength = np.abs(steps) / STEPS
    colour = SIGNED(0.5 + steps / STEPS / 2)[:, :, :3] * 255
    opacity = (THINNEST + (THICKEST - THINNEST) * strength)[:, :, None]
    grey = _thin_greys(pixels, theme) if pixels is not None else np.full(size, 235 if theme == "light" else 40)
    mixed: NDArray[np.uint8] = np.rint((1 - opacity) * grey[:, :, None] + opacity * colour).astype(np.uint8)
    return mixed


def _thin_greys(pixels: NDArray[np.uint8], theme: Theme) -> NDArray[np.float64]:
    """Make a photo grey and quiet, in few dithered steps."""
    low, high = (70, 250) if theme == "light" else (20, 200)
    greys = np.linspace(low, high, GREYS).round().astype(np.uint8)
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.repeat(greys, 3).tobytes() + bytes(3 * [int(greys[-1])]) * (256 - GREYS))
    quiet = Image.fromarray(pixels).convert("L").point(lambda value: low + value * (high - low) // 255)
    thin = quiet.convert("RGB").quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    result: NDArray[np.float64] = np.asarray(thin.convert("L"), dtype=np.float64)
    return result


def draw_tile(
    picture: Picture,
    tile: Tile,
    pixels: NDArray[np.uint8] | None,
    place: tuple[float, float],
    size: tuple[float, float],
    *,
    enlarge: Enlarge = "cells",
) -> None:
    """Draw a tile over the photo, with its raw range below it; place and size are inches of the drawing."""
    (left, top), (wide, high) = place, size
    colours = theme_colours(picture.theme)
    axes = picture.inches(left, top, wide, high, label=tile.site.name)
    axes.imshow(blend(pixels, tile.values, tile.reach, picture.theme, enlarge), interpolation="nearest", aspect="auto")
    axes.set(xticks=[], yticks=[])
    outline(axes, site_colour(tile.site))
    if tile.flag:
        box = {"facecolor": colours.page, "edgecolor": "none", "alpha": 0.85, "pad": 2.5}
        middle: dict[str, Any] = {"ha": "center", "va": "center", "transform": axes.transAxes}
        axes.text(0.5, 0.5, tile.flag, fontsize=SMALL, color=colours.ink, bbox=box, **middle)
    picture.note(left, top + high + 0.04, f"high {short(tile.high)}")
    picture.note(left, top + high + 0.19, f"low {short(tile.low)}")


def draw_plain(
    picture: Picture, pixels: NDArray[np.uint8] | None, place: tuple[float, float], size: tuple[float, float]
) -> None:
    """Draw the photo as the net saw it, in its colours, where a tile would stand."""
    (left, top), (wide, high) = place, size
    axes = picture.inches(left, top, wide, high, label="photo")
    axes.set(xticks=[], yticks=[])
    outline(axes, theme_colours(picture.theme).grid, 0.8)
    if pixels is not None:
        axes.imshow(thin_colours(pixels, 32), interpolation="nearest", aspect="auto")
    words = "the photo is\nnot known" if pixels is None else "what the\nnet sees"
    picture.note(left, top + high + 0.04, words, linespacing=1.15)


def draw_legend(
    picture: Picture, place: tuple[float, float], width: float, *, reach: float | None = None, label: str = ""
) -> None:
    """Draw the colours: with numbers up to ``reach``, which are ``label``, if maps share a scale, else with words."""
    left, top = place
    axes = picture.inches(left, top + 0.2, width, 0.1, label="legend")
    mappable = ScalarMappable(Normalize(-(reach or 1.0), reach or 1.0), SIGNED)
    if reach is not None:
        bar = picture.colorbar(mappable, cax=axes, orientation="horizontal")
        bar.outline.set_visible(False)
        bar.set_ticks([-reach, 0, reach], labels=[short(-reach), "0", short(reach)])
        ends = bar.ax.xaxis.get_ticklabels()
        ends[0].set_horizontalalignment("left")
        ends[-1].set_horizontalalignment("right")
        bar.ax.tick_params(length=2, pad=2)
        picture.note(left, top, label)
        return
    axes.imshow(np.linspace(0, 1, 256)[None], cmap=SIGNED, aspect="auto")
    axes.set(xticks=[], yticks=[])
    outline(axes, None)
    verb = "speaks " if width > 2.2 else ""
    picture.note(left, top, f"{verb}against it")
    picture.note(left + width, top, f"{verb}for it", ha="right")
    picture.note(left + width / 2, top + 0.33, "0", ha="center")


def caption_scale(cams: Cams, scale: str) -> str:
    """Return in a sentence what the colours of a figure can be compared with."""
    if scale == "misleading":
        return (
            f"All maps share one scale here, which {NAMES[cams.method]} does not have: a gradient is spread over the "
            "cells, so a finer map looks paler even where it says the same. Do not read it across maps."
        )
    if cams.unit == SCORE_PER_PHOTO:
        return (
            "All maps share one scale: what an area like this all over the photo would contribute to the score, to "
            "first order. Colours and numbers can be compared between all maps."
        )
    return (
        "Each map is coloured up to its own largest absolute value; high and low are its raw values. They have no unit "
        "in common with other maps: compare places within a map, not colours between maps."
    )


def caption_flags(tiles: Sequence[Tile]) -> str:
    """Explain the words across maps that say nothing, if there are any."""
    silent = sum(tile.flag.startswith("nothing") for tile in tiles)
    flat = sum(tile.flag.startswith("the same") for tile in tiles)
    words = ""
    if silent:
        words += f"{count(silent, 'map')} without any positive value: nothing there speaks for the target. "
    if flat:
        words += f"{count(flat, 'map')} with the same value everywhere: nothing is located there. "
    return words


def describe(cams: Cams, tiles: Sequence[Tile], index: int, where: str) -> str:
    """Write the text alternative of a figure of one target."""
    each = "; ".join(tile.describe() for tile in tiles)
    score = short(float(cams.scores[index]), 3)
    return f"{title_of(cams, index)} (score {score}) {where}, {count(len(tiles), 'map')} over the photo. {each}."


def fit_tile(cams: Cams, width: float) -> tuple[float, float]:
    """Return (width, height) of a tile in inches: the shape of the photo, no wider than ``width`` and not too tall."""
    rows, columns = cams.input.shape[2:]
    shrink = min(1.0, TALLEST / (width * rows / columns))
    return width * shrink, width * rows / columns * shrink


def share_limit(tiles: list[Tile], *, wanted: bool) -> list[Tile]:
    """Return tiles with one scale if wanted."""
    reach = max(tile.reach for tile in tiles)
    return [replace(tile, limit=reach) for tile in tiles] if wanted else tiles


def title_of(cams: Cams, index: int) -> str:
    """Name method and target."""
    return f"{NAMES[cams.method]} for “{cams.targets[index]}”"
