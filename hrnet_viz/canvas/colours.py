"""The colours of every picture: what each means, and maps in which equal steps of value look equal.

The branch colours are four of the set of Okabe and Ito ("Color Universal Design", 2008). Under simulated protanopia,
deuteranopia and tritanopia (Machado et al. 2009) any two of them stay at least 16 CIELAB units apart, and each has a
contrast of at least 3:1 to both pages, so a line in it can be seen on either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_hex, to_rgb
from numpy.typing import NDArray

from hrnet_viz.sites import quote

Theme = Literal["light", "dark"]

BRANCH_COLOURS = ("#0072b2", "#009e73", "#d55e00", "#cc79a7")
"""Colour of branch 0, 1, 2, 3, that is of stride 4, 8, 16, 32: blue, green, vermilion, pink."""

STEM_COLOUR = "#7d8790"
"""Colour of what comes before the branches: input, stem, stage 1 as a whole."""

HEAD_COLOUR = "#8a3ffc"
"""Colour of what belongs to no branch any more: final layer, pool, logits."""


@dataclass(frozen=True, slots=True)
class ThemeColours:
    """What a page is made of."""

    page: str  # as JupyterLab gives an output in the same theme
    ink: str
    muted: str  # captions, tick labels and other text of second rank; still 4.5:1 against the page
    grid: str  # frames, rules and grid lines
    fault: str  # what is wrong or dead


THEMES: dict[Theme, ThemeColours] = {
    "light": ThemeColours(page="#ffffff", ink="#1a1d21", muted="#5a636d", grid="#d5dade", fault="#c4161c"),
    "dark": ThemeColours(page="#111111", ink="#eceff1", muted="#a3adb6", grid="#3a4147", fault="#ff6b6b"),
}


def theme_colours(theme: Theme) -> ThemeColours:
    """Return the colours of a page.

    Raises:
        ValueError: no such theme.
    """
    if theme not in THEMES:
        raise ValueError(f"theme={quote(theme)} was given; a picture is drawn with theme='light' or theme='dark'.")
    return THEMES[theme]


def branch_colour(branch: int | None) -> str:
    """Return the colour of a branch; None stands for what belongs to no branch and comes before them."""
    return STEM_COLOUR if branch is None else BRANCH_COLOURS[branch]


def mix(colour: str, other: str, share: float) -> str:
    """Mix two colours: all of ``colour`` at share 0, all of ``other`` at 1."""
    red, green, blue = (1 - share) * np.array(to_rgb(colour)) + share * np.array(to_rgb(other))
    return to_hex((red, green, blue))


def tint(colour: str, theme: Theme, strength: float = 0.18) -> str:
    """Return a quiet version of a colour for a surface: a little of it on the page."""
    return mix(theme_colours(theme).page, colour, strength)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21, as WCAG 2 defines it; 4.5 is what small text needs."""
    parts = np.array([to_rgb(one), to_rgb(other)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    low, high = sorted(linear @ (0.2126, 0.7152, 0.0722))
    return float((high + 0.05) / (low + 0.05))


def ink_on(colour: str) -> str:
    """Return the text colour, near black or white, that reads better on a colour."""
    return max("#14171a", "#ffffff", key=lambda ink: contrast(ink, colour))


SEQUENTIAL: Colormap = colormaps["viridis"]
"""For data that is never negative, such as anything after ReLU: dark is little, bright is much."""

# Constant steps in OKLab (Ottosson 2020), where distance is about visible difference, from near white outwards.
_NEGATIVE = "0b3a75 0e4a85 165a95 236ba5 337cb3 458cc0 599dcc 6fadd7 87bce0 a0cce7 bbdaed d8e7f1"
_POSITIVE = "fae3cf fbd2ad f8bf8e f1ac72 e79958 db8742 cd762e be651c ae550e 9d4604 8b3703 7a2a06"

SIGNED: Colormap = LinearSegmentedColormap.from_list(
    "hrnet_signed", [f"#{colour}" for colour in f"{_NEGATIVE} f5f4f2 {_POSITIVE}".split()]
)
"""For data of both signs, always symmetric about 0: blue is negative, near white is zero, brown is positive."""


def lookup_table(colour_map: Colormap) -> NDArray[np.uint8]:
    """Return a map as 256 colours, (256, 3) uint8, for a page that colours indices itself."""
    table: NDArray[np.uint8] = np.rint(colour_map(np.arange(256))[:, :3] * 255).astype(np.uint8)
    return table
