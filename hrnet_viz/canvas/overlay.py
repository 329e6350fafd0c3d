"""What is laid over a diagram: a number, a word or a picture per site.

A number colours its box on a scale with a legend in raw numbers; on a line, which keeps the colour of the resolution
that it comes from, it sets the width. Zero is always a hairline, so a line that is three times as wide carries three
times as much; a negative number is dashed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import floor, isfinite, log10
from typing import TYPE_CHECKING, Any, SupportsFloat

import numpy as np
from matplotlib.colors import to_hex
from numpy.typing import NDArray
from PIL import Image

from hrnet_viz.canvas.colours import SEQUENTIAL, SIGNED
from hrnet_viz.network.plan import INPUT
from hrnet_viz.sites import Site

if TYPE_CHECKING:
    from hrnet_viz.network.plan import Plan

Value = float | str | NDArray[np.uint8] | Image.Image
Values = Mapping[str, Value] | Mapping[Site, Value] | Mapping[str | Site, Value]

THINNEST, THICKEST = 0.5, 6.0
"""Widths in points of a line that carries nothing and of one that carries the most."""

LARGEST_PICTURE = 256
SMALLEST_PLAIN, LARGEST_PLAIN = 1e-3, 1e5


@dataclass(frozen=True)
class Overlay:
    """Values by address.

    Attributes:
        numbers: address -> number; one that is not finite is written but neither coloured nor scaled.
        words: address -> what is written in its box.
        pictures: address -> picture, at most 256 px on a side.
        low: value at the lower end of the scale.
        high: value at the upper end.
        name: what the numbers are, with their unit.
    """

    numbers: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, Image.Image] = field(default_factory=dict)
    low: float = 0.0
    high: float = 1.0
    name: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Every address that has a value."""
        return frozenset((*self.numbers, *self.words, *self.pictures))

    @property
    def signed(self) -> bool:
        """Whether the scale has both signs, and so is symmetric about 0."""
        return self.low < 0

    def colour(self, value: float) -> str:
        """Return the colour of a number on the scale."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return str(to_hex((SIGNED if self.signed else SEQUENTIAL)(min(max(share, 0.0), 1.0))))

    def share(self, value: float) -> float:
        """Return a number's size as a share, 0 to 1, of the largest on the scale; 0 where it is not finite."""
        if not isfinite(value):
            return 0.0
        return min(abs(value) / (max(abs(self.low), abs(self.high)) or 1.0), 1.0)

    def thickness(self, value: float) -> float:
        """Return the width in points of a line that carries a number."""
        return THINNEST + (THICKEST - THINNEST) * self.share(value)

    def text(self, value: float) -> str:
        """Return a number with as many decimals as three digits of the largest one need."""
        return number_text(value, max(abs(self.low), abs(self.high)))

    def words_for(self, name: str) -> tuple[str, ...]:
        """Return what is written in the box of a site instead of its channels and size, () for nothing."""
        if name in self.numbers:
            return (self.text(self.numbers[name]),)
        return (self.words[name],) if name in self.words else ()


def read_values(
    plan: Plan, values: Values | None, name: str = "", limits: tuple[float, float] | None = None
) -> Overlay:
    """Return values sorted by what they are.

    Args:
        plan: of the net that they belong to.
        values: site -> number, word or picture: (h, w), (h, w, 3) or (h, w, 4) uint8, or a PIL image. The photo's
            site is "input".
        name: what the numbers are.
        limits: ends of the scale; from 0 to the largest number, or as far to either side of 0 as it goes, if None.

    Raises:
        SiteError: an address that names no site.
        TypeError: a value that is none of the three.
        ValueError: a picture that is not ready to be shown, or limits in the wrong order.
    """
    numbers: dict[str, float] = {}
    words: dict[str, str] = {}
    pictures: dict[str, Image.Image] = {}
    for site, value in (values or {}).items():
        address = INPUT if str(site) == INPUT else plan.resolve(site)
        if isinstance(value, str):
            words[address] = value
        elif isinstance(value, SupportsFloat) and getattr(value, "ndim", 0) == 0:
            numbers[address] = float(value)
        else:
            pictures[address] = _picture(address, value)
    finite = [number for number in numbers.values() if isfinite(number)]
    largest = max(map(abs, finite), default=0.0) or 1.0
    low, high = limits or (-largest if min(finite, default=0.0) < 0 else 0.0, largest)
    if not low < high:
        raise ValueError(f"limits=({low}, {high}) were given; the first must be smaller than the second.")
    return Overlay(numbers, words, pictures, low, high, name)


def number_text(value: float, largest: float) -> str:
    """Return a number with as many decimals as three digits of the largest one need."""
    if not isfinite(value):
        return "n/a"
    if not SMALLEST_PLAIN <= largest < LARGEST_PLAIN:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−") if value else "0"
    decimals = min(max(2 - floor(log10(largest)), 0), 5)
    text = f"{value:.{decimals}f}"
    return (text.lstrip("-") if not float(text) else text).replace("-", "−") if value else "0"


def _picture(address: str, value: Any) -> Image.Image:
    if isinstance(value, Image.Image):
        image = value
    elif isinstance(value, np.ndarray):
        channels = value.shape[2] if value.ndim == 3 else 1
        if value.dtype != np.uint8 or value.ndim not in {2, 3} or channels not in {1, 3, 4}:
            raise ValueError(
                f"The picture for '{address}' is {value.dtype} of shape {value.shape}; a picture is uint8 of shape "
                "(h, w), (h, w, 3) or (h, w, 4). Colour a map first; a tensor is not a picture yet."
            )
        image = Image.fromarray(value[..., 0] if value.ndim == 3 and channels == 1 else value)
    else:
        raise TypeError(
            f"The value for '{address}' is a {type(value).__name__}; it can be a number, a word, "
            "a uint8 array (h, w, 3) or a PIL image."
        )
    image = image.convert("RGBA" if "A" in image.getbands() else "RGB")
    image.thumbnail((LARGEST_PICTURE, LARGEST_PICTURE))
    return image
