"""Exercises of ``06_ablation``: the worst path, several at once, what a pair adds, the prediction by hand."""

from __future__ import annotations

from hrnet_viz.course.core import Exercise
from hrnet_viz.exchanges.contributions import contributions
from hrnet_viz.interventions.ablation import ablate
from hrnet_viz.interventions.sweep_table import Sweep
from hrnet_viz.network.net import HRNet
from hrnet_viz.tracing import Trace

TOLD = ("stage4.0.fuse1<-0", "stage4.0.fuse2<-0", "stage4.0.fuse3<-0")
PAIR = ("stage4.0.fuse3<-0", "stage4.0.fuse3<-3")
PREDICTED = "stage3.1.fuse0<-2"


def _worst(swept: Sweep) -> str:
    return min(swept.effects, key=lambda effect: effect.effect).item


def _silence(net: HRNet, trace: Trace, target: str | int) -> float:
    return float(ablate(net, trace, TOLD, target=target).effect[0])


def _extra(net: HRNet, trace: Trace, target: str | int) -> float:
    both, *alone = (ablate(net, trace, sites, target=target).effect[0] for sites in (PAIR, *PAIR))
    return float(both - sum(alone))


def _predicted(net: HRNet, trace: Trace, target: str | int) -> float:
    return -float(contributions(net, trace, target, sites=PREDICTED)[PREDICTED][0])


EXERCISES = (
    Exercise(
        name="06.1",
        task="Which path, switched off alone, lowers the logit the most? Give its address.",
        stars=1,
        minutes=4,
        stub="worst = None",
        solution="worst = min(swept.effects, key=lambda effect: effect.effect).item",
        expected=_worst,
        hints=(
            "swept.effects has one row per path; row.effect is logit after minus before, row.item the address.",
            "The most harmful loss is the most negative effect, not the one nearest to 0.",
            "min(swept.effects, key=lambda row: row.effect) gives the row; it still needs .item.",
        ),
    ),
    Exercise(
        name="06.2",
        task="Switch off all that branch 0 tells the coarser streams in stage4.0; what happens to the logit?",
        stars=2,
        minutes=6,
        stub="silence = None",
        solution=(
            'voices = ["stage4.0.fuse1<-0", "stage4.0.fuse2<-0", "stage4.0.fuse3<-0"]\n'
            "silence = float(hv.ablate(net, trace, voices, target=target).effect[0])"
        ),
        expected=_silence,
        hints=(
            "Three paths: branch 0 into outputs 1, 2 and 3. fuse0<-0 stays, it goes to the fine stream itself.",
            "hv.ablate takes a list of addresses and edits all of them in one pass.",
            "float(hv.ablate(net, trace, [...], target=target).effect[0])",
        ),
        tolerance=1e-3,
    ),
    Exercise(
        name="06.3",
        task="What does switching off fuse3<-0 and fuse3<-3 of stage4.0 together add to the sum of both alone?",
        stars=2,
        minutes=8,
        stub="extra = None",
        solution=(
            'a, b = "stage4.0.fuse3<-0", "stage4.0.fuse3<-3"\n'
            "alone = [hv.ablate(net, trace, site, target=target).effect[0] for site in (a, b)]\n"
            "extra = float(hv.ablate(net, trace, [a, b], target=target).effect[0] - sum(alone))"
        ),
        expected=_extra,
        hints=(
            "Three ablations: a alone, b alone, both at once.",
            "Take the effects of the two alone away from the effect of both. Mind the sign.",
            "hv.ablate(net, trace, [a, b], target=target).effect[0] - alone_a - alone_b",
        ),
        tolerance=1e-2,
    ),
    Exercise(
        name="06.4",
        task="Predict by hand, with torch.autograd.grad, what switching off stage3.1.fuse0<-2 does to the logit.",
        stars=3,
        minutes=12,
        stub="predicted = None",
        solution=(
            "live = hv.trace(net, trace.input, grad=True)\n"
            'value = live["stage3.1.fuse0<-2"]\n'
            '(slope,) = torch.autograd.grad(live["logits"][0, row], value)\n'
            "predicted = -(slope * value).sum().item()"
        ),
        expected=_predicted,
        hints=(
            "hv.trace(net, trace.input, grad=True) gives a trace through which gradients flow.",
            "The gradient of the logit at the path, times the path, added up over all elements. Which sign?",
            "Switching off takes the path away: minus (slope * live[path]).sum().",
        ),
        tolerance=1e-2,
    ),
)
