"""Class activation maps of ``hrnet_w18`` at 224 px against pytorch-grad-cam and captum: time and peak memory.

Each rival runs as its documentation says, on timm's net of the same weights. Memory is the peak above what the process
held before the call, one fresh process per case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import timm
import torch
from captum.attr import LayerGradCam
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

import hrnet_viz as hv
from benchmarks.timing import Row, compare, measure_peak
from hrnet_viz.attribution.cam import cam
from hrnet_viz.attribution.methods import METHODS

CLASS = 281
BRANCHES = "stage?.*.branch?"
BRANCHES_AND_OUTS = (BRANCHES, "stage?.*.out?")
THREE = ("gradcam", "hirescam", "layercam")
FIVE = tuple(name for name in METHODS if name != "cam")
PLAIN = "timm, plain forward"
FLOOR = "plain forward and backward to the photo"
MEMORY_CASES = (
    FLOOR,
    "ours, 52 branch and fuse outputs",
    "ours, all landmarks",
    "pytorch-grad-cam, list of 26 branches",
)


def build() -> dict[str, Callable[[], object]]:
    """Make every candidate; all of them share one set of weights and one photo."""
    torch.manual_seed(0)
    theirs: Any = timm.create_model("hrnet_w18").eval()
    ours = hv.hrnet("hrnet_w18").eval()
    ours.load_state_dict(theirs.state_dict())
    photo = torch.randn(1, 3, 224, 224)
    branches = [
        branch
        for stage in (theirs.stage2, theirs.stage3, theirs.stage4)
        for module in stage
        for branch in module.branches
    ]

    @torch.no_grad()
    def plain() -> object:
        return theirs(photo)

    def forward_backward() -> Tensor:
        x = photo.clone().requires_grad_()
        return torch.autograd.grad(ours(x)[0, CLASS], x)[0]

    def grad_cam(layers: list[nn.Module]) -> object:
        with GradCAM(model=theirs, target_layers=layers) as method:
            return method(input_tensor=photo, targets=[ClassifierOutputTarget(CLASS)])

    def captum(layer: nn.Module) -> object:
        return LayerGradCam(theirs, layer).attribute(photo, target=CLASS)

    return {
        PLAIN: plain,
        FLOOR: forward_backward,
        "ours, 52 branch and fuse outputs": lambda: cam(ours, photo, CLASS, sites=BRANCHES_AND_OUTS),
        "ours, the same with three methods": lambda: cam(ours, photo, CLASS, method=THREE, sites=BRANCHES_AND_OUTS),
        "ours, all landmarks": lambda: cam(ours, photo, CLASS),
        "ours, all landmarks with five methods": lambda: cam(ours, photo, CLASS, method=FIVE),
        "ours, 26 branches": lambda: cam(ours, photo, CLASS, sites=BRANCHES),
        "pytorch-grad-cam, one layer": lambda: grad_cam(branches[-4:-3]),
        "pytorch-grad-cam, list of 26 branches": lambda: grad_cam(branches),
        "captum, one layer": lambda: captum(branches[-4]),
        "pytorch-grad-cam, 26 branches one at a time": lambda: [grad_cam([branch]) for branch in branches],
        "captum, 26 branches one at a time": lambda: [captum(branch) for branch in branches],
    }


def measure(rounds: int) -> list[tuple[str, list[Row]]]:
    """Time everything as ratios to timm's plain forward, and compare peak memory with one forward and backward."""
    candidates = build()
    slow = {name: call for name, call in candidates.items() if "one at a time" in name}
    quick = {name: call for name, call in candidates.items() if name not in slow}
    few = {PLAIN: candidates[PLAIN], "ours, 26 branches": candidates["ours, 26 branches"], **slow}
    return [
        (
            "hrnet_w18, 224 px: ratio to the plain forward",
            compare(quick, rounds, {MEMORY_CASES[1]: 2.4, MEMORY_CASES[2]: 2.3}),
        ),
        ("One layer at a time: ratio to the plain forward", compare(few, max(rounds // 5, 2))),
        ("Peak memory: ratio to one forward and backward; the column s holds MiB", _memory()),
    ]


def _memory() -> list[Row]:
    # A fixed threshold gives freed tensors back at once, so that the peak is that of what is held.
    small = {"MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"}
    peaks = {name: measure_peak("benchmarks.cam", name, **small) / 2**20 for name in MEMORY_CASES}
    floor = peaks[FLOOR]
    limits = {MEMORY_CASES[1]: 1.5, MEMORY_CASES[2]: 1.5}
    return [Row(name, peak / floor, peak / floor, peak / floor, peak, limits.get(name)) for name, peak in peaks.items()]
