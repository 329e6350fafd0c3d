"""Two edits at once: the effect of each alone, and beside it what a pair adds."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from hrnet_viz.canvas.matrices import average, write_numbers
from hrnet_viz.canvas.style import Picture, Theme, colour_bar, ink_on, new_picture, short, show_map, theme_colours
from hrnet_viz.exchanges.matrices import whose
from hrnet_viz.interventions.ablation import PairEffects
from hrnet_viz.interventions.effect_figures import describe_edit

WIDTH, HEIGHT = 10.0, 4.4  # in


def pair_matrix(pairs: PairEffects, *, sample: int | None = None, theme: Theme | None = None) -> Picture:
    """Draw effects alone (diagonal, framed) and what each pair adds to the sum of both (beside it) as one matrix.

    Args:
        pairs: what ``hv.interventions.pairs`` gave.
        sample: number of the photo; the mean over all of them if None.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        IndexError: no such photo.
    """
    alone, extra = (average(values.numpy(), sample) for values in (pairs.alone, pairs.extra))
    matrix = extra + np.diag(alone)
    sites = pairs.sites
    i, j = max(combinations(range(len(sites)), 2), key=lambda pair: abs(extra[pair]))
    words = ", ".join(dict.fromkeys(pairs.words if sample is None else (pairs.words[sample],)))
    where = list(dict.fromkeys(site.rpartition(".")[0] for site in sites))
    of = whose(pairs.photos, len(pairs.together), sample)
    with new_picture(
        WIDTH,
        HEIGHT,
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
        numbers = write_numbers(matrix, float(np.abs(matrix).max()))
        fills: Any = image.to_rgba(matrix)
        for row, column in np.ndindex(matrix.shape):
            ink = ink_on(to_hex(fills[row, column]))
            axes.text(column, row, numbers[row][column], ha="center", va="center", fontsize=9, color=ink)
            if row == column:
                edge = theme_colours(picture.theme).ink
                axes.add_patch(Rectangle((row - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=edge, linewidth=1.6))
        names = [site.rpartition(".")[2] for site in sites] if len(where) == 1 else list(sites)
        axes.set_xticks(range(len(sites)), names, rotation=0 if len(where) == 1 else 30)
        axes.set_yticks(range(len(sites)), names)
        axes.set_title(where[0] if len(where) == 1 else "", loc="left")
        colour_bar(image, beside=axes, label="change of the score")
    return picture
