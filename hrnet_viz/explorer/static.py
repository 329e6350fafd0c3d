"""The static twin of an explorer: the figure that says on paper what a panel shows on the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hrnet_viz.canvas.colours import BRANCH_COLOURS, theme_colours
from hrnet_viz.canvas.painting import short
from hrnet_viz.canvas.style import MARGIN, SMALL, Picture
from hrnet_viz.explorer.answers import percent, rank, softmax
from hrnet_viz.explorer.description import nearest_sum
from hrnet_viz.sites import Site
from hrnet_viz.tracing import Trace

if TYPE_CHECKING:
    from hrnet_viz.explorer.server import Server

LARGEST_STORED = 90_000  # bytes; a notebook writes a third more, and the front end beside it
SHARPNESSES = (1, 0.85, 0.7, 0.5)


@dataclass(frozen=True)
class Scene:
    """What there is to draw.

    Attributes:
        server: holds net and photos.
        trace: of the chosen photo, under its name.
        choices: every choice of the explorer by name.
        options: for the figure function, such as ``theme``.
    """

    server: Server
    trace: Trace
    choices: Mapping[str, Any]
    options: dict[str, Any]

    @property
    def site(self) -> Site:
        """The chosen site."""
        return self.trace.plan.sites[self.choices["site"]]


def draw_static(server: Server, choices: Mapping[str, Any], **options: Any) -> Picture:
    """Draw what the chosen panel shows.

    Args:
        server: holds the net and the photos.
        choices: every choice of an explorer by name.
        options: handed to the figure function, such as ``theme``.
    """
    entry = server.album[choices["photo"]]
    trace = server.trace(entry.name)
    site = choices["site"]
    if site not in trace:
        trace = replace(trace, tensors={**trace.tensors, site: server.tensor(entry.name, site)[None]})
    theme = {} if choices["theme"] == "auto" else {"theme": choices["theme"]}
    scene = Scene(server, replace(trace, photos=(entry.photo,)), choices, theme | options)
    return _DRAWN[choices["panel"]](scene)


def _draw_maps(scene: Scene) -> Picture:
    from hrnet_viz.activations.maps import channel_grid

    if scene.site.stride is None:
        return _draw_head(scene)
    order, scale = scene.choices["sort"], scene.choices["scale"]
    return channel_grid(scene.trace, scene.site, sort=order, scale=scale, **scene.options)


def _draw_head(scene: Scene) -> Picture:
    from hrnet_viz.heads.figures import head_steps

    return head_steps(scene.trace, **scene.options)


def _draw_branches(scene: Scene) -> Picture:
    from hrnet_viz.activations.maps import branch_maps

    total = nearest_sum(scene.trace.plan, scene.site)
    show = scene.choices["channel"] if scene.choices["show"] == "channel" else scene.choices["show"]
    after: Literal["branches", "exchange"] = "exchange" if scene.site.kind == "fuse_out" else "branches"
    return branch_maps(scene.trace, f"stage{total.stage}.{total.module}", after=after, show=show, **scene.options)


def _draw_exchange(scene: Scene) -> Picture:
    from hrnet_viz.exchanges.figures import exchange_steps

    total = nearest_sum(scene.trace.plan, scene.site)
    channel = min(scene.choices["channel"], total.channels - 1)
    return exchange_steps(scene.trace, total, channel=channel, **scene.options)


def _draw_cams(scene: Scene) -> Picture:
    from hrnet_viz.attribution.figures import cam_grid

    cams = scene.server.cams(*(scene.choices[name] for name in ("photo", "target", "contrast", "method")))
    kind: Literal["fuse_out", "branch"] = "fuse_out" if scene.choices["after"] == "exchange" else "branch"
    return cam_grid(replace(cams, photos=scene.trace.photos), kind=kind, **scene.options)


def _draw_edit(scene: Scene) -> Picture:
    before, after = scene.server.edit(*(scene.choices[name] for name in ("photo", "edited", "factor")))
    labels = scene.server.labels
    shown = rank(before)
    old, new = softmax(before), softmax(after)
    best = shown[0]
    what = f"{scene.choices['edited']} scaled by {short(scene.choices['factor'])}"
    change = f"{labels[best]}: logit {short(before[best], 4)} to {short(after[best], 4)}, "
    change += f"probability {percent(old[best])} to {percent(new[best])}"
    with Picture(
        8,
        0.32 * len(shown) + 0.5,
        scene.options.get("theme"),
        title=what,
        caption="Bars: logits now; marks: logits before the edit. Scaling damages a net that was trained whole.",
        alt=f"Logits of {len(shown)} classes before and after {what}. {change}.",
    ) as picture:
        axes = picture.inches(1.7, 0, 8 - 1.7 - MARGIN, 0.32 * len(shown))
        places = np.arange(len(shown))
        axes.barh(places, after[shown], height=0.6, color=BRANCH_COLOURS[0])
        axes.plot(before[shown], places, linestyle="", marker="|", ms=13, mew=2, color=theme_colours(picture.theme).ink)
        axes.set_yticks(places, [labels[k] for k in shown], fontsize=SMALL)
        axes.invert_yaxis()
        axes.set_xlabel("logit")
    return picture


_DRAWN: dict[str, Callable[[Scene], Picture]] = {
    "maps": _draw_maps,
    "branches": _draw_branches,
    "exchange": _draw_exchange,
    "cam": _draw_cams,
    "ablation": _draw_edit,
    "photos": _draw_head,
}


def draw_small(picture: Picture) -> bytes:
    """Return a PNG that a notebook may store: as sharp as fits into ``LARGEST_STORED`` bytes."""
    return next(
        (png for png in map(picture.png, SHARPNESSES) if len(png) <= LARGEST_STORED), picture.png(SHARPNESSES[-1])
    )
