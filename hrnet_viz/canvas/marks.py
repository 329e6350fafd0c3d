"""The sites of a diagram as boxes, sums, squares and lines, and the legend that explains them."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Literal

from hrnet_viz.canvas.colours import branch_colour, ink_on, mix, tint
from hrnet_viz.canvas.network_map import MARGIN, THICKEST, THINNEST, Overlay, size_text
from hrnet_viz.canvas.shapes import Place, Point, text_width
from hrnet_viz.canvas.sheet import Sheet
from hrnet_viz.network.plan import INPUT
from hrnet_viz.sites import Site

if TYPE_CHECKING:
    from hrnet_viz.canvas.sheet import Sheet
    from hrnet_viz.network.plan import Plan

STREAM, THIN = 3.4, 1.4
"""Widths in points of a stream and of a path between resolutions."""

LINE_HEIGHT = 1.22  # em
FRAME = 3.0  # points between the edge of a box and the picture in it


class Marks:
    """Draws the sites of a net on a sheet, with what is laid over them.

    Attributes:
        sheet: what is drawn on.
        shown: addresses whose value can be seen.
        coloured: whether a number has coloured something.
        widened: whether a number has set the width of a line.
    """

    def __init__(self, sheet: Sheet, plan: Plan, size: tuple[int, int], overlay: Overlay, em: float) -> None:
        """Draw on ``sheet`` with a font size of ``em`` points."""
        self.sheet, self.plan, self.size, self.overlay, self.em = sheet, plan, size, overlay, em
        self.shown: set[str] = set()
        self.coloured = self.widened = False

    @property
    def laid_over(self) -> str:
        """A sentence on what is laid over the sites, "" for nothing."""
        n = len(self.shown)
        return f" Laid over: {self.overlay.name or 'values'} at {n} {'site' if n == 1 else 'sites'}." if n else ""

    def refuse_unseen(self, where: str) -> None:
        """Refuse values of which none could be shown.

        Raises:
            ValueError: in a sentence that names some of their sites.
        """
        given = self.overlay.names
        if given and not self.shown:
            some = ", ".join(f"'{name}'" for name in sorted(given)[:3])
            raise ValueError(
                f"Of the {len(given)} values given, none belongs to a site of {where}; they are for {some}. "
                "network_diagram(net) shows every landmark, exchange_diagram(net, module) the inside of one module."
            )

    def box(
        self, name: str, place: Place, colour: str, *, heading: str = "", lines: Sequence[str] | None = None
    ) -> Place:
        """Draw a site as a box: its picture, number or word if it has one, else its channels and size.

        Args:
            name: site address.
            place: where; a picture takes what it needs of it.
            colour: what its outline and, without a number, its surface have.
            heading: a line above the others.
            lines: written in any case, instead of all that.

        Returns:
            The place that it takes.
        """
        sheet, overlay = self.sheet, self.overlay
        picture = overlay.pictures.get(name)
        text: tuple[str, ...] = ()
        if picture is not None:
            place = place.fitting(picture.width / picture.height, frame=FRAME)
            sheet.picture(place.shrunk(FRAME), picture)
        else:
            text = tuple(overlay.words_for(name) or self.facts(name)) if lines is None else tuple(lines)
            text = (heading, *text) if heading else text
        fill = self.surface(name, tint(colour, sheet.theme, 0.24))
        sheet.box(
            name,
            place,
            text,
            fill=fill,
            line=colour,
            ink=ink_on(fill),
            thickness=2.4 if name in overlay.names else 1.4,
            size=self.em,
            bold=1,
            rounded=picture is None,
            tip=self.tip(name),
        )
        self.shown.update({name} & overlay.names)
        return place

    def circle(self, names: Sequence[str], at: Point, diameter: float, colour: str) -> Place:
        """Draw sites that share a circle: a sum and what ReLU leaves of it. The last one names and colours it."""
        sheet = self.sheet
        place = Place(*at, diameter, diameter)
        fill = sheet.colours.page
        for name in names:
            fill = self.surface(name, fill)
        tip = "\n".join(self.tip(name) for name in names)
        sheet.box(names[-1], place, fill=fill, line=colour, thickness=2.0, shape="circle", tip=tip)
        sheet.plus(names[-1], at, diameter * 0.24, colour=ink_on(fill), thickness=1.5)
        sheet.places.update(dict.fromkeys(names, place))
        return place

    def square(self, name: str, place: Place, colour: str) -> Place:
        """Draw a site as a small square without text, as transitions are."""
        fill = self.surface(name, colour)
        self.sheet.box(name, place, fill=fill, line=colour, thickness=2.0, rounded=False, tip=self.tip(name))
        return place

    def operation(self, name: str, place: Place, lines: Sequence[str], colour: str, tip: str) -> Place:
        """Draw what is done on the way, an inner site of a path or nothing at all, as a box with corners."""
        computed = name in self.plan.sites
        fill = self.surface(name, tint(colour, self.sheet.theme, 0.3) if computed else self.sheet.colours.page)
        self.sheet.box(
            name,
            place,
            lines,
            fill=fill,
            line=colour,
            ink=ink_on(fill),
            thickness=1.2,
            size=self.em,
            rounded=False,
            tip=tip,
        )
        return place

    def path(
        self,
        name: str,
        ends: tuple[str, str],
        points: Sequence[Point],
        colour: str,
        *,
        thickness: float = THIN,
        arrow: float = 0.0,
        named: bool = True,
    ) -> None:
        """Draw a site as a line.

        A number sets how wide it is and how far it fades into the page, so the colour stays that of a resolution.

        Args:
            name: site address.
            ends: names of the things between which it runs.
            points: Bezier curves from one to the other.
            colour: of the line.
            thickness: in points, where it has no number.
            arrow: length of the arrow's head in points.
            named: whether the line is found under the address; not where something else on the way is.
        """
        overlay, style = self.overlay, ""
        if name in overlay.numbers:
            value = overlay.numbers[name]
            thickness = overlay.thickness(value)
            style = "dashed" if value < 0 else ""
            colour = mix(colour, self.sheet.colours.page, 0.55 * (1 - overlay.share(value)))
            self.widened = True
            self.shown.add(name)
        self.sheet.curve(
            ends,
            points,
            colour=colour,
            thickness=thickness,
            style=style,
            arrow=arrow,
            name=name if named else "",
            tip=self.tip(name),
        )

    def surface(self, name: str, otherwise: str) -> str:
        """Give the colour that a site's number has on the scale, or another one where it has none."""
        value = self.overlay.numbers.get(name)
        if value is None:
            return otherwise
        self.shown.add(name)
        if not isfinite(value):
            return otherwise
        self.coloured = True
        return self.overlay.colour(value)

    def facts(self, name: str) -> tuple[str, ...]:
        """Give channels and size of a site, the two lines of its box."""
        if name == INPUT:
            return "3 ch", f"{self.size[0]}×{self.size[1]}"
        return facts(self.plan.sites[name], self.size)

    def tip(self, name: str) -> str:
        """Give everything about a site in a line: address, published name, channels and size, value."""
        published = "" if name == INPUT else self.plan.sites[name].published
        shown = f"{name} ({published})" if published not in {"", name} else name
        value = " ".join((self.overlay.name, *self.overlay.words_for(name))).strip()
        return f"{shown}: {', '.join(self.facts(name))}{f'; {value}' if self.overlay.words_for(name) else ''}"


def facts(site: Site, size: tuple[int, int]) -> tuple[str, str]:
    """Give channels and size of a site for a photo of that size, as text."""
    return f"{site.channels} ch", size_text(site, size)


def site_colour(site: Site) -> str:
    """Give the colour of a site: of its resolution where it belongs to a stream, else that of the stem."""
    branch = {4: 0, 8: 1, 16: 2, 32: 3}.get(site.stride or 0)
    return branch_colour(None if site.landmark in {"stem", "stage1"} else branch)


def inner_sites(plan: Plan, landmark: str) -> tuple[Site, ...]:
    """Give what lies inside a landmark, in order; () where it hands a tensor on or is a single operation."""
    return next((tuple(inner.site for inner in step.inner) for step in plan.steps if step.name == landmark), ())


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
