"""Where every landmark lies on the map of the network: depth from left to right, resolution from top to bottom.

The page draws what this says. Lengths are CSS pixels of the map at its natural size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hrnet_viz.network.plan import INPUT, Plan
from hrnet_viz.sites import Site

LABELS, TOP, ROW = 70.0, 30.0, 58.0
"""Room for the words left of the rows and above the columns; height of a row."""

BOX, SMALL, CROSSING, GAP = (36.0, 26.0), (12.0, 18.0), 56.0, 9.0
"""Size of a box, of a hand-over; width of an exchange; space between columns."""

SUM, STEP = 16.0, 6.0  # diameter of a sum, and from it to what leaves it
PORT = 4.0  # distance between the ends of paths at a sum


@dataclass(frozen=True, slots=True)
class Node:
    """One landmark on the map.

    Attributes:
        site: the site.
        x, y: its centre; for a fuse path, where it ends.
        width, height: its size; 0 for a fuse path.
        start: where a fuse path starts.
        go: addresses that the arrow keys left, right, up and down lead to, its own where there is none.
        alike: addresses of the same thing at all resolutions.
    """

    site: Site
    x: float
    y: float
    width: float = 0.0
    height: float = 0.0
    start: tuple[float, float] | None = None
    go: tuple[str, str, str, str] = ("", "", "", "")
    alike: tuple[str, ...] = ()

    @property
    def is_round(self) -> bool:
        """Whether it is a sum."""
        return self.site.kind == "fuse_sum" or (self.site.kind == "head" and "sum" in self.site.name)

    @property
    def outline(self) -> str:
        """Its shape as an SVG path."""
        if self.start:
            return bend(*self.start, self.x, self.y)
        left, right, top, bottom = _edges(self)
        if self.is_round:
            turn = f"A{self.width / 2:g} {self.height / 2:g} 0 0 1"
            return f"M{left:g} {self.y:g}{turn} {right:g} {self.y:g}{turn} {left:g} {self.y:g}Z"
        return f"M{left:g} {top:g}H{right:g}V{bottom:g}H{left:g}Z"


@dataclass(frozen=True)
class NetworkLayout:
    """The map of one network.

    Attributes:
        width, height: its size.
        nodes: one per landmark, in plan order.
        lines: (SVG path, address, address) of what is handed on outside of the fuse paths.
        columns: (words, left edge, right edge) of each stage.
        rows: (stride, height at which it runs) of each resolution.
    """

    width: float
    height: float
    nodes: tuple[Node, ...]
    lines: tuple[tuple[str, str, str], ...]
    columns: tuple[tuple[str, float, float], ...]
    rows: tuple[tuple[int, float], ...]


def lay_out(plan: Plan) -> NetworkLayout:
    """Place every landmark of a plan."""
    writer = _Writer(plan)
    for site in sorted((plan.sites[name] for name in plan.landmarks), key=_drawing_order):
        writer.place(site)
    writer.close_column()
    nodes = {node.site.name: node for node in writer.nodes}
    branches = 1 + max(site.branch or 0 for site in plan.select(kind="branch"))
    return NetworkLayout(
        width=writer.right + GAP,
        height=TOP + ROW * branches,
        nodes=tuple(
            replace(nodes[name], go=_neighbours(nodes[name], nodes), alike=_alike(nodes[name], nodes))
            for name in plan.landmarks
        ),
        lines=tuple(_lines(nodes)),
        columns=tuple(writer.columns),
        rows=tuple((4 * 2**branch, _row(branch)) for branch in range(branches)),
    )


def bend(x1: float, y1: float, x2: float, y2: float) -> str:
    """Give a curve that leaves and arrives level, as an SVG path."""
    if y1 == y2 or x1 == x2:
        return f"M{x1:g} {y1:g}L{x2:g} {y2:g}"
    middle = (x1 + x2) / 2
    return f"M{x1:g} {y1:g}C{middle:g} {y1:g} {middle:g} {y2:g} {x2:g} {y2:g}"


def _row(branch: float) -> float:
    return TOP + ROW * (branch + 0.5)


def _edges(node: Node) -> tuple[float, float, float, float]:
    return (node.x - node.width / 2, node.x + node.width / 2, node.y - node.height / 2, node.y + node.height / 2)


class _Writer:
    """Walks through the landmarks in their order and moves on to the right where a new column begins."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.nodes: list[Node] = []
        self.columns: list[tuple[str, float, float]] = []
        self.column = ("", "")  # what stands at the left edge: words of the stage, part of it
        self.left = self.right = LABELS
        self.begun = LABELS

    def place(self, site: Site) -> None:
        """Place one landmark."""
        words, part = _column(site)
        if (words, part) != self.column:
            if words != self.column[0]:
                self.close_column()
                self.begun = self.right + GAP / 2
            self.left = self.right + GAP
            self.column = (words, part)
        branch = site.branch or 0
        at_sum = self.left + BOX[0] + CROSSING
        if site.kind == "fuse_path":
            self.add_path(site)
        elif site.kind == "fuse_sum":
            self.add(site, at_sum, _row(branch), (SUM, SUM))
        elif site.kind == "fuse_out":
            self.add(site, at_sum + SUM + STEP, _row(branch), SMALL)
        elif site.kind == "transition":
            self.add(site, self.left, _row(branch), SMALL)
        elif part == "merge":
            down = "down" in site.name
            size = (SUM + 4, SUM - 2) if down else (SUM, SUM)
            self.add(site, self.left + (SUM - size[0]) / 2, _row(branch + 0.5 * down), size)
        else:
            self.add(site, self.left, _row(_resolution(site)), BOX)

    def add(self, site: Site, left: float, y: float, size: tuple[float, float]) -> None:
        """Add a box by its left edge and the height of its middle."""
        self.nodes.append(Node(site, left + size[0] / 2, y, *size))
        self.right = max(self.right, left + size[0])

    def add_path(self, site: Site) -> None:
        """Add a path from the right edge of its branch to the left of its sum, where it has a place of its own."""
        source, target = site.source or 0, site.branch or 0
        paths = len(self.plan.sites[site.feeds[0]].inputs)
        start = (self.left + BOX[0], _row(source))
        x = self.left + BOX[0] + CROSSING + 2  # a little under the sum, which is drawn later
        y = _row(target) if source == target else _row(target) + PORT * (source - (paths - 1) / 2)
        self.nodes.append(Node(site, x, y, start=start))

    def close_column(self) -> None:
        """Remember the words of the stage that ends here."""
        if self.column[0]:
            self.columns.append((self.column[0], self.begun, self.right + GAP / 2))


