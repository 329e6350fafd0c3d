"""Exercises of ``00_quickstart``: read an address, follow a tensor, add the paths up."""

from __future__ import annotations

from torch import Tensor

from hrnet_viz.course.core import Exercise
from hrnet_viz.network.net import HRNet
from hrnet_viz.tracing import Trace


def _address(net: HRNet) -> str:
    return next(site.name for site in net.sites(kind="fuse_path", stage=3) if (site.branch, site.source) == (0, 2))


def _last_shape(net: HRNet, trace: Trace) -> tuple[int, int, int]:
    site = net.sites(kind="branch", stage=4, branch=3)[-1]
    channels, height, width = trace[site].shape[1:]
    return channels, height, width


def _left_by_relu(trace: Trace) -> float:
    return float((trace["stage2.0.sum0"] > 0).float().mean())


def _is_the_path(answer: object, expected: str) -> bool:
    """Any module of stage 3 will do, and the published name too."""
    wanted = {expected, expected.replace("fuse0<-2", "fuse_layers.0.2")}
    parts = str(answer).split(".")
    return ".".join([parts[0], "0", *parts[2:]]) in wanted if len(parts) > 2 and parts[1].isdigit() else False


def _rebuilt(trace: Trace) -> Tensor:
    return trace["stage4.0.sum1"]


EXERCISES = (
    Exercise(
        name="00.1",
        task="Write the address of what branch 2 contributes to output 0 in the first module of stage 3.",
        stars=1,
        minutes=2,
        stub="address = None",
        solution='address = "stage3.0.fuse0<-2"',
        expected=_address,
        hints=(
            "An address starts with the stage and the module, as in stage3.0, counted from 0.",
            "A contribution is called fuse, then output <- branch.",
            'It has the form "stage3.0.fuse<output><-<branch>".',
        ),
        accept=_is_the_path,
    ),
    Exercise(
        name="00.2",
        task="Without looking it up: which (channels, height, width) has the lowest branch of the last stage?",
        stars=2,
        minutes=4,
        stub="shape = None",
        solution="shape = tuple(trace[net.sites(kind='branch', stage=4, branch=3)[-1]].shape[1:])",
        expected=_last_shape,
        hints=(
            "Branch b has C * 2**b channels and a stride of 4 * 2**b photo pixels. What is C here?",
            "Branch 3 has 8C channels and a stride of 32. Divide the photo's sides by 32 and round up.",
            "Compare with trace['stage4.0.branch3'].shape.",
        ),
    ),
    Exercise(
        name="00.3",
        task="Add the contributions to stage4.0.sum1 up yourself, in the order j = 0, 1, 2, 3.",
        stars=2,
        minutes=5,
        stub="total = None",
        solution='total = sum(trace[f"stage4.0.fuse1<-{j}"] for j in range(4))',
        expected=_rebuilt,
        hints=(
            "Four tensors: trace['stage4.0.fuse1<-0'] and its three neighbours.",
            "All four have the shape of branch 1 already, so plain + is enough.",
            'sum(trace[f"stage4.0.fuse1<-{j}"] for j in range(4))',
        ),
    ),
    Exercise(
        name="00.4",
        task="Which share of the cells of stage2.0.sum0 does ReLU let through?",
        stars=3,
        minutes=5,
        stub="share = None",
        solution='share = (trace["stage2.0.sum0"] > 0).float().mean().item()',
        expected=_left_by_relu,
        hints=(
            "ReLU lets a cell through when it is above zero.",
            "Compare the tensor with 0, and take the mean of the True and False.",
            "(trace['stage2.0.sum0'] > 0).float().mean().item()",
        ),
        tolerance=1e-3,
    ),
)
