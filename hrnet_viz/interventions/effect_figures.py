"""What edits do to a score: over the one diagram, as matrices along the depth, and as bars of the largest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hrnet_viz.canvas.drawing import network_diagram
from hrnet_viz.canvas.matrices import matrices_picture
from hrnet_viz.canvas.sources import count
from hrnet_viz.canvas.style import (
    HEAD_COLOUR,
    MARGIN,
    NORMAL,
    Picture,
    Theme,
    branch_colour,
    new_picture,
    short,
    theme_colours,
)
from hrnet_viz.interventions.sweep_table import Effect, Sweep
from hrnet_viz.sites import SiteError, parse, quote, split_channels

if TYPE_CHECKING:
    from hrnet_viz.canvas.diagrams.drawn import Diagram
    from hrnet_viz.network.net import HRNet

WIDTH = 10.0  # in
NAMES = 2.9  # in, with the numbers
ROW = 0.27  # in
AXIS = 0.42  # in
ROOM = 0.04  # share of the range that is left free at both ends

MEANING = {
    "effect": "change of the score",
    "score": "score afterwards",
    "probability": "probability afterwards",
    "rank": "rank afterwards",
}


def effect_diagram(
    net: HRNet, sweep: Sweep, column: str = "effect", *, theme: Theme | None = None, title: str | None = None
) -> Diagram:
    """Lay the effects of a sweep over the diagram of the net: a path is as wide, a box as coloured, as its effect.

    Args:
        net: the net that was swept.
        sweep: one over whole sites: fuse paths, branches, or sites of your choice.
        column: "effect", "score", "probability" or "rank"; the mean over the photos is shown.
        theme: "light" or "dark"; the default theme if None.
        title: what stands above; what was done to which score if None.

    Raises:
        ValueError: a sweep of another net, over channels or modules, which are no sites, or no such column.
    """
    _check(sweep, column)
    swept = sweep.settings.get("variant", net.plan.owner)
    if swept != net.plan.owner:
        raise ValueError(f"The sweep is of {swept}, the net is {net.plan.owner}. Give the net that was swept.")
    means = sweep.mean(column)
    strange = [item for item in means if not _is_site(item)]
    if strange:
        raise ValueError(
            f"'{strange[0]}' is no site of the diagram. Sweep over 'fuse_paths' or 'branches' for this picture; "
            "effect_bars shows channels and modules."
        )
    name = MEANING.get(column, column)
    return network_diagram(
        net, values=dict(means), name=name, theme=theme, title=_title(sweep) if title is None else title
    )


def effect_matrices(sweep: Sweep, column: str = "effect", *, theme: Theme | None = None) -> Picture:
    """Draw the effect of every fuse path: a matrix per module along the depth, one scale for all.

    Args:
        sweep: one over the fuse paths.
        column: "effect", "score", "probability" or "rank"; the mean over the photos is shown.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        ValueError: a sweep over something else, or no such column.
    """
    _check(sweep, column)
    matrices = {module: matrix.numpy() for module, matrix in sweep.matrices(column).items()}
    return matrices_picture(
        matrices,
        signed=column == "effect" or any((matrix < 0).any() for matrix in matrices.values()),
        title=_title(sweep),
        caption=f"{_sentence(sweep, column)} Each path was edited alone; effects of several do not simply add up.",
        label=MEANING.get(column, column),
        theme=theme,
    )


def effect_bars(sweep: Sweep, *, most: int = 12, theme: Theme | None = None) -> Picture:
    """Draw the edits with the largest mean effect: a bar for the mean, a dot per photo.

    Args:
        sweep: any sweep.
        most: how many edits to draw at most.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        ValueError: an empty sweep, or ``most`` below 1.
    """
    _check(sweep, "effect")
    if most < 1:
        raise ValueError(f"most={most} was given; draw at least one edit.")
    means = sweep.mean("effect")
    items = sorted(means, key=lambda item: -abs(means[item]))[:most]
    each = {item: [effect.effect for effect in sweep.effects if effect.item == item] for item in items}
    colours_of = {effect.item: _colour(effect) for effect in sweep.effects}
    several = len(sweep.photos) > 1
    left_out = f" {len(means) - len(items)} smaller ones are left out." if len(means) > len(items) else ""
    high = ROW * len(items)
    with new_picture(
        WIDTH,
        high + AXIS,
        theme,
        title=_title(sweep),
        caption=f"{_sentence(sweep, 'effect')}{' A dot is one photo.' if several else ''}{left_out}",
        alt=f"{_title(sweep)}. Mean change of the score: "
        f"{'; '.join(f'{item} {short(means[item])}' for item in items)}.",
    ) as picture:
        colours = theme_colours(picture.theme)
        axes = picture.inches(MARGIN + NAMES, 0.02, WIDTH - 2 * MARGIN - NAMES - 0.1, high, label="effects")
        low = min(0.0, *(min(values) for values in each.values()))
        top = max(0.0, *(max(values) for values in each.values()))
        room = ((top - low) or 1.0) * ROOM
        axes.set(xlim=(low - room, top + room), ylim=(len(items) - 0.5, -0.5), yticks=[])
        axes.set_xlabel(MEANING["effect"])
        axes.spines["left"].set_visible(False)
        axes.axvline(0, color=colours.ink, linewidth=0.8)
        for row, item in enumerate(items):
            axes.barh(row, means[item], height=0.62, color=colours_of[item], alpha=0.85 if not several else 0.6)
            if several:
                axes.plot(each[item], np.full(len(each[item]), row), "o", color=colours.ink, markersize=2.5, alpha=0.7)
            number = f"+{short(means[item])}" if means[item] > 0 else short(means[item])
            picture.write(MARGIN + NAMES - 0.1, 0.02 + (row + 0.5) * ROW, number, va="center", ha="right")
            picture.write(MARGIN, 0.02 + (row + 0.5) * ROW, item, va="center", fontsize=NORMAL)
    return picture


def _colour(effect: Effect) -> str:
    """Give the colour of the branch that an edited tensor comes from, which for a path is its source."""
    if effect.item.startswith(("head.", "logits")):
        return HEAD_COLOUR
    return branch_colour(effect.branch if effect.source is None else effect.source)


def _check(sweep: Sweep, column: str) -> None:
    if not sweep.effects:
        raise ValueError("This sweep has no effects to draw: no photo was read, or it was interrupted at once.")
    if column not in MEANING:
        raise ValueError(f"column={quote(column)} was given; a picture shows {', '.join(MEANING)}.")


def _is_site(item: str) -> bool:
    try:
        return parse(item).name == split_channels(item)[0]
    except SiteError:
        return False


def describe_edit(edit: str) -> str:
    """Return in words what was done to a part: "set to zero", "scaled by 0.5", "replaced by its own mean"."""
    if edit == "zero":
        return "set to zero"
    if edit.startswith(("scaled", "patched")):
        return edit
    return f"replaced by {edit.replace('own mean', 'its own mean').replace('mean of', 'the mean of')}"


def _title(sweep: Sweep) -> str:
    edits = list(dict.fromkeys(effect.edit for effect in sweep.effects))
    targets = list(dict.fromkeys(effect.target for effect in sweep.effects))
    done = describe_edit(edits[0])
    whose = f"“{targets[0]}”" if len(targets) == 1 else "each photo's own class"
    return f"What happens to {whose} when one part is {done}"


def _sentence(sweep: Sweep, column: str) -> str:
    photos = sweep.photos
    base = sum({effect.photo: effect.base_score for effect in sweep.effects}.values()) / len(photos)
    mean = "Mean " if len(photos) > 1 else ""
    whose = f"over {count(len(photos), 'photo')}" if len(photos) > 1 else f"for {photos[0]}"
    words = f"{mean}{MEANING[column]} {whose}"
    return f"{words[0].upper()}{words[1:]}; without an edit the score is {short(base, 3)}."
