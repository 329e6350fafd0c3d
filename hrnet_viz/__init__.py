"""Look inside HRNet: build the published family, name every tensor, trace, edit, explain and draw it.

Public names are loaded when they are first used, so importing this package costs little more than importing torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from hrnet_viz.doors import guard

if TYPE_CHECKING:
    from hrnet_viz.analysis.ablation import ablate as ablate
    from hrnet_viz.analysis.cam import cam as cam
    from hrnet_viz.analysis.cam_batches import cam_in_batches as cam_in_batches
    from hrnet_viz.analysis.cams import Cams as Cams
    from hrnet_viz.analysis.contributions import contributions as contributions
    from hrnet_viz.analysis.deletion import play_deletion as play_deletion
    from hrnet_viz.analysis.effective import effective_field as effective_field
    from hrnet_viz.analysis.exchanges import cut_paths as cut_paths
    from hrnet_viz.analysis.exchanges import exchange_choices as exchange_choices
    from hrnet_viz.analysis.forecast import forecast as forecast
    from hrnet_viz.analysis.forecast import predicted_effects as predicted_effects
    from hrnet_viz.analysis.fusion import fusion as fusion
    from hrnet_viz.analysis.head_choices import compare_heads as compare_heads
    from hrnet_viz.analysis.head_table import list_head as list_head
    from hrnet_viz.analysis.pairs import ablate_pairs as ablate_pairs
    from hrnet_viz.analysis.pointing import play_pointing as play_pointing
    from hrnet_viz.analysis.predictions import Prediction as Prediction
    from hrnet_viz.analysis.predictions import predict as predict
    from hrnet_viz.analysis.receptive import reach as reach
    from hrnet_viz.analysis.receptive import receptive_box as receptive_box
    from hrnet_viz.analysis.receptive import receptive_field as receptive_field
    from hrnet_viz.analysis.sanity import check_sanity as check_sanity
    from hrnet_viz.analysis.statistics import measure_sites as measure_sites
    from hrnet_viz.analysis.sweep import sweep as sweep
    from hrnet_viz.analysis.sweep_files import merge_sweeps as merge_sweeps
    from hrnet_viz.analysis.sweep_table import read_sweep as read_sweep
    from hrnet_viz.data.photo import Photo as Photo
    from hrnet_viz.data.photo import PhotoError as PhotoError
    from hrnet_viz.data.preparation import Preparation as Preparation
    from hrnet_viz.data.preparation import prepare as prepare
    from hrnet_viz.data.reading import read_image as read_image
    from hrnet_viz.data.samples import photo as photo
    from hrnet_viz.data.samples import photo_names as photo_names
    from hrnet_viz.devices import device as device
    from hrnet_viz.explorer.sliders import MapSliders as MapSliders
    from hrnet_viz.explorer.widget import Explorer as Explorer
    from hrnet_viz.explorer.widget import explore as explore
    from hrnet_viz.network.net import HRNet as HRNet
    from hrnet_viz.network.net import hrnet as hrnet
    from hrnet_viz.network.settling import settle_norms as settle_norms
    from hrnet_viz.network.variants import VARIANTS as VARIANTS
    from hrnet_viz.runner import run as run
    from hrnet_viz.sites import Site as Site
    from hrnet_viz.sites import SiteError as SiteError
    from hrnet_viz.tracing import Trace as Trace
    from hrnet_viz.tracing import trace as trace
    from hrnet_viz.weights.loading import load as load
    from hrnet_viz.weights.report import WeightsError as WeightsError

__version__ = "0.1.0"

_HOME = {
    "ablate": "analysis.ablation",
    "ablate_pairs": "analysis.pairs",
    "cam": "analysis.cam",
    "cam_in_batches": "analysis.cam_batches",
    "Cams": "analysis.cams",
    "check_sanity": "analysis.sanity",
    "compare_heads": "analysis.head_choices",
    "contributions": "analysis.contributions",
    "effective_field": "analysis.effective",
    "fusion": "analysis.fusion",
    "exchange_choices": "analysis.exchanges",
    "cut_paths": "analysis.exchanges",
    "list_head": "analysis.head_table",
    "forecast": "analysis.forecast",
    "play_deletion": "analysis.deletion",
    "play_pointing": "analysis.pointing",
    "predicted_effects": "analysis.forecast",
    "receptive_field": "analysis.receptive",
    "receptive_box": "analysis.receptive",
    "reach": "analysis.receptive",
    "measure_sites": "analysis.statistics",
    "sweep": "analysis.sweep",
    "merge_sweeps": "analysis.sweep_files",
    "read_sweep": "analysis.sweep_table",
    "Explorer": "explorer.widget",
    "explore": "explorer.widget",
    "Prediction": "analysis.predictions",
    "predict": "analysis.predictions",
    "Photo": "data.photo",
    "PhotoError": "data.photo",
    "read_image": "data.reading",
    "Preparation": "data.preparation",
    "prepare": "data.preparation",
    "photo": "data.samples",
    "photo_names": "data.samples",
    "device": "devices",
    "MapSliders": "explorer.sliders",
    "HRNet": "network.net",
    "hrnet": "network.net",
    "settle_norms": "network.settling",
    "VARIANTS": "network.variants",
    "run": "runner",
    "Site": "sites",
    "SiteError": "sites",
    "Trace": "tracing",
    "trace": "tracing",
    "load": "weights.loading",
    "WeightsError": "weights.report",
}
"""Public name -> the module of this package that it lives in."""

__all__ = sorted(_HOME)  # noqa: PLE0605  # the table above is the single place


_ROOMS = ("course", "figures")
"""Subpackages that are spoken of as a whole: hv.course.check, hv.figures.branches."""


def __getattr__(name: str) -> object:
    if name in _ROOMS:
        return import_module(f"hrnet_viz.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'hrnet_viz' has no attribute '{name}'")
    value = guard(getattr(import_module(f"hrnet_viz.{_HOME[name]}"), name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_ROOMS})
