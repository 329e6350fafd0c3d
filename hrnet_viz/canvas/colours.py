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
from matplotlib.colors import Colormap, ListedColormap, to_hex, to_rgb
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
    """What a page is made of.

    Attributes:
        page: background; the one that JupyterLab gives an output in the same theme.
        ink: text.
        muted: captions, tick labels and other text of second rank; still 4.5:1 against the page.
        grid: frames, rules and grid lines.
        fault: what is wrong or dead.
    """

    page: str
    ink: str
    muted: str
    grid: str
    fault: str


THEMES: dict[Theme, ThemeColours] = {
    "light": ThemeColours(page="#ffffff", ink="#1a1d21", muted="#5a636d", grid="#d5dade", fault="#c4161c"),
    "dark": ThemeColours(page="#111111", ink="#eceff1", muted="#a3adb6", grid="#3a4147", fault="#ff6b6b"),
}


def theme_colours(theme: Theme) -> ThemeColours:
    """Give the colours of a page.

    Raises:
        ValueError: no such theme.
    """
    if theme not in THEMES:
        raise ValueError(f"theme={quote(theme)} was given; a picture is drawn with theme='light' or theme='dark'.")
    return THEMES[theme]


def branch_colour(branch: int | None) -> str:
    """Give the colour of a branch; None stands for what belongs to no branch and comes before them."""
    return STEM_COLOUR if branch is None else BRANCH_COLOURS[branch]


def mix(colour: str, other: str, share: float) -> str:
    """Mix two colours: all of ``colour`` at share 0, all of ``other`` at 1."""
    red, green, blue = (1 - share) * np.array(to_rgb(colour)) + share * np.array(to_rgb(other))
    return to_hex((red, green, blue))


def tint(colour: str, theme: Theme, strength: float = 0.18) -> str:
    """Give a quiet version of a colour for a surface: a little of it on the page."""
    return mix(theme_colours(theme).page, colour, strength)


def luminance(colour: str) -> float:
    """Give the relative luminance, 0 for black and 1 for white, as WCAG 2 defines it."""
    part = np.array(to_rgb(colour))
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(one: str, other: str) -> float:
    """Give the contrast of two colours, 1 to 21, as WCAG 2 defines it; 4.5 is what small text needs."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def ink_on(colour: str) -> str:
    """Give the text colour, near black or white, that reads better on a colour."""
    return max("#14171a", "#ffffff", key=lambda ink: contrast(ink, colour))


# ---- maps ------------------------------------------------------------------------------------------------------------

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn sRGB (..., 3) in 0..1 into OKLab (Ottosson 2020), where distance is about visible difference."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    result: NDArray[np.float64] = np.cbrt(linear @ _TO_CONES.T) @ _TO_OKLAB.T
    return result


def _from_oklab(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.clip((lab @ np.linalg.inv(_TO_OKLAB).T) ** 3 @ np.linalg.inv(_TO_CONES).T, 0, 1)
    result: NDArray[np.float64] = np.where(
        linear <= 0.0031308, linear * 12.92, 1.055 * np.power(linear, 1 / 2.4) - 0.055
    )
    return np.clip(result, 0, 1)


def _arm(anchors: tuple[str, ...], steps: int) -> NDArray[np.float64]:
    """Walk from the first colour over the others at constant visible speed: (steps, 3) in sRGB."""
    knots = oklab(np.array([to_rgb(anchor) for anchor in anchors]))
    t = np.linspace(0, len(knots) - 1, 2000)
    # A quadratic through three knots has no corner that would show up as an edge in a smooth map.
    path = np.stack([np.polyval(np.polyfit(np.arange(len(knots)), knots[:, k], 2), t) for k in range(3)], axis=1)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    even = np.linspace(0, length[-1], steps)
    return _from_oklab(np.stack([np.interp(even, length, path[:, k]) for k in range(3)], axis=1))


def _signed_map() -> ListedColormap:
    negative = _arm(("#f5f4f2", "#5c9fce", "#0b3a75"), 128)
    positive = _arm(("#f5f4f2", "#e39350", "#7a2a06"), 128)
    return ListedColormap(np.concatenate([negative[::-1], positive]), name="hrnet_signed")


SEQUENTIAL: Colormap = colormaps["viridis"]
"""For data that is never negative, such as anything after ReLU: dark is little, bright is much."""

SIGNED: Colormap = _signed_map()
"""For data of both signs, always symmetric about 0: blue is negative, near white is zero, brown is positive."""


def lookup_table(colour_map: Colormap) -> NDArray[np.uint8]:
    """Give a map as 256 colours, (256, 3) uint8, for a page that colours indices itself."""
    table: NDArray[np.uint8] = np.rint(colour_map(np.arange(256))[:, :3] * 255).astype(np.uint8)
    return table
