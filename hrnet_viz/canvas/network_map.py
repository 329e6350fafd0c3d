"""Where everything of a net goes: one layout for the diagram, for what is laid over it and for the explorer's map.

Rows are resolutions, columns follow the depth. Widths come in any unit, font sizes (em) for the diagram and pixels for
the map. Where there is a given room, the unit is the largest with which the columns fit, and what is left over widens
the exchanges, where lines cross.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hrnet_viz.network.plan import Module, Plan

Ends = tuple[float, float]
LARGEST_FONT = 14.5  # points
Detail = Literal["stages", "modules"]


@dataclass(frozen=True, slots=True)
class Column:
    """One module, or all ``count`` modules of a stage drawn as their last one."""

    module: Module
    count: int = 1

    @property
    def stage(self) -> int:
        """2, 3 or 4."""
        return self.module.stage

    @property
    def scope(self) -> str:
        """Address of the module: "stage3.1"."""
        return self.module.address


def find_columns(plan: Plan, detail: Detail) -> tuple[Column, ...]:
    """Return the columns of a net: its modules, or per stage the last of them for all."""
    if detail == "modules":
        return tuple(map(Column, plan.modules))
    stages: dict[int, list[Module]] = {}
    for module in plan.modules:
        stages.setdefault(module.stage, []).append(module)
    return tuple(Column(modules[-1], len(modules)) for modules in stages.values())


@dataclass(frozen=True, slots=True)
class Spacing:
    """What is between the boxes, in units.

    Attributes:
        gap: between boxes.
        transition: what a stage hands over takes, with the gap behind it.
        sum: diameter of a sum.
        step: between a sum and what ReLU leaves of it.
        crossing, widest: an exchange at least and at most.
        head: more space than a gap before the head.
        merge: to either side of the sums in the head.
    """

    gap: float
    transition: float
    sum: float
    step: float
    crossing: float
    widest: float
    head: float
    merge: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the columns are.

    Attributes:
        unit: size of the unit that widths and spacing are given in.
        boxes: left and right end of the branch boxes, per column.
        sums: centre of the sums, per column.
        outs: left and right end of the boxes of what ReLU leaves, per column; () where the sums stand for it.
        edges: left and right end of the other columns: "stem", "stage1", "incre", "final".
        merge: centre of the sums in the head.
    """

    unit: float
    boxes: tuple[Ends, ...]
    sums: tuple[float, ...]
    outs: tuple[Ends, ...]
    edges: dict[str, Ends]
    merge: float


def arrange(
    columns: tuple[Column, ...], widths: Mapping[str, float], space: Spacing, left: float, room: float | None = None
) -> Layout:
    """Place the columns.

    Args:
        columns: the modules to draw, from left to right.
        widths: units that the boxes need: "stem", "stage1", "branch"; "incre" and "final" if the net has that head;
            "out" if what ReLU leaves is drawn as a box.
        space: what is between them.
        left: where the first column begins.
        room: how wide all of it is; a unit is 1 if None.
    """
    out = widths["out"] + space.gap if "out" in widths else 0.0
    module = widths["branch"] + space.sum + (space.step if out else space.gap) + out
    starts = len({column.stage for column in columns})
    least = widths["stem"] + widths["stage1"] + 2 * space.gap
    least += starts * space.transition + len(columns) * (module + space.crossing)
    if "incre" in widths:
        least += space.head + widths["incre"] + space.sum + 2 * space.merge + widths["final"]
    unit, crossing = 1.0, space.crossing
    if room is not None:
        unit = min(LARGEST_FONT, room / least)
        crossing = min(space.widest, crossing + (room / unit - least) / len(columns))
    x = 0.0
    edges: dict[str, Ends] = {}

    def put(width: float, after: float) -> Ends:
        nonlocal x
        ends = left + x * unit, left + (x + width) * unit
        x += width + after
        return ends

    for name in ("stem", "stage1"):
        edges[name] = put(widths[name], space.gap)
    boxes, sums, outs = list[Ends](), list[float](), list[Ends]()
    stage = 1
    for column in columns:
        if column.stage != stage:
            stage, x = column.stage, x + space.transition
        boxes.append(put(widths["branch"], crossing))
        sums.append(sum(put(space.sum, space.step if out else space.gap)) / 2)
        if out:
            outs.append(put(widths["out"], space.gap))
    merge = left + x * unit
    if "incre" in widths:
        x += space.head
        edges["incre"] = put(widths["incre"], space.merge)
        merge = sum(put(space.sum, space.merge)) / 2
        edges["final"] = put(widths["final"], space.gap)
    return Layout(unit, tuple(boxes), tuple(sums), tuple(outs), edges, merge)
