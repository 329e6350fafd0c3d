"""The exchange of one module: its paths operation by operation, the sums, and what ReLU leaves of them.

A row is again a resolution. It holds, at the left, the branch of that resolution; then the paths into the output of
that resolution, one below the other in the order in which they are added; then their sum and the output.
"""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

from hrnet_viz.canvas.colours import Theme, branch_colour, tint
from hrnet_viz.canvas.diagram import Diagram
from hrnet_viz.canvas.marks import (
    LINE_HEIGHT,
    MARGIN,
    SMALL,
    STREAM,
    Marks,
    Sign,
    box_width,
    draw_legend,
    draw_title,
    facts,
    inner_sites,
    resolution_colour,
    size_text,
)
from hrnet_viz.canvas.network_drawing import ready
from hrnet_viz.canvas.overlay import Overlay, Values, read_values
from hrnet_viz.canvas.shapes import SLIDE, Place, Sheet, straight, towards

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.network.plan import Module, Plan
    from hrnet_viz.sites import Site


def exchange_diagram(
    net: HRNet | str,
    module: str,
    *,
    size: tuple[int, int] | int | None = None,
    theme: Theme | None = None,
    values: Values | None = None,
    name: str = "",
    limits: tuple[float, float] | None = None,
    title: str | None = None,
) -> Diagram:
    """Draw the exchange at the end of one module: every path step by step, the sums, and what ReLU leaves.

    ``module`` is "stage3.1", or any site in that module. All else is as in ``network_diagram``; a path shows its number
    or picture before it enters the sum.

    Raises:
        SiteError: the net has no such module, or a value is for a site that it does not have.
        ValueError: an unknown variant or theme, or values of which none can be shown here.
    """
    net, size, theme = ready(net, size, theme)
    drawn = net.plan.module(module)
    overlay = read_values(net.plan, values, name, limits)
    photo = f"photo of {size[0]}×{size[1]} px"
    heading = f"{net.plan.owner}, exchange of {drawn}, {photo}" if title is None else title
    marks = _ExchangeDrawing(net.plan, drawn, size, theme, overlay).draw(heading)
    marks.refuse_unseen(f"the exchange of {drawn}")
    caption = (
        f"The exchange of {drawn} in {net.plan.owner} for a {photo}: each of {len(drawn.branches)} "
        f"outputs is ReLU of a sum over {len(drawn.branches)} paths, one from every branch.{marks.laid_over}"
    )
    paths = [path for row in drawn.paths for path in row]
    steps = "; ".join(f"{path.rpartition('.')[2]}: {marks.tip(path).partition(': ')[2]}" for path in paths)
    return Diagram.of(marks.sheet, caption, f"{caption} Paths: {steps}.")


class _Operation(NamedTuple):
    """A box on a path: address of what it gives, the path itself for an identity; its site; what it does."""

    name: str
    site: Site
    words: str


def _operations(plan: Plan, path: Site) -> list[_Operation]:
    """Return what a fuse path does, step by step: convolution with BatchNorm and perhaps ReLU, or resampling."""
    inner = inner_sites(plan, path.name)
    if not inner:
        return [_Operation(path.name, path, "identity")]
    if (path.source or 0) > (path.branch or 0):
        *convolution, resize = inner
        factor = (convolution[-1].stride or 1) // (path.stride or 1)
        last = convolution[-1]
        return [_Operation(last.name, last, "1×1, BN"), _Operation(resize.name, resize, f"nearest ×{factor}")]
    lasts = [list(step)[-1] for _, step in groupby(inner, key=lambda site: site.inner.split(".")[0])]
    return [_Operation(last.name, last, "3×3 /2, BN, ReLU" if last.part == "relu" else "3×3 /2, BN") for last in lasts]


TOP, BOTTOM, BAND_GAP = 74.0, 498.0, 6.0
LARGEST_FONT = 14.0
CROSSING, FAN, BETWEEN, CIRCLE, RELU = 9.0, 2.6, 0.9, 1.6, 3.2
"""In em: where branches cross over to their paths, where paths come together, between boxes, sum sign, ReLU."""


