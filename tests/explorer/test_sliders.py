"""The plain sliders: driven from Python they show the right tensor, and never leave what the net has."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import hrnet_viz as hv
from hrnet_viz.canvas.colours import SEQUENTIAL, SIGNED, lookup_table
from hrnet_viz.explorer.sliders import GAP, HEAD, SHADES, MapSliders, draw_maps


def pixels(made):
    return np.asarray(Image.open(io.BytesIO(made._image.value)).convert("RGB")).astype(int)


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
    indices = np.asarray(image)[::112, ::112]
    np.testing.assert_array_equal(indices, np.rint(values * (SHADES - 1) / 11))
    colours = np.asarray(image.convert("RGB"))[::112, ::112]
    np.testing.assert_allclose(colours, lookup_table(SEQUENTIAL)[np.rint(values * 255 / 11).astype(int)], atol=3)
    assert not np.asarray(Image.open(io.BytesIO(draw_maps([np.full((2, 2), 7.0)])))).any()  # a constant map is dark


def test_any_maps_stand_in_a_row_on_one_scale():
    maps = torch.arange(24.0).view(2, 3, 4) - 6

    def draw(channel, what):
        return {"one": maps[channel], what: -maps[channel]}

    made = hv.sliders(draw, channel=range(2), what=["other", "another"])
    assert made._words.value == "<code>channel 0, what other</code>: one −6 to 5; other −5 to 6"
    before = pixels(made)
    assert (before[HEAD + 1, 1] == lookup_table(SIGNED)[0]).all()  # −6, the lowest of both
    assert (before[-2, -2] != lookup_table(SIGNED)[255]).any()  # −5 is not the highest
    made._controls["channel"].value = 1
    assert made.channel == 1
    assert "one 6 to 17" in made._image.tooltip, "the text alternative follows"
    made.what = "another"
    assert made._controls["what"].value == "another"
    assert repr(made) == "FunctionSliders()"


def test_a_photo_stands_beside_in_grey():
    photo = hv.photo("cat")
    image = pixels(hv.sliders(lambda n: torch.eye(4) * n, photo=photo, n=[1]))
    left, right = np.split(image[:, : image.shape[1] // 2 * 2], 2, axis=1)
    assert (left.max(2) == left.min(2)).mean() > 0.97
    assert right.shape == left.shape


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.int64, torch.bool])
def test_maps_of_every_type_of_number(kind):
    assert hv.sliders(lambda n: torch.eye(3).to(kind), n=[1])._words.value == "<code>n 1</code>: map 0 to 1"


def test_cells_without_a_number_are_grey_and_named():
    holes = torch.arange(16.0).reshape(4, 4)
    holes[0, 0] = torch.nan
    made = hv.sliders(lambda n: {"holes": holes * n, "none": holes * torch.nan}, n=[1])
    assert made._words.value.endswith(": holes 1 to 15, 1 cell without a number (grey); none no numbers")
    image = pixels(hv.sliders(lambda n: holes, n=[1]))
    assert np.ptp(image[5, 5]) < 8, "grey, which no colour of a map is"
    assert (image[-1, -1] == lookup_table(SEQUENTIAL)[255]).all()
    ends = hv.sliders(lambda n: torch.tensor([[0.0, 1.0], [torch.inf, -torch.inf]]), n=[1])
    assert ends._words.value.endswith(": map −∞ to ∞")
    assert (pixels(ends)[[-1, 0], [0, -1]] == lookup_table(SIGNED)[255]).all(), "beyond the end looks like the end"


def test_a_trace_without_numbers_is_named():
    net = hv.hrnet("hrnet_w18_small_v1", num_outputs=3)
    torch.nn.init.constant_(next(net.parameters()), torch.nan)
    assert MapSliders(hv.trace(net, torch.zeros(1, 3, 64, 64)))._words.value.endswith("16 x 16 cells, no numbers")


def test_each_map_of_a_row_keeps_its_own_shape():
    def draw(n):
        return {"wide": torch.full((2, 4), 1.0 * n), "square": torch.zeros(8, 8)}

    bright = (pixels(hv.sliders(draw, n=[1])) == lookup_table(SEQUENTIAL)[255]).all(2)
    rows, columns = bright.any(1).sum(), bright.any(0).sum()
    assert columns == 2 * rows


def test_pale_maps_of_a_row_stand_apart_below_their_names():
    image = pixels(hv.sliders(lambda n: {"a": torch.zeros(4, 4), "b": torch.eye(4) * -n}, n=[1]))
    page = (image == 255).all(2)
    gap = page.all(0)
    assert gap.sum() == GAP
    left = image[HEAD:, : gap.argmax()]
    assert (left[0] == left[0, 0]).all()
    assert (left[0, 0] < left[2, 2] - 20).all(), "a frame around what is as pale as the page"
    assert not page[:HEAD].all(), "names above"
    plain = pixels(hv.sliders(lambda n: torch.zeros(4, 4), n=[1]))
    assert plain.shape == (448, 448, 3), "a map alone has no name"
    names = [pixels(hv.sliders(lambda n, name=name: {name: torch.eye(2)}, n=[1])) for name in ("fuse0", "W\n" * 99)]
    assert names[0].shape == names[1].shape


def test_choices_of_every_kind():
    made = hv.sliders(lambda n, pair: torch.eye(2) * n, n=(k for k in range(1, 4)), pair=[(1, 2), (3, 4)])
    assert made._controls["n"].options == (("1", 1), ("2", 2), ("3", 3))
    made._controls["pair"].index = 1
    assert made.pair == (3, 4)


def test_what_is_no_function_is_a_sentence():
    with pytest.raises(TypeError, match=r"sliders takes a function first, .*; something of type Tensor and shape"):
        hv.sliders(torch.eye(2), n=[1])


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda: hv.sliders(lambda: torch.eye(2)), "needs something to choose, .*; nothing was given"),
        (lambda: hv.sliders(lambda n: torch.eye(2), n=[]), "needs something to choose"),
        (lambda: hv.sliders(lambda n: torch.eye(2), n=18), "needs something to choose, .*; n=18 was given"),
        (lambda: hv.sliders(lambda n: torch.eye(2), n="stem"), "to choose, .*; n='stem' was given"),
        (
            lambda: hv.sliders(lambda n: torch.zeros(1, 2, 2), n=[1]),
            r"\(H, W\) was expected.* and shape \(1, 2, 2\): return",
        ),
        (lambda: hv.sliders(lambda n: {"b": "abc"}, n=[1]), r"\(H, W\) was expected for 'b', not 'abc':"),
        (lambda: hv.sliders(lambda n: [[1], [2, 3]], n=[1]), r"\(H, W\) was expected.* type list and length 2: "),
        (lambda: hv.sliders(lambda n: {}, n=[1]), r"\(H, W\) was expected.* type dict and length 0: "),
        (lambda: hv.sliders(lambda n: None, n=[1]), r"\(H, W\) was expected.* not None: "),
        (lambda: hv.sliders(lambda n: torch.eye(2), photo="cat", n=[1]), r'no file "cat"\. .* is photo\("cat"\)'),
        (lambda: hv.sliders(lambda n: torch.eye(2), photo=3, n=[1]), "A picture can't be read from an int"),
        (lambda: hv.sliders(lambda children: torch.eye(2), children=[1]), "No choice can be called 'children'"),
        (lambda: hv.sliders(lambda layout: torch.eye(2), layout=[1]), "No choice can be called 'layout'"),
        (lambda: hv.sliders(lambda _maps: torch.eye(2), _maps=[1]), "No choice can be called '_maps'"),
        (lambda: setattr(hv.sliders(lambda n: torch.eye(2), n=[1]), "m", 3), "FunctionSliders has no choice 'm'"),
    ],
)
def test_what_is_no_choice_and_no_map(use, words):
    with pytest.raises(ValueError, match=words):
        use()
