"""A ribbon diagram of all exchanges: from every branch to every output runs a ribbon as wide as what it carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from hrnet_viz.canvas.colours import BRANCH_COLOURS, STEM_COLOUR, Theme, mix, theme_colours
from hrnet_viz.canvas.matrices import average, describe_matrices, whose
from hrnet_viz.canvas.painting import short
from hrnet_viz.canvas.panels import Floats
from hrnet_viz.canvas.style import MARGIN, NORMAL, SMALL, Picture
from hrnet_viz.exchanges.contributions import Contributions
from hrnet_viz.exchanges.figures import CAPTIONS, TITLES
from hrnet_viz.exchanges.shares import Shares

WIDTH, HEIGHT = 10.0, 4.5  # in
LABELS = 0.75  # in, left of the rows
HEAD = 0.3  # in, above
LEGEND = 0.42
FULLEST = 0.86  # share of a row that the thickest node takes
EXCHANGE = 0.62  # share of a module's width in which the ribbons cross; the rest is its branches
NODE = 0.035  # width of a node, as a share of a module's
THREAD = 0.004  # least width of a ribbon, in rows, so that it can be seen at all
QUIET = 0.16  # how much of the colour is in what merely connects two modules

Measure = Mapping[str, Floats]


@dataclass(frozen=True)
class _Node:
    """A bar at the end of ribbons: where it stands and how far it is filled.

    Attributes:
        x: left edge.
        row: resolution.
        height: in rows.
    """

    x: float
    row: int
    height: float

    @property
    def top(self) -> float:
        """Upper end; rows count downwards."""
        return self.row + 0.5 - self.height / 2


def exchange_ribbons(
    source: Shares | Contributions, measure: str = "energy", *, index: int | None = None, theme: Theme | None = None
) -> Picture:
    """Draw every path of every exchange as a ribbon whose width is what it carries.

    Args:
        source: what ``hv.exchanges.shares`` gave: the width is a measure of the path, and the ribbons into an output
            add up to 1 for "energy"; or what ``hv.exchanges.contributions`` gave: the width is the size of the path's
            contribution to the score.
        measure: "energy", "projection", "decided", "opened" or "closed"; of no meaning for contributions.
        index: number of the photo; the mean over all of them if None.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        ValueError: no such measure, or a path is missing.
        IndexError: no such photo.
    """
    if isinstance(source, Contributions):
        modules = map(str, source.plan.modules)
        found = {module: average(source.matrix(module).cpu().numpy(), index) for module in modules}
        words = ", ".join(dict.fromkeys(source.words if index is None else (source.words[index],)))
        n, unit, title = len(source.score), "in units of the score", f"Which way “{words}” comes through the exchanges"
        meaning = "A ribbon is as wide as gradient × path, its contribution to the score."
    else:
        if measure == "cosine":
            raise ValueError("measure='cosine' is a direction, which no ribbon carries. Use share_matrices for it.")
        every = source.matrices(measure)
        found = {module: average(matrix.cpu().numpy(), index) for module, matrix in every.items()}
        n, title = len(next(iter(every.values()))), TITLES[measure]
        meaning = f"Width of a ribbon: {CAPTIONS[measure]}"
        unit = "of a sum" if measure in {"energy", "projection"} else "of the positions"
    negative = any((matrix < 0).any() for matrix in found.values())
    hatched = " Hatched: negative." if negative else ""
    caption = (
        f"{meaning}{hatched} The colour is that of the branch that it comes from. Pale: the branches between two "
        f"exchanges, which carry no number. {source.plan.owner}, {whose(source.photos, n, index)}."
    )
    with Picture(
        WIDTH, HEIGHT, theme, title=title, caption=caption, alt=describe_matrices(title, found, f"number {unit}")
    ) as picture:
        inches = _draw(picture, found)
        _draw_legend(picture, inches, unit, negative=negative)
    return picture


def _draw(picture: Picture, found: Measure) -> float:
    """Draw nodes and ribbons; give how many inches one unit is wide."""
    modules = list(found)
    rows = max(matrix.shape[0] for matrix in found.values())
    size = {module: np.nan_to_num(np.abs(matrix)) for module, matrix in found.items()}
    fullest = max(max(matrix.sum(0).max(), matrix.sum(1).max()) for matrix in size.values()) or 1.0
    scale: float = FULLEST / float(fullest)
    wide, high = WIDTH - 2 * MARGIN - LABELS, HEIGHT - HEAD - LEGEND
    axes = picture.inches(MARGIN + LABELS, HEAD, wide, high, label="ribbons")
    axes.axis("off")
    axes.set(xlim=(0, len(modules) + 0.25), ylim=(rows, 0))
    muted = theme_colours(picture.theme).muted
    for row in range(rows):
        y = HEAD + (row + 0.5) * high / rows
        picture.write(MARGIN, y, f"branch {row}\nstride {4 * 2**row}", va="center", fontsize=SMALL, color=muted)
    left = MARGIN + LABELS
    before: list[_Node] = []
    for number, module in enumerate(modules):
        matrix = size[module]
        start = number + (1 - EXCHANGE)
        branches = [_Node(start, j, scale * float(total)) for j, total in enumerate(matrix.sum(0))]
        outputs = [_Node(number + 1 - NODE, i, scale * float(total)) for i, total in enumerate(matrix.sum(1))]
        _connect(axes, before, branches, picture.theme)
        _exchange(axes, found[module], scale, (branches, outputs), picture.theme)
        middle = left + (start + number + 1) / 2 / (len(modules) + 0.25) * wide
        picture.write(middle, 0.02, module, ha="center", fontsize=NORMAL, fontweight="bold")
        before = outputs
    for node in before:
        end = _Node(len(modules) + 0.25, node.row, node.height)
        _band(axes, node, end, _pale(BRANCH_COLOURS[node.row], picture.theme))
    return float(scale * high / rows)


def _exchange(
    axes: Axes, matrix: Floats, scale: float, ends: tuple[Sequence[_Node], Sequence[_Node]], theme: Theme
) -> None:
    branches, outputs = ends
    leave = [node.top for node in branches]
    arrive = [node.top for node in outputs]
    for j, branch in enumerate(branches):
        for i, output in enumerate(outputs):  # upper ends at the top of both nodes: ribbons of a node cross least
            value = float(np.nan_to_num(matrix[i, j]))
            width = scale * abs(value)
            _ribbon(
                axes,
                (branch.x + NODE, leave[j]),
                (output.x, arrive[i]),
                max(width, THREAD),
                colour=BRANCH_COLOURS[j],
                negative=value < 0,
                theme=theme,
            )
            leave[j] += width
            arrive[i] += width
    for node in (*branches, *outputs):
        height = max(node.height, THREAD)
        axes.fill_between([node.x, node.x + NODE], node.top, node.top + height, color=BRANCH_COLOURS[node.row], lw=0)


def _ribbon(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    width: float,
    *,
    colour: str,
    negative: bool,
    theme: Theme,
) -> None:
    page = theme_colours(theme).page
    fill = mix(page, colour, QUIET if negative else 0.72)
    patch = PathPatch(_outline(start, end, width, width), facecolor=fill, edgecolor="none", linewidth=0, alpha=0.88)
    axes.add_patch(patch)
    if negative:
        hatch = PathPatch(_outline(start, end, width, width), facecolor="none", edgecolor=colour, linewidth=0.5)
        hatch.set_hatch("/////")
        axes.add_patch(hatch)


def _connect(axes: Axes, before: Sequence[_Node], branches: Sequence[_Node], theme: Theme) -> None:
    """Draw what lies between two exchanges: the branches, and a new one that starts from the last."""
    if not before:
        for node in branches:
            start = _Node(0, 0, branches[0].height)
            _band(axes, start, node, _pale(STEM_COLOUR if node.row else BRANCH_COLOURS[0], theme))
        return
    for node in branches:
        _band(axes, before[min(node.row, len(before) - 1)], node, _pale(BRANCH_COLOURS[node.row], theme))


def _band(axes: Axes, start: _Node, end: _Node, colour: str) -> None:
    path = _outline((start.x + (NODE if start.x else 0), start.top), (end.x, end.top), start.height, end.height)
    axes.add_patch(PathPatch(path, facecolor=colour, edgecolor="none", linewidth=0, zorder=0))


def _outline(start: tuple[float, float], end: tuple[float, float], first: float, last: float) -> Path:
    """Return the outline of a ribbon that leaves and arrives level; widths are those at its two ends."""
    (x, y), (u, v) = start, end
    half = (x + u) / 2
    points = [(x, y), (half, y), (half, v), (u, v), (u, v + last), (half, v + last), (half, y + first), (x, y + first)]
    curve, line = Path.CURVE4, Path.LINETO
    return Path([*points, (x, y)], [Path.MOVETO, curve, curve, curve, line, curve, curve, curve, Path.CLOSEPOLY])


def _pale(colour: str, theme: Theme) -> str:
    return mix(theme_colours(theme).page, colour, QUIET)


def _draw_legend(picture: Picture, inches: float, unit: str, *, negative: bool) -> None:
    """Show how wide a round number is, and what hatching means."""
    value = _round_number(0.22 / inches)
    high = value * inches
    top = HEIGHT - LEGEND + 0.14
    axes = picture.inches(MARGIN + LABELS, top, 0.5, high, label="legend")
    axes.set(xticks=[], yticks=[], facecolor=mix(theme_colours(picture.theme).page, STEM_COLOUR, 0.72))
    for spine in axes.spines.values():
        spine.set_visible(False)
    words = f"this wide: {short(value)} {unit}"
    picture.write(MARGIN + LABELS + 0.6, top + high / 2, words, va="center", fontsize=SMALL)
    if negative:
        left = MARGIN + LABELS + 3.4
        minus = picture.inches(left, top, 0.5, high, label="legend, negative")
        minus.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
        minus.axis("off")
        _ribbon(minus, (0, 0), (1, 0), 1, colour=STEM_COLOUR, negative=True, theme=picture.theme)
        picture.write(left + 0.6, top + high / 2, f"negative: minus {short(value)}", va="center", fontsize=SMALL)


def _round_number(value: float) -> float:
    """Return the next 1, 2 or 5 times a power of ten that is not above a value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * max(step for step in (1, 2, 5) if step * power <= value * (1 + 1e-9)))
