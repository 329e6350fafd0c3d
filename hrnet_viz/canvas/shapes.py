"""Boxes, lines and texts, and a sheet to put them on: every thing has its place, so the picture is the same anywhere.

Places are in points (1/72 inch) from the top left corner. A sheet of 960 x 540 points is a 16:9 slide of 13.33 x 7.5
inches, and a font size on it is the one that the slide shows. Letters are those of DejaVu Sans, which matplotlib
carries, and so is their measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from PIL import Image

from hrnet_viz.canvas.colours import Theme, theme_colours

Point = tuple[float, float]
Curve = tuple[Point, ...]
"""1 + 3n points: a chain of n cubic Bezier curves."""

FONT = "DejaVu Sans"
SLIDE = (960.0, 540.0)
PAGE = "page"

Align = Literal["left", "center", "right"]


@lru_cache(maxsize=4096)
def text_width(text: str, *, bold: bool = False) -> float:
    """Return how wide a line of text is, in font sizes."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=FONT, weight="bold" if bold else "normal", size=100)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]) / 100


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle by its centre and size; ``left``, ``right``, ``top`` and ``bottom`` are the middles of its sides."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> Point:  # noqa: D102
        return self.x - self.width / 2, self.y

    @property
    def right(self) -> Point:  # noqa: D102
        return self.x + self.width / 2, self.y

    @property
    def top(self) -> Point:  # noqa: D102
        return self.x, self.y - self.height / 2

    @property
    def bottom(self) -> Point:  # noqa: D102
        return self.x, self.y + self.height / 2

    def shrunk(self, frame: float) -> Place:
        """Return what is left within a frame."""
        return Place(self.x, self.y, self.width - 2 * frame, self.height - 2 * frame)

    def fitting(self, aspect: float, frame: float = 0.0) -> Place:
        """Return the largest rectangle within it, of that width by height inside a frame."""
        inside = self.shrunk(frame)
        width = min(inside.width, inside.height * aspect)
        return Place(self.x, self.y, width + 2 * frame, width / aspect + 2 * frame)


def straight(start: Point, end: Point) -> Curve:
    """Return a straight line as a Bezier curve."""
    (x, y), (u, v) = start, end
    return start, (x + (u - x) / 3, y + (v - y) / 3), (u - (u - x) / 3, v - (v - y) / 3), end


def swing(start: Point, end: Point) -> Curve:
    """Return a curve that leaves and arrives horizontally."""
    middle = (start[0] + end[0]) / 2
    return start, (middle, start[1]), (middle, end[1]), end


def around(start: Point, end: Point) -> Curve:
    """Return a way that leaves horizontally, turns a rounded corner and arrives vertically."""
    (x, y), (u, v) = start, end
    corner = min(abs(u - x), abs(v - y), 14.0)
    before, after = (u - corner, y), (u, y + corner if v > y else y - corner)
    turn = (u - corner * 0.45, y), (u, after[1] - (after[1] - y) * 0.45)
    return *straight(start, before), *turn, *straight(after, end)


def towards(start: Point, circle: Place) -> Point:
    """Return the point on the rim of a circle at which a straight line from ``start`` to its centre arrives."""
    x, y = circle.x - start[0], circle.y - start[1]
    share = circle.width / 2 / max((x * x + y * y) ** 0.5, 1e-9)
    return circle.x - x * share, circle.y - y * share


def shortened(points: Sequence[Point], length: float) -> Curve:
    """Return a curve without ``length`` of its end, where the head of an arrow goes."""
    (x, y), (u, v) = points[-2:]
    way = max(((u - x) ** 2 + (v - y) ** 2) ** 0.5, 1e-9)
    return *points[:-1], (u - (u - x) / way * length, v - (v - y) / way * length)


