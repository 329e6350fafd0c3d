"""The truth tests in pictures: a figure for each, always beside chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite

from hrnet_viz.attribution.checks import Agreement, Sanity
from hrnet_viz.attribution.covering import AverageDrop, Curves
from hrnet_viz.attribution.methods import NAMES
from hrnet_viz.attribution.pointing import Pointing, write_verdict
from hrnet_viz.attribution.truth_table import Interval
from hrnet_viz.canvas.colours import HEAD_COLOUR, Theme, branch_colour, theme_colours
from hrnet_viz.canvas.painting import short
from hrnet_viz.canvas.panels import count
from hrnet_viz.canvas.style import MARGIN, NORMAL, SMALL, WIDTH, Picture
from hrnet_viz.sites import SiteError, parse

INTERVALS = "Bars are 95% intervals over photos (bootstrap)."
LINES = ("-", (0, (5, 1.5)), (0, (1, 1)), "-.", (0, (3, 1, 1, 1, 1, 1)))
"""One style per method; colour is the resolution's."""
AS_GIVEN = "as given"
"""The net before it is randomised: trained or not, the picture cannot know."""
ROW = 0.15  # in, for a site
BETWEEN = 0.1  # in, between methods
ABOVE, BELOW = 0.26, 0.42  # in, for the name of a panel and for its numbers
NAMES_WIDTH = 1.05
GAP = 0.3
MOST_ACROSS = 3


