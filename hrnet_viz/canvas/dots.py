"""Dots with intervals, a block of rows per method and a row per site, beside the level of chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite

from hrnet_viz.attribution.intervals import Interval
from hrnet_viz.attribution.methods import NAMES
from hrnet_viz.canvas.colours import HEAD_COLOUR, branch_colour
from hrnet_viz.canvas.style import MARGIN, NORMAL, SMALL, Picture, Theme, new_picture, short, theme_colours
from hrnet_viz.sites import SiteError, parse

WIDTH = 10.0  # in
ROW = 0.15  # in, for a site
BETWEEN = 0.1  # in, between methods
ABOVE, BELOW = 0.26, 0.42  # in, for the name of a panel and for its numbers
NAMES_WIDTH = 1.05
GAP = 0.3
MOST_ACROSS = 3


@dataclass(frozen=True)
class Dots:
    """One panel.

    Attributes:
        name: what is measured.
        chance: what a map without knowledge scores; None where there is no such level.
        cells: (method, site) -> value with its interval.
    """

    name: str
    chance: float | None
    cells: Mapping[tuple[str, str], Interval]

    @property
    def methods(self) -> list[str]:
        """The methods, in order."""
        return list(dict.fromkeys(method for method, _ in self.cells))

    @property
    def sites(self) -> list[str]:
        """The sites, in order."""
        return list(dict.fromkeys(site for _, site in self.cells))


def dots_figure(panels: Sequence[Dots], *, title: str, caption: str, theme: Theme | None = None) -> Picture:
    """Draw panels of dots side by side, at most three in a row; all have the same methods and sites."""
    first = panels[0]
    across = min(len(panels), MOST_ACROSS)
    down = ceil(len(panels) / across)
    block = len(first.sites) * ROW + BETWEEN
    high = len(first.methods) * block
    tall = ABOVE + high + BELOW
    wide = (WIDTH - 2 * MARGIN - NAMES_WIDTH - GAP * (across - 1) - 0.15) / across
    with new_picture(
        WIDTH, down * tall + 0.24, theme, title=title, caption=caption, alt=_describe(panels, title)
    ) as picture:
        for number, panel in enumerate(panels):
            row, column = divmod(number, across)
            left, top = MARGIN + NAMES_WIDTH + column * (wide + GAP), row * tall
            _draw(picture, panel, (left, top), (wide, high))
            for k, method in enumerate(first.methods if not column else []):
                middle = top + ABOVE + (k + 0.5) * block
                picture.write(MARGIN, middle, NAMES[method], fontsize=NORMAL, va="center")
        draw_site_legend(picture, first.sites, down * tall + 0.02)
    return picture


def draw_site_legend(picture: Picture, sites: Sequence[str], top: float) -> None:
    """Name the sites in one line, each after a dot in its colour."""
    left, ink = MARGIN, theme_colours(picture.theme).ink
    for site in sites:
        picture.write(left, top, "●", fontsize=NORMAL, color=site_colour_of(site))
        picture.write(left + 0.16, top + 0.01, site, fontsize=SMALL, color=ink)
        left += 0.4 + 0.08 * len(site)


def site_colour_of(site: str) -> str:
    """Give the colour of a site known by its address alone: that of its branch."""
    try:
        address = parse(site)
    except SiteError:
        return branch_colour(None)
    if address.branch is None and address.landmark.startswith("head."):
        return HEAD_COLOUR
    return branch_colour(address.branch)


def signed(interval: Interval) -> str:
    """Write a difference with its sign."""
    return f"{'+' if interval.value > 0 else ''}{short(interval.value)}" if isfinite(interval.value) else "not defined"


def _draw(picture: Picture, panel: Dots, place: tuple[float, float], size: tuple[float, float]) -> None:
    (left, top), (wide, high) = place, size
    colours = theme_colours(picture.theme)
    picture.write(left, top, panel.name, fontsize=NORMAL, fontweight="bold")
    axes = picture.inches(left, top + ABOVE, wide, high, label=panel.name)
    block = len(panel.sites) * ROW + BETWEEN
    for m, method in enumerate(panel.methods):
        if m % 2 == 0:
            axes.axhspan(m * block, (m + 1) * block, color=colours.grid, alpha=0.35, linewidth=0)
        for s, site in enumerate(panel.sites):
            interval = panel.cells[method, site]
            if not isfinite(interval.value):
                continue
            y, colour = m * block + BETWEEN / 2 + (s + 0.5) * ROW, site_colour_of(site)
            axes.plot([interval.low, interval.high], [y, y], color=colour, linewidth=1.8, solid_capstyle="butt")
            axes.plot([interval.value], [y], "o", color=colour, markersize=5)
    if panel.chance is not None:
        axes.axvline(panel.chance, color=colours.ink, linestyle="--", linewidth=1)
    axes.set(ylim=(high, 0), yticks=[])
    axes.locator_params(axis="x", nbins=5)
    axes.spines["left"].set_visible(False)


def _describe(panels: Sequence[Dots], title: str) -> str:
    parts = []
    for panel in panels:
        chance = "" if panel.chance is None else f" (chance {short(panel.chance)})"
        each = ", ".join(f"{NAMES[method]} at {site} {interval}" for (method, site), interval in panel.cells.items())
        parts.append(f"{panel.name}{chance}: {each}")
    return f"{title}. " + "; ".join(parts) + "."
