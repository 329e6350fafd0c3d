"""Energy, sparsity and dead channels of every site over the depth of the net."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from hrnet_viz.activations.statistics import SiteStatistics, Statistics
from hrnet_viz.canvas.colours import BRANCH_COLOURS, Theme, tint
from hrnet_viz.canvas.painting import short
from hrnet_viz.canvas.panels import count, site_colour
from hrnet_viz.canvas.style import MARGIN, SMALL, WIDTH, Picture
from hrnet_viz.sites import Site

LEFT, RIGHT = 1.55, 0.15  # in, room beside the panels
TOP = 0.55  # in, legend and names of the parts
HIGH = 1.1  # in, one panel
GAP = 0.28  # in, between panels
ROOMY = 22  # columns for which the names of the head's steps fit side by side
MARKERS = {"branch": ("o", "branch output"), "fuse_out": ("s", "after the exchange"), "transition": ("^", "transition")}
PANELS: dict[str, tuple[str, Callable[[SiteStatistics], float]]] = {
    "energy": ("energy:\nmean square\nof the values", lambda entry: entry.energy),
    "sparsity": ("sparsity:\nshare of values\nthat are 0", lambda entry: entry.sparsity),
    "dead channels": ("dead channels:\nshare that is\n0 everywhere", lambda entry: entry.dead_share),
}


def activation_summary(statistics: Statistics, *, theme: Theme | None = None) -> Picture:
    """Draw energy, sparsity and dead channels over the depth, a line per branch in its colour.

    Raises:
        ValueError: statistics of no site at all.
    """
    if not statistics.sites:
        raise ValueError("These statistics hold no site; statistics(trace) measures all that a trace kept.")
    columns = list(dict.fromkeys(_name_column(entry.site) for entry in statistics.sites))
    foot = 0.25 if len(columns) <= ROOMY else 0.4
    with Picture(
        WIDTH,
        TOP + len(PANELS) * (HIGH + GAP) - GAP + foot,
        theme,
        title=f"From stem to head of {statistics.owner}: energy, sparsity, dead channels",
        caption=_caption(statistics),
        alt=_describe(statistics),
    ) as picture:
        for place, (name, (label, value)) in enumerate(PANELS.items()):
            top = TOP + place * (HIGH + GAP)
            axes = picture.inches(LEFT, top, WIDTH - LEFT - RIGHT, HIGH, label=name)
            _shade_parts(axes, columns, picture, named=place == 0)
            _draw_lines(axes, value, statistics, columns)
            _scale(axes, [value(entry) for entry in statistics.sites], plain=name == "energy")
            picture.write(MARGIN, top + HIGH / 2, label, va="center", fontsize=SMALL, linespacing=1.35)
        axes.set_xticks(*_name_modules(columns))
        axes.tick_params(axis="x", length=0, labelsize=SMALL)
        _draw_legend(picture, statistics)
    return picture


def _name_column(site: Site) -> str:
    """Name the depth of a site: its address without the branch, "stage3.1.out"."""
    return re.sub(r"(branch|fuse|sum|out|incre|down)\d+(<-\d+)?", r"\1", site.name)


def _name_part(column: str) -> str:
    """Name the part of the net that a depth belongs to; a transition belongs to the stage that it leads to."""
    first = column.split(".", maxsplit=1)[0]
    if first in ("head", "logits"):
        return "head"
    number = 1 if first == "stem" else int(first[-1]) + first.startswith("transition")
    return f"stage {number}" if number > 1 else "stem, stage 1"


def _shade_parts(axes: Axes, columns: list[str], picture: Picture, *, named: bool) -> None:
    muted, start = picture.colours.muted, 0
    for number, (part, inside) in enumerate(groupby(columns, _name_part)):
        end = start + len(list(inside))
        if number % 2 == 0:
            axes.axvspan(start - 0.5, end - 0.5, color=tint(muted, picture.theme, 0.1), linewidth=0, zorder=0)
        if named:
            place: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "ha": "center"}
            axes.text((start + end - 1) / 2, 1.04, part, fontsize=SMALL, color=muted, **place)
        start = end
    axes.set_xlim(-0.5, len(columns) - 0.5)


def _draw_lines(
    axes: Axes, value: Callable[[SiteStatistics], float], statistics: Statistics, columns: list[str]
) -> None:
    lines: dict[str, list[tuple[int, float, str]]] = {}
    for entry in statistics.sites:
        marker = MARKERS.get(entry.site.kind, "D")[0]
        point = (columns.index(_name_column(entry.site)), value(entry), marker)
        lines.setdefault(site_colour(entry.site), []).append(point)
    for colour, points in lines.items():
        points.sort(key=lambda point: point[0])
        axes.plot(*list(zip(*points, strict=True))[:2], color=colour, linewidth=1.4)
        for place, height, marker in points:
            axes.plot(place, height, marker, color=colour, markersize=4.5, clip_on=False)


def _scale(axes: Axes, values: list[float], *, plain: bool) -> None:
    if not plain:
        axes.set_ylim(0, max(1.1 * max(values), 0.1))
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    elif min(values) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(values) < 30 * min(values) else (1,)))
        axes.yaxis.set_minor_locator(NullLocator())
    write = short if plain else lambda value: f"{round(100 * value, 6):g}%"
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
    axes.grid(axis="y")
    axes.set_xticks([])


def _name_modules(columns: list[str]) -> tuple[list[float], list[str]]:
    """Return a tick per module, in the middle of its columns, and one per step of the head."""
    names = [found.group(1) if (found := re.match(r"stage(\d\.\d+)\.", column)) else column for column in columns]
    ticks: dict[str, float] = {}
    for name, inside in groupby(enumerate(names), lambda pair: pair[1]):
        places = [place for place, _ in inside]
        if not name.startswith(("transition", "stem", "stage")):
            ticks[name.removeprefix("head.")] = (places[0] + places[-1]) / 2
    labels = list(ticks)
    if len(columns) > ROOMY:  # neighbours of one column each would touch
        labels = [label if place % 2 == 0 or label[0].isdigit() else f"\n{label}" for place, label in enumerate(labels)]
    return list(ticks.values()), labels


def _draw_legend(picture: Picture, statistics: Statistics) -> None:
    branches = sorted({entry.site.branch for entry in statistics.sites if entry.site.branch is not None})
    kinds = {entry.site.kind for entry in statistics.sites}
    mark: dict[str, Any] = {"color": picture.colours.muted, "linestyle": "none", "markersize": 5}
    handles = [Line2D([], [], color=BRANCH_COLOURS[b], linewidth=3, label=f"branch {b}") for b in branches]
    handles += [Line2D([], [], marker=m, label=words, **mark) for kind, (m, words) in MARKERS.items() if kind in kinds]
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": picture.locate(LEFT, 0.02), "borderaxespad": 0}
    picture.legend(handles=handles, ncols=len(handles), borderpad=0, handlelength=1.2, columnspacing=1.2, **place)


def _caption(statistics: Statistics) -> str:
    dead = sum(len(entry.dead) for entry in statistics.sites)
    channels = sum(entry.site.channels for entry in statistics.sites)
    sparse = max(statistics.sites, key=lambda entry: entry.sparsity)
    off = {0: "none is", 1: "one is"}.get(dead, f"{dead:,} are")
    return (
        f"A line per branch, over {count(statistics.photos, 'photo')}. A value is 0 where ReLU met something negative: "
        f"most often at {sparse.site.name}, {sparse.sparsity:.0%}. Of the {channels:,} channels drawn here, {off} 0 "
        "at every place of every photo."
    )


def _describe(statistics: Statistics) -> str:
    sites = statistics.sites
    least, most = min(sites, key=lambda entry: entry.energy), max(sites, key=lambda entry: entry.energy)
    sparse, dense = max(sites, key=lambda entry: entry.sparsity), min(sites, key=lambda entry: entry.sparsity)
    worst = max(sites, key=lambda entry: len(entry.dead))
    dead = f"most dead channels at {worst.site.name}, {len(worst.dead)} of {worst.site.channels}"
    return (
        f"Three line charts over the depth of {statistics.owner}, a line per branch, {count(len(sites), 'site')} from "
        f"{sites[0].site.name} to {sites[-1].site.name}, over {count(statistics.photos, 'photo')}. "
        f"Energy from {short(least.energy)} at {least.site.name} to {short(most.energy)} at {most.site.name}; "
        f"values that are 0 from {dense.sparsity:.0%} at {dense.site.name} to {sparse.sparsity:.0%} at "
        f"{sparse.site.name}; {dead if worst.dead else 'no dead channel anywhere'}."
    )
