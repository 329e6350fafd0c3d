"""A whole net on a slide: stem, stages with their exchanges, transitions, head; by stages or by modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, get_args

import torch

from hrnet_viz.canvas.colours import HEAD_COLOUR, STEM_COLOUR, Theme, branch_colour, tint
from hrnet_viz.canvas.diagram import Diagram
from hrnet_viz.canvas.marks import (
    LINE_HEIGHT,
    MARGIN,
    PADDING,
    SMALL,
    STREAM,
    THIN,
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
from hrnet_viz.canvas.network_map import Detail, Ends, Spacing, arrange, find_columns
from hrnet_viz.canvas.overlay import Overlay, Values, read_values
from hrnet_viz.canvas.panels import count
from hrnet_viz.canvas.shapes import SLIDE, Place, Point, Sheet, around, straight, swing, text_width, towards
from hrnet_viz.canvas.style import default_theme
from hrnet_viz.network import HRNet, hrnet
from hrnet_viz.network.plan import INPUT
from hrnet_viz.network.variants import find_variant
from hrnet_viz.photos.preparation import check_size
from hrnet_viz.sites import quote

if TYPE_CHECKING:
    from hrnet_viz.network.plan import Plan

SPACE = Spacing(gap=0.3, transition=1.35, sum=0.9, step=0.3, crossing=1.7, widest=9.0, head=1.05, merge=0.45)  # em
LANES_TOP, LANE, LANE_GAP = 96.0, 87.0, 6.0
"""Upper edge of the first row, height of a row and space between two rows, in points."""

STREAM_DEPTH = 37.0
"""How far below the upper edge of its row a stream runs; what the row is stands at the lower edge."""


class _Arrival(NamedTuple):
    """A stream on its way into a branch: from which thing and place, and the site that the line is, "" for none."""

    source: str
    start: Point
    site: str = ""


class _NetDrawing:
    """A sheet, where things go on it, and ``streams``: per branch the last thing on it, and where it leaves that."""

    def __init__(self, plan: Plan, size: tuple[int, int], detail: Detail, theme: Theme, overlay: Overlay) -> None:
        self.plan, self.size, self.detail, self.overlay = plan, size, detail, overlay
        self.has_head = "head.incre0" in plan.sites
        self.columns = find_columns(plan, detail)
        self.branches = len(self.columns[-1].module.branches)
        self.layout = arrange(self.columns, self.widths(), SPACE, MARGIN, SLIDE[0] - 2 * MARGIN)
        self.em = self.layout.unit
        self.lanes = [
            Place(SLIDE[0] / 2, LANES_TOP + LANE / 2 + branch * (LANE + LANE_GAP), SLIDE[0] - 2 * MARGIN + 8, LANE)
            for branch in range(self.branches)
        ]
        self.sheet = Sheet(plan.owner, theme)
        self.marks = Marks(self.sheet, plan, size, overlay, self.em)
        self.streams: list[tuple[str, Point]] = []

    def draw(self, title: str) -> Marks:
        self.draw_lanes()
        self.draw_start()
        for number in range(len(self.columns)):
            self.draw_module(number, self.hand_over(number))
        if self.has_head:
            self.draw_head()
        self.draw_headings()
        self.draw_explanations(title)
        return self.marks

    def row(self, branch: int) -> float:
        return self.lanes[branch].top[1] + STREAM_DEPTH

    def widths(self) -> dict[str, float]:
        """Return the em that each kind of box needs."""
        sites, overlay = self.plan.sites, self.overlay

        def width(names: list[str], heading: str = "") -> float:
            texts = [overlay.words_for(name) or facts(sites[name], self.size) for name in names]
            bold = [heading] if heading else [text[0] for text in texts]  # as ``Marks.box`` writes it
            plain = [line for text in texts for line in (text if heading else text[1:])]
            return max(box_width(bold), *(text_width(line) + PADDING for line in plain), 0.0)

        modules = [column.module for column in self.columns]
        found = {"stem": width(["stem"], "stem"), "stage1": width(["stage1"], "stage 1")}
        found["branch"] = width([name for module in modules for name in module.branches])
        outs = [f"{module}.out{b}" for module in modules for b in range(len(module.branches))]
        if any(name in overlay.pictures or name in overlay.words for name in outs):
            found["out"] = width(outs)
        if self.has_head:
            found["incre"] = width([f"head.incre{branch}" for branch in range(self.branches)])
            found["final"] = width(["head.final"], "final")
        return found

    def box_height(self, lines: int) -> float:
        return (lines * LINE_HEIGHT + 0.5) * self.em

    def column_box(self, name: str, ends: Ends, branch: int, lines: int = 2) -> Place:
        """Return the place of a box in a column and a row; a picture may be as high as the row allows."""
        height = 2 * (STREAM_DEPTH - 3)
        if name not in self.overlay.pictures:
            height = min(self.box_height(lines), height)
        return Place(sum(ends) / 2, self.row(branch), ends[1] - ends[0], height)

    def draw_lanes(self) -> None:
        """Draw the rows and say what resolution they are."""
        sites = [self.plan.sites[name] for name in self.columns[-1].module.branches]
        words = [f"stride {site.stride} · {size_text(site, self.size)}" for site in sites]
        room = self.layout.edges["stage1"][1] - MARGIN - 2  # then the transition's line comes down
        size = min(SMALL, room / max(map(text_width, words)))
        for branch, (lane, text) in enumerate(zip(self.lanes, words, strict=True)):
            self.sheet.box(f"row{branch}", lane, fill=tint(branch_colour(branch), self.sheet.theme, 0.11))
            self.sheet.text(f"row{branch} label", (MARGIN + 2, lane.bottom[1] - 9), text, size=size)

    def draw_start(self) -> None:
        """Draw photo, stem and stage 1."""
        sheet, marks, edges = self.sheet, self.marks, self.layout.edges
        stem = marks.box("stem", self.column_box("stem", edges["stem"], 0, 3), STEM_COLOUR, heading="stem")
        height = self.box_height(2)
        width = max((text_width(marks.facts(INPUT)[1]) + PADDING) * self.em, stem.width)
        photo = marks.box(INPUT, Place(MARGIN + width / 2, LANES_TOP - 9 - height / 2, width, height), STEM_COLOUR)
        way = straight((stem.x, photo.bottom[1]), stem.top)
        sheet.curve((INPUT, "stem"), way, colour=STEM_COLOUR, thickness=STREAM, arrow=7.0)
        stage1 = marks.box("stage1", self.column_box("stage1", edges["stage1"], 0, 3), STEM_COLOUR, heading="stage 1")
        sheet.curve(("stem", "stage1"), straight(stem.right, stage1.left), colour=STEM_COLOUR, thickness=STREAM)
        self.streams = [("stage1", stage1.right)]

    def hand_over(self, number: int) -> list[_Arrival]:
        """Bring the streams to a column: through a small square where a transition computes something."""
        column = self.columns[number]
        starts = number == 0 or self.columns[number - 1].stage != column.stage
        arrivals = []
        for branch in range(len(column.module.branches)):
            source, start = self.streams[min(branch, len(self.streams) - 1)]
            name = f"transition{column.stage - 1}.branch{branch}" if starts else ""
            if name and inner_sites(self.plan, name):
                square = 0.75 * self.em
                place = Place(self.layout.boxes[number][0] - 0.9 * self.em, self.row(branch), square, square)
                colour = resolution_colour(self.plan.sites[source])
                thickness = STREAM if start[1] == place.y else 2.2
                self.sheet.curve((source, name), swing(start, place.left), colour=colour, thickness=thickness)
                self.marks.square(name, place, branch_colour(branch))
                arrivals.append(_Arrival(name, place.right))
            else:
                arrivals.append(_Arrival(source, start, name))
        return arrivals

    def draw_module(self, number: int, arrivals: list[_Arrival]) -> None:
        """Draw the branches of a module and its exchange."""
        layout, marks, scope = self.layout, self.marks, self.columns[number].scope
        boxes = []
        for branch, arrival in enumerate(arrivals):
            name, colour = f"{scope}.branch{branch}", branch_colour(branch)
            box = marks.box(name, self.column_box(name, layout.boxes[number], branch), colour)
            boxes.append(box)
            self.draw_stream((arrival.source, name), arrival.start, box.left, colour, arrival.site)
        self.streams = []
        for i in range(len(boxes)):
            total, out, at = f"{scope}.sum{i}", f"{scope}.out{i}", (layout.sums[number], self.row(i))
            names = (total,) if layout.outs else (total, out)
            last = circle = marks.circle(names, at, SPACE.sum * self.em, branch_colour(i))
            for j, box in enumerate(boxes):
                # Lines that go up leave a little higher than those that go down, so that none hides another.
                start = (box.right[0], box.y + 0.3 * self.em * (i - j))
                ends, way = (f"{scope}.branch{j}", names[-1]), straight(start, towards(start, circle))
                thickness = STREAM if i == j else THIN
                marks.path(f"{scope}.fuse{i}<-{j}", ends, way, branch_colour(j), thickness=thickness)
            if layout.outs:
                last = marks.box(out, self.column_box(out, layout.outs[number], i), branch_colour(i))
                self.draw_stream((total, out), circle.right, last.left, branch_colour(i))
            self.streams.append((out, last.right))

    def draw_stream(self, ends: tuple[str, str], start: Point, end: Point, colour: str, site: str = "") -> None:
        """Draw a piece of a stream, which may itself be a site: a transition that hands it on."""
        if site:
            self.marks.path(site, ends, straight(start, end), colour, thickness=STREAM)
        else:
            self.sheet.curve(ends, straight(start, end), colour=colour, thickness=STREAM)

    def draw_head(self) -> None:
        """Draw the head at the right end, and what has no spatial extent any more below the rows."""
        layout, marks = self.layout, self.marks
        carried, above = "", Place(0, 0, 0, 0)
        for branch, (source, start) in enumerate(self.streams):
            name, colour = f"head.incre{branch}", branch_colour(branch)
            wide = marks.box(name, self.column_box(name, layout.edges["incre"], branch), colour)
            self.draw_stream((source, name), start, wide.left, colour)
            if branch == 0:
                carried, above = name, wide
                continue
            total = f"head.sum{branch}"
            circle = marks.circle((total,), (layout.merge, self.row(branch)), SPACE.sum * self.em, colour)
            self.draw_stream((name, total), wide.right, circle.left, colour)
            way = around(above.right, circle.top) if branch == 1 else straight(above.bottom, circle.top)
            finer = branch_colour(branch - 1)
            marks.path(f"head.down{branch - 1}", (carried, total), way, finer, thickness=2.2, arrow=7.0)
            carried, above = total, circle
        place = self.column_box("head.final", layout.edges["final"], self.branches - 1, 3)
        final = marks.box("head.final", place, HEAD_COLOUR, heading="final")
        self.draw_stream((carried, "head.final"), above.right, final.left, branch_colour(self.branches - 1))

        texts = {}
        for name, word in (("head.pool", "pool"), ("logits", "logits")):
            texts[name] = f"{word} {(self.overlay.words_for(name) or (str(self.plan.sites[name].channels),))[0]}"
        width, height = box_width(texts.values()) * self.em, self.box_height(1)
        y = self.lanes[-1].bottom[1] + 9 + height / 2
        carried, above = "head.final", final
        for name, text in texts.items():
            place = Place(layout.edges["final"][1] - width / 2, y, width, height)
            place = marks.box(name, place, HEAD_COLOUR, lines=(text,))
            self.draw_stream((carried, name), (final.x, above.bottom[1]), (final.x, place.top[1]), HEAD_COLOUR)
            carried, above, y = name, place, y + height + 8

    def draw_headings(self) -> None:
        """Name stages and modules above the rows."""
        layout, sheet = self.layout, self.sheet
        size = min(max(self.em * 1.1, SMALL), 17.0)

        def rule_off(words: str, left: float, right: float) -> None:
            y = LANES_TOP - 10 - 1.8 * size
            sheet.text(f"{words} heading", ((left + right) / 2, y), words, size=size, align="center", bold=True)
            sheet.rule((left, y + size * 0.75), (right, y + size * 0.75), colour=sheet.colours.muted)

        ends = [out[1] for out in layout.outs] or [at + SPACE.sum * self.em / 2 for at in layout.sums]
        for stage in dict.fromkeys(column.stage for column in self.columns):
            numbers = [k for k, column in enumerate(self.columns) if column.stage == stage]
            rule_off(f"stage {stage}", layout.boxes[numbers[0]][0], ends[numbers[-1]])
            for k in numbers:
                column = self.columns[k]
                words = (
                    column.scope.removeprefix("stage") if self.detail == "modules" else count(column.count, "module")
                )
                at = ((layout.boxes[k][0] + ends[k]) / 2, LANES_TOP - 0.8 * size)
                look = {"align": "center", "ink": sheet.colours.muted}
                sheet.text(f"{column.scope} heading", at, words, size=max(self.em, 11.0), **look)  # type: ignore[arg-type]
        if self.has_head:
            rule_off("head", layout.edges["incre"][0], layout.edges["final"][1])

    def draw_explanations(self, title: str) -> None:
        """Write the title, and explain the marks and the scale of what is laid over them."""
        inside = inner_sites(self.plan, self.columns[0].module.branches[0])
        blocks = len({site.inner.split(".")[0] for site in inside})
        finer, coarser = "to a finer row: 1×1 conv, BN, nearest", "to a coarser row: strided 3×3 convs, BN"
        columns: list[list[tuple[Sign, str]]] = [
            [("stream", "same resolution"), ("box", f"branch: {blocks} residual blocks")],
            [("sum", "sum over all paths, then ReLU"), ("square", "transition: 3×3 conv, BN, ReLU")],
            [("finer", finer), ("coarser", coarser)],
        ]
        draw_legend(self.sheet, columns, (MARGIN + 2, self.lanes[-1].bottom[1] + 26))
        draw_title(self.marks, title)


def network_diagram(
    net: HRNet | str,
    *,
    detail: Detail = "modules",
    size: tuple[int, int] | int | None = None,
    theme: Theme | None = None,
    values: Values | None = None,
    name: str = "",
    limits: tuple[float, float] | None = None,
    title: str | None = None,
) -> Diagram:
    """Draw a whole net on a 16:9 slide: rows are resolutions, streams are level, exchanges are crossings.

    Args:
        net: the net, or the name of a variant, for which no weights are made.
        detail: "stages" draws the last module of each stage for all of them, "modules" every module.
        size: height and width in px of the photo that the sizes are those for; the net's own if None.
        theme: "light" or "dark"; the default theme if None.
        values: site -> number, word or small picture (uint8 array or PIL image). A number colours a box and sets the
            width of a line. What belongs to no drawn site is left out; the photo's site is "input".
        name: what the numbers are, with their unit.
        limits: ends of the scale of the numbers; from 0, or symmetric about 0, if None.
        title: what stands above; the net and the size of the photo if None, nothing if "".

    Raises:
        SiteError: a value for a site that the net does not have.
        ValueError: an unknown variant, detail or theme, or values of which none can be shown here.
    """
    if detail not in get_args(Detail):
        raise ValueError(
            f"detail={quote(detail)} was given; a net is drawn with detail='stages' or detail='modules'. "
            "exchange_diagram(net, 'stage3.1') opens one module up."
        )
    net, size, theme = ready(net, size, theme)
    overlay = read_values(net.plan, values, name, limits)
    photo = f"photo of {size[0]}×{size[1]} px"
    heading = f"{net.plan.owner}, {photo}" if title is None else title
    marks = _NetDrawing(net.plan, size, detail, theme, overlay).draw(heading)
    marks.refuse_unseen(f"a diagram with detail='{detail}'")
    modules = "one column per module" if detail == "modules" else "one column per stage, drawn as its last module"
    caption = (
        f"{net.plan.owner} for a {photo}: depth from left to right, {modules}; resolution from "
        f"top to bottom. At the end of a module every branch contributes to every output.{marks.laid_over}"
    )
    return Diagram.of(marks.sheet, caption, _describe(net.plan, photo) + marks.laid_over)


def ready(
    net: HRNet | str, size: tuple[int, int] | int | None, theme: Theme | None
) -> tuple[HRNet, tuple[int, int], Theme]:
    """Return a net, a size and a theme for what was left open: a variant's net has no weights."""
    if isinstance(net, str):
        find_variant(net)
        with torch.device("meta"):
            net = hrnet(net)
    check_drawn(net)
    return net, net.preparation.size if size is None else check_size(size), theme or default_theme()


