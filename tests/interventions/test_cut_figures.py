"""Bars of cuts: every effect with its sign, one scale, and sentences for what cannot be drawn."""

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.canvas.colours import BRANCH_COLOURS, HEAD_COLOUR
from hrnet_viz.interventions.ablation import ablate
from hrnet_viz.interventions.figures import cut_effects
from tests.nets.made_trace import axes_called, complain_about_words, words_of

PARTS = ("head.incre0", "head.down0", "head.incre3", "head.final")


@pytest.fixture(scope="module")
def passes():
    """A net and photos, so that effects are computed and not made up."""
    torch.manual_seed(0)
    net = hv.hrnet("hrnet_w18_small_v1", num_outputs=4)
    x = torch.randn(2, 3, 64, 64)
    hv.update_batchnorm(net, x)
    net.eval()
    return net, hv.trace(net, x)


@pytest.fixture(scope="module")
def cuts(passes):
    net, trace = passes
    return [ablate(net, trace, part, how) for part in PARTS for how in ("zero", "mean")]


def bars_of(picture, how):
    [axes] = axes_called(picture, how)
    return {round(bar.get_y() + bar.get_height() / 2): bar for bar in axes.containers for bar in bar}


def test_a_bar_is_as_long_as_the_effect_and_has_the_colour_of_its_branch(cuts):
    from matplotlib.colors import to_hex

    picture = cut_effects(cuts, index=1)
    for how, chosen in (("zero", cuts[0::2]), ("own mean", cuts[1::2])):
        bars = bars_of(picture, how)
        for row, one in enumerate(chosen):
            assert bars[row].get_width() == pytest.approx(float(one.effect[1]), abs=1e-6)
    colours = [to_hex(bars_of(picture, "zero")[row].get_facecolor()) for row in range(4)]
    assert colours[0] == BRANCH_COLOURS[0]
    assert colours[2] == BRANCH_COLOURS[3]
    assert colours[3] == HEAD_COLOUR


def test_all_bars_share_one_scale(cuts):
    picture = cut_effects(cuts)
    limits = {axes.get_xlim() for axes in picture.axes}
    assert len(limits) == 1
    [(low, high)] = limits
    assert low == -high
    assert high > max(abs(float(one.effect[0])) for one in cuts)


def test_words_fit_and_alt_text_tells_every_effect(cuts):
    picture = cut_effects(cuts)
    assert not complain_about_words(picture)
    for part in PARTS:
        assert f"{part} set to zero: " in picture.alt
        assert f"{part} replaced by its own mean: " in picture.alt
    assert any(text.startswith(("+", "−")) for text, _ in words_of(picture))


def test_numbers_stay_in_their_column_and_a_path_has_the_colour_of_its_source(passes):
    from matplotlib.colors import to_hex

    net, trace = passes
    hows = ("zero", "mean", 0.5)
    picture = cut_effects([ablate(net, trace, f"stage4.0.fuse3<-{j}", how) for j in range(4) for how in hows])
    picture.pixels(1)
    bars = bars_of(picture, "zero")
    assert [to_hex(bars[row].get_facecolor()) for row in range(4)] == list(BRANCH_COLOURS)
    for how in ("zero", "own mean", "scaled by 0.5"):
        [axes] = axes_called(picture, how)
        ends = axes.get_window_extent()
        for text in axes.texts:
            assert ends.x0 <= text.get_window_extent().x0
            assert text.get_window_extent().x1 <= ends.x1


def test_what_cannot_be_drawn_is_refused_in_words(passes, cuts):
    net, trace = passes
    with pytest.raises(ValueError, match="No ablation was given"):
        cut_effects([])
    with pytest.raises(ValueError, match="has 2 edits"):
        cut_effects([ablate(net, trace, ["head.incre0", "head.incre1"])])
    with pytest.raises(ValueError, match="different targets: output 0, output 1"):
        cut_effects([ablate(net, trace, "head.incre0", target=k) for k in (0, 1)])
    with pytest.raises(IndexError, match="photos 0 to 1"):
        cut_effects(cuts, index=2)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_looks_as_it_did(golden_figure, cuts, theme):
    golden_figure(f"cut_effects_{theme}", cut_effects(cuts, theme=theme))
