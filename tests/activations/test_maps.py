"""The channel grid: which maps stand where, on which scale, and what the words say about them."""

import numpy as np
import pytest

from hrnet_viz.activations.maps import channel_grid
from hrnet_viz.sites import SiteError
from tests.nets.made_trace import axes_called, made_trace, numbers_of, words_of


@pytest.fixture(scope="module")
def made():
    return made_trace()


def channels_of(picture):
    return [int(axes.get_label().removeprefix("channel ")) for axes in axes_called(picture, "channel")]


def test_one_map_per_channel_in_order(made):
    picture = channel_grid(made, "stage3.0.branch0")
    assert channels_of(picture) == list(range(16))
    shown = axes_called(picture, "channel 5")[0].images[0].get_array()
    assert np.array_equal(shown, made["stage3.0.branch0"][0, 5].double().numpy())


def test_another_photo_shows_other_maps(made):
    shown = axes_called(channel_grid(made, "stem", index=1), "channel 5")[0].images[0].get_array()
    assert np.array_equal(shown, made["stem"][1, 5].double().numpy())


def test_maps_are_equally_large_and_stand_in_rows_and_columns(made):
    boxes = [axes.bbox.bounds for axes in axes_called(channel_grid(made, "stage1"), "channel")]
    assert len({(round(w, 3), round(h, 3)) for _, _, w, h in boxes}) == 1
    lefts, bottoms = ({round(box[k], 2) for box in boxes} for k in (0, 1))
    assert len(lefts) * len(bottoms) >= len(boxes) > len(lefts) * (len(bottoms) - 1)
    rows, columns = made["stage1"].shape[2:]
    assert (2 * boxes[0][2] / columns) == pytest.approx(round(2 * boxes[0][2] / columns))  # whole file pixels per cell
    assert (2 * boxes[0][3] / rows) == pytest.approx(round(2 * boxes[0][3] / rows))


def test_each_map_has_its_own_scale_and_says_how_far_it_reaches(made):
    picture = channel_grid(made, "stage3.0.branch0")
    image = axes_called(picture, "channel 15")[0].images[0]
    assert image.get_clim() == (0, pytest.approx(float(made["stage3.0.branch0"][0, 15].max())))
    words = [text for text, _ in words_of(picture)]
    assert "don't compare colours" in picture.caption
    assert "1.8" in words
    assert numbers_of(axes_called(picture, "scale")[0]) == ["0", "number\nabove\nthe map"]


def test_a_scale_begins_at_0_also_where_no_value_does(made):
    values = made["stage3.0.branch0"] + 5
    picture = channel_grid(replaced(made, "stage3.0.branch0", values), "stage3.0.branch0")
    assert {axes.images[0].get_clim()[0] for axes in axes_called(picture, "channel")} == {0}


def test_one_scale_for_the_site(made):
    picture = channel_grid(made, "stage3.0.branch0", scale="site")
    greatest = float(made["stage3.0.branch0"][0].max())
    assert {axes.images[0].get_clim() for axes in axes_called(picture, "channel")} == {(0, greatest)}
    assert numbers_of(axes_called(picture, "scale")[0]) == ["0", "1.9"]
    assert "can be compared" in picture.caption


@pytest.mark.parametrize("scale", ["map", "site"])
def test_signed_maps_are_symmetric_about_0(made, scale):
    picture = channel_grid(made, "stage4.0.fuse0<-3", scale=scale)
    for axes in axes_called(picture, "channel"):
        low, high = axes.images[0].get_clim()
        assert low == -high
        assert axes.images[0].get_cmap().name == "hrnet_signed"


def test_the_greatest_come_first_and_the_caption_says_so(made):
    picture = channel_grid(made, "stage4.0.branch3", sort="max", most=5)
    greatest = made["stage4.0.branch3"][0].flatten(1).amax(1)
    assert channels_of(picture) == greatest.sort(descending=True, stable=True).indices[:5].tolist()
    assert "The greatest max comes first. 5 of 128 are drawn; the 123 channels with a smaller max" in picture.caption


def test_the_rest_is_told_in_a_sentence(made):
    assert "48 of 64 are drawn; the 16 channels 48 to 63 are left out" in channel_grid(made, "stem").caption
    assert "left out" not in channel_grid(made, "stage3.0.branch0").caption


def test_a_dead_channel_is_called_dead(made):
    values = made["stage2.0.branch0"].clone()
    values[0, [2, 7]] = 0
    picture = channel_grid(replaced(made, "stage2.0.branch0", values), "stage2.0.branch0")
    assert [text for text, _ in words_of(picture)].count("dead") == 2
    assert "2 channels are zero everywhere" in picture.alt
    assert "dead" not in [text for text, _ in words_of(channel_grid(made, "stage2.0.branch0"))]


def replaced(trace, name, values):
    return type(trace)(trace.plan, trace.input, {**trace, name: values}, trace.photos, trace.classes)


def test_alt_text_tells_the_facts(made):
    values = made["stage2.0.branch0"] * 0
    values[0, 6, 9, 4] = 2.5
    alt = channel_grid(replaced(made, "stage2.0.branch0", values), "stage2.0.branch0").alt
    assert "16 maps of 32 × 32 cells, values from 0 to 2.5" in alt
    assert "in channel 6 at row 9, column 4" in alt
    assert "15 channels are zero everywhere" in alt


def test_a_published_name_and_an_inner_site_are_understood(made):
    assert "stage3.0.branch0" in channel_grid(made, "stage3.0.branches.0").title


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"site": "head.pool"}, ValueError, "'head.pool' has no spatial extent: it is 2048 numbers per photo"),
        ({"site": "logits"}, ValueError, "'logits' has no spatial extent"),
        ({"site": "stage3.0.branch7"}, SiteError, "does not have it"),
        ({"site": "nonsense"}, SiteError, "not a site address"),
        ({"index": 2}, IndexError, "index=2 was asked for, but there are photos 0 to 1"),
        ({"sort": "size"}, ValueError, "ordered by index, mean, max, energy"),
        ({"scale": "net"}, ValueError, "scaled per 'map' or per 'site'"),
        ({"most": 0}, ValueError, "from 1 on"),
        ({"theme": "sepia"}, ValueError, "theme='light' or theme='dark'"),
    ],
)
def test_mistakes_are_answered_in_sentences(made, options, error, words):
    with pytest.raises(error, match=words):
        channel_grid(made, **{"site": "stem"} | options)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_looks_as_it_did(made, golden_figure, theme):
    golden_figure(f"channel_grid_{theme}", channel_grid(made, "stage3.0.sum1", most=20, theme=theme))
