"""The branches: all of one module side by side at their true resolutions, and the life of one through the stages."""

from __future__ import annotations

from math import ceil
from typing import Literal

from hrnet_viz.canvas.panels import (
    BAR,
    WORDS,
    Panel,
    Show,
    SiteMaps,
    choose_map,
    count,
    draw_panel,
    draw_photo,
    find_peak,
    fit_cells,
    make_panel,
    name_sample,
    read_maps,
    read_photo,
)
from hrnet_viz.canvas.style import (
    LARGE,
    MARGIN,
    SMALL,
    Picture,
    Theme,
    branch_colour,
    new_picture,
    short,
    show_map,
    theme_colours,
)
from hrnet_viz.network.plan import Plan
from hrnet_viz.sites import Site, quote
from hrnet_viz.tracing import Trace

WIDTH = 10  # in
ROOM = WIDTH - 2 * MARGIN
GAP = 0.22  # in, at least, between columns
TALLEST = 2.3  # in, of a map
TRUE_SIZE = 0.5  # how large the lower row of maps is, the finest one compared with the one above it
PER_ROW = 6  # maps of a life in one row


def branch_maps(
    trace: Trace,
    module: str,
    *,
    sample: int = 0,
    after: Literal["branches", "exchange"] = "branches",
    show: Show = "energy",
    theme: Theme | None = None,
) -> Picture:
    """Draw all branches of a module side by side: above at the size of the photo, below cell for cell.

    Args:
        trace: the trace.
        module: "stage3.1"; any site of the module names it too.
        sample: number of the photo in the trace.
        after: "branches" draws what the parallel branches put out, "exchange" what the exchange makes of it.
        show: "energy" for what all channels do together at each place, "strongest" for the channel with the greatest
            mean square, or the number of a channel.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        SiteError: no such module, or a site that the trace did not keep.
        IndexError: the trace has no such photo, or a branch no such channel.
        ValueError: another word for ``after`` or ``show``.
    """
    if after not in ("branches", "exchange"):
        raise ValueError(f"after={quote(after)} was given; look at a module after its 'branches' or its 'exchange'.")
    found = trace.plan.module(module)
    kind = "branch" if after == "branches" else "fuse_out"
    sites = trace.plan.select(kind=kind, stage=found.stage, module=found.index)
    maps = [read_maps(trace, site, sample) for site in sites]
    panels = [make_panel(one, show, f"{one.size} cells") for one in maps]
    name = f"stage{sites[0].stage}.{sites[0].module}"
    cells = panels[0].values.shape
    wide, high = fit_cells((min((ROOM - GAP * len(maps)) / (len(maps) + 1), 2.4), TALLEST), cells)
    pitch = min((ROOM - wide) / len(maps), wide + 0.4)
    below = WORDS + high + BAR + 0.26
    with new_picture(
        max(2 * MARGIN + pitch * len(maps) + wide, 7),
        below + high * TRUE_SIZE + 0.46,
        theme,
        title=f"{name} after its {after}: {count(len(maps), 'resolution')} side by side",
        caption=_caption_module(maps, show),
        alt=_describe_module(panels, maps, f"{name} after its {after}, {name_sample(trace, sample)}"),
    ) as picture:
        muted = theme_colours(picture.theme).muted
        draw_photo(picture, read_photo(trace, sample), MARGIN, 0, (wide, high))
        picture.write(MARGIN, below, "the same maps,\nall cells of the\nsame size", fontsize=SMALL, color=muted)
        for place, (one, panel) in enumerate(zip(maps, panels, strict=True), start=1):
            left = MARGIN + place * pitch
            draw_panel(picture, panel, left, 0, (wide, high))
            rows, columns = panel.values.shape
            true = (wide * TRUE_SIZE * columns / cells[1], high * TRUE_SIZE * rows / cells[0])
            axes = picture.inches(left, below, *true, label=f"{panel.heading}, cell for cell")
            low, reach = panel.scale
            show_map(axes, panel.values, signed=panel.signed, vmin=low, vmax=reach, frame=panel.colour)
            words = f"{one.site.channels} channels × {one.size}\n= {one.values.size:,} numbers"
            picture.write(left, below + true[1] + 0.07, words, fontsize=SMALL, color=muted)
    return picture


