"""What edits do to a score: over the diagram, as matrices, as bars of the largest, and two at a time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import Rectangle

from hrnet_viz.canvas.colours import HEAD_COLOUR, Theme, branch_colour, theme_colours, tint
from hrnet_viz.canvas.matrices import average, matrices_picture, number_cells, whose
from hrnet_viz.canvas.network_drawing import network_diagram
from hrnet_viz.canvas.painting import colour_bar, short, show_map
from hrnet_viz.canvas.panels import count
from hrnet_viz.canvas.style import MARGIN, NORMAL, SMALL, WIDTH, Picture
from hrnet_viz.interventions.ablation import PairEffects
from hrnet_viz.interventions.sweep_table import Effect, Sweep
from hrnet_viz.sites import Site, SiteError, check_index, parse, quote, split_channels

if TYPE_CHECKING:
    from hrnet_viz.canvas.diagram import Diagram
    from hrnet_viz.interventions.ablation import Ablation
    from hrnet_viz.network.net import HRNet

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
    colours_of = {effect.item: origin_colour(effect) for effect in sweep.effects}
    several = len(sweep.photos) > 1
    left_out = f" {len(means) - len(items)} smaller ones are left out." if len(means) > len(items) else ""
    high = ROW * len(items)
    with Picture(
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


def origin_colour(part: Effect | Site) -> str:
    """Return the colour of the branch that an edited tensor comes from, which for a path is its source."""
    origin = part.branch if part.source is None else part.source
    in_head = isinstance(part, Effect) and part.item.startswith("head.")
    return HEAD_COLOUR if origin is None or in_head else branch_colour(origin)


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


PAIRS_HEIGHT = 4.4  # in


def pair_matrix(pairs: PairEffects, *, index: int | None = None, theme: Theme | None = None) -> Picture:
    """Draw effects alone (diagonal, framed) and what each pair adds to the sum of both (beside it) as one matrix.

    Args:
        pairs: what ``hv.interventions.pairs`` gave.
        index: number of the photo; the mean over all of them if None.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        IndexError: no such photo.
    """
    alone, extra = (average(values.numpy(), index) for values in (pairs.alone, pairs.extra))
    matrix = extra + np.diag(alone)
    sites = pairs.sites
    i, j = max(combinations(range(len(sites)), 2), key=lambda pair: abs(extra[pair]))
    words = ", ".join(dict.fromkeys(pairs.words if index is None else (pairs.words[index],)))
    where = list(dict.fromkeys(site.rpartition(".")[0] for site in sites))
    of = whose(pairs.photos, len(pairs.together), index)
    with Picture(
        WIDTH,
        PAIRS_HEIGHT,
        theme,
        title=f"What happens to “{words}” when two parts are {describe_edit(pairs.edit)}",
        caption="Diagonal (framed): effect of one alone. Beside it: effect of both minus the sum of the two alone; 0 "
        f"where effects simply add up. {of[0].upper()}{of[1:]}.",
        alt=f"Effects of {len(sites)} parts alone and what pairs add. "
        f"{'; '.join(f'{site} alone {short(value)}' for site, value in zip(sites, alone.tolist(), strict=True))}. "
        f"The pair that adds the most, {short(float(extra[i, j]))}, is {sites[i]} with {sites[j]}.",
        constrained=True,
    ) as picture:
        axes = picture.subplots()
        axes.set_label("pairs")
        image = show_map(axes, matrix, signed=True)
        number_cells(image, matrix, float(np.abs(matrix).max()))
        for k in range(len(sites)):
            edge = picture.colours.ink
            axes.add_patch(Rectangle((k - 0.5, k - 0.5), 1, 1, fill=False, edgecolor=edge, linewidth=1.6))
        names = [site.rpartition(".")[2] for site in sites] if len(where) == 1 else list(sites)
        axes.set_xticks(range(len(sites)), names, rotation=0 if len(where) == 1 else 30)
        axes.set_yticks(range(len(sites)), names)
        axes.set_title(where[0] if len(where) == 1 else "", loc="left")
        colour_bar(image, beside=axes, label="change of the score")
    return picture


CUT_NAMES, CUT_ROW, GAP, ABOVE = 2.2, 0.34, 0.5, 0.3  # in
NUMBER = 0.62  # in, that are left free at both ends for the numbers


def cut_effects(ablations: Sequence[Ablation], *, index: int = 0, theme: Theme | None = None) -> Picture:
    """Draw what each cut did to the score: one row per part, one column per way of cutting, one scale for all.

    Args:
        ablations: each of one place, all of the same photo and target; the order of rows is that in which the places
            come first.
        index: number of the photo.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        ValueError: no ablation, one with several edits, or different targets.
        IndexError: no such photo.
    """
    check_ablations(ablations, index)
    effects = {(str(one.changes[0].place), one.changes[0].label): float(one.effect[index]) for one in ablations}
    sites = {str(one.changes[0].place): one.changes[0].place.site for one in ablations}
    ways = list(dict.fromkeys(how for _, how in effects))
    reach = max(abs(effect) for effect in effects.values()) or 1.0
    column = (WIDTH - CUT_NAMES - 2 * MARGIN - GAP * (len(ways) - 1)) / len(ways)
    spread = 1 / (1 - NUMBER / (column / 2))
    high = CUT_ROW * len(sites)
    words = ablations[0].words[index]
    before = float(ablations[0].base_score[index])
    with Picture(
        WIDTH,
        ABOVE + high,
        theme,
        title=f"What a cut does to “{words}”",
        caption=f"Change of its score, which is {short(before, 3)} without a cut. Each bar is one cut, made alone; all "
        "bars share one scale.",
        alt=_describe(effects, words, before),
    ) as picture:
        colours = theme_colours(picture.theme)
        for row, name in enumerate(sites):
            picture.write(MARGIN, ABOVE + (row + 0.5) * CUT_ROW, name, va="center", fontsize=NORMAL)
        for number, how in enumerate(ways):
            left = MARGIN + CUT_NAMES + number * (column + GAP)
            picture.write(left + column / 2, 0.04, describe_edit(how), ha="center", fontsize=SMALL, color=colours.muted)
            axes = picture.inches(left, ABOVE, column, high, label=how)
            axes.axis("off")
            axes.set(xlim=np.array([-1, 1]) * reach * spread, ylim=(len(sites) - 0.5, -0.5))
            axes.axvline(0, color=colours.grid, linewidth=1)
            for row, (name, site) in enumerate(sites.items()):
                axes.axhspan(row - 0.36, row + 0.36, color=tint(HEAD_COLOUR, picture.theme, 0.06), linewidth=0)
                if (name, how) not in effects:
                    continue
                effect = effects[name, how]
                axes.barh(row, effect, height=0.62, color=origin_colour(site))
                offset, side = (5, "left") if effect >= 0 else (-5, "right")
                at: dict[str, Any] = {"textcoords": "offset points", "va": "center", "ha": side, "fontsize": SMALL}
                axes.annotate(_signed(effect), (effect, row), (offset, 0), **at)
    return picture


def check_ablations(ablations: Sequence[Ablation], index: int) -> None:
    """Refuse what cannot stand in one picture.

    Raises:
        ValueError: no ablation, one with several edits, or different targets.
        IndexError: no such photo.
    """
    if not ablations:
        raise ValueError("No ablation was given; make some with hv.ablate, one for each part.")
    several = next((one for one in ablations if len(one.changes) != 1), None)
    if several is not None:
        raise ValueError(f"{several!r} has {len(several.changes)} edits; each row shows what one edit did alone.")
    check_index(index, len(ablations[0].words))
    targets = sorted({one.words[index] for one in ablations})
    if len(targets) > 1:
        raise ValueError(f"The ablations explain different targets: {', '.join(targets)}. Give all of them one target.")


def _signed(value: float) -> str:
    words = short(value)
    return words if value < 0 or words == "0" else f"+{words}"


def _describe(effects: dict[tuple[str, str], float], words: str, before: float) -> str:
    told = "; ".join(f"{name} {describe_edit(how)}: {_signed(effect)}" for (name, how), effect in effects.items())
    return f"Changes of the score of {words}, {short(before, 3)} before the cut. {told}."
