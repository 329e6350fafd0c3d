"""Exercises of ``05_grad_cam``: a scale by thought, a hook that lies, weights by hand, what ReLU hides, four in one."""

from __future__ import annotations

import torch
from torch import Tensor

from hrnet_viz.attribution.cam import cam
from hrnet_viz.attribution.cams import merge
from hrnet_viz.course.core import Exercise
from hrnet_viz.network.net import HRNet
from hrnet_viz.tracing import Trace
from hrnet_viz.tracing import trace as run_trace

FINE, MIDDLE = "stage4.0.branch0", "stage4.0.branch1"


def _times() -> int:
    return (16 // 4) ** 2


def _kept() -> list[int]:
    return [-3, 2]


def _weights(net: HRNet, trace: Trace, target: int | str) -> Tensor:
    live = run_trace(net, trace.input, sites=[MIDDLE, "logits"], grad=True)
    index = net.classes.index(target) if isinstance(target, str) else target
    (gradient,) = torch.autograd.grad(live["logits"][0, index], live[MIDDLE])
    return gradient.mean((2, 3))[0]


def _hidden(net: HRNet, trace: Trace, target: int | str) -> float:
    single = cam(net, trace.input, target, method="hirescam", sites=[FINE])[FINE]
    return float(single.clamp(max=0).abs().sum() / single.abs().sum())


def _merged(net: HRNet, trace: Trace, target: int | str) -> Tensor:
    sites = [f"stage4.0.branch{b}" for b in range(4)]
    maps = cam(net, trace.input, target, sites=sites)
    return merge([maps[site] for site in sites], "mean")[0]


EXERCISES = (
    Exercise(
        name="05.1",
        task=(
            "A tensor at stride 16 is enlarged to stride 4 by repeating its cells. By what factor are the values of "
            "its Grad-CAM smaller afterwards?"
        ),
        stars=1,
        minutes=3,
        stub="times = None",
        solution="times = (16 // 4) ** 2",
        expected=_times,
        hints=(
            "Look at the example with stride 32: it is the same thought with another number.",
            "The gradient per cell shrinks with the number of cells. How many fine cells lie on a coarse one?",
            "Four in each direction.",
        ),
    ),
    Exercise(
        name="05.2",
        task="What does the plain hook on bn keep if the in-place block is given the input [-3, 1]?",
        stars=1,
        minutes=3,
        stub="kept = [None, None]",
        solution="kept = [-3, 2]",
        expected=_kept,
        hints=(
            "The hook keeps the tensor itself, so ask what is in it when the whole block has finished.",
            "First ReLU works on the same memory, then the input is added to it.",
            "ReLU leaves [0, 1]; then [-3, 1] is added.",
        ),
    ),
    Exercise(
        name="05.3",
        task="Compute the Grad-CAM weights of the target at stage4.0.branch1: one number per channel.",
        stars=2,
        minutes=6,
        stub="weights = None",
        solution=(
            "live = hv.trace(net, trace.input, grad=True)\n"
            "index = net.classes.index(target) if isinstance(target, str) else target\n"
            '(gradient,) = torch.autograd.grad(live["logits"][0, index], live["stage4.0.branch1"])\n'
            "weights = gradient.mean((2, 3))[0]"
        ),
        expected=_weights,
        hints=(
            "Trace with grad=True, then ask autograd for the gradient of the target's logit at the site.",
            "Average the gradient over rows and columns, and leave the batch away with [0].",
            "gradient.mean((2, 3))[0]",
        ),
        tolerance=1e-3,
    ),
    Exercise(
        name="05.4",
        task="Of all that the HiResCAM of stage4.0.branch0 shows for the target: which share of it does ReLU hide?",
        stars=2,
        minutes=6,
        stub="hidden = None",
        solution=(
            'maps = hv.cam(net, trace.input, target, method="hirescam", sites=["stage4.0.branch0"])\n'
            'single = maps["stage4.0.branch0"]\n'
            "hidden = (single.clamp(max=0).abs().sum() / single.abs().sum()).item()"
        ),
        expected=_hidden,
        hints=(
            "What ReLU hides are the negative values. Compare their absolute sum with that of all values.",
            "single.clamp(max=0) keeps the negative values only; single.abs().sum() is everything that there is.",
            "(single.clamp(max=0).abs().sum() / single.abs().sum()).item()",
        ),
        tolerance=1e-2,
    ),
    Exercise(
        name="05.5",
        task=(
            "Merge the Grad-CAM maps of the four branches of stage4.0 into one: divide each by its largest absolute "
            "value, repeat its cells to the size of branch 0, take the mean."
        ),
        stars=3,
        minutes=10,
        stub="merged = None",
        solution=(
            'maps = hv.cam(net, trace.input, target, sites="stage4.0.branch?")\n'
            'size = maps["stage4.0.branch0"].shape[1:]\n'
            "scaled = [single / single.abs().max() for single in maps.values()]\n"
            'large = [F.interpolate(single[None], size=size, mode="nearest")[0, 0] for single in scaled]\n'
            "merged = torch.stack(large).mean(0)"
        ),
        expected=_merged,
        hints=(
            'hv.cam(net, trace.input, target, sites="stage4.0.branch?") gives the four maps in one pass.',
            "F.interpolate takes (N, C, H, W): a map (1, h, w) needs one more axis, single[None]; mode is 'nearest'.",
            "torch.stack([...]).mean(0) of four maps of one size, each divided by its own single.abs().max() before.",
        ),
        tolerance=1e-3,
    ),
)
