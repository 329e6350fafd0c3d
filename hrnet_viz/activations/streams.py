"""The branches: all of one module side by side at their true resolutions, and the life of one through the stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Literal

from hrnet_viz.canvas.colours import Theme, branch_colour
from hrnet_viz.canvas.painting import short
from hrnet_viz.canvas.panels import (
    BAR,
    WORDS,
    Panel,
    Row,
    Show,
    SiteMaps,
    count,
    fit_cells,
    name_peak,
    name_photo,
    panel_grid,
    photo_panel,
    read_maps,
)
from hrnet_viz.canvas.style import MARGIN, ROOM, Picture
from hrnet_viz.network.plan import Plan
from hrnet_viz.sites import Site, quote
from hrnet_viz.tracing import Trace

GAP = 0.22  # in, at least, between columns
TALLEST = 2.3  # in, of a map
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
    size = wide, high = fit_cells((min((ROOM - GAP * len(maps)) / (len(maps) + 1), 2.4), TALLEST), cells)
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
        f"{', '.join(f'{one.site.channels} × {one.size}' for one in maps)} numbers. {_describe(panels)}",
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
    size = wide, _ = fit_cells(((ROOM - GAP * (across - 1)) / across, TALLEST), maps[0].values.shape[1:])
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
        f"order. {_describe(panels)}",
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


def _describe(panels: Sequence[Panel]) -> str:
    each = [
        f"{panel.heading} ({' × '.join(map(str, panel.map.shape))}) from {short(panel.map.min())} to "
        f"{short(panel.map.max())}, greatest at {name_peak(panel.map)}"
        for panel in panels
    ]
    return f"{'; '.join(each)}."
