"""Maps of one site, channel by channel, and what a net answers to a point."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from numbers import Real
from typing import Literal

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from hrnet_viz.activations.statistics import Order, rank_channels
from hrnet_viz.canvas.panels import SiteMaps, count, find_peak, fit_cells, name_range, name_sample, read_maps
from hrnet_viz.canvas.style import (
    MARGIN,
    SMALL,
    Picture,
    Theme,
    colour_bar,
    map_limits,
    new_picture,
    outline,
    short,
    show_map,
    theme_colours,
)
from hrnet_viz.sites import Site, check_whole, quote
from hrnet_viz.tracing import Trace

GAP = 0.09  # in, between maps
LABEL = 0.19  # in, above each map
NARROWEST = 0.66  # in: below this a channel number and a value do not fit side by side
BAR_ROOM = 0.82  # in, right of the grid
TALLEST = 4.65  # in: with title and caption the picture still fits a 16:9 slide


def channel_grid(
    trace: Trace,
    site: str | Site,
    *,
    sample: int = 0,
    sort: Order = "index",
    scale: Literal["map", "site"] = "map",
    most: int = 48,
    width_in: float = 10,
    theme: Theme | None = None,
) -> Picture:
    """Draw the maps of one site as a grid of channels.

    Args:
        trace: the trace.
        site: a site with spatial extent; "stage3.1.out0[3,5]" for some of its channels.
        sample: number of the photo in the trace.
        sort: order of the channels: "index", or the greatest "mean", "max" or "energy" (mean square) first.
        scale: "map": each map uses all colours, the number above it says how far its colours reach; "site": one scale
            for all, so that brightness can be compared.
        most: draw at most so many channels; the caption says what became of the others.
        width_in: width of the picture in inches.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        SiteError: no such site, or one that the trace did not keep.
        IndexError: the trace has no such photo.
        ValueError: the site has no spatial extent, or no such order or scale.
    """
    if scale not in ("map", "site"):
        raise ValueError(f"scale={quote(scale)} was given; maps are scaled per 'map' or per 'site'.")
    most = check_whole("most", most)
    if not isinstance(width_in, Real) or not 1 <= width_in <= 100:
        raise ValueError(f"width_in={quote(width_in)} was given; a picture is 1 to 100 inches wide.")
    maps = read_maps(trace, site, sample)
    order = rank_channels(torch.from_numpy(maps.values), sort)
    shown = order[:most]
    rows, columns = maps.values.shape[1:]
    across, (wide, high) = _arrange(len(shown), (rows, columns), width_in - 2 * MARGIN - BAR_ROOM)
    down = ceil(len(shown) / across)
    with new_picture(
        width_in,
        down * (high + LABEL) + (down - 1) * GAP,
        theme,
        title=f"{maps.site.name}: {count(maps.site.channels, 'channel')} of {maps.size} cells",
        caption=_caption(maps, len(shown), sort, scale),
        alt=_describe(maps, trace, sample),
        accent=maps.colour,
    ) as picture:
        limits = map_limits(maps.values, signed=maps.signed)
        gap = min((width_in - 2 * MARGIN - BAR_ROOM - across * wide) / max(across - 1, 1), 3 * GAP)
        for place, channel in enumerate(shown):
            row, column = divmod(place, across)
            left, top = MARGIN + column * (wide + gap), row * (high + LABEL + GAP)
            axes = picture.inches(left, top + LABEL, wide, high, label=f"channel {maps.channels[channel]}")
            values = maps.values[channel]
            low, reach = map_limits(values, signed=maps.signed) if scale == "map" else limits
            image = show_map(axes, values, signed=maps.signed, vmin=min(low, 0), vmax=reach)
            _label(picture, (left, top + LABEL - 0.03, wide), maps, channel, reach if scale == "map" else None)
        right = MARGIN + across * wide + (across - 1) * gap + 0.14
        bar = picture.inches(right, LABEL, 0.11, min(high * down + (LABEL + GAP) * (down - 1), 2.2), label="scale")
        if scale == "site":
            colour_bar(image, bar)
        else:
            _draw_key(bar, signed=maps.signed)
    return picture


def _arrange(number: int, cells: tuple[int, int], room: float) -> tuple[int, tuple[float, float]]:
    """Choose how many maps stand in a row, so that they become as large as a slide allows."""

    def size(across: int) -> tuple[float, float]:
        down = ceil(number / across)
        each = (room - GAP * (across - 1)) / across, (TALLEST - GAP * (down - 1)) / down - LABEL
        return fit_cells((max(each[0], 0.05), max(each[1], 0.05)), cells)

    choices = range(1, max(int((room + GAP) / (NARROWEST + GAP)), 1) + 1)
    best = max(choices, key=lambda across: (round(size(across)[0], 3), across))
    return min(best, number), size(best)


def _label(
    picture: Picture, place: tuple[float, float, float], maps: SiteMaps, channel: int, reach: float | None
) -> None:
    left, bottom, wide = place
    colours = theme_colours(picture.theme)
    picture.write(
        left, bottom, str(maps.channels[channel]), va="bottom", fontsize=SMALL, fontweight="bold", color=colours.ink
    )
    if not maps.values[channel].any():
        words, colour = "dead", colours.fault
    elif reach is not None:
        digits = 2 if wide > 0.9 or maps.channels[channel] < 100 else 1
        words, colour = ("±" if maps.signed else "") + short(reach, digits), colours.muted
    else:
        return
    picture.write(left + wide, bottom, words, va="bottom", ha="right", fontsize=SMALL, color=colour)


def _draw_key(bar: Axes, *, signed: bool) -> None:
    """Draw the colours of maps that each have their own scale."""
    show_map(
        bar, np.linspace(1, -1 if signed else 0, 256)[:, None], signed=signed, extent=(0, 1, -1 if signed else 0, 1)
    )
    bar.yaxis.tick_right()
    ends = ["−number", "0"] if signed else ["0"]
    bar.set_yticks([-1, 0, 1] if signed else [0, 1], [*ends, "number\nabove\nthe map"])
    bar.tick_params(length=2, pad=2)


def _caption(maps: SiteMaps, shown: int, sort: Order, scale: str) -> str:
    parts = [f"Each map is one channel, {maps.cell}; the bold number is the channel's."]
    if sort != "index":
        parts.append(f"The greatest {sort} comes first.")
    if rest := maps.site.channels - shown:
        which = f"{maps.channels[shown]} to {maps.channels[-1]}" if sort == "index" else f"with a smaller {sort}"
        parts.append(f"{shown} of {maps.site.channels} are drawn; the {rest} channels {which} are left out.")
    zero = "near white" if maps.signed else "dark"
    if scale == "map":
        parts.append(f"Every map has its own scale ({zero} is 0, the number above it the end): don't compare colours.")
    else:
        parts.append(f"All maps share one scale ({zero} is 0): colours can be compared.")
    return " ".join(parts)


def _describe(maps: SiteMaps, trace: Trace, sample: int) -> str:
    values = maps.values
    strongest = int(np.argmax(values.max(axis=(1, 2))))
    row, column = find_peak(values[strongest])
    dead = int((~values.any(axis=(1, 2))).sum())
    off = f"{count(dead, 'channel')} {'is' if dead == 1 else 'are'}" if dead else "No channel is"
    return (
        f"Channel grid of {maps.site.name} for {name_sample(trace, sample)}: {count(len(values), 'map')} of "
        f"{maps.size} cells, values from {name_range(values)}. The largest is in channel {maps.channels[strongest]} at "
        f"row {row}, column {column}. {off} zero everywhere."
    )


SIDE = 2.4  # in
GAP_POINTS = 0.35  # in
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
        panels * SIDE + (panels - 1) * GAP_POINTS + 2 * MARGIN,
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
            axes = picture.inches(MARGIN + number * (SIDE + GAP_POINTS), WORDS, SIDE, SIDE)
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