def check_drawn(net: HRNet) -> None:
    """Refuse a net whose head has no drawing yet, by a ValueError."""
    if net.task.name != "classification":
        raise ValueError(
            f"The map of the network is drawn for the classification head so far, and {net.owner} has another. "
            "hv.heads.table(net) lists its parts, hv.trace(net, photo) and hv.figures show their tensors."
        )


def _describe(plan: Plan, photo: str) -> str:
    stages = []
    for column in find_columns(plan, "stages"):
        branches = column.module.branches
        channels = ", ".join(str(plan.sites[name].channels) for name in branches)
        modules = count(column.count, "module")
        stages.append(f"stage {column.stage} has {modules} of {len(branches)} branches with {channels} channels")
    head = (
        " The head widens the streams, carries them down into the lowest resolution, pools, "
        f"and gives {plan.sites['logits'].channels} logits."
    )
    return (
        f"Diagram of {plan.owner} for a {photo}. A stem of {plan.sites['stem'].channels} and "
        f"stage 1 of {plan.sites['stage1'].channels} channels at stride 4; "
        f"{'; '.join(stages)}. Strides are 4, 8, "
        "16 and 32 from top to bottom. After the branches of a module every branch contributes to every output; each "
        f"stage starts one new branch from the lowest one.{head if 'logits' in plan.sites else ''}"
    )
