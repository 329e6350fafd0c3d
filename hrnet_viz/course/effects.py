"""Pictures of notebook 06: what edits do to the logits. Numbers come in ready; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike
from torch import Tensor

from hrnet_viz.figures.style import (
    BRANCH_COLOURS,
    HEAD_COLOUR,
    Picture,
    Theme,
    colour_bar,
    ink_on,
    new_picture,
    short,
    show_map,
    theme_colours,
)
from hrnet_viz.sites import Site

WIDTH = 10.0  # in
SHORTEST = 1e-9


def draw_changes(
    changes: Mapping[str, Tensor], names: Sequence[str], target: int, site: str, *, theme: Theme | None = None
) -> Picture:
    """Draw what several kinds of edit do to each logit, side by side on one scale.

    Args:
        changes: kind of edit -> logits after minus before, (K,).
        names: of the classes.
        target: the one that stands out.
        site: what was edited.
        theme: "light" or "dark"; the default theme if None.
    """
    reach = 1.1 * max(SHORTEST, *(float(change.abs().max()) for change in changes.values()))
    told = "; ".join(
        f"{kind}: {names[target]} moves by {float(change[target]):+.2f}" for kind, change in changes.items()
    )
    with new_picture(
        WIDTH,
        0.6 + 0.24 * len(names),
        theme,
        title=f"{site}: the same path, edited in {len(changes)} ways",
        caption="Bars: logit after minus before, one scale for all panels. Violet is the class that is asked about.",
        alt=f"Changes of all logits when {site} is edited. {told}.",
        constrained=True,
    ) as picture:
        muted = theme_colours(picture.theme).muted
        panels = picture.subplots(1, len(changes), sharey=True, squeeze=False)[0]
        for axes, (kind, change) in zip(panels, changes.items(), strict=True):
            colours = [HEAD_COLOUR if row == target else muted for row in range(len(names))]
            axes.barh(range(len(names)), change.cpu().numpy(), color=colours)
            axes.axvline(0, color=muted, linewidth=0.8)
            axes.set(xlim=(-reach, reach), yticks=range(len(names)), yticklabels=list(names), title=kind)
            axes.set_xlabel("change of the logit")
        panels[0].invert_yaxis()
    return picture


def draw_response(
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
        factors: F factors.
        logits: (F, K).
        names: of the K classes.
        target: the one that stands out.
        slope: gradient x value of the site for the target: the slope of its logit at factor 1.
        site: what is scaled.
        theme: "light" or "dark"; the default theme if None.
    """
    values, x = logits.detach().double().cpu().numpy(), np.asarray(factors)
    unscaled = float(np.interp(1.0, x, values[:, target]))
    with new_picture(
        WIDTH,
        3.6,
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
        axes.plot(x, np.delete(values, target, axis=1), color=colours.grid, linewidth=1.2)
        axes.plot(x, unscaled + slope * (x - 1), color=colours.ink, linestyle="--", linewidth=1.2)
        axes.plot(x, values[:, target], color=HEAD_COLOUR, linewidth=2.4)
        axes.plot([1], [unscaled], "o", color=HEAD_COLOUR)
        axes.axvline(1, color=colours.grid, linewidth=0.8, zorder=0)
        axes.set(xlabel="factor (0 is off, 1 is untouched)", ylabel="logit", xlim=(x[0], x[-1]))
    return picture


def draw_predictions(
    sites: Sequence[Site], predicted: Sequence[float], measured: Sequence[float], *, theme: Theme | None = None
) -> Picture:
    """Draw what the gradient predicts for switching each path off against what it does.

    Args:
        sites: the paths; the colour of a point is that of the branch which the path comes from.
        predicted: minus gradient x value, one per path.
        measured: the effect.
        theme: "light" or "dark"; the default theme if None.
    """
    across, up = np.asarray(predicted), np.asarray(measured)
    reach = 1.08 * max(SHORTEST, float(np.abs([*across, *up]).max()))
    far = int(np.abs(across - up).argmax())
    with new_picture(
        WIDTH,
        4.6,
        theme,
        title="Predicted by the gradient, measured by switching off",
        caption="One point per path, in the colour of the branch that it comes from; on the line prediction and "
        "measurement agree. The label is the path that is furthest from it.",
        alt=f"{len(sites)} paths. Furthest from the line is {sites[far].name}: predicted {short(across[far])}, "
        f"measured {short(up[far])}.",
        constrained=True,
    ) as picture:
        colours = theme_colours(picture.theme)
        axes = picture.subplots()
        axes.plot([-reach, reach], [-reach, reach], color=colours.muted, linewidth=0.8)
        for branch, colour in enumerate(BRANCH_COLOURS):
            chosen = [number for number, site in enumerate(sites) if site.source == branch]
            axes.plot(across[chosen], up[chosen], "o", color=colour, label=f"from branch {branch}")
        right = across[far] > 0
        axes.annotate(sites[far].name, (across[far], up[far]), (0, 14), textcoords="offset points",
                      ha="right" if right else "left", va="center", color=colours.ink, fontsize=9)  # fmt: skip
        axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        axes.set(xlabel="predicted change of the logit", ylabel="measured change of the logit")
        axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1))
    return picture


