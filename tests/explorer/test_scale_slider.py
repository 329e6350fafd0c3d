"""The slider of notebook 06: it shows what an ablation computes, and its twin says so in words."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import hrnet_viz as hv
from hrnet_viz.canvas.painting import short
from hrnet_viz.explorer import sliders as scaling
from hrnet_viz.interventions.ablation import ablate

PATH = "stage4.0.fuse3<-0"


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = hv.hrnet("hrnet_w18_small_v1", num_outputs=5)
    return hv.update_batchnorm(net, torch.randn(4, 3, 64, 64)).eval()


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


def test_it_can_start_anywhere_and_is_told_what_it_has_not(net, trace):
    made = scaling.ScaleSlider(net, trace, 2, "stage4.0.fuse_layers.3.0", factor=0.5)
    assert (made.site, made.factor) == (PATH, 0.5)
    torch.testing.assert_close(made.logits, ablate(net, trace, PATH, 0.5).logits[0])
    assert scaling.ScaleSlider(net, trace, 2, "stage4.0.sum0").site == "stage4.0.sum0"
    with pytest.raises(ValueError, match="ScaleSlider has no choice 'fctor'"):
        scaling.ScaleSlider(net, trace, 2, PATH, fctor=0.5)


def test_the_thumb_moves_picture_and_words_and_python_moves_the_thumb(slider):
    before = pixels(slider)
    slider.children[1].value = 0.0
    assert slider.factor == 0
    assert not np.array_equal(before, pixels(slider))
    assert "times 0.00: the logit of output 2 moves by" in slider.children[3].value
    numbers = f"output 2 {slider.logits[2]:.2f} ({slider.base_logits[2]:.2f})"
    assert numbers in slider.children[2].tooltip, "the text alternative of the picture"
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
    assert f"output 2 is at {short(off)} when it is switched off" in alt
    assert "the gradient predicts" in alt


def test_of_many_outputs_the_highest_and_the_target_are_shown():
    logits = torch.arange(100.0)
    assert scaling.choose_rows(logits, 3) == [3, *range(89, 100)]
    assert scaling.choose_rows(logits[:4], 3) == [0, 1, 2, 3]
