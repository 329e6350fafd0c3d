"""Energy, sparsity and dead channels of every site over the depth of the net."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from hrnet_viz.activations.statistics import SiteStatistics, Statistics
from hrnet_viz.canvas.panels import count, site_colour
from hrnet_viz.canvas.style import (
    BRANCH_COLOURS,
    MARGIN,
    SMALL,
    Picture,
    Theme,
    new_picture,
    short,
    theme_colours,
    tint,
)
from hrnet_viz.sites import Site

WIDTH = 10  # in
LEFT, RIGHT = 1.55, 0.15  # in, room beside the panels
TOP = 0.55  # in, legend and names of the parts
HIGH = 1.1  # in, one panel
GAP = 0.28  # in, between panels
ROOMY = 22  # columns for which the names of the head's steps fit side by side
MARKERS = {"branch": "o", "fuse_out": "s", "transition": "^"}


@dataclass(frozen=True)
class _Panel:
    name: str
    label: str
    value: Callable[[SiteStatistics], float]


ENERGY = _Panel("energy", "energy:\nmean square\nof the values", lambda entry: entry.energy)
PANELS = (
    ENERGY,
    _Panel("sparsity", "sparsity:\nshare of values\nthat are 0", lambda entry: entry.sparsity),
    _Panel("dead channels", "dead channels:\nshare that is\n0 everywhere", lambda entry: entry.dead_share),
)


def activation_summary(statistics: Statistics, *, theme: Theme | None = None) -> Picture:
    """Draw energy, sparsity and dead channels over the depth, a line per branch in its colour.

    Args:
        statistics: what ``statistics(trace)`` gives.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        ValueError: statistics of no site at all.
    """
    if not statistics.sites:
        raise ValueError("These statistics hold no site; statistics(trace) measures all that a trace kept.")
    columns = list(dict.fromkeys(name_column(entry.site) for entry in statistics.sites))
    with new_picture(
        WIDTH,
        TOP + len(PANELS) * HIGH + (len(PANELS) - 1) * GAP + (0.25 if len(columns) <= ROOMY else 0.4),
        theme,
        title=f"From stem to head of {statistics.owner}: energy, sparsity, dead channels",
        caption=_caption(statistics),
        alt=_describe(statistics),
    ) as picture:
        for place, panel in enumerate(PANELS):
            top = TOP + place * (HIGH + GAP)
            axes = picture.inches(LEFT, top, WIDTH - LEFT - RIGHT, HIGH, label=panel.name)
            _shade_parts(axes, columns, picture.theme, named=place == 0)
            _draw_lines(axes, panel, statistics, columns)
            _scale(axes, panel, statistics)
            picture.write(MARGIN, top + HIGH / 2, panel.label, va="center", fontsize=SMALL, linespacing=1.35)
        axes.set_xticks(*_name_modules(columns))
        axes.tick_params(axis="x", length=0, labelsize=SMALL)
        _draw_legend(picture, statistics)
    return picture


def name_column(site: Site) -> str:
    """Name the depth of a site: its address without the branch, "stage3.1.out"."""
    return re.sub(r"(branch|fuse|sum|out|incre|down)\d+(<-\d+)?", r"\1", site.name)


def name_part(column: str) -> str:
    """Name the part of the net that a depth belongs to; a transition belongs to the stage that it leads to."""
    first = column.split(".", maxsplit=1)[0]
    if first in ("stem", "stage1"):
        return "stem, stage 1"
    if first in ("head", "logits"):
        return "head"
    number = int(first[-1])
    return f"stage {number + 1 if first.startswith('transition') else number}"


def _shade_parts(axes: Axes, columns: list[str], theme: Theme, *, named: bool) -> None:
    colours = theme_colours(theme)
    start = 0
    for number, (part, inside) in enumerate(groupby(columns, name_part)):
        end = start + len(list(inside))
        if number % 2 == 0:
            axes.axvspan(start - 0.5, end - 0.5, color=tint(colours.muted, theme, 0.1), linewidth=0, zorder=0)
        if named:
            middle = (start + end - 1) / 2
            above = axes.get_xaxis_transform()
            axes.text(middle, 1.04, part, transform=above, ha="center", fontsize=SMALL, color=colours.muted)
        start = end
    axes.set_xlim(-0.5, len(columns) - 0.5)


def _draw_lines(axes: Axes, panel: _Panel, statistics: Statistics, columns: list[str]) -> None:
    lines: dict[str, list[SiteStatistics]] = {}
    for entry in statistics.sites:
        lines.setdefault(site_colour(entry.site), []).append(entry)
    for colour, found in lines.items():
        entries = sorted(found, key=lambda entry: columns.index(name_column(entry.site)))
        places = [columns.index(name_column(entry.site)) for entry in entries]
        values = [panel.value(entry) for entry in entries]
        axes.plot(places, values, color=colour, linewidth=1.4)
        for entry, place, value in zip(entries, places, values, strict=True):
            axes.plot(place, value, MARKERS.get(entry.site.kind, "D"), color=colour, markersize=4.5, clip_on=False)


def _scale(axes: Axes, panel: _Panel, statistics: Statistics) -> None:
    values = [panel.value(entry) for entry in statistics.sites]
    if panel is ENERGY:
        if min(values) > 0:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(values) < 30 * min(values) else (1,)))
            axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    else:
        axes.set_ylim(0, max(1.1 * max(values), 0.1))
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(100 * value, 6):g}%"))
    axes.grid(axis="y")
    axes.set_xticks([])


def _name_modules(columns: list[str]) -> tuple[list[float], list[str]]:
    """Give a tick per module, in the middle of its columns, and one per step of the head."""
    names = [found.group(1) if (found := re.match(r"stage(\d\.\d+)\.", column)) else column for column in columns]
    ticks: list[float] = []
    labels: list[str] = []
    start = 0
    for name, inside in groupby(names):
        end = start + len(list(inside))
        if not name.startswith(("transition", "stem", "stage")):
            ticks.append((start + end - 1) / 2)
            labels.append(name.removeprefix("head."))
        start = end
    if len(columns) > ROOMY:  # neighbours of one column each would touch
        labels = [label if place % 2 == 0 or label[0].isdigit() else f"\n{label}" for place, label in enumerate(labels)]
    return ticks, labels


def _draw_legend(picture: Picture, statistics: Statistics) -> None:
    ink = theme_colours(picture.theme).muted
    branches = sorted({entry.site.branch for entry in statistics.sites if entry.site.branch is not None})
    kinds = {entry.site.kind for entry in statistics.sites}
    words = {"branch": "branch output", "fuse_out": "after the exchange", "transition": "transition"}
    handles = [Line2D([], [], color=BRANCH_COLOURS[b], linewidth=3, label=f"branch {b}") for b in branches]
    handles += [
        Line2D([], [], color=ink, marker=MARKERS[kind], linestyle="none", markersize=5, label=word)
        for kind, word in words.items()
        if kind in kinds
    ]
    left, top = picture.locate(LEFT, 0.02)
    picture.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(left, top),
        ncols=len(handles),
        borderpad=0,
        borderaxespad=0,
        handlelength=1.2,
        columnspacing=1.2,
    )


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
    least, most = min(sites, key=ENERGY.value), max(sites, key=ENERGY.value)
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
