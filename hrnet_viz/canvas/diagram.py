"""A finished diagram, drawn by matplotlib: the same PNG, SVG and PDF on every machine; and in the DOT language.

What has a name gets it as ``id`` in an SVG, and tells about itself under the pointer. In the DOT source all places are
pinned, so that Graphviz draws the same for who wants to edit it.
"""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass, field
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

from hrnet_viz.canvas.shapes import FONT, Box, Line, Mark, Place, Point, Sheet, shortened

LINE = 1.2  # height of a line of text, in font sizes
CORNER = 4.0  # radius of a rounded box, in points, at most
DASHES = {"dashed": (4.0, 3.0), "dotted": (1.0, 2.5)}
SETTINGS: Any = {"svg.fonttype": "path", "svg.hashsalt": "hrnet_viz", "text.parse_math": False, "path.simplify": False}

FEW_COLOURS = 60
"""A drawing of so few colours fits a palette as it is: three times smaller, and only the edges of letters soften."""

NOTEBOOK_DPI = 144
"""Two pixels per point: what a notebook stores is sharp on a fine screen, and shown at half that size."""


@dataclass(frozen=True, repr=False)
class Diagram:
    """A diagram, drawn when it is asked for; the same picture on every machine.

    Attributes:
        name: of the graph in DOT.
        caption: what to see in it.
        alt: the text alternative.
        size: width and height in points (1/72 inch).
        page: colour of the page.
        marks: what is on it.
        places: where each thing with a name is, in points from the top left corner.
        pictures: what is laid over the drawing, and where.
    """

    name: str
    caption: str
    alt: str
    size: tuple[float, float]
    page: str
    marks: tuple[Mark, ...]
    places: dict[str, Place] = field(default_factory=dict)
    pictures: tuple[tuple[Place, Image.Image], ...] = ()

    @classmethod
    def of(cls, sheet: Sheet, caption: str, alt: str) -> Diagram:
        """Return a sheet as a diagram."""
        on_it = tuple(sheet.marks), dict(sheet.places), tuple(sheet.pictures)
        return cls(sheet.name, caption, alt, sheet.size, sheet.colours.page, *on_it)

    @property
    def source(self) -> str:
        """The same in the DOT language."""
        return _write_dot(self)

    @property
    def dot(self) -> graphviz.Source:
        """The same for Graphviz, every place pinned, to be edited or included."""
        return graphviz.Source(self.source, engine="neato")

    def svg(self) -> str:
        """Draw as SVG, pictures embedded. Every site has its address as ``id`` and tells itself under the pointer."""
        buffer = io.StringIO()
        with mpl.rc_context(SETTINGS):
            metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
            self._figure().savefig(buffer, format="svg", metadata=metadata)
        drawn = re.sub(r"<!--.*?-->\n?|\s*<metadata>.*?</metadata>", "", buffer.getvalue(), flags=re.DOTALL)
        for mark in self.marks:
            if mark.tip:
                group = f'<g id="{escape(mark.name)}">'
                drawn = drawn.replace(group, f"{group}<title>{escape(mark.tip)}</title>", 1)
        head, rest = drawn[drawn.index("<svg") :].split(">", 1)
        drawn = f'{head} role="img" aria-label="{escape(self.alt)}">{rest}'
        body, end, tail = drawn.rpartition("</svg>")
        return body + "".join(_svg_picture(place, image) for place, image in self.pictures) + end + tail

    def png(self, dpi: float = NOTEBOOK_DPI) -> bytes:
        """Draw as PNG: a slide of 13.33 in is 1,920 px wide at 144 dpi."""
        figure, scale = self._figure(), dpi / 72
        canvas: Any = figure.canvas
        figure.set_dpi(dpi)
        with mpl.rc_context(SETTINGS):
            canvas.draw()
        page = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
        for place, image in self.pictures:
            width, height = max(round(place.width * scale), 1), max(round(place.height * scale), 1)
            way = Image.Resampling.NEAREST if width >= image.width else Image.Resampling.LANCZOS
            small = image.resize((width, height), way)
            corner = (round(place.left[0] * scale), round(place.top[1] * scale))
            page.paste(small, corner, small if small.mode == "RGBA" else None)
        if not self.pictures:
            colours: set[str] = set()
            for mark in self.marks:
                colours.update((mark.fill, mark.line, mark.ink) if isinstance(mark, Box) else (mark.colour,))
            # Numbers laid over bring many colours: only a palette that is fitted to them keeps each where it was.
            means = 0 if len(colours) <= FEW_COLOURS else 1
            page = page.quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=means, dither=Image.Dither.NONE)
        return _as_png(page)

    def pdf(self) -> bytes:
        """Draw as PDF, letters as outlines, pictures embedded."""
        figure, buffer = self._figure(), io.BytesIO()
        wide, high = self.size
        for place, image in self.pictures:
            left, bottom = place.left[0] / wide, 1 - place.bottom[1] / high
            axes = figure.add_axes((left, bottom, place.width / wide, place.height / high), zorder=len(self.marks))
            axes.imshow(image, aspect="auto", interpolation="nearest" if image.width <= place.width else "antialiased")
            axes.axis("off")
        with mpl.rc_context(SETTINGS):
            figure.savefig(buffer, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
        return buffer.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write a picture or the source, by the ending: .svg, .png, .pdf, .gv or .dot; else a ValueError."""
        path = Path(path)
        write: dict[str, Any] = {".svg": self.svg, ".png": self.png, ".pdf": self.pdf}
        draw = (write | dict.fromkeys((".gv", ".dot"), lambda: self.source)).get(path.suffix)
        if draw is None:
            raise ValueError(
                f"'{path.name}' ends in '{path.suffix}'; a diagram is saved as .svg, .png, .pdf, .gv or .dot."
            )
        drawn = draw()
        path.write_bytes(drawn if isinstance(drawn, bytes) else drawn.encode())
        return path

    def _figure(self) -> Figure:
        """Return a figure with all marks: boxes and texts first, then lines."""
        wide, high = self.size
        with mpl.rc_context(SETTINGS):
            figure = Figure(figsize=(wide / 72, high / 72), dpi=72, facecolor=self.page)
            FigureCanvasAgg(figure)
            down = Affine2D().scale(1 / wide, -1 / high).translate(0, 1) + figure.transFigure
            for order, mark in enumerate(self.marks):
                if isinstance(mark, Box):
                    _draw_box(figure, mark, down, order)
                else:
                    _draw_line(figure, mark, down, order + len(self.marks))
        return figure

    def _repr_mimebundle_(self, **_named: object) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the PNG and the text alternative, in the form that Jupyter asks for."""
        png = self.png()
        width, height = Image.open(io.BytesIO(png)).size
        facts = {"width": round(width / 2), "height": round(height / 2), "alt": self.alt}
        return {"image/png": png, "text/plain": self.alt}, {"image/png": facts}

    def __repr__(self) -> str:
        return f"Diagram({self.caption[:60]!r})"


def _as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=image.width <= 256)
    return buffer.getvalue()


