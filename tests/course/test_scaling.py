"""The slider and the pictures of notebook 06: they show what an ablation computes, and say so in words."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import hrnet_viz as hv
from hrnet_viz.analysis.ablation import ablate
from hrnet_viz.course import effects, scaling

PATH = "stage4.0.fuse3<-0"


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = hv.hrnet("hrnet_w18_small_v1", num_outputs=5)
    return hv.settle_norms(net, torch.randn(4, 3, 64, 64)).eval()


@pytest.fixture(scope="module")
def trace(net):
    return hv.trace(net, torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)))


@pytest.fixture
def slider(net, trace):
    return scaling.ScaleSlider(net, trace, 2, PATH)


def pixels(slider):
    return np.asarray(Image.open(io.BytesIO(slider.children[2].value)).convert("RGB"))


def test_the_slider_shows_what_an_ablation_computes(net, trace, slider):
    slider.factor = 0.25
    torch.testing.assert_close(slider.logits, ablate(net, trace, PATH, 0.25).logits[0])
    slider.site = "stage4.0.branch1"
    torch.testing.assert_close(slider.logits, ablate(net, trace, "stage4.0.branch1", 0.25).logits[0])
    slider.factor = 1.0
    assert torch.equal(slider.logits, trace["logits"][0])


def test_the_thumb_moves_picture_and_words_and_python_moves_the_thumb(slider):
    before = pixels(slider)
    slider.children[1].value = 0.0
    assert slider.factor == 0
    assert not np.array_equal(before, pixels(slider))
    assert "times 0.00: the logit of class 2 moves by" in slider.children[3].value
    slider.factor = 2.0
    assert slider.children[1].value == 2


def test_the_picture_is_small_enough_to_be_swapped_at_every_move(slider):
    assert len(slider.children[2].value) < 10_000


def test_a_wrong_class_or_site_is_a_sentence(net, trace):
    with pytest.raises(ValueError, match="class"):
        scaling.ScaleSlider(net, trace, 7, PATH)
    with pytest.raises(hv.SiteError, match="fuse"):
        scaling.ScaleSlider(net, trace, 2, "stage4.0.fuse3<-9")


def test_the_twin_tells_the_ends_of_the_curve_and_the_tangent(net, trace, slider):
    off = float(ablate(net, trace, PATH, target=2).score[0])
    alt = slider.figure().alt
    assert f"class 2 is at {effects.short(off)} when it is switched off" in alt
    assert "the gradient predicts" in alt


def test_of_many_outputs_the_highest_and_the_target_are_shown():
    logits = torch.arange(100.0)
    assert scaling.choose_rows(logits, 3) == [3, *range(89, 100)]
    assert scaling.choose_rows(logits[:4], 3) == [0, 1, 2, 3]


def test_pairs_have_what_they_add_beside_the_effects_alone(net, trace):
    sites = ["stage4.0.fuse3<-3", "stage4.0.fuse3<-0", "stage4.0.fuse0<-0"]
    found = scaling.measure_pairs(net, trace, sites, 2)
    alone = [float(ablate(net, trace, site, target=2).effect) for site in sites]
    both = float(ablate(net, trace, sites[:2], target=2).effect)
    torch.testing.assert_close(found.diagonal().tolist(), alone)
    assert float(found[0, 1]) == pytest.approx(both - alone[0] - alone[1], abs=1e-6)
    assert torch.equal(found, found.T)
    assert abs(found[0, 1]) > 1e-4  # a net without ReLU would give 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_say_in_words_what_they_show(net, theme):
    changes = {"zero": torch.tensor([0.5, -0.25]), "mean": torch.tensor([0.0, 0.125])}
    alt = effects.draw_changes(changes, ("cat", "dog"), 1, PATH, theme=theme).alt
    assert "zero: dog moves by -0.25; mean: dog moves by +0.12" in alt
    sites = net.sites(kind="fuse_path")[:3]
    alt = effects.draw_predictions(sites, [0.1, 0.2, -0.3], [0.1, -0.2, -0.3], theme=theme).alt
    assert f"Furthest from the line is {sites[1].name}: predicted 0.2, measured −0.2" in alt
    matrix = torch.tensor([[1.0, 0.1, -0.6], [0.1, 2.0, 0.2], [-0.6, 0.2, 3.0]])
    picture = effects.draw_pairs(["stage4.0.a", "stage4.0.b", "stage4.0.c"], matrix, theme=theme)
    assert "adds the most, −0.6, is stage4.0.a with stage4.0.c" in picture.alt
    words = effects.draw_where(
        np.zeros((8, 8, 3), np.uint8), {"stage4.0.branch0": torch.eye(4)}, "Map", theme=theme
    ).alt
    assert "stage4.0.branch0 0 to 1" in words
    assert picture.pixels(0.5).std() > 0
