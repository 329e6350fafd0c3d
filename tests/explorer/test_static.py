"""Each panel has a static twin that shows the chosen thing."""

import io

import pytest
from PIL import Image

import hrnet_viz as hv
from hrnet_viz.explorer.description import CHOICES
from hrnet_viz.explorer.static import LARGEST_STORED, draw_small
from hrnet_viz.explorer.widget import explore
from hrnet_viz.figures.style import new_picture


@pytest.fixture(scope="module")
def explorer(small_net):
    made = explore(small_net, hv.photo("cat"), site="stage3.0.sum1", edited="stage4.0.fuse0<-3", factor=0.0)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("panel", "words"),
    [
        ("maps", "stage3.0.sum1"),
        ("branches", "stage3.0"),
        ("exchange", "stage3.0.sum1"),
        ("cam", "Grad-CAM"),
        ("ablation", "stage4.0.fuse0<-3 scaled by 0"),
        ("photos", "head"),
    ],
)
def test_every_panel_has_one(explorer, panel, words):
    explorer.panel = panel
    picture = explorer.figure(theme="dark")
    assert words in picture.title + picture.alt
    assert picture.theme == "dark"
    assert picture.alt


def test_there_is_no_panel_without_one():
    assert len(CHOICES["panel"][1]) == 6


@pytest.mark.parametrize("site", ["logits", "head.pool", "stage2.0.branch0.block0.bn1", "stem"])
def test_any_site_can_be_drawn(explorer, site):
    explorer.site = site
    for panel in ("maps", "branches", "exchange"):
        explorer.panel = panel
        assert explorer.figure().alt


def test_the_theme_of_the_explorer_counts(explorer):
    explorer.set_trait("panel", "ablation")
    explorer.theme = "dark"
    assert explorer.figure().theme == "dark"
    explorer.theme = "auto"


def test_a_picture_that_is_stored_is_small_enough_however_large_it_is_drawn():
    import numpy as np

    with new_picture(8, 4, "light", alt="noise") as picture:
        axes = picture.inches(0, 0, 8, 4)
        axes.imshow(np.random.default_rng(0).random((400, 800, 3)))
    assert len(picture.png(1)) > LARGEST_STORED
    png = draw_small(picture)
    assert Image.open(io.BytesIO(png)).width < 8 * 96
