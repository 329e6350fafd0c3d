"""Explain what is drawn: the marks of a diagram below it, the scale of the values laid over it at the top right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from hrnet_viz.canvas.colours import tint
from hrnet_viz.canvas.diagrams.geometry import Place, Point, text_width
from hrnet_viz.canvas.diagrams.layout import MARGIN
from hrnet_viz.canvas.diagrams.overlay import THICKEST, THINNEST

if TYPE_CHECKING:
    from hrnet_viz.canvas.diagrams.marks import Marks
    from hrnet_viz.canvas.diagrams.sheet import Sheet

Sign = Literal["stream", "finer", "coarser", "box", "sum", "square", "operation", "relu"]

SAMPLE = 24.0
"""Width of a sample mark, in points."""

TITLE = 19.0
BAR, BAR_STEPS = 130.0, 40
WEDGE, WEDGE_STEPS = 40.0, 10


def draw_legend(sheet: Sheet, columns: Sequence[Sequence[tuple[Sign, str]]], at: Point, size: float) -> None:
    """Draw columns of marks with a few words each; ``at`` is the middle of the first mark's left side."""
    x = at[0]
    for column in columns:
        for row, (sign, words) in enumerate(column):
            y = at[1] + row * size * 1.9
            _draw_sample(sheet, sign, (x, y))
            sheet.text(f"legend {sign}", (x + SAMPLE + 7, y), words, size=size, ink=sheet.colours.muted)
        x += SAMPLE + 7 + (max(text_width(words) for _, words in column) + 2.0) * size


def _draw_sample(sheet: Sheet, sign: Sign, at: Point) -> None:
    x, y = at
    colour = sheet.colours.muted
    middle = Place(x + SAMPLE / 2, y, SAMPLE, 13.0)
    name = f"sample {sign}"
    if sign == "stream":
        sheet.rule((x, y), (x + SAMPLE, y), colour=colour, thickness=3.4)
    elif sign in {"finer", "coarser"}:
        rise = 7.0 if sign == "finer" else -7.0
        sheet.rule((x + 4, y + rise), (x + SAMPLE - 4, y - rise), colour=colour, thickness=1.6)
    elif sign == "sum":
        sheet.box(name, Place(middle.x, y, 11, 11), fill=sheet.colours.page, line=colour, thickness=2, shape="circle")
        sheet.plus(name, (middle.x, y), 2.8, colour=colour, thickness=1.5)
    elif sign == "square":
        sheet.box(name, Place(middle.x, y, 9, 9), fill=colour, rounded=False)
    else:
        sheet.box(name, middle, fill=tint(colour, sheet.theme, 0.24), line=colour, thickness=1.4, rounded=sign == "box")


def draw_title(marks: Marks, title: str, size: float) -> None:
    """Write the title at the top left, and what colours and widths mean, in raw numbers, at the top right.

    Only what the diagram shows is explained: the colour bar where a box has a number, the widths where a line has one.
    """
    sheet, overlay = marks.sheet, marks.overlay
    x, y = sheet.width - MARGIN - 2, 22.0
    low, high = overlay.text(overlay.low), overlay.text(overlay.high)
    if marks.widened:
        x = _write_before(sheet, "width high", f"{high}, negative dashed" if overlay.signed else high, (x, y), size)
        x -= WEDGE
        for step in range(WEDGE_STEPS):
            thickness = THINNEST + (THICKEST - THINNEST) * (step + 0.5) / WEDGE_STEPS
            left, right = (x + WEDGE * (step + end) / WEDGE_STEPS for end in (0, 1.05))
            sheet.rule((left, y), (right, y), colour=sheet.colours.muted, thickness=thickness)
        x = _write_before(sheet, "width low", "0", (x - 5, y), size) - 14
    if marks.coloured:
        x = _write_before(sheet, "scale high", high, (x, y), size) - BAR
        for step in range(BAR_STEPS):
            value = overlay.low + (overlay.high - overlay.low) * (step + 0.5) / BAR_STEPS
            place = Place(x + BAR * (step + 0.5) / BAR_STEPS, y, BAR / BAR_STEPS + 0.9, 12)  # they overlap: no seams
            sheet.box(f"scale {step}", place, fill=overlay.colour(value), rounded=False)
        x = _write_before(sheet, "scale low", low, (x - 5, y), size)
    if overlay.name and (marks.widened or marks.coloured):
        x = _write_before(sheet, "scale name", overlay.name, (x - 5, y), size)
    if title:
        sheet.text("title", (MARGIN, y), title, size=min(TITLE, (x - MARGIN - 12) / text_width(title)))


def _write_before(sheet: Sheet, name: str, words: str, right: Point, size: float) -> float:
    """Write words that end at a place, and give the x at which they begin, less a little."""
    sheet.text(name, right, words, size=size, align="right")
    return right[0] - text_width(words) * size - 5
