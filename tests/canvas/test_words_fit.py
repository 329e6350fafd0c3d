"""In every figure, for every shape of net and photo that matters, no word is cut off and none lies over another."""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.attribution.cams import Cams
from hrnet_viz.interventions.edits import Change
from hrnet_viz.interventions.sweep_table import Effect
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.photos.scenes import checker
from hrnet_viz.runner import size_at
from tests.heads.made_heads import made_head
from tests.nets.made_trace import complain_about_words, made_trace, make_waves

draw = hv.figures
FIGURES = {
    "activation_summary": [lambda kit: draw.activation_summary(hv.activations.statistics(kit.trace))],
    "branch_life": [
        lambda kit: draw.branch_life(kit.trace, 0),
        lambda kit: draw.branch_life(kit.trace, 3, show="strongest"),
    ],
    "branch_maps": [
        lambda kit: draw.branch_maps(kit.trace, "stage2.0"),
        lambda kit: draw.branch_maps(kit.trace, "stage4.0", after="exchange", show="strongest"),
    ],
    "cam_chain": [lambda kit: draw.cam_chain(kit.cams)],
    "cam_classes": [
        lambda kit: draw.cam_classes([kit.cams, kit.cams]),
        lambda kit: draw.cam_classes([kit.cams], ["stem", "head.incre3"]),
    ],
    "cam_depth": [lambda kit: draw.cam_depth(kit.cams), lambda kit: draw.cam_depth(kit.cams, 3)],
    "cam_grid": [
        lambda kit: draw.cam_grid(kit.cams),
        lambda kit: draw.cam_grid(kit.cams, kind="fuse_out", enlarge="bilinear"),
        lambda kit: draw.cam_grid(kit.cams, scale="misleading"),
    ],
    "channel_grid": [
        lambda kit: draw.channel_grid(kit.trace, "stage3.0.branch0"),
        lambda kit: draw.channel_grid(kit.trace, "stage1"),
        lambda kit: draw.channel_grid(kit.trace, "stage4.0.sum3", sort="energy"),
        lambda kit: draw.channel_grid(kit.trace, "stage4.0.fuse0<-3", scale="site", sort="max"),
        lambda kit: draw.channel_grid(kit.trace, "stem", most=3),
    ],
    "cut_effects": [lambda kit: draw.cut_effects(kit.cuts)],
    "effect_bars": [lambda kit: draw.effect_bars(kit.sweep)],
    "effect_matrices": [lambda kit: draw.effect_matrices(kit.sweep)],
    "exchange_ribbons": [lambda kit: draw.exchange_ribbons(kit.shares, "decided")],
    "exchange_steps": [
        lambda kit: draw.exchange_steps(kit.trace, "stage2.0.sum1"),
        lambda kit: draw.exchange_steps(kit.trace, "stage3.0.out2"),
        lambda kit: draw.exchange_steps(kit.trace, "stage4.0.sum0", channel=15),
    ],
    "first_order_scatter": [lambda kit: draw.first_order_scatter(kit.first_order, misses=1)],
    "head_choices": [lambda kit: draw.head_choices(kit.choices)],
    "head_steps": [lambda kit: draw.head_steps(kit.trace)],
    "pair_matrix": [lambda kit: draw.pair_matrix(kit.pairs)],
    "pyramid_levels": [lambda kit: draw.pyramid_levels(kit.pyramid)],
    "region_maps": [lambda kit: draw.region_maps(kit.ocr, [0, 3])],
    "point_answers": [lambda kit: draw.point_answers(checker(64, 8).pixels, (3, 60), {"a net": torch.rand(16, 16)})],
    "response_curves": [
        lambda kit: draw.response_curves(
            [0.0, 1.0, 2.0], kit.trace["logits"][:1] * torch.tensor([[1.0], [2.0], [4.0]]), kit.trace.classes,
            target=2, slope=float(kit.trace["logits"][0, 0]), site="stage4.0.fuse3<-0",
        ),
    ],
    "share_maps": [lambda kit: draw.share_maps(kit.shares, "stage4.0.sum0")],
    "share_matrices": [
        lambda kit: draw.share_matrices(kit.shares),
        lambda kit: draw.share_matrices(kit.shares, "projection"),
    ],
}  # fmt: skip
ELSEWHERE = {
    "autograd_graph": "test_autograd: Graphviz lays it out, in boxes as wide as their words",
    "contribution_matrices": "test_figures of exchanges: drawn as share_matrices are",
    "effect_diagram": "test_drawing: a diagram is no page with words but boxes that fit them",
    "exchange_diagram": "test_drawing",
    "network_diagram": "test_drawing",
    "receptive_field_maps": "test_figures of receptive fields: it needs fields that were measured",
    **dict.fromkeys(("agreement_dots", "deletion_curves", "drop_dots", "pointing_dots"), "test_truth_figures"),
    "sanity_curves": "test_truth_figures",
    **dict.fromkeys(("Diagram", "DotNotFound", "Picture", "colour_map", "use_theme"), "no figure"),
}


