"""Where everything of a net goes on a slide, and what is laid over it: a number, a word or a picture per site.

Rows are resolutions, columns follow the depth. All widths are counted in font sizes (em) first. The font is then the
largest one with which the row of columns fits, and what is left over widens the exchanges, where lines cross.

A number colours its box on a scale with a legend in raw numbers; on a line, which keeps the colour of the resolution
that it comes from, it sets the width. Zero is always a hairline, so a line that is three times as wide carries three
times as much; a negative number is dashed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING, Any, SupportsFloat

import numpy as np
from matplotlib.colors import to_hex
from numpy.typing import NDArray
from PIL import Image

from hrnet_viz.canvas.colours import SEQUENTIAL, SIGNED
from hrnet_viz.canvas.shapes import Place, text_width
from hrnet_viz.canvas.sheet import SLIDE
from hrnet_viz.network.plan import INPUT
from hrnet_viz.sites import Site

if TYPE_CHECKING:
    from hrnet_viz.network.plan import Plan

Ends = tuple[float, float]

MARGIN = 10.0
LANES_TOP, LANE, LANE_GAP = 96.0, 87.0, 6.0
"""Upper edge of the first row, height of a row and space between two rows, in points."""

STREAM_DEPTH = 37.0
"""How far below the upper edge of its row a stream runs; what the row is stands at the lower edge."""

LARGEST_FONT, SMALL = 14.5, 12.0
"""Of the boxes at most, and of what explains the diagram; in points."""

PADDING, GAP, TRANSITION, SUM, CROSSING = 0.4, 0.3, 1.35, 0.9, 1.7
"""In em: within a box, between boxes, for a transition, diameter of a sum, least width of an exchange."""

WIDEST_CROSSING = 9.0


@dataclass(frozen=True, slots=True)
class Column:
    """One module, or all modules of a stage drawn as their last one.

    Attributes:
        stage: 2, 3 or 4.
        module: the module that is drawn.
        modules: how many it stands for.
    """

    stage: int
    module: int
    modules: int = 1

    @property
    def scope(self) -> str:
        """Address of the module: "stage3.1"."""
        return f"stage{self.stage}.{self.module}"


@dataclass(frozen=True, slots=True)
class Layout:
    """Places in points, and the font size that goes with them.

    Attributes:
        em: font size.
        lanes: the row of each resolution.
        boxes: left and right end of the branch boxes, per column.
        sums: centre of the sums, per column.
        outs: left and right end of the boxes of what ReLU leaves, per column; () where the sums stand for it.
        edges: left and right end of the other columns: "stem", "stage1", "incre", "final".
        merge: centre of the sums in the head.
    """

    em: float
    lanes: tuple[Place, ...]
    boxes: tuple[Ends, ...]
    sums: tuple[float, ...]
    outs: tuple[Ends, ...]
    edges: dict[str, Ends]
    merge: float

    def row(self, branch: int) -> float:
        """Give the height at which a stream runs."""
        return self.lanes[branch].top[1] + STREAM_DEPTH

    def column_end(self, column: int) -> float:
        """Give the right end of a module."""
        return self.outs[column][1] if self.outs else self.sums[column] + SUM * self.em / 2


def size_text(site: Site, size: tuple[int, int]) -> str:
    """Write height x width of a site's tensor for a photo of that size, "1×1" where there is no spatial extent."""
    if site.stride is None:
        return "1×1"
    return f"{ceil(size[0] / site.stride)}×{ceil(size[1] / site.stride)}"


def box_width(lines: Iterable[str]) -> float:
    """Return the width in em of a box with these lines, any of which may be bold."""
    return max(text_width(line, bold=True) for line in lines) + PADDING


