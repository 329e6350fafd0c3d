"""What one score does when parts of a net are cut, one after the other: bars beside the addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hrnet_viz.canvas.style import (
    HEAD_COLOUR,
    MARGIN,
    NORMAL,
    SMALL,
    Picture,
    Theme,
    branch_colour,
    new_picture,
    short,
    theme_colours,
    tint,
)
from hrnet_viz.interventions.effect_figures import describe_edit

if TYPE_CHECKING:
    from hrnet_viz.interventions.ablation import Ablation

NAMES = 2.2  # in
GAP = 0.5  # in, between the columns
ROW = 0.34  # in
ABOVE = 0.3  # in
NUMBER = 0.62  # in, that are left free at both ends for the numbers


def cut_effects(ablations: Sequence[Ablation], *, sample: int = 0, theme: Theme | None = None) -> Picture:
    """Draw what each cut did to the score: one row per part, one column per way of cutting, one scale for all.

    Args:
        ablations: each of one place, all of the same photo and target; the order of rows is that in which the places
            come first.
        sample: number of the photo.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        ValueError: no ablation, one with several edits, or different targets.
        IndexError: no such photo.
    """
    check_ablations(ablations, sample)
    effects = {(str(one.changes[0].place), one.changes[0].label): float(one.effect[sample]) for one in ablations}
    sites = {str(one.changes[0].place): one.changes[0].place.site for one in ablations}
    ways = list(dict.fromkeys(how for _, how in effects))
    reach = max(abs(effect) for effect in effects.values()) or 1.0
    width = 10.0
    column = (width - NAMES - 2 * MARGIN - GAP * (len(ways) - 1)) / len(ways)
    spread = 1 / (1 - NUMBER / (column / 2))
    high = ROW * len(sites)
    words = ablations[0].words[sample]
    before = float(ablations[0].base_score[sample])
    with new_picture(
        width,
        ABOVE + high,
        theme,
        title=f"What a cut does to “{words}”",
        caption=f"Change of its score, which is {short(before, 3)} without a cut. Each bar is one cut, made alone; all "
        "bars share one scale.",
        alt=_describe(effects, words, before),
    ) as picture:
        colours = theme_colours(picture.theme)
        for row, name in enumerate(sites):
            picture.write(MARGIN, ABOVE + (row + 0.5) * ROW, name, va="center", fontsize=NORMAL)
        for number, how in enumerate(ways):
            left = MARGIN + NAMES + number * (column + GAP)
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
                branch = site.branch if site.source is None else site.source  # a path has the colour of its source
                colour = HEAD_COLOUR if branch is None else branch_colour(branch)
                axes.barh(row, effect, height=0.62, color=colour)
                offset, side = (5, "left") if effect >= 0 else (-5, "right")
                at: dict[str, Any] = {"textcoords": "offset points", "va": "center", "ha": side, "fontsize": SMALL}
                axes.annotate(_signed(effect), (effect, row), (offset, 0), **at)
    return picture


def check_ablations(ablations: Sequence[Ablation], sample: int) -> None:
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
    if not 0 <= sample < len(ablations[0].words):
        raise IndexError(f"sample={sample} was asked for, but there are photos 0 to {len(ablations[0].words) - 1}.")
    targets = sorted({one.words[sample] for one in ablations})
    if len(targets) > 1:
        raise ValueError(f"The ablations explain different targets: {', '.join(targets)}. Give all of them one target.")


def _signed(value: float) -> str:
    words = short(value)
    return words if value < 0 or words == "0" else f"+{words}"


def _describe(effects: dict[tuple[str, str], float], words: str, before: float) -> str:
    told = "; ".join(f"{name} {describe_edit(how)}: {_signed(effect)}" for (name, how), effect in effects.items())
    return f"Changes of the score of {words}, {short(before, 3)} before the cut. {told}."
