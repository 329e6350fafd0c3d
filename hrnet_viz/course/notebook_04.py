"""Exercises of ``04_head``: where a bias is, all shapes of another net, the evidence map, a head with a cut in it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hrnet_viz.course.core import Exercise
from hrnet_viz.heads.tables import table as head_table
from hrnet_viz.network import HRNet, hrnet
from hrnet_viz.runner import run
from hrnet_viz.tracing import Trace, evaluating

Shapes = tuple[tuple[int, ...], ...]


def _biased(net: HRNet) -> set[str]:
    convolutions = {name: module for name, module in net.named_modules() if isinstance(module, torch.nn.Conv2d)}
    return {name.partition(".")[0] for name, module in convolutions.items() if module.bias is not None}


def _shapes() -> Shapes:
    """Shapes of hrnet_w32's head for a photo of 224 px: four incre, three down, final, pool."""
    with torch.device("meta"):
        parts = {part.site: part.shape for part in head_table(hrnet("hrnet_w32"))}
    incre, down = [f"head.incre{b}" for b in range(4)], [f"head.down{b}" for b in range(3)]
    return tuple(parts[site] for site in (*incre, *down, "head.final", "head.pool"))


def _count_right(answer: object, expected: Sequence[tuple[int, ...]]) -> int:
    if not isinstance(answer, (list, tuple)):
        return 0
    pairs = zip(answer, expected, strict=False)
    return sum(isinstance(one, (list, tuple)) and tuple(one) == right for one, right in pairs)


def _same_shapes(answer: object, expected: Shapes) -> bool:
    return _count_right(answer, expected) == len(expected)


def _show_shapes(answer: object) -> str:
    expected = _shapes()
    return f"{_count_right(answer, expected)} of {len(expected)} shapes right"


def _evidence(net: HRNet, trace: Trace) -> Tensor:
    best = int(trace["logits"][0].argmax())
    return torch.einsum("c,chw->hw", net.get_parameter("classifier.weight")[best], trace["head.final"][0])


def _cut(net: HRNet, trace: Trace) -> Tensor:
    with evaluating(net), torch.no_grad():
        return run(net, base=trace, keep="logits", edit={"head.down1": torch.zeros_like})["logits"]


EXERCISES = (
    Exercise(
        name="04.1",
        task="Which two parts of the head have convolutions with a bias? Give a set of published names.",
        stars=1,
        minutes=2,
        stub="biased = None",
        solution='biased = {"downsamp_modules", "final_layer"}',
        expected=_biased,
        hints=(
            "The table has a column for it. The classifier is no convolution.",
            'A set is written {"first", "second"}; leave the numbers of the modules out.',
            'One of the two is "final_layer".',
        ),
    ),
    Exercise(
        name="04.2",
        task="Predict the shapes (channels, rows, columns) in the head of hrnet_w32 for a photo of 224 x 224 px.",
        stars=2,
        minutes=8,
        stub=(
            "incre = [None, None, None, None]\n"
            "down = [None, None, None]\n"
            "final, pool = None, None\n"
            "shapes = [*incre, *down, final, pool]"
        ),
        solution=(
            "incre = [(128, 56, 56), (256, 28, 28), (512, 14, 14), (1024, 7, 7)]\n"
            "down = [(256, 28, 28), (512, 14, 14), (1024, 7, 7)]\n"
            "final, pool = (2048, 7, 7), (2048,)\n"
            "shapes = [*incre, *down, final, pool]"
        ),
        expected=_shapes,
        hints=(
            "Which of these shapes depend on the width of branch 0 at all? Look at the table again.",
            "Planes are 32, 64, 128, 256 in every variant, and a bottleneck puts out four times as many channels.",
            "A way down has the shape of the widened stream that it is added to; the pool has channels only: (2048,).",
        ),
        accept=_same_shapes,
        show=_show_shapes,
    ),
    Exercise(
        name="04.3",
        task="Make the map of evidence for the top class: each channel of head.final, weighted by the classifier.",
        stars=2,
        minutes=6,
        stub='best = trace["logits"][0].argmax()\nevidence = None',
        solution=(
            'best = trace["logits"][0].argmax()\n'
            "weights = net.classifier.weight[best]\n"
            'evidence = (weights[:, None, None] * trace["head.final"][0]).sum(dim=0)'
        ),
        expected=_evidence,
        hints=(
            "net.classifier.weight[best] has one weight per channel of head.final. Multiply, add up over channels.",
            "weights[:, None, None] stretches the weights over rows and columns.",
            '(net.classifier.weight[best][:, None, None] * trace["head.final"][0]).sum(dim=0)',
        ),
        tolerance=1e-3,
    ),
    Exercise(
        name="04.4",
        task="Compute the logits with head.down1 cut, from tensors of the trace and modules of the head.",
        stars=3,
        minutes=10,
        stub="logits = None",
        solution=(
            "carry = net.downsamp_modules[2]\n"
            'y = trace["head.incre3"] + carry(trace["head.incre2"])\n'
            "logits = net.classifier(net.pool(net.final_layer(y)))"
        ),
        expected=_cut,
        hints=(
            "head.sum2 is head.incre2 + head.down1. What is left of it? Go on from there with the modules of the net.",
            "What is left goes through net.downsamp_modules[2] and is added to trace['head.incre3'].",
            "Then come net.final_layer, net.pool and net.classifier.",
        ),
        tolerance=1e-3,
    ),
)