class _ExchangeDrawing:
    """A sheet, the columns on it, and the rows."""

    def __init__(self, plan: Plan, module: Module, size: tuple[int, int], theme: Theme, overlay: Overlay) -> None:
        self.plan, self.scope, self.size, self.overlay = plan, module.address, size, overlay
        self.branches = [plan.sites[name] for name in module.branches]
        self.paths = {
            (i, j): _operations(plan, plan.sites[path])
            for i, row in enumerate(module.paths)
            for j, path in enumerate(row)
        }
        count = len(self.branches)
        self.two_lines = count < 4
        self.steps = max(len(operations) for operations in self.paths.values())
        self.band = (BOTTOM - TOP - (count - 1) * BAND_GAP) / count
        self.tagged = not overlay.names.isdisjoint(path for row in module.paths for path in row)
        self.em, self.width, self.x = self.place_columns()
        self.sheet = Sheet(f"{plan.owner} {self.scope}", theme)
        self.marks = Marks(self.sheet, plan, size, overlay, self.em)

    def draw(self, title: str) -> Marks:
        self.draw_bands()
        for i in range(len(self.branches)):
            self.draw_output(i)
        self.draw_explanations(title)
        return self.marks

    def column_widths(self) -> dict[str, float]:
        """Return the em that each kind of box needs."""
        told = [line for site in self.branches for line in facts(site, self.size)]
        values = [
            line for name in self.overlay.names if name.startswith(self.scope) for line in self.overlay.words_for(name)
        ]
        operations = [line for steps in self.paths.values() for step in steps for line in self.lines(step)]
        return {
            "tensor": box_width(["branch 0", *told, *values]) + 0.8,
            "operation": box_width(operations) + 0.2,
            "tag": max(box_width(values or [""]) + 0.4, 3.4) if self.tagged else 0.0,
            "circle": CIRCLE,
            "relu": RELU,
        }

    def place_columns(self) -> tuple[float, dict[str, float], dict[str, float]]:
        """Return the largest font with which all columns fit, the widths of the boxes, and the columns' middles."""
        widths = self.column_widths()
        columns = [("branch", "tensor", CROSSING), *((f"step{k}", "operation", BETWEEN) for k in range(self.steps))]
        columns += [("tag", "tag", FAN), ("circle", "circle", BETWEEN), ("sum", "tensor", BETWEEN)]
        columns += [("relu", "relu", BETWEEN), ("out", "tensor", 0.0)]
        least = sum(widths[kind] + gap for _, kind, gap in columns)
        room = SLIDE[0] - 2 * MARGIN
        em = min(LARGEST_FONT, room / least)
        x, middles = MARGIN, {}
        for name, kind, gap in columns:
            middles[name] = x + widths[kind] * em / 2
            x += (widths[kind] + gap) * em + (room - least * em if name == "branch" else 0.0)  # crossings get the rest
        return em, {kind: width * em for kind, width in widths.items()}, middles

    def lines(self, operation: _Operation) -> tuple[str, ...]:
        """Return what is written in the box of an operation."""
        channels, extent = facts(operation.site, self.size)
        if operation.words == "identity":
            return (operation.words,)
        if self.two_lines:
            return operation.words, f"{channels}, {extent}"
        return (operation.words,) if operation.words.startswith("nearest") else (f"{operation.words}, {channels}",)

    def row(self, branch: int) -> float:
        return TOP + self.band / 2 + branch * (self.band + BAND_GAP)

    def path_row(self, i: int, j: int) -> float:
        """Return the height at which the path from branch j to output i runs."""
        count = len(self.branches)
        return self.row(i) + (j - (count - 1) / 2) * (self.band - 3) / count

    def tensor_box(self, column: str, name: str, branch: int, heading: str) -> Place:
        """Draw a tensor: a branch, a sum, an output."""
        width, height = self.width["tensor"], (3 * LINE_HEIGHT + 0.5) * self.em
        if name in self.overlay.pictures:
            height = self.band - 40  # the words on the resolution stay readable below it
        place = Place(self.x[column], self.row(branch), width, height)
        return self.marks.box(name, place, branch_colour(branch), heading=heading)

    def draw_bands(self) -> None:
        """Draw the rows and the branches."""
        for branch, site in enumerate(self.branches):
            band = Place(SLIDE[0] / 2, self.row(branch), SLIDE[0] - 2 * MARGIN + 8, self.band)
            self.sheet.box(f"row{branch}", band, fill=tint(branch_colour(branch), self.sheet.theme, 0.11))
            words = f"stride {site.stride} · {size_text(site, self.size)}"
            at = (SLIDE[0] - MARGIN - 2, band.bottom[1] - 9)  # at the left, lines cross
            self.sheet.text(f"row{branch} label", at, words, size=SMALL, align="right")
        for branch, site in enumerate(self.branches):
            self.tensor_box("branch", site.name, branch, f"branch {branch}")

    def draw_output(self, i: int) -> None:
        """Draw the paths into an output, their sum and what ReLU leaves of it."""
        sheet, marks, em, colour = self.sheet, self.marks, self.em, branch_colour(i)
        total_name, out_name = f"{self.scope}.sum{i}", f"{self.scope}.out{i}"
        plus = self.draw_plus(i, colour)
        for j in range(len(self.branches)):
            self.draw_path(i, j, plus)
        total = self.tensor_box("sum", total_name, i, f"sum {i}")
        relu = Place(self.x["relu"], self.row(i), self.width["relu"], (LINE_HEIGHT + 0.6) * em)
        word, tip = f"{self.scope} relu {i}", f"{out_name}: what is negative in {total_name} becomes 0"
        marks.operation(word, relu, ("ReLU",), colour, tip)
        out = self.tensor_box("out", out_name, i, f"out {i}")
        chain = ((plus, sheet.places[plus]), (total_name, total), (word, relu), (out_name, out))
        for (tail, start), (head, end) in pairwise(chain):
            sheet.curve((tail, head), straight(start.right, end.left), colour=colour, thickness=STREAM)

    def draw_plus(self, i: int, colour: str) -> str:
        """Draw the sign at which the paths into an output come together, and give its name."""
        sheet, name = self.sheet, f"{self.scope} plus {i}"
        circle = Place(self.x["circle"], self.row(i), CIRCLE * self.em, CIRCLE * self.em)
        tip = f"{self.scope}.sum{i}: the paths, added from top to bottom"
        sheet.box(name, circle, fill=sheet.colours.page, line=colour, thickness=2.2, round=True, tip=tip)
        sheet.plus(name, (circle.x, circle.y), 0.4 * self.em, colour=sheet.colours.ink, thickness=2.0)
        return name

    def draw_path(self, i: int, j: int, plus: str) -> None:
        """Draw the path from branch j to output i: across to its place in row i, then level."""
        sheet, marks, em = self.sheet, self.marks, self.em
        path, y, operations = f"{self.scope}.fuse{i}<-{j}", self.path_row(i, j), self.paths[i, j]
        before = f"{self.scope}.branch{j}"
        box = sheet.places[before]
        at = (box.right[0], box.y + 0.35 * em * (i - j))
        level = (self.x["step0"] - self.width["operation"] / 2 - 0.6 * em, y)
        way = straight(at, level)
        colour, thickness = branch_colour(j), STREAM if i == j else 1.6
        height = (len(self.lines(operations[-1])) * LINE_HEIGHT + 0.28) * em
        at = level
        for step, operation in enumerate(operations, start=self.steps - len(operations)):
            place = Place(self.x[f"step{step}"], y, self.width["operation"], height)
            name = operation.name if operation.name != path else f"{path} identity"
            way = (*way, *straight(at, place.left)[1:]) if at == level else straight(at, place.left)
            sheet.curve((before, name), way, colour=colour, thickness=thickness)
            colour = resolution_colour(operation.site)
            tip = f"{path}: {operation.words}, gives {', '.join(facts(operation.site, self.size))}"
            marks.operation(name, place, self.lines(operation), colour, tip)
            before, at = name, place.right
        if self.tagged:
            tag = Place(self.x["tag"], y, self.width["tag"], min(self.band / len(self.branches) - 4, 4 * em))
            tag = marks.box(path, tag, colour, lines=self.overlay.words_for(path))
            sheet.curve((before, path), straight(at, tag.left), colour=colour, thickness=thickness)
            before, at = path, tag.right
        way = straight(at, towards(at, sheet.places[plus]))
        marks.path(path, (before, plus), way, colour, thickness=thickness, named=not self.tagged)

    def draw_explanations(self, title: str) -> None:
        """Name the columns, write the title, explain the marks and the scale of what is laid over them."""
        sheet, size = self.sheet, min(max(self.em * 1.1, SMALL), 15.0)
        middle = (self.x["step0"] + self.x[f"step{self.steps - 1}"]) / 2
        for words, x in (
            ("branches", self.x["branch"]),
            ("paths, added from top to bottom", middle),
            ("sums", self.x["sum"]),
            ("outputs", self.x["out"]),
        ):
            sheet.text(f"{words} heading", (x, TOP - 16), words, size=size, align="center", bold=True)
        operation = "an operation; its colour is the resolution that it gives"
        told: list[tuple[Sign, str]] = [("box", "a tensor"), ("operation", operation), ("sum", "sum over the paths")]
        draw_legend(sheet, [[one] for one in told], (MARGIN + 2, BOTTOM + 22))
        draw_title(self.marks, title)
