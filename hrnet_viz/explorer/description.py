"""What the page is told about a net: where everything lies on its map, and every choice with its words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hrnet_viz.attribution.methods import NAMES
from hrnet_viz.canvas.colours import BRANCH_COLOURS
from hrnet_viz.canvas.network_map import Layout, Spacing, arrange, find_columns
from hrnet_viz.canvas.panels import ORDERS, count, site_colour
from hrnet_viz.network.plan import INPUT, Plan
from hrnet_viz.sites import Site

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet

EDITABLE = ("branch", "fuse_path", "fuse_sum", "fuse_out")
"""Kinds of sites that the panel of ablations offers; any other may be set from Python."""

CHOICES: dict[str, tuple[str, dict[Any, str]]] = {
    "panel": (
        "View",
        {
            "maps": "Maps",
            "branches": "Branches",
            "exchange": "Exchange",
            "cam": "CAM",
            "ablation": "Ablation",
            "photos": "Photos",
        },
    ),
    "zoom": ("Zoom", {times: f"{times} ×" for times in (1, 2, 4, 8)}),
    "sort": ("Order by", dict(zip(ORDERS, ("number", "mean", "maximum", "share of energy"), strict=True))),
    "scale": ("Scale", {"map": "each map its own", "site": "one for all maps"}),
    "show": (
        "Show",
        {
            "energy": "all channels (root mean square)",
            "strongest": "the strongest channel",
            "channel": "the chosen channel",
        },
    ),
    "measure": (
        "Shares",
        {
            "energy": "share of the energy of all paths",
            "projection": "part of the sum that a path accounts for",
            "cosine": "cosine of the angle to the sum",
            "decided": "share of positions that a path decides at the ReLU",
            "opened": "share of positions that a path opens at the ReLU",
            "closed": "share of positions that a path closes at the ReLU",
        },
    ),
    "method": ("Method", {method: words for method, words in NAMES.items() if method != "cam"}),
    "after": ("Modules", {"branches": "before their exchange", "exchange": "after it"}),
    "theme": ("Theme", {"auto": "as the page", "light": "light", "dark": "dark"}),
}
"""Choice -> its words, and its values with theirs. The first value is the one that an explorer starts with."""


STATE = (*CHOICES, *("photo", "site", "channel", "overlay", "place", "field", "target", "contrast", "edited", "factor"))
"""Names of everything that can be chosen: the traits of an explorer."""


def describe_net(net: HRNet, labels: tuple[str, ...]) -> dict[str, Any]:
    """Return what the page needs to know of a net, as what JSON can carry."""
    layout = lay_out(net.plan)
    return {
        "name": net.variant.name,
        "state": STATE,
        "labels": labels,
        "choices": {name: [words, list(values.items())] for name, (words, values) in CHOICES.items()}
        | {"edited": ["Scale", [[site.name] * 2 for kind in EDITABLE for site in net.sites(kind=kind)]]},
        "branches": BRANCH_COLOURS,
        "size": [layout.width, layout.height],
        "nodes": [describe_node(node, net.plan) for node in layout.nodes],
        "lines": layout.lines,
        "columns": layout.columns,
        "rows": layout.rows,
    }


def describe_node(node: Node, plan: Plan) -> dict[str, Any]:
    """Return what the page needs to know of a landmark."""
    site = node.site
    text = "+" if node.is_round else str(site.channels) if node.width > 2 * len(str(site.channels)) * 4 else ""
    inputs = [name for name in site.inputs if name != INPUT]
    facts = [
        count(site.channels, "channel"),
        f"one cell per {site.stride} × {site.stride} pixels" if site.stride else "no spatial extent",
        f"from {', '.join(inputs) or 'the photo'}",
        f"feeds {', '.join(site.feeds)}" if site.feeds else "",
        f"published as {site.published}" if site.published not in ("", site.name) else "",
    ]
    return {
        "site": site.name,
        "kind": site.kind,
        "source": site.source,
        "branch": site.branch,
        "channels": site.channels,
        "stride": site.stride,
        "inputs": inputs,
        "feeds": site.feeds,
        "facts": [fact for fact in facts if fact],
        "at": [node.x, node.y],
        "outline": node.outline,
        "text": text,
        "colour": BRANCH_COLOURS[site.source] if site.source is not None else site_colour(site),
        "go": node.go,
        "alike": node.alike,
        "sum": nearest_sum(plan, site).name,
    }


def nearest_sum(plan: Plan, site: Site) -> Site:
    """Return the fuse sum of the stream and module that a site belongs to, the first of the net if it is in none."""
    return plan.modules[0].sums[0] if site.module is None else plan.module(site).sums[site.branch or 0]


LABELS, TOP, ROW = 70.0, 30.0, 58.0
"""Room for the words left of the rows and above the columns; height of a row."""

BOX, SMALL = (36.0, 26.0), (12.0, 18.0)
"""Size of a box, and of what is handed over."""

SPACE = Spacing(gap=9.0, transition=21.0, sum=16.0, step=6.0, crossing=56.0, widest=56.0, head=0.0, merge=9.0)
WIDTHS = dict.fromkeys(("stem", "stage1", "branch", "incre", "final"), BOX[0]) | {"out": SMALL[0]}
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
            return _bend(*self.start, self.x, self.y)
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
    """Return the place of every landmark of a plan."""
    columns = find_columns(plan, "modules")
    layout = arrange(columns, WIDTHS, SPACE, LABELS + SPACE.gap)
    number = {column.scope: k for k, column in enumerate(columns)}
    first = {column.stage: k for k, column in reversed([*enumerate(columns)])}
    nodes = {name: _place(plan, plan.sites[name], layout, number, first) for name in plan.landmarks}
    last = max(node.x + node.width / 2 for node in nodes.values())
    ends = {"stem": layout.edges["stem"], "stage 1": layout.edges["stage1"]}
    for k, column in enumerate(columns):
        left = ends.get(f"stage {column.stage}", (layout.boxes[k][0] - SPACE.transition + SPACE.gap,))[0]
        ends[f"stage {column.stage}"] = left, layout.outs[k][1]
    ends["head"] = layout.edges["incre"][0], last
    branches = len(columns[-1].module.branches)
    return NetworkLayout(
        width=last + SPACE.gap,
        height=TOP + ROW * branches,
        nodes=tuple(replace(one, go=_neighbours(one, nodes), alike=_alike(one, nodes)) for one in nodes.values()),
        lines=tuple(_lines(nodes)),
        columns=tuple((words, left - SPACE.gap / 2, right + SPACE.gap / 2) for words, (left, right) in ends.items()),
        rows=tuple((4 * 2**branch, _row(branch)) for branch in range(branches)),
    )


def _place(plan: Plan, site: Site, layout: Layout, number: Mapping[str, int], first: Mapping[int, int]) -> Node:
    row, k = _row(site.branch or 0), number.get(f"stage{site.stage}.{site.module}", -1)
    if site.kind == "fuse_path":
        # A little under the sum, which is drawn later, where each path has a place of its own.
        source, paths = site.source or 0, len(plan.sites[site.feeds[0]].inputs)
        y = row if source == site.branch else row + PORT * (source - (paths - 1) / 2)
        return Node(site, layout.sums[k] - SPACE.sum / 2 + 2, y, start=(layout.boxes[k][1], _row(source)))
    size = BOX
    if site.kind == "fuse_sum" or "head.sum" in site.name:
        x, size = layout.sums[k] if site.kind == "fuse_sum" else layout.merge, (SPACE.sum, SPACE.sum)
    elif site.kind == "fuse_out":
        x, size = sum(layout.outs[k]) / 2, SMALL
    elif site.kind == "transition":
        x, size = layout.boxes[first[(site.stage or 0) + 1]][0] - SPACE.gap - SMALL[0] / 2, SMALL
    elif "head.down" in site.name:
        x, row, size = layout.merge, _row((site.branch or 0) + 0.5), (SPACE.sum + 4, SPACE.sum - 2)
    elif site.kind == "branch":
        x = sum(layout.boxes[k]) / 2
    else:
        row = _row(max((site.stride or 32).bit_length() - 3, 0))  # what has no spatial extent lies in the last one
        column = "incre" if "incre" in site.name else site.name if site.name in layout.edges else "final"
        after = {"head.pool": 1, "logits": 2}.get(site.name, 0)
        x = sum(layout.edges[column]) / 2 + after * (BOX[0] + SPACE.gap)
    return Node(site, x, row, *size)


def _bend(x1: float, y1: float, x2: float, y2: float) -> str:
    """Return a curve that leaves and arrives level, as an SVG path."""
    if y1 == y2 or x1 == x2:
        return f"M{x1:g} {y1:g}L{x2:g} {y2:g}"
    middle = (x1 + x2) / 2
    return f"M{x1:g} {y1:g}C{middle:g} {y1:g} {middle:g} {y2:g} {x2:g} {y2:g}"


def _row(branch: float) -> float:
    return TOP + ROW * (branch + 0.5)


def _edges(node: Node) -> tuple[float, float, float, float]:
    return (node.x - node.width / 2, node.x + node.width / 2, node.y - node.height / 2, node.y + node.height / 2)


def _lines(nodes: Mapping[str, Node]) -> Iterator[tuple[str, str, str]]:
    """Yield what joins two boxes; within the merging column of the head it runs downwards."""
    for node in nodes.values():
        for source in (nodes[name] for name in node.site.inputs if name != INPUT):
            if node.start or source.start:
                continue
            if abs(source.x - node.x) < SPACE.sum:
                line = _bend(source.x, _edges(source)[3], node.x, _edges(node)[2])
            else:
                line = _bend(_edges(source)[1], source.y, _edges(node)[0], node.y)
            yield line, source.site.name, node.site.name


def _alike(node: Node, nodes: Mapping[str, Node]) -> tuple[str, ...]:
    """Return the same thing at all resolutions; for a path, the branches of its module."""
    site = node.site
    if site.kind == "head" and site.branch is not None:
        return tuple(name for name in nodes if name[:-1] == site.name[:-1])
    if site.stage is None:
        return (site.name,)
    same = ("branch" if site.kind == "fuse_path" else site.kind, site.stage, site.module)
    return tuple(name for name, one in nodes.items() if (one.site.kind, one.site.stage, one.site.module) == same)


def _neighbours(node: Node, nodes: Mapping[str, Node]) -> tuple[str, str, str, str]:
    """Return where the arrow keys lead: along the stream, and to the same thing of the next resolution."""
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


def _beside(node: Node, nodes: Mapping[str, Node], step: int) -> Iterator[str]:
    """Yield what lies above (step -1) or below (1): the next path of a sum, the same thing one resolution on."""
    site = node.site
    if site.kind == "fuse_path":
        same = [other.site for other in nodes.values() if other.site.feeds == site.feeds]
        yield from (other.name for other in same if other.source == (site.source or 0) + step)
    elif site.kind == "head" and site.branch is not None and "incre" not in site.name:
        merge = sorted((other for other in nodes.values() if other.x == node.x), key=lambda other: step * other.y)
        yield from (other.site.name for other in merge if step * other.y > step * node.y)
    else:
        alike = [other.site for other in nodes.values() if other.x == node.x and other.site.kind == site.kind]
        yield from (other.name for other in alike if other.branch == (site.branch or 0) + step)
