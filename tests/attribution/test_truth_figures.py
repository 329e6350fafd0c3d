"""Pictures of the truth tests: chance is always drawn, the words have the numbers, and none lies over another."""

from dataclasses import replace

import pytest
import torch

from hrnet_viz.attribution.checks import Agreement, Sanity
from hrnet_viz.attribution.covering import AverageDrop, Curves
from hrnet_viz.attribution.pointing import Pointing
from hrnet_viz.attribution.truth_figures import (
    agreement_dots,
    deletion_curves,
    drop_dots,
    pointing_dots,
    sanity_curves,
    site_colour_of,
)
from hrnet_viz.canvas.colours import BRANCH_COLOURS, HEAD_COLOUR, STEM_COLOUR
from tests.nets.made_trace import axes_called, complain_about_words, words_of

METHODS = ("gradcam", "gradcam++", "xgradcam", "hirescam", "layercam")
SITES = tuple(f"stage4.2.branch{b}" for b in range(4))
LEVELS = ("logits", "head.final", "head", "stage4.1", "stage4.0", "transition3", "stage3.0", "stage1", "stem")
N = 6


def made(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def curves(kind="deletion", method="gradcam", site=SITES[0], lift=0.0):
    falling = torch.linspace(0.9, 0.1, 5).expand(N, -1)
    return Curves(
        kind, site, method, torch.linspace(0, 1, 5), falling - lift, falling, ("cat",) * N, ("a",) * N, "mean", 2, 0
    )


def drop(method, site):
    return AverageDrop(
        site, method, made(N) + 1, made(N, seed=1), made(N, seed=2), ("cat",) * N, ("a",) * N, "mean", "cells", 0
    )


POINTING = Pointing(
    METHODS, SITES, made(5, 4, N, 4), made(5, 4, N, 4), torch.zeros(5, 4, N, 4, dtype=torch.bool), ("a",) * N, (0,) * N,
    (2, 2), (64, 64), 0,
)  # fmt: skip
SANITY = Sanity(METHODS, SITES, LEVELS, made(5, 4, len(LEVELS), N) - 0.3, ("cat",) * N, ("a",) * N, 0)
AGREEMENT = Agreement(
    METHODS, SITES, made(5, 4, N, 9), made(4, N, 9, seed=3), 3, ("cat",) * N, ("a",) * N, 0
)  # fmt: skip
FIGURES = {
    "pointing": lambda theme: pointing_dots(POINTING, theme=theme),
    "drop": lambda theme: drop_dots([drop(method, site) for method in METHODS for site in SITES], theme=theme),
    "agreement": lambda theme: agreement_dots(AGREEMENT, theme=theme),
    "deletion": lambda theme: deletion_curves([curves(site=site) for site in SITES], theme=theme),
    "insertion": lambda theme: deletion_curves([curves("insertion", method) for method in METHODS[:3]], theme=theme),
    "sanity": lambda theme: sanity_curves(SANITY, theme=theme),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_words_fit_and_say_what_is_seen(draw):
    picture = draw("light")
    assert not complain_about_words(picture)
    assert "photos" in picture.caption or "measures" in picture.caption
    assert "Grad-CAM at stage4.2.branch0" in picture.alt
    assert picture.png() != draw("dark").png()


def test_dots_stand_beside_chance_in_the_colour_of_their_resolution():
    picture = pointing_dots(POINTING)
    (axes,) = axes_called(picture, "share of hits")
    dashed = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert [line.get_xdata()[0] for line in dashed] == [0.25]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [dot.get_color() for dot in dots] == list(BRANCH_COLOURS) * 5
    assert dots[0].get_xdata()[0] == pytest.approx(POINTING.accuracy("gradcam", SITES[0]).value)


def test_what_is_not_defined_gets_no_dot():
    picture = agreement_dots(replace(AGREEMENT, sums=torch.ones_like(AGREEMENT.sums)))  # a map that is flat
    (axes,) = axes_called(picture, "rank correlation")
    assert not [line for line in axes.lines if line.get_marker() == "o"]
    assert "not defined" in picture.alt


def test_curves_tell_the_area_gained_with_its_sign():
    words = [text for text, _ in words_of(deletion_curves([curves(lift=0.1), curves(method="layercam", lift=-0.1)]))]
    assert "Grad-CAM +0.1" in words
    assert "LayerCAM −0.1" in words
    with pytest.raises(ValueError, match="draw them in two figures"):
        deletion_curves([curves(), curves("insertion")])
    with pytest.raises(ValueError, match="nothing to draw"):
        drop_dots([])


def test_sites_have_the_colour_of_their_branch():
    assert site_colour_of("stage4.1.branch2") == BRANCH_COLOURS[2]
    assert site_colour_of("head.final") == HEAD_COLOUR
    assert site_colour_of("stem") == STEM_COLOUR


def test_the_sanity_check_starts_from_the_net_as_given_trained_or_not():
    picture = sanity_curves(SANITY)
    words = [text for text, _ in words_of(picture)]
    assert words.count("as given") == len(METHODS)
    assert "trained" not in " ".join([*words, picture.caption, picture.alt])
