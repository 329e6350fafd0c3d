"""Draw the classification head: widened streams, carried down into the lowest resolution, pooled, classified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hrnet_viz.canvas.colours import HEAD_COLOUR, branch_colour
from hrnet_viz.canvas.diagrams.geometry import Place, around, straight
from hrnet_viz.canvas.diagrams.layout import SUM, box_width
from hrnet_viz.canvas.diagrams.marks import STREAM

if TYPE_CHECKING:
    from hrnet_viz.canvas.diagrams.whole_net import NetDrawing


def draw_head(drawing: NetDrawing) -> None:
    """Draw the head at the right end, and what has no spatial extent any more below the rows."""
    layout, marks = drawing.layout, drawing.marks
    carried, above = "", Place(0, 0, 0, 0)
    for branch, (source, start) in enumerate(drawing.streams):
        name, colour = f"head.incre{branch}", branch_colour(branch)
        wide = marks.box(name, drawing.column_box(name, layout.edges["incre"], branch), colour)
        drawing.draw_stream((source, name), start, wide.left, colour)
        if branch == 0:
            carried, above = name, wide
            continue
        total, at = f"head.sum{branch}", (layout.merge, layout.row(branch))
        circle = marks.circle((total,), at, SUM * drawing.em, colour)
        drawing.draw_stream((name, total), wide.right, circle.left, colour)
        way = around(above.right, circle.top) if branch == 1 else straight(above.bottom, circle.top)
        finer = branch_colour(branch - 1)
        marks.path(f"head.down{branch - 1}", (carried, total), way, finer, thickness=2.2, arrow=7)
        carried, above = total, circle

    place = drawing.column_box("head.final", layout.edges["final"], drawing.branches - 1, 3)
    final = marks.box("head.final", place, HEAD_COLOUR, heading="final")
    drawing.draw_stream((carried, "head.final"), above.right, final.left, branch_colour(drawing.branches - 1))
    draw_outputs(drawing, final)


def draw_outputs(drawing: NetDrawing, final: Place) -> None:
    """Draw pooled channels and logits, one below the other at the right end of the page."""
    marks, height = drawing.marks, drawing.box_height(1)
    texts = {}
    for name, word in (("head.pool", "pool"), ("logits", "logits")):
        words = drawing.overlay.words_for(name) or (str(drawing.plan.sites[name].channels),)
        texts[name] = f"{word} {words[0]}"
    width = box_width(texts.values()) * drawing.em
    y = drawing.layout.lanes[-1].bottom[1] + 9 + height / 2
    right = drawing.layout.edges["final"][1]
    carried, above = "head.final", final
    for name, text in texts.items():
        place = Place(right - width / 2, y, width, height)
        place = marks.box(name, place, HEAD_COLOUR, lines=(text,))
        start, end = (final.x, above.bottom[1]), (final.x, place.top[1])
        marks.sheet.curve((carried, name), straight(start, end), colour=HEAD_COLOUR, thickness=STREAM)
        carried, above = name, place
        y += height + 8
