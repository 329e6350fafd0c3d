"""The plain sliders: driven from Python they show the right tensor, and never leave what the net has."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import hrnet_viz as hv
from hrnet_viz.explorer.sliders import PALETTE, MapSliders, draw_map


@pytest.fixture(scope="module")
def trace():
    torch.manual_seed(1)
    return hv.trace(hv.hrnet("hrnet_w18_small_v2", num_outputs=3), torch.randn(1, 3, 64, 64))


@pytest.mark.parametrize(
    ("state", "site"),
    [
        ({}, "stage1"),
        ({"stage": 3, "module": 1, "branch": 2, "channel": 5}, "stage3.1.branch2"),
        ({"stage": 4, "branch": 3, "exchanged": True}, "stage4.0.out3"),
    ],
)
def test_shows_the_tensor_that_its_numbers_name(trace, state, site):
    sliders = MapSliders(trace, **state)
    assert sliders.site == site
    np.testing.assert_array_equal(sliders.map, trace[site][0, state.get("channel", 0)].numpy())
    assert sliders._image.value == draw_map(sliders.map)
    assert sliders._image.tooltip.startswith(f"{site}, channel {sliders.channel}: "), "its text alternative"


def test_a_slider_moves_the_picture_and_the_trait_moves_the_slider(trace):
    sliders = MapSliders(trace, stage=2)
    before = sliders._image.value
    sliders._sliders["channel"].value = 3
    assert sliders.channel == 3
    assert sliders._image.value != before
    sliders.branch = 1
    assert sliders._sliders["branch"].value == 1


def test_what_is_no_trace_and_no_slider_is_told(trace):
    with pytest.raises(TypeError, match=r"MapSliders takes a Trace first, but a Photo was given\. hv\.trace"):
        MapSliders(hv.photo("cat"))
    with pytest.raises(ValueError, match=r"MapSliders has no choice 'chanel'\. Did you mean 'channel'"):
        MapSliders(trace, chanel=3)


def test_numbers_stay_within_the_net(trace):
    sliders = MapSliders(trace, stage=4, module=1, branch=3, channel=143)
    assert (sliders.module, sliders.branch, sliders.channel) == (1, 3, 143)
    sliders.stage = 2
    assert (sliders.site, sliders.channel) == ("stage2.0.branch1", 35)
    sliders.stage = 9
    assert sliders.stage == 4
    sliders.stage = 1
    assert sliders._sliders["branch"].disabled


def test_the_picture_is_the_map_in_whole_pixels():
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    image = Image.open(io.BytesIO(draw_map(values)))
    assert (image.mode, image.size) == ("P", (448, 336))
    assert bytes(image.getpalette()) == PALETTE
    indices = np.asarray(image)[::112, ::112]
    np.testing.assert_array_equal(indices, np.rint(values * 255 / 11))
    assert not np.asarray(Image.open(io.BytesIO(draw_map(np.full((2, 2), 7.0))))).any()  # a constant map is dark
