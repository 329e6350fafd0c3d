"""Maps of one site, channel by channel, and what a net answers to a point."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from numbers import Real
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from hrnet_viz.canvas.colours import Theme
from hrnet_viz.canvas.painting import colour_bar, map_limits, short, show_map
from hrnet_viz.canvas.panels import (
    DEAD,
    Order,
    Panel,
    SiteMaps,
    count,
    fit_cells,
    in_pixels,
    name_peak,
    name_photo,
    name_range,
    panel_grid,
    read_maps,
)
from hrnet_viz.canvas.style import MARGIN, WIDTH, Picture
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
    index: int = 0,
    sort: Order = "index",
    scale: Literal["map", "site"] = "map",
    most: int = 48,
    width_in: float = WIDTH,
    theme: Theme | None = None,
) -> Picture:
    """Draw the maps of one site of a photo as a grid of channels; "stage3.1.out0[3,5]" names some of its channels.

    ``sort`` puts the channels with the greatest "mean", "max" or "energy" (mean square) first. With ``scale="map"``
    each map uses all colours and the number above it says how far they reach; with "site" all share one scale, so that
    brightness can be compared. At most ``most`` channels are drawn; the caption says what became of the others.

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
    maps = read_maps(trace, site, index)
    shown = maps.rank(sort)[:most]
    room = width_in - 2 * MARGIN - BAR_ROOM
    across, size = _arrange(len(shown), maps.values.shape[1:], room)
    down, (wide, high) = ceil(len(shown) / across), size
    gap = min((room - across * wide) / max(across - 1, 1), 3 * GAP)
    limits = map_limits(maps.values, signed=maps.signed) if scale == "site" else None
    panels = [_panel(maps, channel, limits, wide) for channel in shown]
    picture, images = panel_grid(
        [panels[start : start + across] for start in range(0, len(panels), across)],
        size,
        wide + gap,
        row_gap=GAP,
        words=LABEL,
        width=width_in,
        theme=theme,
        title=f"{maps.site.name}: {count(maps.site.channels, 'channel')} of {maps.size} cells",
        caption=_caption(maps, len(shown), sort, scale),
        alt=_describe(maps, name_photo(trace.photos, index)),
        accent=maps.colour,
    )
    right = MARGIN + across * (wide + gap) - gap + 0.14
    tall = min(high * down + (LABEL + GAP) * (down - 1), 2.2)
    with picture:
        bar = picture.inches(right, LABEL, 0.11, tall, label="scale")
        if scale == "site":
            colour_bar(images[-1], bar)
        else:
            _draw_key(bar, signed=maps.signed)
    return picture


def _arrange(number: int, cells: tuple[int, ...], room: float) -> tuple[int, tuple[float, float]]:
    """Choose how many maps stand in a row, so that they become as large as a slide allows."""

    def size(across: int) -> tuple[float, float]:
        down = ceil(number / across)
        each = (room - GAP * (across - 1)) / across, (TALLEST - GAP * (down - 1)) / down - LABEL
        return fit_cells((max(each[0], 0.05), max(each[1], 0.05)), cells)

    choices = range(1, max(int((room + GAP) / (NARROWEST + GAP)), 1) + 1)
    best = max(choices, key=lambda across: (round(size(across)[0], 3), across))
    return min(best, number), size(best)


def _panel(maps: SiteMaps, channel: int, limits: tuple[float, float] | None, wide: float) -> Panel:
    values, number = maps.values[channel], maps.channels[channel]
    low, reach = limits or map_limits(values, signed=maps.signed)
    digits = 2 if wide > 0.9 or number < 100 else 1
    note = "" if limits else "±" * maps.signed + short(reach, digits)
    look: dict[str, Any] = {"signed": maps.signed, "limits": (min(low, 0), reach), "name": f"channel {number}"}
    return Panel(values, str(number), note=note if values.any() else DEAD, **look)


def _draw_key(bar: Axes, *, signed: bool) -> None:
    """Draw the colours of maps that each have their own scale."""
    image = show_map(bar, np.linspace(1, -signed, 256)[:, None], signed=signed)
    image.set_extent((0, 1, -signed, 1))
    bar.yaxis.tick_right()
    bar.set_yticks([-1, 0, 1][not signed :], ["−number", "0", "number\nabove\nthe map"][not signed :])
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


def _describe(maps: SiteMaps, photo: str) -> str:
    values = maps.values
    strongest = int(np.argmax(values.max(axis=(1, 2))))
    dead = int((~values.any(axis=(1, 2))).sum())
    off = f"{count(dead, 'channel')} {'is' if dead == 1 else 'are'}" if dead else "No channel is"
    return (
        f"Channel grid of {maps.site.name} for {photo}: {count(len(values), 'map')} of {maps.size} cells, values from "
        f"{name_range(values)}. The largest is in channel {maps.channels[strongest]} at "
        f"{name_peak(values[strongest])}. {off} zero everywhere."
    )


SIDE, POINT_PITCH = 2.4, 2.75  # in
RING = "#ff8c00"  # seen on dark and on bright cells


def point_answers(
    pixels: ArrayLike, place: tuple[float, float], answers: Mapping[str, ArrayLike], *, theme: Theme | None = None
) -> Picture:
    """Draw a scene (H, W, 3) uint8 with its point circled, and for each net the probability of each cell.

    Args:
        pixels: the scene.
        place: row and column of the point in px.
        answers: name of a net -> probabilities (h, w) of its cells, which cover the scene.
        theme: "light" or "dark"; the default theme if None.
    """
    scene = np.asarray(pixels)
    height, width = scene.shape[:2]
    row, column = place
    panels, misses = [Panel(scene, "scene", f"{height} × {width} px, one point")], []
    for name, answer in answers.items():
        values = np.asarray(answer, dtype=float)
        y, x = np.unravel_index(int(values.argmax()), values.shape)
        down = (int(y) + 0.5) * height / values.shape[0] - 0.5 - row
        miss = f"off by {float(np.hypot(down, (int(x) + 0.5) * width / values.shape[1] - 0.5 - column)):.1f} px"
        misses.append(f"{name} is {miss}")
        panels.append(Panel(values, name, f"{miss}, best cell {short(float(values.max()))}"))
    picture, images = panel_grid(
        [panels],
        (SIDE, SIDE),
        POINT_PITCH,
        width=len(panels) * POINT_PITCH - POINT_PITCH + SIDE + 2 * MARGIN,
        words=0.45,
        foot=0.1,
        theme=theme,
        title="Where is the point?",
        caption="Brightness is the probability that a net gives a cell of 4 x 4 px; the ring is where the point is.",
        alt=f"A textured scene with one point at row {row:.0f}, column {column:.0f}. Answers of the nets: "
        f"{'; '.join(misses)}.",
    )
    for image in images:
        in_pixels(image, height, width).plot(column + 0.5, row + 0.5, "o", markersize=16, mfc="none", mec=RING, mew=2)
    return picture
