"""Draw the things on a sheet with matplotlib: the same picture on every machine, whatever is installed there.

Letters are those of DejaVu Sans, which matplotlib carries, and so is their measure. Places are in points from the top
left corner; what has a name gets it as ``id`` in an SVG, and tells about itself under the pointer.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyBboxPatch, PathPatch, Polygon, Rectangle
from matplotlib.path import Path as Outline
from matplotlib.transforms import Affine2D, Transform
from PIL import Image

from hrnet_viz.canvas.diagrams.geometry import Place, Point

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
