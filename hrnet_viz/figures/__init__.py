"""Numbers to pictures: matplotlib figures and graphviz diagrams. Nothing is computed here.

``hv.figures.branches(trace, "stage3.1")``: the functions are loaded when they are first used, so that naming this room
imports no matplotlib. No module in here may have the name of one of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from hrnet_viz.doors import guard

if TYPE_CHECKING:
    from hrnet_viz.figures.ablation import effect_bars as effect_bars
    from hrnet_viz.figures.ablation import effect_diagram as effect_diagram
    from hrnet_viz.figures.ablation import effect_matrices as effect_matrices
    from hrnet_viz.figures.cam import cam_classes as cam_classes
    from hrnet_viz.figures.cam import cam_depth as cam_depth
    from hrnet_viz.figures.cam import cam_grid as cam_grid
    from hrnet_viz.figures.cam_head import cam_chain as cam_chain
    from hrnet_viz.figures.cuts import cut_effects as cut_effects
    from hrnet_viz.figures.depth import summary as summary
    from hrnet_viz.figures.diagrams.drawn import Diagram as Diagram
    from hrnet_viz.figures.dot import DotNotFound as DotNotFound
    from hrnet_viz.figures.drawing import diagram as diagram
    from hrnet_viz.figures.drawing import exchange_diagram as exchange_diagram
    from hrnet_viz.figures.faithfulness import agreement_dots as agreement_dots
    from hrnet_viz.figures.faithfulness import deletion_curves as deletion_curves
    from hrnet_viz.figures.faithfulness import drop_dots as drop_dots
    from hrnet_viz.figures.faithfulness import faithfulness_dots as faithfulness_dots
    from hrnet_viz.figures.faithfulness import pointing_dots as pointing_dots
    from hrnet_viz.figures.faithfulness import sanity_curves as sanity_curves
    from hrnet_viz.figures.forecast import forecast_scatter as forecast_scatter
    from hrnet_viz.figures.fusion import contribution_matrices as contribution_matrices
    from hrnet_viz.figures.fusion import share_maps as share_maps
    from hrnet_viz.figures.fusion import share_matrices as share_matrices
    from hrnet_viz.figures.graphs import autograd_graph as autograd_graph
    from hrnet_viz.figures.head import head_steps as head_steps
    from hrnet_viz.figures.heads import head_choices as head_choices
    from hrnet_viz.figures.maps import channel_grid as channel_grid
    from hrnet_viz.figures.pairs import pair_matrix as pair_matrix
    from hrnet_viz.figures.points import point_answers as point_answers
    from hrnet_viz.figures.receptive import receptive_fields as receptive_fields
    from hrnet_viz.figures.response import response_curves as response_curves
    from hrnet_viz.figures.ribbon import exchange_ribbons as exchange_ribbons
    from hrnet_viz.figures.streams import branches as branches
    from hrnet_viz.figures.streams import life_of_branch as life_of_branch
    from hrnet_viz.figures.style import Picture as Picture
    from hrnet_viz.figures.style import use_theme as use_theme
    from hrnet_viz.figures.units import exchange as exchange

_HOME = {
    "Diagram": "diagrams.drawn",
    "DotNotFound": "dot",
    "diagram": "drawing",
    "exchange_diagram": "drawing",
    "autograd_graph": "graphs",
    "channel_grid": "maps",
    "branches": "streams",
    "life_of_branch": "streams",
    "exchange": "units",
    "point_answers": "points",
    "share_matrices": "fusion",
    "share_maps": "fusion",
    "contribution_matrices": "fusion",
    "exchange_ribbons": "ribbon",
    "effect_diagram": "ablation",
    "effect_matrices": "ablation",
    "effect_bars": "ablation",
    "forecast_scatter": "forecast",
    "pair_matrix": "pairs",
    "response_curves": "response",
    "receptive_fields": "receptive",
    "cut_effects": "cuts",
    "cam_grid": "cam",
    "cam_classes": "cam",
    "cam_depth": "cam",
    "cam_chain": "cam_head",
    "pointing_dots": "faithfulness",
    "drop_dots": "faithfulness",
    "agreement_dots": "faithfulness",
    "faithfulness_dots": "faithfulness",
    "deletion_curves": "faithfulness",
    "sanity_curves": "faithfulness",
    "head_choices": "heads",
    "head_steps": "head",
    "summary": "depth",
    "Picture": "style",
    "use_theme": "style",
}
"""Function -> the module of this room that it lives in."""

__all__ = sorted(_HOME)  # noqa: PLE0605  # the table above is the single place


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'hrnet_viz.figures' has no attribute '{name}'")
    value = guard(getattr(import_module(f"hrnet_viz.figures.{_HOME[name]}"), name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
