"""Figures of sweeps, forecasts and receptive fields: the numbers are those of the analysis, and the words fit."""

import copy

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

import hrnet_viz as hv
from hrnet_viz import sweep
from hrnet_viz.canvas.colours import branch_colour
from hrnet_viz.interventions.figures import describe_edit, effect_bars, effect_diagram, effect_matrices
from hrnet_viz.interventions.first_order import first_order
from hrnet_viz.interventions.first_order_figures import first_order_scatter
from hrnet_viz.interventions.sweep_table import Sweep
from tests.nets.made_trace import axes_called, complain_about_words, words_of
from tests.nets.trained_like import photos, trained_like

THEMES = ("light", "dark")


@pytest.fixture(scope="module")
def net():
    net = copy.deepcopy(trained_like())
    net.preparation = hv.Preparation(size=96)
    net.classes = ("cat", "dog", "english_springer", "church", "french_horn", "tench", "gas_pump")
    return net


@pytest.fixture(scope="module")
def paths(net):
    return sweep(net, photos(2), target="dog")


@pytest.mark.parametrize("theme", THEMES)
def test_effect_matrices(paths, theme):
    picture = effect_matrices(paths, theme=theme)
    assert not complain_about_words(picture)
    assert picture.title == "What happens to “dog” when one part is set to zero"
    shown = axes_called(picture, "stage4.0")[0].images[0]
    assert np.allclose(shown.get_array(), paths.matrices()["stage4.0"])
    assert shown.get_clim()[0] == -shown.get_clim()[1]
    assert not complain_about_words(effect_matrices(paths, "probability", theme=theme))


@pytest.mark.parametrize("theme", THEMES)
def test_effect_bars(paths, theme):
    picture = effect_bars(paths, most=9, theme=theme)
    assert not complain_about_words(picture)
    means = paths.mean()
    order = sorted(means, key=lambda item: -abs(means[item]))[:9]
    [axes] = axes_called(picture, "effects")
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([means[item] for item in order])
    assert axes.patches[0].get_facecolor()[:3] == to_rgb(branch_colour(int(order[0][-1])))  # its source
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    each = [effect.effect for effect in paths.effects if effect.item == order[0]]
    assert dots[0].get_xdata() == pytest.approx(each)
    assert f"{len(means) - 9} smaller ones are left out" in picture.caption
    assert order[0] in picture.alt


def test_bars_of_channels_modules_and_of_one_photo(net):
    for over in ("stage4.0.out0", "modules"):
        result = sweep(net, photos(1), over)
        picture = effect_bars(result)
        assert not complain_about_words(picture)
        assert "A dot is one photo" not in picture.caption
        assert any(text == result.items[0] for text, _ in words_of(effect_bars(result, most=99)))


def test_the_diagram_carries_the_effects(net, paths):
    drawn = effect_diagram(net, paths)
    assert "change of the score" in drawn.caption + drawn.alt
    assert "stage4.0.fuse0<-3" in str(drawn.source) + drawn.alt
    with pytest.raises(ValueError, match=r"'stage4\.0\.out0\[0\]' is no site of the diagram"):
        effect_diagram(net, sweep(net, photos(1), ["stage4.0.branch0", "stage4.0.out0[0]"]))


def test_says_what_was_done():
    assert describe_edit("zero") == "set to zero"
    assert describe_edit("scaled by 0.5") == "scaled by 0.5"
    assert describe_edit("patched from cat") == "patched from cat"
    assert describe_edit("mean of 3 photos") == "replaced by the mean of 3 photos"
    assert describe_edit("own mean") == "replaced by its own mean"


def test_nothing_to_draw(paths):
    for draw in (effect_matrices, effect_bars):
        with pytest.raises(ValueError, match="no effects to draw"):
            draw(Sweep(()))
    with pytest.raises(ValueError, match="column='top'"):
        effect_matrices(paths, "top")
    with pytest.raises(ValueError, match="most=0"):
        effect_bars(paths, most=0)


@pytest.mark.parametrize("theme", THEMES)
def test_first_order_scatter(net, theme):
    result = first_order(net, photos(2), target="dog")
    picture = first_order_scatter(result, theme=theme)
    assert not complain_about_words(picture)
    [axes] = axes_called(picture, "scatter")
    points = [line for line in axes.lines if isinstance(line, Line2D) and line.get_linestyle() == "None"]
    assert len(points) == len(result.items)
    number = result.items.index("stage3.0.fuse0<-2")
    assert points[number].get_xdata() == pytest.approx(result.predicted[:, number].numpy())
    assert points[number].get_ydata() == pytest.approx(result.measured[:, number].numpy())
    assert points[number].get_color() == branch_colour(2)
    assert result.misses(1)[0].item in picture.alt
    assert f"{result.correlation:.2f}".replace("-", "−") in picture.alt