def test_no_figure_is_forgotten():
    assert {*FIGURES} | {*ELSEWHERE} == {*hv.figures.__all__}
    assert not {*FIGURES} & {*ELSEWHERE}


LABELS = ("zero", "own mean", "scaled by 0.5")
KITS = {
    "small": ("hrnet_w18_small_v1", False, 1.0),
    "deep and wide": ("hrnet_w48", True, 1.0),
    "huge numbers": ("hrnet_w18_small_v1", False, -3.3e7),
    "tiny numbers": ("hrnet_w18_small_v1", False, 2.7e-5),
}


@cache
def make_kit(name, wide, factor):
    """Everything that figures take, its numbers made by formulas; wide photos are twice as wide as high."""
    trace = made_trace(name, size=64 if wide else 128, photos=1 if wide else 2)
    values = {site: value * factor for site, value in trace.items()}
    if wide:
        values = {site: torch.cat([value, value], 3) if value.ndim == 4 else value for site, value in values.items()}
        trace = replace(trace, input=torch.cat([trace.input] * 2, 3))
    trace = replace(trace, tensors=values)
    plan, photos = trace.plan, [photo.name for photo in trace.photos]
    paths = plan.select(kind="fuse_path")
    numbers = torch.linspace(-2, 3, len(photos) * len(paths)).double().view(len(photos), -1) * factor
    effects = [
        Effect(
            photo=photo, item=path.name, stage=path.stage, module=path.module, branch=path.branch, source=path.source,
            channel=None, edit="zero", target="german shepherd", base_score=float(factor), score=float(number),
            effect=float(number), base_probability=0.5, probability=0.25, base_rank=1, rank=2, base_top="cat",
            top="cat",
        )
        for photo, row in zip(photos, numbers, strict=True)
        for path, number in zip(paths, row, strict=True)
    ]  # fmt: skip
    last = [path.name for path in paths[-4:]]
    with torch.device("meta"):
        choices = hv.heads.choices(hv.hrnet(name, num_outputs=1000), 512, 1024 if wide else 512)
    return SimpleNamespace(
        trace=trace,
        cams=make_cams(name, (64, 96) if wide else (64, 64), factor),
        shares=hv.exchanges.shares(trace),
        sweep=hv.Sweep(tuple(effects), {"variant": plan.owner}),
        cuts=[make_cut(trace, place, label, factor) for place in last for label in LABELS],
        pairs=hv.interventions.PairEffects(tuple(last), tuple(photos), ("cat",) * len(photos), "zero",
                                           numbers[:, :16].view(-1, 4, 4)),
        first_order=hv.interventions.FirstOrder(
            tuple(path.name for path in paths), paths, tuple(photos), ("cat",) * len(photos), "zero", numbers,
            numbers.flip(1),
        ),
        choices=choices,
        **{head: made_head(head, name, (64, 128) if wide else (128, 128), factor) for head in ("pyramid", "ocr")},
    )  # fmt: skip


def make_cams(name, size, factor):
    with torch.device("meta"):
        plan = hv.hrnet(name, num_outputs=6).plan
    picture = checker(size, 16)
    x = Preparation(size=size).tensor(picture)
    spatial = [step.site for step in plan.steps if step.site.stride is not None]
    maps = {site.name: make_waves(1, 1, size_at(site, x), k)[:, 0] * factor for k, site in enumerate(spatial)}
    silent = "stage4.0.branch3"
    maps[silent] = -maps[silent].abs() - abs(factor)
    score = torch.tensor([1.25 * factor])
    return Cams(
        plan, maps, "gradcam", ("german shepherd rather than cat",), (0,), score, x, (), (picture,),
        Preparation(size=size), notes={silent: ("Nothing there speaks for it.",)},
    )  # fmt: skip


def make_cut(trace, place, label, factor):
    n, zeros = len(trace.input), torch.zeros(len(trace.input), 6)
    change = Change(trace.plan.place(place), label, torch.zeros_like)
    base = torch.full((n,), float(factor))
    words, after = ("german shepherd",) * n, -2.5 * base
    return hv.interventions.Ablation(
        trace.plan, (change,), ("cat",) * n, (), zeros, zeros, words, (0,) * n, base, after, {}, {}
    )


@pytest.mark.parametrize("kit", KITS.values(), ids=KITS)
@pytest.mark.parametrize("figure", FIGURES)
def test_words_fit(figure, kit):
    for number, make in enumerate(FIGURES[figure]):
        assert not complain_about_words(make(make_kit(*kit))), f"picture {number}"
