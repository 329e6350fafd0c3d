"""What the page is told about a net: its map, and every choice with its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hrnet_viz.attribution.methods import NAMES
from hrnet_viz.canvas.colours import BRANCH_COLOURS
from hrnet_viz.canvas.panels import ORDERS, count, site_colour
from hrnet_viz.explorer.layout import Node, lay_out
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
    """Give what the page needs to know of a net, as what JSON can carry."""
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
    """Give what the page needs to know of a landmark."""
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
