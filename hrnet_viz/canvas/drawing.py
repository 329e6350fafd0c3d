"""The one diagram: a net as depth, left to right, by resolution, top to bottom.

``network_diagram`` draws a whole net, by stages or by modules; ``exchange_diagram`` opens up what happens at the end of
one module. Both lay the picture out themselves; Graphviz only draws it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import torch

from hrnet_viz.canvas.diagrams.drawn import Diagram
from hrnet_viz.canvas.diagrams.exchange import draw_exchange
from hrnet_viz.canvas.diagrams.overlay import Values, read_values
from hrnet_viz.canvas.diagrams.whole_net import Detail, draw_net, find_columns
from hrnet_viz.canvas.style import Theme, default_theme
from hrnet_viz.network.net import HRNet, hrnet
from hrnet_viz.network.variants import find_variant
from hrnet_viz.photos.preparation import check_size
from hrnet_viz.sites import quote

if TYPE_CHECKING:
    from hrnet_viz.canvas.diagrams.marks import Marks


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
        size: height and width of the photo in px that the sizes are told for; the net's own if None.
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
    heading = _title(net, size) if title is None else title
    marks = draw_net(net.plan, size, detail, theme, overlay=overlay, title=heading)
    _refuse_unseen(marks, f"a diagram with detail='{detail}'")
    modules = "one column per module" if detail == "modules" else "one column per stage, drawn as its last module"
    caption = (
        f"{net.plan.owner} for a photo of {size[0]}×{size[1]} px: depth from left to right, {modules}; resolution from "
        f"top to bottom. At the end of a module every branch contributes to every output.{_laid_over(marks)}"
    )
    return _finish(marks, caption, _describe(net, size) + _laid_over(marks))


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

    Args:
        net: the net, or the name of a variant.
        module: "stage3.1", or any site in that module.
        size: as in ``network_diagram``.
        theme: as in ``network_diagram``.
        values: as in ``network_diagram``; a path shows its number or picture before it enters the sum.
        name: as in ``network_diagram``.
        limits: as in ``network_diagram``.
        title: as in ``network_diagram``.

    Raises:
        SiteError: the net has no such module, or a value is for a site that it does not have.
        ValueError: an unknown variant or theme, or values of which none can be shown here.
    """
    net, size, theme = ready(net, size, theme)
    scope = net.plan.module(module).address
    overlay = read_values(net.plan, values, name, limits)
    heading = f"{net.plan.owner}, exchange of {scope}, photo of {size[0]}×{size[1]} px" if title is None else title
    marks = draw_exchange(net.plan, scope, size, theme, overlay=overlay, title=heading)
    _refuse_unseen(marks, f"the exchange of {scope}")
    branches = [site for site in net.plan.select(kind="branch") if site.name.startswith(f"{scope}.")]
    caption = (
        f"The exchange of {scope} in {net.plan.owner} for a photo of {size[0]}×{size[1]} px: each of {len(branches)} "
        f"outputs is ReLU of a sum over {len(branches)} paths, one from every branch.{_laid_over(marks)}"
    )
    steps = "; ".join(
        f"fuse{i.branch}<-{i.source}: {marks.tip(i.name).partition(': ')[2]}"
        for i in net.plan.select(kind="fuse_path")
        if i.name.startswith(f"{scope}.")
    )
    return _finish(marks, caption, f"{caption} Paths: {steps}.")


def ready(
    net: HRNet | str, size: tuple[int, int] | int | None, theme: Theme | None
) -> tuple[HRNet, tuple[int, int], Theme]:
    """Fill in what was left open: a net for a variant's name (without weights), its own size, the default theme."""
    if isinstance(net, str):
        find_variant(net)
        with torch.device("meta"):
            net = hrnet(net)
    return net, net.preparation.size if size is None else check_size(size), theme or default_theme()


def _title(net: HRNet, size: tuple[int, int]) -> str:
    return f"{net.plan.owner}, photo of {size[0]}×{size[1]} px"


def _refuse_unseen(marks: Marks, where: str) -> None:
    given = marks.overlay.names
    if given and not marks.shown:
        some = ", ".join(f"'{name}'" for name in sorted(given)[:3])
        raise ValueError(
            f"Of the {len(given)} values given, none belongs to a site of {where}; they are for {some}. "
            "diagram(net) shows every landmark, exchange_diagram(net, module) the inside of one module."
        )


def _laid_over(marks: Marks) -> str:
    shown = len(marks.shown)
    return (
        f" Laid over: {marks.overlay.name or 'values'} at {shown} {'site' if shown == 1 else 'sites'}." if shown else ""
    )


def _describe(net: HRNet, size: tuple[int, int]) -> str:
    plan = net.plan
    stages = []
    for column in find_columns(plan, "stages"):
        branches = plan.select(kind="branch", stage=column.stage, module=column.module)
        channels = ", ".join(str(site.channels) for site in branches)
        modules = "1 module" if column.modules == 1 else f"{column.modules} modules"
        stages.append(f"stage {column.stage} has {modules} of {len(branches)} branches with {channels} channels")
    head = ""
    if "logits" in plan.sites:
        head = (
            " The head widens the streams, carries them down into the lowest resolution, pools, "
            f"and gives {plan.sites['logits'].channels} logits."
        )
    return (
        f"Diagram of {plan.owner} for a photo of {size[0]}×{size[1]} px. A stem of {plan.sites['stem'].channels} and "
        f"stage 1 of {plan.sites['stage1'].channels} channels at stride 4; {'; '.join(stages)}. Strides are 4, 8, 16 "
        "and 32 from top to bottom. After the branches of a module every branch contributes to every output; each "
        f"stage starts one new branch from the lowest one.{head}"
    )


def _finish(marks: Marks, caption: str, alt: str) -> Diagram:
    sheet = marks.sheet
    return sheet.finish(caption, alt)
