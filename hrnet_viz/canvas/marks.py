"""The sites of a diagram as boxes, sums, squares and lines, and the legend that explains them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite, nan
from typing import TYPE_CHECKING, Any, Literal

from hrnet_viz.canvas.colours import branch_colour, ink_on, mix, tint
from hrnet_viz.canvas.overlay import THICKEST, THINNEST, Overlay
from hrnet_viz.canvas.panels import count
from hrnet_viz.canvas.shapes import Place, Point, Sheet, text_width
from hrnet_viz.network.plan import INPUT
from hrnet_viz.sites import Site

if TYPE_CHECKING:
    from hrnet_viz.network.plan import Plan

MARGIN = 10.0  # points
SMALL = 12.0  # points, of what explains the diagram
PADDING = 0.4  # em, within a box
STREAM, THIN = 3.4, 1.4
"""Widths in points of a stream and of a path between resolutions."""

LINE_HEIGHT = 1.22  # em
FRAME = 3.0  # points between the edge of a box and the picture in it


def size_text(site: Site, size: tuple[int, int]) -> str:
    """Return height x width of a site's tensor for a photo of that size, "1×1" where there is no spatial extent."""
    return "{}×{}".format(*site.size(*size))


def facts(site: Site, size: tuple[int, int]) -> tuple[str, str]:
    """Return channels and size of a site for a photo of that size, as text."""
    return f"{site.channels} ch", size_text(site, size)


def box_width(lines: Iterable[str]) -> float:
    """Return the width in em of a box with these lines, any of which may be bold."""
    return max(text_width(line, bold=True) for line in lines) + PADDING


def resolution_colour(site: Site) -> str:
    """Return the colour of a site: of its resolution where it belongs to a stream, else that of the stem."""
    branch = {4: 0, 8: 1, 16: 2, 32: 3}.get(site.stride or 0)
    return branch_colour(None if site.landmark in {"stem", "stage1"} else branch)


def inner_sites(plan: Plan, landmark: str) -> tuple[Site, ...]:
    """Return what lies inside a landmark, in order; () where it hands a tensor on or is a single operation."""
    return next((tuple(inner.site for inner in step.inner) for step in plan.steps if step.name == landmark), ())


class Marks:
    """Draws the sites of a net on a sheet, with what is laid over them, in letters of ``em`` points.

    Attributes:
        sheet: what is drawn on.
        shown: addresses whose value can be seen.
        coloured, widened: whether a number has coloured something, or set the width of a line.
    """

    def __init__(self, sheet: Sheet, plan: Plan, size: tuple[int, int], overlay: Overlay, em: float) -> None:
        self.sheet, self.plan, self.size, self.overlay, self.em = sheet, plan, size, overlay, em
        self.shown: set[str] = set()
        self.coloured = self.widened = False

    @property
    def laid_over(self) -> str:
        """A sentence on what is laid over the sites, "" for nothing."""
        where = count(len(self.shown), "site")
        return f" Laid over: {self.overlay.name or 'values'} at {where}." if self.shown else ""

    def refuse_unseen(self, where: str) -> None:
        """Raise a ValueError for values of which none could be shown, with some of their sites."""
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

        ``lines`` are written in any case, instead of all that. The place that is returned may be smaller: a picture
        takes what it needs.
        """
        sheet, overlay = self.sheet, self.overlay
        picture = overlay.pictures.get(name)
        text: Sequence[str] = ()
        if picture is not None:
            place = place.fitting(picture.width / picture.height, frame=FRAME)
            sheet.picture(place.shrunk(FRAME), picture)
        else:
            text = (overlay.words_for(name) or self.facts(name)) if lines is None else lines
            text = (heading, *text) if heading else text
        self.shown.update({name} & overlay.names)
        thickness = 2.4 if name in overlay.names else 1.4
        return self._fill(name, place, text, colour, share=0.24, thickness=thickness, bold=1, rounded=picture is None)

    def operation(self, name: str, place: Place, lines: Sequence[str], colour: str, tip: str) -> Place:
        """Draw what is done on the way, an inner site of a path or nothing at all, as a box with corners."""
        share = 0.3 if name in self.plan.sites else 0.0
        return self._fill(name, place, lines, colour, share=share, thickness=1.2, rounded=False, tip=tip)

    def _fill(self, name: str, place: Place, lines: Sequence[str], colour: str, *, share: float, **look: Any) -> Place:
        fill = self._surface(name, tint(colour, self.sheet.theme, share))
        look = {"tip": look.pop("tip", None) or self.tip(name), "size": self.em, "ink": ink_on(fill), **look}
        return self.sheet.box(name, place, lines, fill=fill, line=colour, **look)

    def circle(self, names: Sequence[str], at: Point, diameter: float, colour: str) -> Place:
        """Draw sites that share a circle: a sum and what ReLU leaves of it. The last one names and colours it."""
        sheet = self.sheet
        place = Place(*at, diameter, diameter)
        fill = sheet.colours.page
        for name in names:
            fill = self._surface(name, fill)
        tip = "\n".join(self.tip(name) for name in names)
        sheet.box(names[-1], place, fill=fill, line=colour, thickness=2.0, round=True, tip=tip)
        sheet.plus(names[-1], at, diameter * 0.24, colour=ink_on(fill), thickness=1.5)
        sheet.places.update(dict.fromkeys(names, place))
        return place

    def square(self, name: str, place: Place, colour: str) -> Place:
        """Draw a site as a small square without text, as transitions are."""
        fill = self._surface(name, colour)
        return self.sheet.box(name, place, fill=fill, line=colour, thickness=2.0, rounded=False, tip=self.tip(name))

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
        """Draw a site as a line; ``named`` says whether the line is found under the address, or something on its way.

        A number sets how wide it is and how far it fades into the page, so the colour stays that of a resolution.
        """
        overlay = self.overlay
        look: dict[str, Any] = {"arrow": arrow, "tip": self.tip(name), "name": name if named else ""}
        if name in overlay.numbers:
            value = overlay.numbers[name]
            thickness = overlay.thickness(value)
            look["style"] = "dashed" if value < 0 else ""
            colour = mix(colour, self.sheet.colours.page, 0.55 * (1 - overlay.share(value)))
            self.widened = True
            self.shown.add(name)
        self.sheet.curve(ends, points, colour=colour, thickness=thickness, **look)

    def _surface(self, name: str, otherwise: str) -> str:
        """Return the colour that a site's number has on the scale, or another one where it has none."""
        self.shown.update({name} & self.overlay.numbers.keys())
        value = self.overlay.numbers.get(name, nan)
        if not isfinite(value):
            return otherwise
        self.coloured = True
        return self.overlay.colour(value)

    def facts(self, name: str) -> tuple[str, str]:
        """Return channels and size of a site, the two lines of its box."""
        return ("3 ch", f"{self.size[0]}×{self.size[1]}") if name == INPUT else facts(self.plan.sites[name], self.size)

    def tip(self, name: str) -> str:
        """Return everything about a site in a line: address, published name, channels and size, value."""
        published = "" if name == INPUT else self.plan.sites[name].published
        shown = f"{name} ({published})" if published not in {"", name} else name
        words = self.overlay.words_for(name)
        value = f"; {' '.join((self.overlay.name, *words)).strip()}" if words else ""
        return f"{shown}: {', '.join(self.facts(name))}{value}"