@dataclass(frozen=True)
class _Panel:
    """Dots with intervals, a block of rows per method and a row per site, beside the level of chance.

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
        return list(dict.fromkeys(method for method, _ in self.cells))

    @property
    def sites(self) -> list[str]:
        return list(dict.fromkeys(site for _, site in self.cells))


def pointing_dots(pointing: Pointing, *, theme: Theme | None = None) -> Picture:
    """Draw the pointing game: share of hits and of positive values inside, per method and site, beside chance."""
    cells = [(method, site) for method in pointing.methods for site in pointing.sites]
    rows, columns = pointing.grid
    return _dots_figure(
        [
            _Panel("share of hits", pointing.chance, {cell: pointing.accuracy(*cell) for cell in cells}),
            _Panel(
                "share of positive values inside",
                pointing.chance,
                {cell: pointing.energy_inside(*cell) for cell in cells},
            ),
        ],
        title=f"The pointing game on mosaics of {rows} × {columns} photos",
        caption=(
            f"{write_verdict(pointing)} {len(pointing.photos)} photos, each searched for at all {rows * columns} "
            f"positions; the dashed line is chance. {INTERVALS}"
        ),
        theme=theme,
    )


def drop_dots(several: Sequence[AverageDrop], *, theme: Theme | None = None) -> Picture:
    """Draw the average drop of several maps, and how much less it is than with their cells shuffled.

    Raises:
        ValueError: nothing to draw.
    """
    _check(several)
    return _dots_figure(
        [
            _Panel("average drop: less is better", None, {(one.method, one.site): one.drop for one in several}),
            _Panel("less drop than shuffled", 0.0, {(one.method, one.site): one.gain for one in several}),
        ],
        title="Average drop: what is lost when only the map's part of the photo is left",
        caption=(
            f"{len(several[0].photos)} photos. A map that keeps the whole photo drops nothing, whatever it shows, so "
            f"the right panel counts; the dashed line is chance. {INTERVALS}"
        ),
        theme=theme,
    )


def agreement_dots(agreement: Agreement, *, theme: Theme | None = None) -> Picture:
    """Draw how well maps tell what setting patches of their tensor to zero takes from the score."""
    cells = [(method, site) for method in agreement.methods for site in agreement.sites]
    side = agreement.patches
    return _dots_figure(
        [_Panel("rank correlation over patches", 0.0, {cell: agreement.places(*cell) for cell in cells})],
        title="Agreement with ablation: does a map tell what is lost when a patch is set to zero?",
        caption=(
            f"{len(agreement.photos)} photos, {side} × {side} patches of the same photo area at every site. 1 agrees, "
            f"the dashed line is chance. {INTERVALS}"
        ),
        theme=theme,
    )


def deletion_curves(several: Sequence[Curves], *, theme: Theme | None = None) -> Picture:
    """Draw deletion or insertion curves, one panel per site, one line per method, beside a random order of cells.

    Raises:
        ValueError: nothing to draw, or curves of both kinds.
    """
    _check(several)
    if len({one.kind for one in several}) > 1:
        raise ValueError("Deletion and insertion curves were given; draw them in two figures.")
    deletion = several[0].kind == "deletion"
    sites = list(dict.fromkeys(one.site for one in several))
    gains = "; ".join(f"{NAMES[one.method]} at {one.site} {one.gain}" for one in several)
    kind = several[0].kind.capitalize()
    with Picture(
        WIDTH,
        3.0,
        theme,
        title=f"{kind}: the probability of the target while the photo {'goes' if deletion else 'comes'}",
        caption=(
            f"Mean of {count(len(several[0].photos), 'photo')}. "
            f"Cells {'go' if deletion else 'come'} in the order of the map (lines), or in random order (dashed grey). "
            f"A line {'below' if deletion else 'above'} the dashed one is better than chance; "
            "the numbers are the area gained over random order."
        ),
        alt=f"{kind} curves. Area gained over random order: {gains}.",
        constrained=True,
    ) as picture:
        colours = theme_colours(picture.theme)
        panels = picture.subplots(1, len(sites), sharey=True, squeeze=False)[0]
        for axes, site in zip(panels, sites, strict=True):
            mine = [one for one in several if one.site == site]
            for one, line in zip(mine, LINES * len(mine), strict=False):
                words = f"{NAMES[one.method]} {_signed(one.gain)}"
                axes.plot(one.fractions, one.scores.mean(0), color=site_colour_of(site), linestyle=line, label=words)
            axes.plot(mine[0].fractions, mine[0].random.mean(0), color=colours.muted, linestyle="--", linewidth=1.2)
            axes.set_title(site, loc="left", fontweight="bold")
            axes.set_xlabel(f"share of the photo that is {'gone' if deletion else 'back'}", fontsize=SMALL)
            axes.set_xlim(0, 1)
            axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
            axes.legend(loc="upper right", handlelength=1.6, borderaxespad=0.1)
        room = 1.05 + 0.13 * len({one.method for one in several})  # for the legend, above all curves
        panels[0].set_ylim(0, room * max(float(one.scores.mean(0).max()) for one in several))
        panels[0].set_yticks([tick for tick in panels[0].get_yticks() if 0 <= tick <= 1])
        panels[0].set_ylabel("probability of the target")
    return picture


def sanity_curves(sanity: Sanity, *, theme: Theme | None = None) -> Picture:
    """Draw how much of the maps is left while the net is randomised, one panel per method, one line per site."""
    curves = {(method, site): sanity.curve(method, site) for method in sanity.methods for site in sanity.sites}
    ends = "; ".join(
        f"{NAMES[method]} at {site} from {short(curve[0].value)} to {short(curve[-1].value)}"
        for (method, site), curve in curves.items()
    )
    levels = (AS_GIVEN, *sanity.levels)
    across = min(len(sanity.methods), 3)
    down = ceil(len(sanity.methods) / across)
    with Picture(
        WIDTH,
        3.0 * down + 0.3,
        theme,
        title="The sanity check: what is left of a map when the net forgets, from the logits to the stem",
        caption=(
            f"Rank correlation with the map of the net {AS_GIVEN}, mean of {len(sanity.photos)} photos; bands are 95% "
            "intervals. From left to right one more part of the net has random weights. A line that stays high belongs "
            "to a map that hardly depends on the weights."
        ),
        alt=f"Rank correlation with the map {AS_GIVEN}, after the logits and after everything is random: {ends}.",
    ) as picture:
        muted = theme_colours(picture.theme).muted
        lowest = min(min(one.low for one in curve) for curve in curves.values())
        wide = (WIDTH - 0.75 - 0.3 * across) / across
        for number, method in enumerate(sanity.methods):
            row, column = divmod(number, across)
            axes = picture.inches(0.65 + column * (wide + 0.3), 0.25 + row * 3.0, wide, 1.85, label=method)
            axes.axhline(0, color=muted, linestyle="--", linewidth=1)
            for site in sanity.sites:
                curve, colour = curves[method, site], site_colour_of(site)
                low, high = [1.0, *(one.low for one in curve)], [1.0, *(one.high for one in curve)]
                axes.fill_between(range(len(levels)), low, high, color=colour, alpha=0.16, linewidth=0)
                axes.plot(range(len(levels)), [1.0, *(one.value for one in curve)], "o-", color=colour, markersize=3.5)
            axes.set_title(NAMES[method], loc="left", fontweight="bold")
            axes.set_ylim(min(-0.1, lowest), 1.05)
            axes.set_xticks(range(len(levels)), levels, rotation=90)
            if column:
                axes.tick_params(labelleft=False)
            else:
                axes.set_ylabel("rank correlation")
        _draw_site_legend(picture, sanity.sites, 3.0 * down + 0.06)
    return picture


def _check(several: Sequence[object]) -> None:
    if not several:
        raise ValueError("There is nothing to draw: an empty list was given.")


def _dots_figure(panels: Sequence[_Panel], *, title: str, caption: str, theme: Theme | None = None) -> Picture:
    first = panels[0]
    across = min(len(panels), MOST_ACROSS)
    down = ceil(len(panels) / across)
    block = len(first.sites) * ROW + BETWEEN
    high = len(first.methods) * block
    tall = ABOVE + high + BELOW
    wide = (WIDTH - 2 * MARGIN - NAMES_WIDTH - GAP * (across - 1) - 0.15) / across
    with Picture(
        WIDTH, down * tall + 0.24, theme, title=title, caption=caption, alt=_describe_dots(panels, title)
    ) as picture:
        for number, panel in enumerate(panels):
            row, column = divmod(number, across)
            left, top = MARGIN + NAMES_WIDTH + column * (wide + GAP), row * tall
            _draw_panel(picture, panel, (left, top), (wide, high))
            for k, method in enumerate(first.methods if not column else []):
                middle = top + ABOVE + (k + 0.5) * block
                picture.write(MARGIN, middle, NAMES[method], fontsize=NORMAL, va="center")
        _draw_site_legend(picture, first.sites, down * tall + 0.02)
    return picture


def _draw_site_legend(picture: Picture, sites: Sequence[str], top: float) -> None:
    left, ink = MARGIN, theme_colours(picture.theme).ink
    for site in sites:
        picture.write(left, top, "●", fontsize=NORMAL, color=site_colour_of(site))
        picture.write(left + 0.16, top + 0.01, site, fontsize=SMALL, color=ink)
        left += 0.4 + 0.08 * len(site)


def site_colour_of(site: str) -> str:
    """Return the colour of a site known by its address alone: that of its branch."""
    try:
        address = parse(site)
    except SiteError:
        return branch_colour(None)
    if address.branch is None and address.landmark.startswith("head."):
        return HEAD_COLOUR
    return branch_colour(address.branch)


def _signed(interval: Interval) -> str:
    return f"{'+' if interval.value > 0 else ''}{short(interval.value)}" if isfinite(interval.value) else "not defined"


def _draw_panel(picture: Picture, panel: _Panel, place: tuple[float, float], size: tuple[float, float]) -> None:
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


def _describe_dots(panels: Sequence[_Panel], title: str) -> str:
    parts = []
    for panel in panels:
        chance = "" if panel.chance is None else f" (chance {short(panel.chance)})"
        each = ", ".join(f"{NAMES[method]} at {site} {interval}" for (method, site), interval in panel.cells.items())
        parts.append(f"{panel.name}{chance}: {each}")
    return f"{title}. " + "; ".join(parts) + "."
