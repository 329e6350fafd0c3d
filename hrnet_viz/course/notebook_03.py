"""Exercises of ``03_exchange``: what paths are made of, how loud they are, what they decide, what they are worth."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hrnet_viz.course.core import Exercise
from hrnet_viz.exchanges.contributions import contributions
from hrnet_viz.exchanges.shares import take_apart
from hrnet_viz.network.net import HRNet
from hrnet_viz.tracing import Trace


def _strided(net: HRNet) -> int:
    layers = net.get_submodule("stage4.0.fuse_layers").modules()
    return sum(isinstance(layer, nn.Conv2d) and layer.stride[0] == 2 for layer in layers)


def _shares(trace: Trace) -> Tensor:
    return take_apart(trace, "stage4.0.sum1").measure("energy")[:, 0]


def _decided(trace: Trace) -> float:
    return float(take_apart(trace, "stage4.0.sum0").measure("decided")[3, 0])


def _vetoes(trace: Trace) -> float:
    before = torch.stack([trace[f"stage4.0.fuse0<-{j}"].relu() for j in range(4)]).sum(0)
    return float(((trace["stage4.0.sum0"] <= 0) & (before > 0)).double().mean())


def _worth(net: HRNet, trace: Trace, target: int) -> float:
    return float(contributions(net, trace, target, sites=["stage4.0.fuse0<-3"])["stage4.0.fuse0<-3"][0])


EXERCISES = (
    Exercise(
        name="03.1",
        task="How many convolutions with stride 2 lie on all paths of one module of four branches together?",
        stars=1,
        minutes=3,
        stub="convolutions = None",
        solution="convolutions = sum(i - j for i in range(4) for j in range(i))",
        expected=_strided,
        hints=(
            "Only paths from fine to coarse have them: fuse1<-0, fuse2<-0, fuse2<-1, and so on.",
            "A path i<-j halves the resolution i - j times, with one convolution for each time.",
            "Add i - j up over all i from 0 to 3 and all j below i.",
        ),
    ),
    Exercise(
        name="03.2",
        task="Compute the energy shares of the four paths into stage4.0.sum1.",
        stars=2,
        minutes=5,
        stub="my_shares = None",
        solution=(
            'energies = torch.stack([trace[f"stage4.0.fuse1<-{j}"].square().sum() for j in range(4)])\n'
            "my_shares = energies / energies.sum()"
        ),
        expected=_shares,
        hints=(
            "Four numbers in the order j = 0, 1, 2, 3 that add up to 1.",
            "The energy of a path is the sum of its squares: trace[...].square().sum(). Divide each by the sum of all.",
            'energies = torch.stack([trace[f"stage4.0.fuse1<-{j}"].square().sum() for j in range(4)])',
        ),
        tolerance=1e-3,
    ),
    Exercise(
        name="03.3",
        task="At which share of the positions of stage4.0.sum0 does ReLU block what it would pass, were it first?",
        stars=2,
        minutes=6,
        stub="vetoed = None",
        solution=(
            'parts = torch.stack([trace[f"stage4.0.fuse0<-{j}"] for j in range(4)])\n'
            'vetoed = ((trace["stage4.0.sum0"] <= 0) & (parts.relu().sum(0) > 0)).float().mean().item()'
        ),
        expected=_vetoes,
        hints=(
            "A position is vetoed if the sum is not above 0 though at least one of the paths is.",
            "ReLU first: parts.relu().sum(0). Combine two conditions on tensors with &, each in brackets.",
            '((trace["stage4.0.sum0"] <= 0) & (parts.relu().sum(0) > 0)).float().mean()',
        ),
        tolerance=1e-3,
    ),
    Exercise(
        name="03.4",
        task="Which share of the positions of stage4.0.sum0 does the path fuse0<-3 decide at the ReLU?",
        stars=3,
        minutes=8,
        stub="decided = None",
        solution=(
            'total = trace["stage4.0.sum0"]\n'
            'without = total - trace["stage4.0.fuse0<-3"]\n'
            "decided = ((total > 0) != (without > 0)).float().mean().item()"
        ),
        expected=_decided,
        hints=(
            "Compare what ReLU does with the sum and what it would do with the sum less this path.",
            "ReLU passes what is above 0. A position is decided where (total > 0) and (without > 0) differ.",
            'without = total - trace["stage4.0.fuse0<-3"]',
        ),
        tolerance=1e-3,
    ),
    Exercise(
        name="03.5",
        task="How much does the path stage4.0.fuse0<-3 contribute to the logit number target, as gradient x path?",
        stars=3,
        minutes=10,
        stub="worth = None",
        solution=(
            "live = hv.trace(net, trace.input, grad=True)\n"
            'path = live["stage4.0.fuse0<-3"]\n'
            '(gradient,) = torch.autograd.grad(live["logits"][0, target], path)\n'
            "worth = (gradient * path).sum().item()"
        ),
        expected=_worth,
        hints=(
            "Trace again with grad=True and ask autograd for the gradient of live['logits'][0, target].",
            "torch.autograd.grad(logit, path) gives a tuple of one tensor in the shape of the path.",
            "Multiply gradient and path element by element and add everything up, signs included.",
        ),
        tolerance=1e-2,
    ),
)
