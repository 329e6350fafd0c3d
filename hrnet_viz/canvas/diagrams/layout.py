"""Where everything of a net goes on a slide: rows are resolutions, columns follow the depth.

All widths are counted in font sizes (em) first. The font is then the largest one with which the row of columns fits,
and what is left over widens the exchanges, where lines cross and need it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from hrnet_viz.canvas.diagrams.geometry import Place, text_width
from hrnet_viz.canvas.diagrams.sheet import SLIDE

if TYPE_CHECKING:
    from hrnet_viz.sites import Site

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
