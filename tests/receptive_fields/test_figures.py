"""Receptive fields on the photo: what is coloured is the mask, and what the photo cuts off is dashed."""

import copy

import numpy as np
import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.figures import receptive_field_maps
from hrnet_viz.receptive_fields import effective
from tests.nets.made_trace import axes_called, complain_about_words
from tests.nets.trained_like import photos, trained_like

THEMES = ("light", "dark")


@pytest.fixture(scope="module")
def net():
    net = copy.deepcopy(trained_like())
    net.preparation = hv.Preparation(size=96)
    return net


@pytest.mark.parametrize("theme", THEMES)
def test_receptive_fields_on_the_photo(net, theme):
    photo = hv.photo("cat")
    fields = [effective(net, photo, f"stage3.0.branch{b}") for b in range(3)]
    fields += [effective(net, photo, "stage2.0.out0", cell=(2, 20), exchanges=k) for k in (0, 1)]
    picture = receptive_field_maps(fields, net.preparation.picture(photo), theme=theme)
    assert not complain_about_words(picture)
    [axes] = axes_called(picture, "stage3.0.branch0")
    shown, mask = axes.images[0].get_array(), fields[0].mask().numpy()
    colourful = np.ptp(shown, axis=2) > 0.01
    assert (colourful == mask).all()
    assert "no exchange kept" in picture.alt
    assert f"{fields[0].area():,} px" in picture.alt


def test_a_side_that_the_photo_cuts_off_is_dashed(net):
    field = effective(net, photos(1, 96, 96), "stage2.0.branch0", cell=(2, 12))
    assert field.box.top == 0
    [axes] = axes_called(receptive_field_maps(field), "stage2.0.branch0")
    styles = [line.get_linestyle() for line in axes.lines[1::2]]
    assert styles == ["--", "-", "-", "-"]


def test_a_closed_relu_is_said(net):
    dead = copy.deepcopy(net)
    dead.stage2[0].fuse_layers[0][1][1].bias.data.fill_(-1e4)
    picture = receptive_field_maps(effective(dead, photos(), "stage2.0.out0"))
    assert "a ReLU is closed" in picture.alt
    assert not complain_about_words(picture)


def test_fields_and_photo_of_different_sizes(net):
    field = effective(net, photos(1, 64, 96), "stage1")
    with pytest.raises(ValueError, match="64 x 96 px, 96 x 96 px"):
        receptive_field_maps([field], net.preparation.picture(hv.photo("cat")))
    with pytest.raises(ValueError, match="No field was given"):
        receptive_field_maps([])
    assert torch.isfinite(field.energy).all()
