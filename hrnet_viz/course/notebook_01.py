"""Exercises of ``01_stages``: widths, paths, the start of a stream, a path by hand."""

from __future__ import annotations

from torch import Tensor

from hrnet_viz.course.core import Exercise
from hrnet_viz.network.net import HRNet
from hrnet_viz.network.variants import VARIANTS
from hrnet_viz.tracing import Trace


def _widths() -> tuple[int, ...]:
    return VARIANTS["hrnet_w32"].widths


def _paths() -> int:
    return sum(count * branches**2 for count, branches in zip(VARIANTS["hrnet_w18"].modules, (2, 3, 4), strict=True))


def _source(net: HRNet) -> str:
    return net.plan.sites["transition3.branch3"].inputs[0]


def _path(trace: Trace) -> Tensor:
    return trace["stage3.0.fuse2<-0"]


EXERCISES = (
    Exercise(
        name="01.1",
        task="Which widths, from branch 0 to branch 3, does hrnet_w32 have?",
        stars=1,
        minutes=3,
        stub="widths = None",
        solution="widths = (32, 64, 128, 256)",
        expected=_widths,
        hints=(
            "The number in the name is the width of branch 0.",
            "Each branch has twice the channels of the one above it; give four numbers in brackets.",
            "(32, 64, ...)",
        ),
    ),
    Exercise(
        name="01.2",
        task="How many contributions (fuse paths) does the full hrnet_w18 have in all its modules together?",
        stars=2,
        minutes=5,
        stub="paths = None",
        solution="paths = 1 * 2**2 + 4 * 3**2 + 3 * 4**2",
        expected=_paths,
        hints=(
            "Start with one module of two branches: each of its two outputs gets a contribution from both.",
            "A module with n branches has n x n paths; identities count.",
            "Stages 2, 3 and 4 of hrnet_w18 have 1, 4 and 3 modules with 2, 3 and 4 branches.",
        ),
    ),
    Exercise(
        name="01.3",
        task="Give the address of the tensor that the lowest stream of stage 4 is started from, in this net.",
        stars=2,
        minutes=4,
        stub="source = None",
        solution='source = net.plan.sites["transition3.branch3"].inputs[0]',
        expected=_source,
        hints=(
            "It is an output of the last module of stage 3, after its exchange.",
            "Outputs after an exchange are called out; which of the three has the lowest resolution?",
            'Ask net.plan.sites["transition3.branch3"].inputs.',
        ),
    ),
    Exercise(
        name="01.4",
        task="Compute the contribution stage3.0.fuse2<-0 from stage3.0.branch0, by hand.",
        stars=3,
        minutes=10,
        stub="path = None",
        solution=(
            "first, second = net.stage3[0].fuse_layers[2][0]\n"
            'x = trace["stage3.0.branch0"]\n'
            "x = F.relu(norm(first[1], F.conv2d(x, first[0].weight, stride=2, padding=1)))\n"
            "path = norm(second[1], F.conv2d(x, second[0].weight, stride=2, padding=1))"
        ),
        expected=_path,
        hints=(
            "Two steps, each a 3x3 convolution with stride 2 and padding 1, then norm.",
            "Between the two steps there is a ReLU; after the second there is none.",
            "first, second = net.stage3[0].fuse_layers[2][0]; first[0] is the convolution, first[1] its BatchNorm.",
        ),
        tolerance=1e-3,
    ),
)