def _resolution(site: Site) -> int:
    """Give the row of a site: 0 for stride 4; what has no spatial extent lies in the last one."""
    return max((site.stride or 32).bit_length() - 3, 0)


def _drawing_order(site: Site) -> int:
    """Keep the order of the plan, except in the head: first what widens the streams, then what merges them."""
    words, part = _column(site)
    return {"incre": 1, "merge": 2}.get(part, 3) if words == "head" else 0


def _column(site: Site) -> tuple[str, str]:
    """Give the stage that a landmark is drawn under, and the part of it that has a column of its own."""
    if site.kind == "transition":
        return f"stage {(site.stage or 0) + 1}", "transition"
    if site.stage == 1:
        return "stage 1", ""
    if site.stage is not None:
        return f"stage {site.stage}", str(site.module)
    if site.kind == "stem":
        return "stem", ""
    if "incre" in site.name:
        return "head", "incre"
    return "head", "merge" if "down" in site.name or "sum" in site.name else site.name


def _lines(nodes: dict[str, Node]) -> Iterator[tuple[str, str, str]]:
    """Yield what joins two boxes; within the merging column of the head it runs downwards."""
    for node in nodes.values():
        for source in (nodes[name] for name in node.site.inputs if name != INPUT):
            if node.start or source.start:
                continue
            if abs(source.x - node.x) < SUM:
                line = bend(source.x, _edges(source)[3], node.x, _edges(node)[2])
            else:
                line = bend(_edges(source)[1], source.y, _edges(node)[0], node.y)
            yield line, source.site.name, node.site.name


def _alike(node: Node, nodes: dict[str, Node]) -> tuple[str, ...]:
    """Give the same thing at all resolutions; for a path, the branches of its module."""
    site = node.site
    if site.kind == "head" and site.branch is not None:
        return tuple(name for name in nodes if name[:-1] == site.name[:-1])
    if site.stage is None:
        return (site.name,)
    same = ("branch" if site.kind == "fuse_path" else site.kind, site.stage, site.module)
    return tuple(name for name, one in nodes.items() if (one.site.kind, one.site.stage, one.site.module) == same)


def _neighbours(node: Node, nodes: dict[str, Node]) -> tuple[str, str, str, str]:
    """Say where the arrow keys lead: along the stream, and to the same thing of the next resolution."""
    site = node.site
    row = sorted((one for one in nodes.values() if one.y == node.y and _on_stream(one)), key=lambda one: one.x)
    left = [one.site.name for one in row if one.x < node.x][-1:] or [name for name in site.inputs[:1] if name in nodes]
    right = [one.site.name for one in row if one.x > node.x][:1] or list(site.feeds[:1])
    if not _on_stream(node):
        left, right = list(site.inputs), list(site.feeds)
    up, down = (next(_beside(node, nodes, step), site.name) for step in (-1, 1))
    return (left or [site.name])[0], (right or [site.name])[0], up, down


def _on_stream(node: Node) -> bool:
    return node.site.kind != "fuse_path" or node.site.source == node.site.branch


def _beside(node: Node, nodes: dict[str, Node], step: int) -> Iterator[str]:
    """Yield what lies above (step -1) or below (1): the next path of a sum, the same thing one resolution on."""
    site = node.site
    if site.kind == "fuse_path":
        same = [other.site for other in nodes.values() if other.site.feeds == site.feeds]
        yield from (other.name for other in same if other.source == (site.source or 0) + step)
    elif node.site.kind == "head" and site.branch is not None and "incre" not in site.name:
        merge = sorted((other for other in nodes.values() if other.x == node.x), key=lambda other: step * other.y)
        yield from (other.site.name for other in merge if step * other.y > step * node.y)
    else:
        alike = [other.site for other in nodes.values() if other.x == node.x and other.site.kind == site.kind]
        yield from (other.name for other in alike if other.branch == (site.branch or 0) + step)