def draw_pairs(sites: Sequence[str], matrix: Tensor, *, theme: Theme | None = None) -> Picture:
    """Draw effects alone (diagonal) and what each pair adds to the sum of both (beside it) as one matrix.

    Args:
        sites: S of them.
        matrix: (S, S), from ``measure_pairs``.
        theme: "light" or "dark"; the default theme if None.
    """
    values = matrix.cpu().numpy()
    reach = max(SHORTEST, float(np.abs(values).max()))
    off = values - np.diag(np.diag(values))
    i, j = sorted(int(k) for k in np.unravel_index(int(np.abs(off).argmax()), off.shape))
    with new_picture(
        WIDTH,
        4.4,
        theme,
        title="Two paths at once",
        caption="Diagonal (framed): effect of switching one path off. Beside it: effect of both minus the sum of the "
        "two alone; 0 where effects simply add up.",
        alt=f"Effects of {len(sites)} paths alone and what pairs add. The pair that adds the most, {short(off[i, j])}, "
        f"is {sites[i]} with {sites[j]}.",
        constrained=True,
    ) as picture:
        axes = picture.subplots()
        image = show_map(axes, values, signed=True)
        decimals = max(0, 2 - int(np.floor(np.log10(reach))))  # three digits of the largest number, for all alike
        for (row, column), value in np.ndenumerate(values):
            red, green, blue, _ = image.to_rgba(value)
            ink = ink_on(to_hex((red, green, blue)))
            words = f"{round(float(value), decimals) + 0.0:.{decimals}f}".replace("-", "\u2212")  # no "-0.00"
            axes.text(column, row, words, ha="center", va="center", fontsize=9, color=ink)
            if row == column:
                edge = theme_colours(picture.theme).ink
                axes.add_patch(Rectangle((row - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=edge, linewidth=1.6))
        endings = [site.rpartition(".")[2] for site in sites]
        axes.set_xticks(range(len(sites)), endings)
        axes.set_yticks(range(len(sites)), endings)
        axes.set_title(sites[0].rpartition(".")[0], loc="left")
        colour_bar(image, beside=axes, label="change of the logit")
    return picture


def draw_where(pixels: ArrayLike, maps: Mapping[str, Tensor], words: str, *, theme: Theme | None = None) -> Picture:
    """Draw what the net sees, and beside it class activation maps, each on its own signed scale.

    Args:
        pixels: the prepared photo, (H, W, 3) uint8.
        maps: site -> raw map (h, w).
        words: what the maps are of, "Grad-CAM for cat".
        theme: "light" or "dark"; the default theme if None.
    """
    side, gap, left, top = 2.0, 0.9, 0.12, 0.55
    values = {site: map_.detach().float().cpu().numpy() for site, map_ in maps.items()}
    ranges = {site: f"{short(float(one.min()))} to {short(float(one.max()))}" for site, one in values.items()}
    with new_picture(
        WIDTH,
        side + top + 0.1,
        theme,
        title=words,
        caption="Each map has a scale of its own, symmetric about 0, and its raw range above it: compare places within "
        "a map, not colours between maps.",
        alt=f"{words}: the photo and {len(maps)} maps. {'; '.join(f'{site} {told}' for site, told in ranges.items())}.",
    ) as picture:
        axes = picture.inches(left, top, side, side)
        axes.imshow(np.asarray(pixels), interpolation="nearest", aspect="auto")
        axes.set(xticks=[], yticks=[])
        picture.write(left, 0.32, "what the net sees")
        for number, (site, one) in enumerate(values.items(), start=1):
            place = left + number * (side + gap)
            show_map(picture.inches(place, top, side, side), one, signed=True)
            picture.write(place, 0.12, site, fontweight="bold")
            picture.write(place, 0.32, ranges[site], color=theme_colours(picture.theme).muted)
    return picture
