"""The plain sliders: driven from Python they show the right tensor, and never leave what the net has."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import hrnet_viz as hv
from hrnet_viz.canvas.colours import SEQUENTIAL, SIGNED, lookup_table
from hrnet_viz.explorer.sliders import MapSliders, draw_maps


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
    assert sliders._image.value == draw_maps([sliders.map])
    assert sliders._image.tooltip.startswith(f"{site}, channel {sliders.channel}: "), "its text alternative"


def test_a_slider_moves_the_picture_and_the_trait_moves_the_slider(trace):
    sliders = MapSliders(trace, stage=2)
    before = sliders._image.value
    sliders._controls["channel"].value = 3
    assert sliders.channel == 3
    assert sliders._image.value != before
    sliders.branch = 1
    assert sliders._controls["branch"].value == 1


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
    assert sliders._controls["branch"].disabled


def test_the_picture_is_the_map_in_whole_pixels():
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    image = Image.open(io.BytesIO(draw_maps([values])))
    assert (image.mode, image.size) == ("P", (448, 336))
    assert bytes(image.getpalette()) == lookup_table(SEQUENTIAL).tobytes()
    indices = np.asarray(image)[::112, ::112]
    np.testing.assert_array_equal(indices, np.rint(values * 255 / 11))
    assert not np.asarray(Image.open(io.BytesIO(draw_maps([np.full((2, 2), 7.0)])))).any()  # a constant map is dark


def test_any_maps_stand_in_a_row_on_one_scale():
    maps = torch.arange(24.0).view(2, 3, 4) - 6

    def draw(channel, what):
        return {"one": maps[channel], what: -maps[channel]}

    made = hv.sliders(draw, channel=range(2), what=["other", "another"])
    assert made._words.value == "<code>channel 0, what other</code>: one −6 to 5; other −5 to 6"
    before = np.asarray(Image.open(io.BytesIO(made._image.value)).convert("RGB"))
    assert (before[0, 0] == lookup_table(SIGNED)[0]).all()  # −6, the lowest of both
    assert (before[-1, -1] != lookup_table(SIGNED)[255]).any()  # −5 is not the highest
    made._controls["channel"].value = 1
    assert made.channel == 1
    assert "one 6 to 17" in made._image.tooltip, "the text alternative follows"
    made.what = "another"
    assert made._controls["what"].value == "another"
    assert repr(made) == "FunctionSliders()"


def test_a_photo_stands_beside_in_grey():
    photo = hv.photo("cat")
    image = np.asarray(
        Image.open(io.BytesIO(hv.sliders(lambda n: torch.eye(4) * n, photo=photo, n=[1])._image.value)).convert("RGB")
    )
    left, right = np.split(image[:, : image.shape[1] // 2 * 2], 2, axis=1)
    assert (left.max(2) == left.min(2)).mean() > 0.97
    assert right.shape == left.shape


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda: hv.sliders(lambda: torch.eye(2)), "needs something to choose"),
        (lambda: hv.sliders(lambda n: torch.eye(2), n=[]), "needs something to choose"),
        (lambda: hv.sliders(lambda n: torch.zeros(1, 2, 2), n=[1]), r"A map \(H, W\) was expected; this has shape"),
        (lambda: setattr(hv.sliders(lambda n: torch.eye(2), n=[1]), "m", 3), "FunctionSliders has no choice 'm'"),
    ],
)
def test_what_is_no_choice_and_no_map(use, words):
    with pytest.raises(ValueError, match=words):
        use()
