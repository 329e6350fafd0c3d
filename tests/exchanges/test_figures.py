"""Matrices and ribbons of the exchanges: each number is where it belongs, and a width is what it says."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch
from matplotlib.patches import PathPatch

import hrnet_viz as hv
from hrnet_viz.canvas.colours import BRANCH_COLOURS
from hrnet_viz.canvas.matrices import _break_lines, _write
from hrnet_viz.canvas.painting import short
from hrnet_viz.exchanges.contributions import contributions
from hrnet_viz.exchanges.figures import contribution_matrices, share_maps, share_matrices
from hrnet_viz.exchanges.ribbons import exchange_ribbons
from tests.nets.made_trace import axes_called, complain_about_words, numbers_of
from tests.nets.trained_like import photos, trained_like

MEASURES = ("energy", "projection", "cosine", "decided", "opened", "closed")


@pytest.fixture(scope="module")
def base():
    return hv.trace(trained_like(), photos(2), grad=True)


@pytest.fixture(scope="module")
def shares(base):
    return hv.exchanges.shares(base)


@pytest.fixture(scope="module")
def parts(base):
    return contributions(trained_like(), base, 3)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("measure", MEASURES)
def test_words_fit_and_are_said(shares, measure, theme):
    picture = share_matrices(shares, measure, theme=theme)
    assert not complain_about_words(picture)
    assert "stage4.0" in picture.alt
    assert "mean over 2 photos" in picture.caption


def test_a_matrix_shows_output_by_row_and_branch_by_column(shares):
    picture = share_matrices(shares, "projection", index=1)
    [axes] = axes_called(picture, "stage3.0")
    shown = axes.images[0].get_array()
    assert np.allclose(shown, shares.matrix("stage3.0", "projection")[1])
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    value = shares.matrix("stage3.0", "projection")[1, 2, 0].item()
    assert float(cells[0, 2].replace("−", "-")) == pytest.approx(value, abs=0.006)
    limits = {axes.images[0].get_clim() for axes in axes_called(picture, "stage")}
    assert len(limits) == 1
    low, high = limits.pop()
    assert low == -high
    assert numbers_of(*axes_called(picture, "scale"))[1] == "0"


def test_the_mean_over_photos_is_shown_unless_one_is_asked_for(shares):
    shown = axes_called(share_matrices(shares), "stage4.0")[0].images[0].get_array()
    assert np.allclose(shown, shares.matrix("stage4.0").mean(0))
    with pytest.raises(IndexError, match="photos 0 to 1"):
        share_matrices(shares, index=2)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("measure", ["decided", "projection"])
def test_maps_of_a_sum_show_each_path_place_by_place_on_one_scale(shares, measure, theme):
    picture = share_maps(shares, "stage4.0.sum0", measure, index=1, theme=theme)
    assert not complain_about_words(picture)
    [axes] = axes_called(picture, "stage4.0.fuse0<-2")
    expected = shares["stage4.0.sum0"].measure(measure, per="place")[2, 1]
    assert np.allclose(axes.images[0].get_array(), expected)
    assert len({axes.images[0].get_clim() for axes in axes_called(picture, "stage4.0.fuse")}) == 1
    mean = shares["stage4.0.sum0"].measure(measure)[2, 1].item()
    assert f"stage4.0.fuse0<-2 {short(mean)}" in picture.alt
    with pytest.raises(IndexError, match="photos 0 to 1"):
        share_maps(shares, "stage4.0.sum0", index=2)


def test_contributions_in_units_of_the_score(parts):
    picture = contribution_matrices(parts, index=0)
    assert not complain_about_words(picture)
    assert "output 3" in picture.title
    shown = axes_called(picture, "stage4.0")[0].images[0].get_array()
    assert np.allclose(shown, parts.matrix("stage4.0")[0])


def ribbons_of(picture, module, outputs, number):
    """Widths at the start of the ribbons of a module, [output, branch], in rows."""
    [axes] = axes_called(picture, "ribbons")
    found = {}
    for patch in axes.patches:
        points = patch.get_path().vertices
        if isinstance(patch, PathPatch) and patch.get_zorder() > 0 and not patch.get_hatch():
            start = points[0][0]
            if number < start < number + 1:
                found.setdefault(len(found), abs(points[7][1] - points[0][1]))
    return np.array(list(found.values())).reshape(outputs, outputs).T


def test_a_ribbon_is_as_wide_as_its_share(shares):
    picture = exchange_ribbons(shares, index=0)
    expected = np.concatenate([shares.matrix(m)[0].numpy().ravel() for m in shares.modules])
    widths = np.concatenate([ribbons_of(picture, m, k + 2, k).ravel() for k, m in enumerate(shares.modules)])
    wide = expected > 0.05  # narrower ones are drawn as a thread that can be seen
    ratio = widths[wide] / expected[wide]
    assert np.allclose(ratio, ratio[0])
    [legend] = axes_called(picture, "legend")
    rows = axes_called(picture, "ribbons")[0]
    told = float(next(t.get_text() for t in picture.texts if "this wide" in t.get_text()).split()[2])
    pixels_per_row = rows.bbox.height / 4
    assert legend.bbox.height == pytest.approx(told * ratio[0] * pixels_per_row, rel=0.06)


def test_ribbons_fill_a_node_side_by_side(shares):
    [axes] = axes_called(exchange_ribbons(shares, index=0), "ribbons")
    ribbons = [patch.get_path().vertices for patch in axes.patches if patch.get_zorder() > 0]
    for first, last in ((0, 7), (3, 4)):  # corners at the source, corners at the output
        ends = {}
        for points in ribbons:
            ends.setdefault((round(points[first][0], 3), int(points[first][1])), []).append(
                (points[first][1], points[last][1])
            )
        for spans in ends.values():
            spans.sort()
            for (_, low), (high, _) in pairwise(spans):
                assert high == pytest.approx(low, abs=0.005)  # a thread is a little wider than its share


def test_negative_contributions_are_hatched(shares, parts):
    picture = exchange_ribbons(parts, index=0)
    [axes] = axes_called(picture, "ribbons")
    hatched = sum(bool(patch.get_hatch()) for patch in axes.patches)
    assert hatched == sum((parts.matrix(m)[0] < 0).sum().item() for m in shares.modules)
    assert "Hatched: negative" in picture.caption
    assert "Hatched" not in exchange_ribbons(shares).caption
    assert {patch.get_edgecolor()[:3] for patch in axes.patches if patch.get_hatch()} <= {
        tuple(int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)) for colour in BRANCH_COLOURS
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_ribbons_words_fit(shares, parts, theme):
    assert not complain_about_words(exchange_ribbons(shares, "decided", theme=theme))
    assert not complain_about_words(exchange_ribbons(parts, theme=theme))


def test_dead_sums_are_drawn_as_not_a_number(shares):
    dead = {name: dataclasses.replace(one, contributions=one.contributions * 0) for name, one in shares.items()}
    nothing = dataclasses.replace(shares, sums=dead)
    picture = share_matrices(nothing)
    assert axes_called(picture, "stage2.0")[0].texts[0].get_text() == "–"
    picture.png()
    exchange_ribbons(nothing).png()


def test_says_what_is_wrong(shares):
    with pytest.raises(ValueError, match="no measure 'power'"):
        share_matrices(shares, "power")
    with pytest.raises(ValueError, match="no measure 'power'"):
        exchange_ribbons(shares, "power")
    with pytest.raises(ValueError, match="is a direction"):
        exchange_ribbons(shares, "cosine")


def test_numbers_have_the_same_decimals():
    def written(greatest):
        return [_write(value, greatest) for value in (greatest, -greatest / 3, greatest / 1e4, np.nan)]

    assert written(0.94) == [".94", "−.31", "0", "–"]
    assert written(0.034) == [".034", "−.011", "0", "–"]
    assert written(5.2) == ["5.20", "−1.73", "0", "–"]
    assert written(340.0) == ["340", "−113", "0", "–"]
    assert written(1e5)[0] == "1e+05"


def test_modules_break_into_lines_in_their_order():
    w18 = {"stage2.0": 2, **{f"stage3.{k}": 3 for k in range(4)}, **{f"stage4.{k}": 4 for k in range(3)}}
    assert [len(line) for line in _break_lines(w18)] == [5, 3]
    assert [module for line in _break_lines(w18) for module in line] == list(w18)


def test_a_trace_of_one_module_is_enough():
    one = hv.exchanges.shares(hv.trace(trained_like(), photos(1), sites="stage3.0.fuse*"))
    assert not complain_about_words(share_matrices(one))
    assert not complain_about_words(exchange_ribbons(one))
    assert torch.allclose(one.matrix("stage3.0").sum(2), torch.ones(1, 3, dtype=torch.float64))