def arrange(columns: tuple[Column, ...], widths: dict[str, float], branches: int) -> Layout:
    """Place the columns.

    Args:
        columns: the modules to draw, from left to right.
        widths: em that the boxes need: "stem", "stage1", "branch"; "incre" and "final" if the net has that head; "out"
            if what ReLU leaves is drawn as a box.
        branches: number of resolutions.
    """
    module = widths["branch"] + SUM + GAP + (widths["out"] + GAP if "out" in widths else 0.0)
    head = TRANSITION + widths["incre"] + SUM + 3 * GAP + widths["final"] if "incre" in widths else 0.0
    starts = len({column.stage for column in columns})
    least = (
        widths["stem"] + widths["stage1"] + 2 * GAP + starts * TRANSITION + len(columns) * (module + CROSSING) + head
    )
    room = SLIDE[0] - 2 * MARGIN
    em = min(LARGEST_FONT, room / least)
    crossing = min(WIDEST_CROSSING, CROSSING + (room / em - least) / len(columns)) * em

    x = MARGIN
    edges: dict[str, Ends] = {}
    for name in ("stem", "stage1"):
        edges[name] = (x, x + widths[name] * em)
        x = edges[name][1] + GAP * em
    boxes: list[Ends] = []
    sums: list[float] = []
    outs: list[Ends] = []
    stage = 1
    for column in columns:
        if column.stage != stage:
            stage, x = column.stage, x + TRANSITION * em
        boxes.append((x, x + widths["branch"] * em))
        sums.append(boxes[-1][1] + crossing + SUM * em / 2)
        x = sums[-1] + (SUM / 2 + GAP) * em
        if "out" in widths:
            outs.append((x, x + widths["out"] * em))
            x = outs[-1][1] + GAP * em
    merge = x
    if head:
        left = x + (TRANSITION - GAP) * em
        edges["incre"] = (left, left + widths["incre"] * em)
        merge = edges["incre"][1] + (1.5 * GAP + SUM / 2) * em
        left = merge + (SUM / 2 + 1.5 * GAP) * em
        edges["final"] = (left, left + widths["final"] * em)
    lanes = tuple(
        Place(SLIDE[0] / 2, LANES_TOP + LANE / 2 + branch * (LANE + LANE_GAP), SLIDE[0] - 2 * MARGIN + 8, LANE)
        for branch in range(branches)
    )
    return Layout(em, lanes, tuple(boxes), tuple(sums), tuple(outs), edges, merge)


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
        numbers: address -> number; one that is not finite is told but neither coloured nor scaled.
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
        """Give the colour of a number on the scale."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return str(to_hex((SIGNED if self.signed else SEQUENTIAL)(min(max(share, 0.0), 1.0))))

    def share(self, value: float) -> float:
        """Give a number's size as a share, 0 to 1, of the largest on the scale; 0 where it is not finite."""
        if not isfinite(value):
            return 0.0
        return min(abs(value) / (max(abs(self.low), abs(self.high)) or 1.0), 1.0)

    def thickness(self, value: float) -> float:
        """Give the width in points of a line that carries a number."""
        return THINNEST + (THICKEST - THINNEST) * self.share(value)

    def text(self, value: float) -> str:
        """Write a number with as many decimals as three digits of the largest one need."""
        return number_text(value, max(abs(self.low), abs(self.high)))

    def words_for(self, name: str) -> tuple[str, ...]:
        """Give what is written in the box of a site instead of its channels and size, () for nothing."""
        if name in self.numbers:
            return (self.text(self.numbers[name]),)
        return (self.words[name],) if name in self.words else ()


def read_values(
    plan: Plan, values: Values | None, name: str = "", limits: tuple[float, float] | None = None
) -> Overlay:
    """Sort values by what they are.

    Args:
        plan: of the net that they belong to.
        values: site -> number, word or picture: (h, w), (h, w, 3) or (h, w, 4) uint8, or a PIL image. The photo's
            site is "input".
        name: what the numbers are.
        limits: ends of the scale. Without it the scale runs from 0 to the largest number, or as far to either side of
            0 as the largest one goes.

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
    low, high = limits or _limits([number for number in numbers.values() if isfinite(number)])
    if not low < high:
        raise ValueError(f"limits=({low}, {high}) were given; the first must be smaller than the second.")
    return Overlay(numbers, words, pictures, low, high, name)


def number_text(value: float, largest: float) -> str:
    """Write a number with as many decimals as three digits of the largest one need."""
    if not isfinite(value):
        return "n/a"
    if not SMALLEST_PLAIN <= largest < LARGEST_PLAIN:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−") if value else "0"
    decimals = min(max(2 - floor(log10(largest)), 0), 5)
    text = f"{value:.{decimals}f}"
    return (text.lstrip("-") if not float(text) else text).replace("-", "−") if value else "0"


def _limits(numbers: list[float]) -> tuple[float, float]:
    largest = max((abs(number) for number in numbers), default=0.0) or 1.0
    return (-largest if any(number < 0 for number in numbers) else 0.0), largest


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
