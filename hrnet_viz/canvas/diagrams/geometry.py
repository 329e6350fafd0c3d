"""Places, lines and the width of text, in points from the top left corner of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

Point = tuple[float, float]
Curve = tuple[Point, ...]
"""1 + 3n points: a chain of n cubic Bezier curves."""


@lru_cache(maxsize=4096)
def text_width(text: str, *, bold: bool = False) -> float:
    """Return how wide a line of text is in DejaVu Sans, the font it is drawn in, in font sizes."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal", size=100)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]) / 100


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle by its centre and size, in points."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> Point:
        """Middle of the left side."""
        return self.x - self.width / 2, self.y

    @property
    def right(self) -> Point:
        """Middle of the right side."""
        return self.x + self.width / 2, self.y

    @property
    def top(self) -> Point:
        """Middle of the upper side."""
        return self.x, self.y - self.height / 2

    @property
    def bottom(self) -> Point:
        """Middle of the lower side."""
        return self.x, self.y + self.height / 2

    def shrunk(self, frame: float) -> Place:
        """Give what is left within a frame."""
        return Place(self.x, self.y, self.width - 2 * frame, self.height - 2 * frame)

    def fitting(self, aspect: float, frame: float = 0.0) -> Place:
        """Give the largest rectangle within it, of that width by height inside a frame."""
        inside = self.shrunk(frame)
        width = min(inside.width, inside.height * aspect)
        return Place(self.x, self.y, width + 2 * frame, width / aspect + 2 * frame)


def straight(start: Point, end: Point) -> Curve:
    """Give a straight line as a Bezier curve."""
    (x, y), (u, v) = start, end
    return start, (x + (u - x) / 3, y + (v - y) / 3), (u - (u - x) / 3, v - (v - y) / 3), end


def swing(start: Point, end: Point, bend: float = 0.5) -> Curve:
    """Give a curve that leaves and arrives horizontally; ``bend`` is the share of the way that it keeps level."""
    reach = (end[0] - start[0]) * bend
    return start, (start[0] + reach, start[1]), (end[0] - reach, end[1]), end


def around(start: Point, end: Point) -> Curve:
    """Give a way that leaves horizontally, turns a rounded corner and arrives vertically."""
    (x, y), (u, v) = start, end
    corner = min(abs(u - x), abs(v - y), 14.0)
    before, after = (u - corner, y), (u, y + corner if v > y else y - corner)
    return (
        *straight(start, before),
        (u - corner * 0.45, y),
        (u, after[1] - (after[1] - y) * 0.45),
        *straight(after, end),
    )


def towards(start: Point, circle: Place) -> Point:
    """Give the place on the rim of a circle at which a straight line from ``start`` to its centre arrives."""
    x, y = circle.x - start[0], circle.y - start[1]
    share = circle.width / 2 / max((x * x + y * y) ** 0.5, 1e-9)
    return circle.x - x * share, circle.y - y * share


def shortened(points: Sequence[Point], length: float) -> Curve:
    """Take ``length`` off the end of a curve, where the head of an arrow goes."""
    (x, y), (u, v) = points[-2:]
    way = max(((u - x) ** 2 + (v - y) ** 2) ** 0.5, 1e-9)
    return *points[:-1], (u - (u - x) / way * length, v - (v - y) / way * length)
