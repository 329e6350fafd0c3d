"""Maps of one site channel by channel, of all branches side by side, and what a net answers to a point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from numbers import Real
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from hrnet_viz.canvas.colours import Theme, branch_colour
from hrnet_viz.canvas.painting import colour_bar, map_limits, short, show_map
from hrnet_viz.canvas.panels import (
    BAR,
    DEAD,
    WORDS,
    Order,
    Panel,
    Row,
    Show,
    SiteMaps,
    count,
    fit_cells,
    in_pixels,
    name_peak,
    name_photo,
    name_range,
    panel_grid,
    photo_panel,
    read_maps,
)
from hrnet_viz.canvas.shapes import text_width
from hrnet_viz.canvas.style import MARGIN, ROOM, SMALL, WIDTH, Picture
from hrnet_viz.network.plan import Plan
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
            longest = max(len(short(end)) for end in images[-1].get_clim())
            colour_bar(images[-1], bar, digits=1 if longest > 7 else 2)
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
    room = wide * 72 / SMALL - text_width(str(number), bold=True) - 0.6  # em
    words = [] if limits else ["±" * maps.signed + short(reach, digits) for digits in (2, 1)]
    note = next((one for one in words if text_width(one) <= room), "")
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


COLUMN_GAP = 0.22  # in, at least, between columns
TALLEST_COLUMN = 2.3  # in, of a map
TRUE_SIZE = 0.5  # how large the lower row of maps is, the finest one compared with the one above it
PER_ROW = 6  # maps of a life in one row


def branch_maps(
    trace: Trace,
    module: str,
    *,
    index: int = 0,
    after: Literal["branches", "exchange"] = "branches",
    show: Show = "energy",
    theme: Theme | None = None,
) -> Picture:
    """Draw all branches of a module side by side: above at the size of the photo, below cell for cell.

    Any site of the module names it, too. After the "branches" are the maps that the parallel branches put out, after
    the "exchange" what it makes of them. ``show`` is "energy" for what all channels do together at each place,
    "strongest" for the channel with the greatest mean square, or the number of a channel.

    Raises:
        SiteError: no such module, or a site that the trace did not keep.
        IndexError: the trace has no such photo, or a branch no such channel.
        ValueError: another word for ``after`` or ``show``.
    """
    if after not in ("branches", "exchange"):
        raise ValueError(f"after={quote(after)} was given; look at a module after its 'branches' or its 'exchange'.")
    found = trace.plan.module(module)
    kind = "branch" if after == "branches" else "fuse_out"
    maps = [
        read_maps(trace, site, index) for site in trace.plan.select(kind=kind, stage=found.stage, module=found.index)
    ]
    panels = [one.panel(show, f"{one.size} cells", bar="below") for one in maps]
    name, cells = f"{found} after its {after}", maps[0].values.shape[1:]
    size = wide, high = fit_cells((min((ROOM - COLUMN_GAP * len(maps)) / (len(maps) + 1), 2.4), TALLEST_COLUMN), cells)
    pitch = min((ROOM - wide) / len(maps), wide + 0.4)
    *most, last = (str(one.site.stride) for one in maps)
    picture, _ = panel_grid(
        [[photo_panel(trace, index), *panels]],
        size,
        pitch,
        width=max(2 * MARGIN + pitch * len(maps) + wide, 7),
        foot=0.26 + high * TRUE_SIZE + 0.46,
        theme=theme,
        title=f"{name}: {count(len(maps), 'resolution')} side by side",
        caption=f"{_caption_show(show)} One cell covers {', '.join(most)} or {last} photo pixels per side. Every map "
        "has its own scale: compare colours within a map, not between maps. The colour of a frame stands for the "
        "resolution.",
        alt=f"{name}, {name_photo(trace.photos, index)}: the photo and {count(len(maps), 'branch map')} side by side, "
        f"{', '.join(f'{one.site.channels} × {one.size}' for one in maps)} numbers. {_describe_panels(panels)}",
    )
    below = WORDS + high + BAR + 0.26
    with picture:
        picture.note(MARGIN, below, "the same maps,\nall cells of the\nsame size")
        for place, (one, panel) in enumerate(zip(maps, panels, strict=True), start=1):
            rows, columns = one.values.shape[1:]
            true = (wide * TRUE_SIZE * columns / cells[1], high * TRUE_SIZE * rows / cells[0])
            words = f"{one.site.channels} channels × {one.size}\n= {one.values.size:,} numbers"
            small = replace(panel, heading="", detail="", below=words, bar="", name=f"{panel.heading}, cell for cell")
            small.draw(picture, MARGIN + place * pitch, below, true)
    return picture


def branch_life(
    trace: Trace, branch: int = 0, *, index: int = 0, show: Show = "energy", theme: Theme | None = None
) -> Picture:
    """Draw one stream through the net: where it starts, the output of every module, and what the head makes of it.

    ``show`` is "energy", "strongest" or the number of a channel, as in ``branch_maps``.

    Raises:
        SiteError: a site that the trace did not keep.
        IndexError: the trace has no such photo, or a site no such channel.
        ValueError: no such branch.
    """
    maps = [read_maps(trace, site, index) for site in find_stream(trace.plan, branch)]
    panels = [one.panel(show, _name_age(one, show), bar="below") for one in maps]
    down = ceil(len(panels) / PER_ROW)
    across = ceil(len(panels) / down)
    size = wide, _ = fit_cells(((ROOM - COLUMN_GAP * (across - 1)) / across, TALLEST_COLUMN), maps[0].values.shape[1:])
    rows: list[Row] = [
        [item for panel in panels[start : start + across] for item in (panel, "→")][:-1]
        for start in range(0, len(panels), across)
    ]
    picture, _ = panel_grid(
        rows,
        size,
        min((ROOM - wide) / max(across - 1, 1), wide + 0.5),
        theme=theme,
        title=f"The life of branch {branch}: {maps[0].size} cells from start to end",
        caption=f"{_caption_show(show)} The stream stays as fine as it was, {maps[0].cell}. Every map has its own "
        "scale: channels mean something else at each site, so compare patterns, not colours.",
        alt=f"Branch {branch} from start to end for {name_photo(trace.photos, index)}, {count(len(panels), 'map')} in "
        f"order. {_describe_panels(panels)}",
        accent=branch_colour(branch),
    )
    return picture


def find_stream(plan: Plan, branch: int) -> tuple[Site, ...]:
    """Return the sites that a branch passes: its start, the output of every module, its part of the head.

    Raises:
        ValueError: no such branch.
    """
    there = sorted({site.branch for site in plan.select(kind="fuse_out") if site.branch is not None})
    if branch not in there:
        raise ValueError(f"branch={quote(branch)} was given; {plan.owner} has branches {', '.join(map(str, there))}.")
    first = (*plan.select(kind="stem"), *plan.select(kind="stage1"))
    start = plan.select(kind="transition", branch=branch)[:1] if branch else first
    end = tuple(site for site in plan.select(kind="head", branch=branch) if site.name.startswith("head.incre"))
    return (*start, *plan.select(kind="fuse_out", branch=branch), *end)


def _name_age(maps: SiteMaps, show: Show) -> str:
    return f"{maps.site.channels} channels" if show == "energy" else f"{maps.choose(show)[1]} of {maps.site.channels}"


def _caption_show(show: Show) -> str:
    if show == "energy":
        return "Each map shows all channels together: the root of their mean square at each place."
    return f"Each map is {'the channel with the greatest mean square' if show == 'strongest' else f'channel {show}'}."


def _describe_panels(panels: Sequence[Panel]) -> str:
    each = [
        f"{panel.heading} ({' × '.join(map(str, panel.map.shape))}) from {short(panel.map.min())} to "
        f"{short(panel.map.max())}, greatest at {name_peak(panel.map)}"
        for panel in panels
    ]
    return f"{'; '.join(each)}."
