"""How every logit follows a part of the net that is scaled, and where its gradient points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from hrnet_viz.canvas.style import HEAD_COLOUR, Picture, Theme, new_picture, short, theme_colours

WIDTH, HEIGHT = 10.0, 3.6  # in


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
    with new_picture(
        WIDTH,
        HEIGHT,
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