def _svg_picture(place: Place, image: Image.Image) -> str:
    smooth = "auto" if image.width > place.width else "pixelated"
    # What lies under it must still hear the pointer, since that knows the site.
    return (
        f'<image x="{place.left[0]:.2f}" y="{place.top[1]:.2f}" width="{place.width:.2f}" height="{place.height:.2f}" '
        f'style="image-rendering:{smooth};pointer-events:none" '
        f'xlink:href="data:image/png;base64,{base64.b64encode(_as_png(image)).decode()}"/>\n'
    )


def _draw_box(figure: Figure, box: Box, down: Transform, order: int) -> None:
    place, size = box.place, box.size
    if box.fill != "none" or box.line != "none":
        look: dict[str, Any] = {"facecolor": box.fill, "edgecolor": box.line, "linewidth": box.thickness}
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
        # Centred by the height of capitals and digits, of which most words here are made.
        y = place.y + (number - (len(box.lines) - 1) / 2) * LINE * size + 0.36 * size
        look = {"color": box.ink, "fontsize": size, "fontweight": "bold" if number < box.bold else "normal"}
        figure.text(x, y, words, transform=down, ha=box.align, va="baseline", zorder=order, fontfamily=FONT, **look)


def _draw_line(figure: Figure, line: Line, down: Transform, order: int) -> None:
    points = shortened(line.points, line.arrow)
    codes = [Outline.MOVETO, *[Outline.CURVE4] * (len(points) - 1)]
    shape = PathPatch(Outline(points, codes), facecolor="none", edgecolor=line.colour, linewidth=line.thickness)
    shape.set_capstyle("butt")
    if line.style in DASHES:
        on, off = (step / max(line.thickness, 0.5) * 1.2 for step in DASHES[line.style])
        shape.set_linestyle((0, (max(on, 1.0), max(off, 1.0))))
    _add(figure, shape, down, order, line)
    if line.arrow:
        (u, v), (x, y) = line.points[-1], points[-1]
        way = max(((u - x) ** 2 + (v - y) ** 2) ** 0.5, 1e-9)
        across = (-(v - y) / way * line.arrow * 0.36, (u - x) / way * line.arrow * 0.36)
        corners = [(u, v), (x + across[0], y + across[1]), (x - across[0], y - across[1])]
        head = Polygon(corners, closed=True, facecolor=line.colour, edgecolor="none", zorder=order)
        head.set_transform(down)
        figure.add_artist(head)


