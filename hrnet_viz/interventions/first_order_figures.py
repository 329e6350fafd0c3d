"""Predicted against measured effects of edits, and how every logit follows a part that is scaled."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from torch import Tensor

from hrnet_viz.canvas.colours import HEAD_COLOUR, Theme, branch_colour, theme_colours
from hrnet_viz.canvas.painting import short
from hrnet_viz.canvas.panels import count
from hrnet_viz.canvas.style import MARGIN, NORMAL, SMALL, WIDTH, Picture
from hrnet_viz.interventions.figures import describe_edit, origin_colour
from hrnet_viz.interventions.first_order import FirstOrder

SIDE, LEFT, BELOW = 4.6, 0.75, 0.55  # in
FACT, MISS = 0.24, 0.38  # in, for one of each
CURVES = 3.6  # in
MARKERS = {2: "^", 3: "s", 4: "o"}


def first_order_scatter(result: FirstOrder, *, misses: int = 3, theme: Theme | None = None) -> Picture:
    """Draw each edit as a point: to the right what was predicted, upwards what was measured.

    Args:
        result: what ``hv.interventions.first_order`` gave.
        misses: how many of the worst predictions to name.
        theme: "light" or "dark"; the default theme if None.
    """
    facts = _facts(result)
    caption = (
        "Predicted: gradient × what the edit changes, from one forward and one backward pass. Measured: the edit made. "
        "On the dashed line the two agree."
    )
    with Picture(
        WIDTH,
        SIDE + BELOW,
        theme,
        title=f"Predicted and measured effect on the score, each part {describe_edit(result.edit)}",
        caption=caption,
        alt=f"Scatter of {count(result.predicted.numel(), 'edit')}. {' '.join(facts)} {_told(result, misses)}",
    ) as picture:
        axes = picture.inches(MARGIN + LEFT, 0.05, SIDE, SIDE - 0.05, label="scatter")
        _draw_points(axes, result, picture.theme)
        _name_misses(axes, result, misses, picture.theme)
        left = MARGIN + LEFT + SIDE + 0.45
        for number, fact in enumerate(facts):
            picture.write(left, 0.1 + FACT * number, fact, fontsize=NORMAL)
        top = 0.1 + FACT * len(facts) + 0.15
        picture.write(left, top, "furthest off", fontsize=NORMAL, fontweight="bold")
        for number, miss in enumerate(result.misses(misses)):
            whose = f" of {miss.photo}" if len(result.photos) > 1 else ""
            numbers = f"predicted {short(miss.predicted)}, measured {short(miss.measured)}"
            words = f"{number + 1}  {miss.item}{whose}\n    {numbers}"
            picture.write(left, top + 0.24 + MISS * number, words, fontsize=SMALL)
    return picture


def _draw_points(axes: Axes, result: FirstOrder, theme: Theme) -> None:
    colours = theme_colours(theme)
    everything = [*result.predicted.flatten().tolist(), *result.measured.flatten().tolist(), 0.0]
    low, high = min(everything), max(everything)
    room = ((high - low) or 1.0) * 0.07
    axes.set(xlim=(low - room, high + room), ylim=(low - room, high + room))
    axes.set(xlabel="predicted change of the score", ylabel="measured change of the score")
    axes.locator_params(nbins=6)
    axes.axline((0, 0), slope=1, color=colours.ink, linestyle="--", linewidth=1)
    axes.axhline(0, color=colours.grid, linewidth=0.8, zorder=0)
    axes.axvline(0, color=colours.grid, linewidth=0.8, zorder=0)
    for number, site in enumerate(result.places):
        axes.plot(
            result.predicted[:, number].numpy(),
            result.measured[:, number].numpy(),
            MARKERS.get(site.stage or 0, "D"),
            color=origin_colour(site),
            markersize=5,
            markeredgewidth=0,
            alpha=0.75,
        )
    stages = {
        f"stage {stage}": (marker, colours.muted)
        for stage, marker in MARKERS.items()
        if any(site.stage == stage for site in result.places)
    }
    origins = [site.branch if site.source is None else site.source for site in result.places]
    branches = sorted({branch for branch in origins if branch is not None})
    sources = {f"from branch {branch}": ("o", branch_colour(branch)) for branch in branches}
    for where, entries in ((1.06, stages), (1.34, sources)):
        plain: dict[str, Any] = {"linestyle": "none", "markersize": 5}
        handles = [
            Line2D([], [], marker=marker, color=colour, label=label, **plain)
            for label, (marker, colour) in entries.items()
        ]
        place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (where, -0.02), "borderaxespad": 0}
        # axes.legend would replace the first one by the second
        axes.add_artist(Legend(axes, handles, list(entries), bbox_transform=axes.transAxes, **place))


def _name_misses(axes: Axes, result: FirstOrder, misses: int, theme: Theme) -> None:
    for number, miss in enumerate(result.misses(misses), start=1):
        axes.annotate(
            str(number),
            (miss.predicted, miss.measured),
            (6, 5),
            textcoords="offset points",
            fontsize=SMALL,
            fontweight="bold",
            color=theme_colours(theme).fault,
        )


def _facts(result: FirstOrder) -> list[str]:
    def told(value: float) -> str:
        return f"{value:.2f}".replace("-", "−") if isfinite(value) else "not defined"

    edits = count(len(result.items), "edit")
    return [
        f"{edits} of {count(len(result.photos), 'photo')}",
        f"correlation {told(result.correlation)}, of ranks {told(result.rank_correlation)}",
        f"direction right for {result.sign_agreement:.0%}",
        *(f"stage {stage}: correlation {told(value)}" for stage, value in result.by_stage().items()),
    ]


def _told(result: FirstOrder, misses: int) -> str:
    told = [
        f"{miss.item} of {miss.photo}, {short(miss.predicted)} predicted and {short(miss.measured)} measured"
        for miss in result.misses(misses)
    ]
    return f"Furthest off: {'; '.join(told)}." if told else ""


def response_curves(
    factors: Sequence[float],
    logits: Tensor,
    names: Sequence[str],
    *,
    target: int,
    slope: float,
    site: str,
    theme: Theme | None = None,
) -> Picture:
    """Draw every logit over the factor that a site is scaled by, with the line that the gradient predicts.

    Args:
        factors: F factors in rising order.
        logits: (F, K).
        names: of the K classes.
        target: number of the class that stands out.
        slope: gradient x value of the site for the target: the slope of its logit at factor 1.
        site: what is scaled.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        ValueError: another number of logits than factors and names.
    """
    values, x = logits.detach().double().cpu().numpy(), np.asarray(factors)
    if values.shape != (len(x), len(names)):
        raise ValueError(
            f"Logits of shape {values.shape} were given for {len(x)} factors and {len(names)} names; "
            f"({len(x)}, {len(names)}) was expected."
        )
    unscaled = float(np.interp(1.0, x, values[:, target]))
    with Picture(
        WIDTH,
        CURVES,
        theme,
        title=f"{site}, from switched off to twice as strong",
        caption=f"Violet: the logit of {names[target]}. Dashed: what its gradient at factor 1 predicts. "
        "Grey: the logits of the other classes.",
        alt=f"Logits over the factor of {site}. {names[target]} is at {short(values[0, target])} when it is switched "
        f"off, {short(unscaled)} untouched, {short(values[-1, target])} at factor {x[-1]:g}; the gradient predicts "
        f"{short(unscaled - slope)} for off.",
        constrained=True,
    ) as picture:
        colours = theme_colours(picture.theme)
        axes = picture.subplots()
        axes.set_label("curves")
        axes.plot(x, np.delete(values, target, axis=1), color=colours.grid, linewidth=1.2)
        axes.plot(x, unscaled + slope * (x - 1), color=colours.ink, linestyle="--", linewidth=1.2)
        axes.plot(x, values[:, target], color=HEAD_COLOUR, linewidth=2.4)
        axes.plot([1], [unscaled], "o", color=HEAD_COLOUR)
        axes.axvline(1, color=colours.grid, linewidth=0.8, zorder=0)
        axes.set(xlabel="factor (0 is off, 1 is untouched)", ylabel="logit", xlim=(x[0], x[-1]))
    return picture
