"""Boxes, lines and text of a diagram, drawn by matplotlib: the same picture on every machine.

Letters are those of DejaVu Sans, which matplotlib carries, and so is their measure. Places are in points from the top
left corner; what has a name gets it as ``id`` in an SVG, and tells about itself under the pointer.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

import graphviz
import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyBboxPatch, PathPatch, Polygon, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.transforms import Affine2D, Transform
from PIL import Image

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


LINE = 1.2  # height of a line of text, in font sizes
CORNER = 4.0  # radius of a rounded box, in points, at most
DASHES = {"dashed": (4.0, 3.0), "dotted": (1.0, 2.5)}
SETTINGS: Any = {"svg.fonttype": "path", "svg.hashsalt": "hrnet_viz", "text.parse_math": False, "path.simplify": False}


@dataclass(frozen=True, slots=True)
class Box:
    """A box or an ellipse with centred lines of text; without outline and filling it is text alone."""

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
    align: str = "center"
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A chain of Bezier curves, with the head of an arrow of that length at its end."""

    name: str
    points: tuple[Point, ...]
    colour: str
    thickness: float
    style: str = ""
    arrow: tuple[Point, float] | None = None
    tip: str = ""


Mark = Box | Line


def make_figure(marks: Sequence[Mark], size: tuple[float, float], page: str) -> Figure:
    """Return a figure of ``size`` points with all marks: boxes and texts first, then lines."""
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(size[0] / 72, size[1] / 72), dpi=72, facecolor=page)
        FigureCanvasAgg(figure)
        down = Affine2D().scale(1 / size[0], -1 / size[1]).translate(0, 1) + figure.transFigure
        for order, mark in enumerate(marks):
            draw = _draw_box if isinstance(mark, Box) else _draw_line
            draw(figure, mark, down, order + (0 if isinstance(mark, Box) else len(marks)))  # type: ignore[arg-type]
    return figure


def draw_png(figure: Figure, dpi: float) -> Image.Image:
    """Return the pixels of a figure."""
    canvas: Any = figure.canvas
    figure.set_dpi(dpi)
    with mpl.rc_context(SETTINGS):
        canvas.draw()
    return Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")