def branch_life(
    trace: Trace, branch: int = 0, *, sample: int = 0, show: Show = "energy", theme: Theme | None = None
) -> Picture:
    """Draw one stream through the net: where it starts, the output of every module, and what the head makes of it.

    Args:
        trace: the trace.
        branch: 0 to 3, 0 is the highest resolution.
        sample: number of the photo in the trace.
        show: "energy" for what all channels do together at each place, "strongest" for the channel with the greatest
            mean square, or the number of a channel.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        SiteError: a site that the trace did not keep.
        IndexError: the trace has no such photo, or a site no such channel.
        ValueError: no such branch.
    """
    sites = find_stream(trace.plan, branch)
    maps = [read_maps(trace, site, sample) for site in sites]
    panels = [make_panel(one, show, _name_age(one, show)) for one in maps]
    across = min(len(panels), PER_ROW)
    down = ceil(len(panels) / across)
    across = ceil(len(panels) / down)
    wide, high = fit_cells(((ROOM - GAP * (PER_ROW - 1)) / PER_ROW, TALLEST), panels[0].values.shape)
    if across < PER_ROW:
        wide, high = fit_cells((min((ROOM - GAP * (across - 1)) / across, TALLEST), TALLEST), panels[0].values.shape)
    pitch = min((ROOM - wide) / max(across - 1, 1), wide + 0.5)
    tall = WORDS + high + BAR + 0.16
    with new_picture(
        WIDTH,
        down * tall - 0.16,
        theme,
        title=f"The life of branch {branch}: {maps[0].size} cells from start to end",
        caption=_caption_life(maps, show),
        alt=_describe_life(panels, branch, name_sample(trace, sample)),
        accent=branch_colour(branch),
    ) as picture:
        for number, panel in enumerate(panels):
            row, column = divmod(number, across)
            left, top = MARGIN + column * pitch, row * tall
            draw_panel(picture, panel, left, top, (wide, high))
            if number + 1 < len(panels) and column + 1 < across:
                middle = (left + wide + (pitch - wide) / 2, top + WORDS + high / 2)
                grey = theme_colours(picture.theme).muted
                picture.write(*middle, "→", ha="center", va="center", fontsize=LARGE, color=grey)
    return picture


def find_stream(plan: Plan, branch: int) -> tuple[Site, ...]:
    """Give the sites that a branch passes: its start, the output of every module, its part of the head.

    Raises:
        ValueError: no such branch.
    """
    there = sorted({site.branch for site in plan.select(kind="fuse_out") if site.branch is not None})
    if branch not in there:
        raise ValueError(f"branch={quote(branch)} was given; {plan.owner} has branches {', '.join(map(str, there))}.")
    if branch == 0:
        start = (*plan.select(kind="stem"), *plan.select(kind="stage1"))
    else:
        start = plan.select(kind="transition", branch=branch)[:1]
    end = tuple(site for site in plan.select(kind="head", branch=branch) if site.name.startswith("head.incre"))
    return (*start, *plan.select(kind="fuse_out", branch=branch), *end)


def _name_age(maps: SiteMaps, show: Show) -> str:
    return (
        f"{maps.site.channels} channels" if show == "energy" else f"{choose_map(maps, show)[1]} of {maps.site.channels}"
    )


def _caption_show(show: Show) -> str:
    if show == "energy":
        return "Each map shows all channels together: the root of their mean square at each place."
    if show == "strongest":
        return "Each map is the channel with the greatest mean square."
    return f"Each map is channel {show}."


def _caption_module(maps: list[SiteMaps], show: Show) -> str:
    *most, last = (str(one.site.stride) for one in maps)
    return (
        f"{_caption_show(show)} One cell covers {', '.join(most)} or {last} photo pixels per side. Every map has its "
        "own scale: compare colours within a map, not between maps. The colour of a frame stands for the resolution."
    )


def _caption_life(maps: list[SiteMaps], show: Show) -> str:
    return (
        f"{_caption_show(show)} The stream stays as fine as it was, {maps[0].cell}. Every map has its own scale: "
        "channels mean something else at each site, so compare patterns, not colours."
    )


def _describe_panel(panel: Panel) -> str:
    row, column = find_peak(panel.values)
    rows, columns = panel.values.shape
    return (
        f"{panel.heading} ({rows} × {columns}) from {short(panel.values.min())} to {short(panel.values.max())}, "
        f"greatest at row {row}, column {column}"
    )


def _describe_module(panels: list[Panel], maps: list[SiteMaps], name: str) -> str:
    sizes = ", ".join(f"{one.site.channels} × {one.size}" for one in maps)
    each = "; ".join(_describe_panel(panel) for panel in panels)
    return f"{name}: the photo and {count(len(panels), 'branch map')} side by side, {sizes} numbers. {each}."


def _describe_life(panels: list[Panel], branch: int, name: str) -> str:
    each = "; ".join(_describe_panel(panel) for panel in panels)
    return f"Branch {branch} from start to end for {name}, {count(len(panels), 'map')} in order. {each}."