def _add(figure: Figure, shape: Any, down: Transform, order: int, mark: Mark) -> None:
    shape.set(transform=down, zorder=order, clip_on=False)
    if mark.tip:
        shape.set_gid(mark.name)
    figure.add_artist(shape)


def _write_dot(diagram: Diagram) -> str:
    graph = graphviz.Digraph(
        diagram.name,
        engine="neato",
        graph_attr={"bgcolor": diagram.page, "pad": "0", "outputorder": "nodesfirst", "notranslate": "true"},
        node_attr={"shape": "box", "fixedsize": "true", "margin": "0", "fontname": FONT, "label": ""},
        edge_attr={"arrowhead": "none"},
    )
    for mark in diagram.marks:
        told = {"id": mark.name, "tooltip": graphviz.escape(mark.tip)} if mark.tip else {}
        if isinstance(mark, Box):
            graph.node(mark.name, **_node(mark, diagram.size[1]), **told)
        else:
            graph.edge(*mark.ends, **_edge(mark, diagram.size[1]), **told)
    return str(graph.source)


def _node(box: Box, height: float) -> dict[str, str]:
    place = box.place
    size = {"width": f"{place.width / 72:.3f}", "height": f"{place.height / 72:.3f}"}
    found = {"pos": _position((place.x, place.y), height), **size}
    if box.lines:
        found |= {"label": _rich(box), "fontsize": _number(box.size), "fontcolor": box.ink}
    if box.fill == box.line == "none":
        return found | {"shape": "plaintext"}
    style = ["filled"] * (box.fill != "none") + ["rounded"] * box.rounded
    return (
        found
        | {"color": box.line, "fillcolor": box.fill}
        | ({"style": ",".join(style)} if style else {})
        | ({"shape": "circle"} if box.round else {})
        | ({"penwidth": _number(box.thickness)} if box.thickness != 1 else {})
    )


def _edge(line: Line, height: float) -> dict[str, str]:
    points = shortened(line.points, line.arrow)
    path = " ".join(_position(point, height) for point in points)
    if line.arrow:
        path = f"e,{_position(line.points[-1], height)} {path}"
    return (
        {"pos": path, "color": line.colour, "penwidth": _number(line.thickness)}
        | ({"style": line.style} if line.style else {})
        | ({"arrowhead": "normal", "arrowsize": _number(line.arrow / 10)} if line.arrow else {})
    )


def _rich(box: Box) -> str:
    lines = [f"<B>{escape(line)}</B>" if k < box.bold else escape(line) for k, line in enumerate(box.lines)]
    if not box.bold and len(lines) == 1:
        return str(graphviz.escape(box.lines[0])) + {"left": r"\l", "center": "", "right": r"\r"}[box.align]
    return f"<{'<BR/>'.join(lines)}>"


def _number(value: float) -> str:
    """Return a number as short as it reads."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _position(at: Point, height: float) -> str:
    return f"{_number(at[0])},{_number(height - at[1])}"  # Graphviz counts upwards