def draw_svg(figure: Figure, marks: Sequence[Mark], alt: str) -> str:
    """Return a figure as SVG, with its text alternative and what each thing tells under the pointer."""
    buffer = io.StringIO()
    with mpl.rc_context(SETTINGS):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    drawn = re.sub(r"<!--.*?-->\n?|\s*<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.DOTALL)
    drawn = drawn[drawn.index("<svg") :]
    for mark in marks:
        if mark.tip:
            group = f'<g id="{escape(mark.name)}">'
            drawn = drawn.replace(group, f"{group}<title>{escape(mark.tip)}</title>", 1)
    head, rest = drawn.split(">", 1)
    return f'{head} role="img" aria-label="{escape(alt)}">{rest}'


def _draw_box(figure: Figure, box: Box, down: Transform, order: int) -> None:
    place = box.place
    look: dict[str, Any] = {"facecolor": box.fill, "edgecolor": box.line, "linewidth": box.thickness}
    if box.fill != "none" or box.line != "none":
        corner = place.left[0], place.top[1]
        if box.round:
            shape: Any = Ellipse((place.x, place.y), place.width, place.height, **look)
        elif box.rounded:
            radius = min(CORNER, place.width / 4, place.height / 4)
            style = f"round,pad=0,rounding_size={radius:.2f}"
            shape = FancyBboxPatch(corner, place.width, place.height, boxstyle=style, **look)
        else:
            shape = Rectangle(corner, place.width, place.height, **look)
        _add(figure, shape, down, order, box)
    x = {"left": place.left[0], "center": place.x, "right": place.right[0]}[box.align]
    for number, words in enumerate(box.lines):
        y = place.y + (number - (len(box.lines) - 1) / 2) * LINE * box.size
        # Centred by the height of capitals and digits, of which most words here are made.
        figure.text(
            x, y + 0.36 * box.size, words, transform=down, ha=box.align, va="baseline", zorder=order, color=box.ink,
            fontsize=box.size, fontfamily="DejaVu Sans", fontweight="bold" if number < box.bold else "normal",
        )  # fmt: skip


def _draw_line(figure: Figure, line: Line, down: Transform, order: int) -> None:
    codes = [Outline.MOVETO, *[Outline.CURVE4] * (len(line.points) - 1)]
    shape = PathPatch(Outline(line.points, codes), facecolor="none", edgecolor=line.colour, linewidth=line.thickness)
    shape.set_capstyle("butt")
    if line.style in DASHES:
        on, off = (step / max(line.thickness, 0.5) * 1.2 for step in DASHES[line.style])
        shape.set_linestyle((0, (max(on, 1.0), max(off, 1.0))))
    _add(figure, shape, down, order, line)
    if line.arrow:
        (u, v), length = line.arrow
        x, y = line.points[-1]
        way = max(((u - x) ** 2 + (v - y) ** 2) ** 0.5, 1e-9)
        across = (-(v - y) / way * length * 0.36, (u - x) / way * length * 0.36)
        corners = [(u, v), (x + across[0], y + across[1]), (x - across[0], y - across[1])]
        head = Polygon(corners, closed=True, facecolor=line.colour, edgecolor="none", zorder=order)
        head.set_transform(down)
        figure.add_artist(head)


def _add(figure: Figure, shape: Any, down: Transform, order: int, mark: Mark) -> None:
    shape.set(transform=down, zorder=order, clip_on=False)
    if mark.tip:
        shape.set_gid(mark.name)
    figure.add_artist(shape)


FEW_COLOURS = 60
"""A drawing of so few colours fits a palette as it is: three times smaller, and only the edges of letters soften."""

NOTEBOOK_DPI = 144
"""Two pixels per point: what a notebook stores is sharp on a fine screen, and shown at half that size."""


@dataclass(frozen=True, repr=False)
class Diagram:
    """A diagram, drawn when it is asked for; the same picture on every machine.

    Attributes:
        source: the same in the DOT language, with the place of everything.
        caption: what to see in it.
        alt: the text alternative.
        size: width and height in points (1/72 inch).
        page: colour of the page.
        marks: what is on it.
        places: where each thing with a name is, in points from the top left corner.
        pictures: what is laid over the drawing, and where.
    """

    source: str
    caption: str
    alt: str
    size: tuple[float, float]
    page: str
    marks: tuple[Mark, ...] = ()
    places: dict[str, Place] = field(default_factory=dict)
    pictures: tuple[tuple[Place, Image.Image], ...] = ()

    def svg(self) -> str:
        """Draw as SVG, pictures embedded. Every site has its address as ``id`` and tells itself under the pointer."""
        drawn = draw_svg(make_figure(self.marks, self.size, self.page), self.marks, self.alt)
        body, end, tail = drawn.rpartition("</svg>")
        return body + "".join(self._svg_picture(place, image) for place, image in self.pictures) + end + tail

    def _svg_picture(self, place: Place, image: Image.Image) -> str:
        buffer = io.BytesIO()
        image.save(buffer, format="PNG", optimize=True)
        data = base64.b64encode(buffer.getvalue()).decode()
        smooth = "auto" if image.width > place.width else "pixelated"
        left, top = place.left[0], place.top[1]
        # What lies under it must still hear the pointer, since that knows the site.
        return (
            f'<image x="{left:.2f}" y="{top:.2f}" width="{place.width:.2f}" height="{place.height:.2f}" '
            f'style="image-rendering:{smooth};pointer-events:none" xlink:href="data:image/png;base64,{data}"/>\n'
        )

    def png(self, dpi: float = NOTEBOOK_DPI) -> bytes:
        """Draw as PNG: a slide of 13.33 in is 1,920 px wide at 144 dpi."""
        page = draw_png(make_figure(self.marks, self.size, self.page), dpi)
        scale = dpi / 72
        for place, image in self.pictures:
            width, height = max(round(place.width * scale), 1), max(round(place.height * scale), 1)
            way = Image.Resampling.NEAREST if width >= image.width else Image.Resampling.LANCZOS
            small = image.resize((width, height), way)
            corner = (round(place.left[0] * scale), round(place.top[1] * scale))
            page.paste(small, corner, small if small.mode == "RGBA" else None)
        buffer = io.BytesIO()
        if not self.pictures:
            few = len(set(re.findall(r'"#[0-9a-f]{6}"', self.source))) <= FEW_COLOURS
            # Numbers laid over bring many colours: only a palette that is fitted to them keeps each where it was.
            means = 0 if few else 1
            page = page.quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=means, dither=Image.Dither.NONE)
        page.save(buffer, format="PNG")
        return buffer.getvalue()

    def pdf(self) -> bytes:
        """Return the drawing as PDF, letters as outlines, pictures embedded."""
        figure, buffer = make_figure(self.marks, self.size, self.page), io.BytesIO()
        wide, high = self.size
        for place, image in self.pictures:
            left, bottom = place.left[0] / wide, 1 - place.bottom[1] / high
            axes = figure.add_axes((left, bottom, place.width / wide, place.height / high), zorder=len(self.marks))
            axes.imshow(image, aspect="auto", interpolation="nearest" if image.width <= place.width else "antialiased")
            axes.axis("off")
        with mpl.rc_context(SETTINGS):
            figure.savefig(buffer, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
        return buffer.getvalue()

    @property
    def dot(self) -> graphviz.Source:
        """The same in the DOT language, every place pinned, to be edited or included."""
        return graphviz.Source(self.source, engine="neato")

    def save(self, path: str | Path) -> Path:
        """Write an SVG, a PNG, a PDF or the source, by the ending: .svg, .png, .pdf, .gv or .dot.

        Raises:
            ValueError: another ending.
        """
        path = Path(path)
        if path.suffix == ".pdf":
            path.write_bytes(self.pdf())
        elif path.suffix == ".svg":
            path.write_text(self.svg(), encoding="utf-8")
        elif path.suffix == ".png":
            path.write_bytes(self.png())
        elif path.suffix in {".gv", ".dot"}:
            path.write_text(self.source, encoding="utf-8")
        else:
            raise ValueError(
                f"'{path.name}' ends in '{path.suffix}'; a diagram is saved as .svg, .png, .pdf, .gv or .dot."
            )
        return path

    def _repr_mimebundle_(
        self,
        include: object = None,  # noqa: ARG002  # Jupyter gives both by name
        exclude: object = None,  # noqa: ARG002
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the PNG and the text alternative, in the form that Jupyter asks for."""
        png = self.png()
        width, height = Image.open(io.BytesIO(png)).size
        facts = {"width": round(width / 2), "height": round(height / 2), "alt": self.alt}
        return {"image/png": png, "text/plain": self.alt}, {"image/png": facts}

    def __repr__(self) -> str:
        return f"Diagram({self.caption[:60]!r})"