Sign = Literal["stream", "finer", "coarser", "box", "sum", "square", "operation", "relu"]

SAMPLE = 24.0
"""Width of a sample mark, in points."""

TITLE = 19.0
BAR, BAR_STEPS = 130.0, 40
WEDGE, WEDGE_STEPS = 40.0, 10


def draw_legend(sheet: Sheet, columns: Sequence[Sequence[tuple[Sign, str]]], at: Point) -> None:
    """Draw columns of marks with a few words each; ``at`` is the middle of the first mark's left side."""
    x = at[0]
    for column in columns:
        for row, (sign, words) in enumerate(column):
            y = at[1] + row * SMALL * 1.9
            _draw_sample(sheet, sign, (x, y))
            sheet.text(f"legend {sign}", (x + SAMPLE + 7, y), words, size=SMALL, ink=sheet.colours.muted)
        x += SAMPLE + 7 + (max(text_width(words) for _, words in column) + 2.0) * SMALL


def _draw_sample(sheet: Sheet, sign: Sign, at: Point) -> None:
    x, y = at
    colour, page, name = sheet.colours.muted, sheet.colours.page, f"sample {sign}"
    middle = Place(x + SAMPLE / 2, y, SAMPLE, 13.0)
    if sign == "stream":
        sheet.rule((x, y), (x + SAMPLE, y), colour=colour, thickness=3.4)
    elif sign in {"finer", "coarser"}:
        rise = 7.0 if sign == "finer" else -7.0
        sheet.rule((x + 4, y + rise), (x + SAMPLE - 4, y - rise), colour=colour, thickness=1.6)
    elif sign == "sum":
        sheet.box(name, Place(middle.x, y, 11, 11), fill=page, line=colour, thickness=2.0, round=True)
        sheet.plus(name, (middle.x, y), 2.8, colour=colour, thickness=1.5)
    elif sign == "square":
        sheet.box(name, Place(middle.x, y, 9, 9), fill=colour, rounded=False)
    else:
        sheet.box(name, middle, fill=tint(colour, sheet.theme, 0.24), line=colour, thickness=1.4, rounded=sign == "box")


def draw_title(marks: Marks, title: str) -> None:
    """Write the title at the top left, and what colours and widths mean, in raw numbers, at the top right.

    Only what the diagram shows is explained: the colour bar where a box has a number, the widths where a line has one.
    """
    sheet, overlay = marks.sheet, marks.overlay
    x, y = sheet.size[0] - MARGIN - 2, 22.0
    low, high = overlay.text(overlay.low), overlay.text(overlay.high)

    def write_before(name: str, words: str, right: float) -> float:
        sheet.text(name, (right, y), words, size=SMALL, align="right")
        return right - text_width(words) * SMALL - 5

    if marks.widened:
        x = write_before("width high", f"{high}, negative dashed" if overlay.signed else high, x) - WEDGE
        for step in range(WEDGE_STEPS):
            thickness = THINNEST + (THICKEST - THINNEST) * (step + 0.5) / WEDGE_STEPS
            left, right = (x + WEDGE * (step + end) / WEDGE_STEPS for end in (0, 1.05))
            sheet.rule((left, y), (right, y), colour=sheet.colours.muted, thickness=thickness)
        x = write_before("width low", "0", x - 5) - 14
    if marks.coloured:
        x = write_before("scale high", high, x) - BAR
        for step in range(BAR_STEPS):
            value = overlay.low + (overlay.high - overlay.low) * (step + 0.5) / BAR_STEPS
            place = Place(x + BAR * (step + 0.5) / BAR_STEPS, y, BAR / BAR_STEPS + 0.9, 12)  # they overlap: no seams
            sheet.box(f"scale {step}", place, fill=overlay.colour(value), rounded=False)
        x = write_before("scale low", low, x - 5)
    if overlay.name and (marks.widened or marks.coloured):
        x = write_before("scale name", overlay.name, x - 5)
    if title:
        sheet.text("title", (MARGIN, y), title, size=min(TITLE, (x - MARGIN - 12) / text_width(title)))
