"""The pyramid level by level where it lies on the photo, and OCR class by class, each number on the right scale."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

import hrnet_viz as hv
from hrnet_viz.canvas.colours import HEAD_COLOUR
from hrnet_viz.canvas.painting import short
from hrnet_viz.figures import head_steps, pyramid_levels, region_maps
from hrnet_viz.sites import SiteError
from tests.heads.made_heads import CLASSES, made_head
from tests.nets.made_trace import axes_called, complain_about_words, numbers_of, words_of


@pytest.fixture(scope="module")
def pyramid():
    return made_head("pyramid", size=(128, 224))


@pytest.fixture(scope="module")
def ocr():
    return made_head("ocr")


def test_every_level_is_drawn_with_its_size_and_stride(pyramid):
    picture = pyramid_levels(pyramid)
    words = [text for text, _ in words_of(picture)]
    assert {"32 × 56, stride 4", "16 × 28, stride 8", "8 × 14, stride 16", "4 × 7, stride 32", "2 × 3, stride 64"} <= {
        *words
    }
    for level in range(5):
        [axes] = axes_called(picture, f"head.level{level}")
        energy = pyramid[f"head.level{level}"][0].double().square().mean(0).sqrt()
        assert np.allclose(axes.images[0].get_array(), energy)
        assert to_hex(axes.spines["left"].get_edgecolor()) == HEAD_COLOUR
        [bar] = axes_called(picture, f"scale of head.level{level}")
        assert numbers_of(bar) == [short(float(energy.min())), short(float(energy.max()))]


def test_a_level_that_drops_the_rest_of_the_photo_leaves_it_blank(pyramid):
    picture = pyramid_levels(pyramid)
    for level, end in enumerate((224, 224, 224, 224, 192)):
        [axes] = axes_called(picture, f"head.level{level}")
        assert (axes.get_xlim(), axes.get_ylim()) == ((0, 224), (128, 0))
        assert list(axes.images[0].get_extent()) == [0, end, 128, 0]
    assert "is dropped (blank): head.level4." in picture.caption
    assert "dropped" not in pyramid_levels(made_head("pyramid")).caption


def test_the_strongest_channel_or_one_by_number(pyramid):
    strongest = int(pyramid["head.level2"][0].square().mean((1, 2)).argmax())
    for show, channel in (("strongest", strongest), (7, 7)):
        picture = pyramid_levels(pyramid, show=show)
        [axes] = axes_called(picture, "head.level2")
        assert np.allclose(axes.images[0].get_array(), pyramid["head.level2"][0, channel])
        assert sum(axes.images[0].get_clim()) == 0  # signed: symmetric about 0
    assert "channel 7" in picture.caption
    with pytest.raises(ValueError, match="show='loud'"):
        pyramid_levels(pyramid, show="loud")


def test_each_class_is_a_row_on_the_scales_that_it_says(ocr):
    picture = region_maps(ocr, ["sky", "Traffic_Light", 0])
    for name, number in (("sky", 2), ("traffic light", 1), ("road", 0)):
        limits = {}
        for site in ("head.aux", "head.regions", "head.attention", "logits"):
            [axes] = axes_called(picture, f"{site}, {name}")
            assert np.allclose(axes.images[0].get_array(), ocr[site][0, number])
            limits[site] = axes.images[0].get_clim()
        assert limits["head.attention"] == (0, 1)
        assert limits["head.regions"] == (0, float(ocr["head.regions"][0, number].max()))
        reach = max(float(ocr[site][0, number].abs().max()) for site in ("head.aux", "logits"))
        assert limits["head.aux"] == limits["logits"] == (-reach, reach)
    tops = [axes_called(picture, f"logits, {name}")[0].bbox.y0 for name in ("sky", "traffic light", "road")]
    assert tops == sorted(tops, reverse=True)


def test_it_is_said_why_a_soft_region_is_faint(ocr):
    picture = region_maps(ocr, "road")
    assert "adds up to 1 over the photo" in [text for text, _ in words_of(picture)]
    assert "over all 1,024 cells" in picture.caption
    assert "1/1,024 in each cell" in picture.caption
    assert "over the 4 objects" in picture.caption
    assert float(ocr["head.regions"][0, 0].sum()) == pytest.approx(1)
    assert "road: head.aux" in picture.alt
    assert "sky" not in picture.alt


def test_long_names_are_cut_and_a_class_is_drawn_once(ocr):
    picture = region_maps(ocr, [3, CLASSES[3], 3])
    assert len(axes_called(picture, "logits, ")) == 1
    assert axes_called(picture, "logits, a class with a…")
    assert not complain_about_words(picture)


def test_mistakes_are_answered_in_sentences(ocr, pyramid):
    for wrong in ("dragon", 4):
        with pytest.raises(ValueError, match="no class"):
            region_maps(ocr, wrong)
    with pytest.raises(ValueError, match="No class was given"):
        region_maps(ocr, [])
    with pytest.raises(IndexError, match="index=1 was asked for"):
        pyramid_levels(pyramid, index=1)
    with pytest.raises(TypeError, match="region_maps takes a Trace first"):
        region_maps(hv.hrnet("hrnet_w18_small_v1", head="ocr"), [0])


@pytest.mark.parametrize(
    ("draw", "kind"),
    [
        (head_steps, "head_steps draws the head of a classification net"),
        (pyramid_levels, "pyramid_levels draws the head of a pyramid net"),
        (lambda trace: region_maps(trace, [0]), "region_maps draws the head of an OCR net"),
    ],
)
def test_the_trace_of_a_net_with_another_head_gets_a_sentence(draw, kind):
    others = {"hrnet_w18_small_v1 pose": "heatmaps", "hrnet_w18_small_v1 segmentation": "logits"}
    for owner, output in others.items():
        net = hv.hrnet("hrnet_w18_small_v1", head=owner.split()[1]).eval()
        with pytest.raises(SiteError, match=f"{kind}; this trace is of {owner}, whose head gives {output}"):
            draw(hv.trace(net, torch.randn(1, 3, 64, 64)))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_fit_in_both_themes(ocr, pyramid, theme):
    assert not complain_about_words(region_maps(ocr, [0, 1, 3], theme=theme))
    for show in ("energy", "strongest"):
        assert not complain_about_words(pyramid_levels(pyramid, show=show, theme=theme))


def test_looks_as_it_did(ocr, pyramid, golden_figure):
    golden_figure("pyramid_levels_dark", pyramid_levels(pyramid, theme="dark"))
    golden_figure("region_maps_dark", region_maps(ocr, ["road", "sky"], theme="dark"))