@dataclass(frozen=True, slots=True)
class Box:
    """A box or an ellipse with lines of text, the first ``bold`` of them bold; without outline and filling, text alone.

    Attributes:
        name: a site address, or a name of one's own for what is none.
        thickness, size: of the outline and of the text, in points.
        tip: what is shown when the pointer rests on it.
    """

    name: str
    place: Place
    lines: tuple[str, ...] = ()
    fill: str = "none"
    line: str = "none"
    ink: str = "black"
    thickness: float = 1.0
    size: float = 12.0
    bold: int = 0
    round: bool = False
    rounded: bool = False
    align: Align = "center"
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A chain of Bezier curves between two things, with the head of an arrow of that length at its end.

    Attributes:
        name: site address, "" for a line that is none.
        ends: names of the things where it begins and where it ends.
        style: "", "dashed" or "dotted".
    """

    name: str
    ends: tuple[str, str]
    points: Curve
    colour: str
    thickness: float = 1.2
    style: str = ""
    arrow: float = 0.0
    tip: str = ""


Mark = Box | Line


class Sheet:
    """A page on which boxes, texts and lines are put.

    Attributes:
        colours: the colours of the page.
        marks: what is on it, in the order in which it was put there.
        places: where the things with a name are.
        pictures: what is laid over the finished drawing, and where.
    """

    def __init__(self, name: str, theme: Theme, size: tuple[float, float] = SLIDE) -> None:
        """Take an empty sheet of ``size`` points."""
        self.name, self.theme, self.size, self.colours = name, theme, size, theme_colours(theme)
        self.marks: list[Mark] = []
        self.places: dict[str, Place] = {}
        self.pictures: list[tuple[Place, Image.Image]] = []
        self.box(PAGE, Place(size[0] / 2, size[1] / 2, *size), fill=self.colours.page, rounded=False)

    def box(
        self,
        name: str,
        place: Place,
        lines: Sequence[str] = (),
        *,
        ink: str | None = None,
        rounded: bool = True,
        **look: Any,
    ) -> Place:
        """Draw a box, or another shape, with lines of text in its middle, and return its place; see ``Box``."""
        rounded = rounded and not look.get("round")
        self.marks.append(Box(name, place, tuple(lines), ink=ink or self.colours.ink, rounded=rounded, **look))
        self.places[name] = place
        return place

    def text(
        self,
        name: str,
        at: Point,
        words: str,
        *,
        size: float,
        align: Align = "left",
        ink: str | None = None,
        bold: bool = False,
    ) -> None:
        """Write one line: ``at`` is the middle of its left end, of its centre or of its right end."""
        width = text_width(words, bold=bold) * size
        x = at[0] + {"left": width / 2, "center": 0.0, "right": -width / 2}[align]
        place = Place(x, at[1], width, size * 1.3)
        ink = ink or self.colours.ink
        self.marks.append(Box(name, place, (words,), ink=ink, size=size, bold=int(bold), align=align))

    def picture(self, place: Place, image: Image.Image) -> None:
        """Put a picture on the sheet, over what is drawn."""
        self.pictures.append((place, image))

    def plus(self, name: str, at: Point, arm: float, *, colour: str, thickness: float) -> None:
        """Draw a plus sign on a thing; written as text it would sit too high in a small circle."""
        x, y = at
        for way in (straight((x - arm, y), (x + arm, y)), straight((x, y - arm), (x, y + arm))):
            self.marks.append(Line("", (name, name), way, colour, thickness))

    def rule(self, start: Point, end: Point, *, colour: str, thickness: float = 1.0) -> None:
        """Draw a straight line that belongs to no thing."""
        self.marks.append(Line("", (PAGE, PAGE), straight(start, end), colour, thickness))

    def curve(
        self, ends: tuple[str, str], points: Sequence[Point], *, colour: str, name: str = "", tip: str = "", **look: Any
    ) -> None:
        """Draw a line between two things that are on the sheet; see ``Line``."""
        self.marks.append(Line(name, ends, tuple(points), colour, tip=tip if name else "", **look))
        if name:
            xs, ys = zip(*points, strict=True)
            middle = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
            self.places[name] = Place(*middle, max(xs) - min(xs), max(ys) - min(ys))
