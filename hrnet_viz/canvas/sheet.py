"""A sheet to draw on: every box and line has its place, so the picture is the same wherever it is made.

What is on it is drawn by matplotlib, and told in the DOT language as well, all places pinned, for who wants to edit it.
Places are in points (1/72 inch) from the top left corner. A sheet of 960 x 540 points is a 16:9 slide of 13.33 x 7.5
inches, and a font size on it is the one that the slide shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Literal

import graphviz
from PIL import Image

from hrnet_viz.canvas.colours import Theme, ThemeColours, theme_colours
from hrnet_viz.canvas.shapes import Box, Diagram, Line, Mark, Place, Point, shortened, straight, text_width

SLIDE = (960.0, 540.0)
PAGE = "page"
FONT = "DejaVu Sans"

Align = Literal["left", "center", "right"]


class Sheet:
    """A page on which boxes, texts and lines are put; ``source`` tells it in the DOT language.

    Attributes:
        colours: the colours of the page.
        places: where the things with a name are.
        pictures: what is laid over the finished drawing, and where.
        marks: what is on it, in the order in which it was put there.
    """

    def __init__(self, name: str, theme: Theme, width: float = SLIDE[0], height: float = SLIDE[1]) -> None:
        """Take an empty sheet of ``width`` x ``height`` points."""
        self.width, self.height, self.theme = width, height, theme
        self.colours: ThemeColours = theme_colours(theme)
        self.places: dict[str, Place] = {}
        self.pictures: list[tuple[Place, Image.Image]] = []
        self.marks: list[Mark] = []
        self.graph = graphviz.Digraph(
            name,
            engine="neato",
            graph_attr={"bgcolor": self.colours.page, "pad": "0", "outputorder": "nodesfirst", "notranslate": "true"},
            node_attr={"shape": "box", "fixedsize": "true", "margin": "0", "fontname": FONT, "label": ""},
            edge_attr={"arrowhead": "none"},
        )
        page = Place(width / 2, height / 2, width, height)
        self.box(PAGE, page, fill=self.colours.page, line="none", rounded=False)  # it fixes the picture's size

    @property
    def source(self) -> str:
        """The sheet in the DOT language."""
        return str(self.graph.source)

    def finish(self, caption: str, alt: str) -> Diagram:
        """Return the sheet as a diagram."""
        page, size = self.colours.page, (self.width, self.height)
        return Diagram(
            self.source, caption, alt, size, page, tuple(self.marks), dict(self.places), tuple(self.pictures)
        )

    def box(
        self,
        name: str,
        place: Place,
        lines: Sequence[str] = (),
        *,
        fill: str = "none",
        line: str = "none",
        ink: str | None = None,
        thickness: float = 1.0,
        size: float = 12.0,
        bold: int = 0,
        shape: str = "box",
        rounded: bool = True,
        tip: str = "",
    ) -> Place:
        """Put a box, or another shape, on the sheet and give its place.

        Args:
            name: a site address, or a name of one's own for what is none.
            place: where.
            lines: what is written in it, centred.
            fill: colour inside.
            line: colour of the outline.
            ink: colour of the text.
            thickness: of the outline, in points.
            size: of the text, in points.
            bold: how many of the lines are bold, from the first one on.
            shape: of Graphviz's node shapes.
            rounded: whether corners are.
            tip: what is shown when the pointer rests on it.
        """
        style = [
            word for word, wanted in (("filled", fill != "none"), ("rounded", rounded and shape == "box")) if wanted
        ]
        self.graph.node(
            name,
            **_pinned(place, self.height),
            **({"label": _rich(lines, bold)} if lines else {}),
            **({"style": ",".join(style)} if style else {}),
            **({"shape": shape} if shape != "box" else {}),
            **({"fontsize": number(size), "fontcolor": ink or self.colours.ink} if lines else {}),
            **({"penwidth": number(thickness)} if thickness != 1 else {}),
            color=line,
            fillcolor=fill,
            **_named(name, tip),
        )
        self.places[name] = place
        round_ = shape in {"circle", "ellipse"}
        self.marks.append(
            Box(
                name,
                place,
                tuple(lines),
                fill,
                line,
                ink or self.colours.ink,
                thickness,
                size,
                bold,
                round=round_,
                rounded=rounded and not round_,
                tip=tip,
            )
        )
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
        end = {"left": r"\l", "center": "", "right": r"\r"}[align]
        self.graph.node(
            name,
            _rich([words], 1) if bold else graphviz.escape(words) + end,
            **_pinned(Place(x, at[1], width, size * 1.3), self.height),
            shape="plaintext",
            fontsize=number(size),
            fontcolor=ink or self.colours.ink,
        )
        place = Place(x, at[1], width, size * 1.3)
        self.marks.append(
            Box(name, place, (words,), ink=ink or self.colours.ink, size=size, bold=int(bold), align=align)
        )

    def picture(self, place: Place, image: Image.Image) -> None:
        """Put a picture on the sheet. It is laid over what Graphviz draws."""
        self.pictures.append((place, image))

    def plus(self, name: str, at: Point, arm: float, *, colour: str, thickness: float) -> None:
        """Draw a plus sign on a thing; written as text it would sit too high in a small circle."""
        x, y = at
        strokes = (straight((x - arm, y), (x + arm, y)), straight((x, y - arm), (x, y + arm)))
        path = ";".join(" ".join(_position(point, self.height) for point in stroke) for stroke in strokes)
        self.graph.edge(name, name, pos=path, color=colour, penwidth=number(thickness))
        self.marks += [Line("", tuple(stroke), colour, thickness) for stroke in strokes]

    def rule(self, start: Point, end: Point, *, colour: str, thickness: float = 1.0, style: str = "") -> None:
        """Draw a straight line that belongs to no thing."""
        self.curve((PAGE, PAGE), straight(start, end), colour=colour, thickness=thickness, style=style)

    def curve(
        self,
        ends: tuple[str, str],
        points: Sequence[Point],
        *,
        colour: str,
        thickness: float = 1.2,
        style: str = "",
        arrow: float = 0.0,
        name: str = "",
        tip: str = "",
    ) -> None:
        """Draw a line between two things that are on the sheet.

        Args:
            ends: names of the things where it begins and where it ends.
            points: 1 + 3n of them, a chain of n cubic Bezier curves.
            colour: of the line.
            thickness: in points.
            style: one of Graphviz's: "dashed", "dotted".
            arrow: length of the arrow's head in points, 0 for none.
            name: site address, for a line that is one.
            tip: what is shown when the pointer rests on it.
        """
        path = " ".join(_position(point, self.height) for point in points)
        if arrow:
            path = f"e,{_position(points[-1], self.height)} " + " ".join(
                _position(point, self.height) for point in shortened(points, arrow)
            )
        self.graph.edge(
            *ends,
            pos=path,
            color=colour,
            penwidth=number(thickness),
            **({"style": style} if style else {}),
            **({"arrowhead": "normal", "arrowsize": number(arrow / 10)} if arrow else {}),
            **_named(name, tip),
        )
        shown = tuple(shortened(points, arrow)) if arrow else tuple(points)
        end = (points[-1], arrow) if arrow else None
        self.marks.append(Line(name, shown, colour, thickness, style, end, tip if name else ""))
        if name:
            xs, ys = zip(*points, strict=True)
            self.places[name] = Place(
                (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, max(xs) - min(xs), max(ys) - min(ys)
            )


def number(value: float) -> str:
    """Write a number as short as it reads."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _position(at: Point, height: float) -> str:
    return f"{number(at[0])},{number(height - at[1])}"  # Graphviz counts upwards


def _pinned(place: Place, height: float) -> dict[str, str]:
    size = {"width": f"{place.width / 72:.3f}", "height": f"{place.height / 72:.3f}"}
    return {"pos": _position((place.x, place.y), height), **size}


def _named(name: str, tip: str) -> dict[str, str]:
    return {"id": name, "tooltip": graphviz.escape(tip)} if tip else {}


def _rich(lines: Sequence[str], bold: int) -> str:
    marked = [escape(line) for line in lines]
    return "<" + "<BR/>".join(f"<B>{line}</B>" if k < bold else line for k, line in enumerate(marked)) + ">"
