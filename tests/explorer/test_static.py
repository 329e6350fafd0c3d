"""Each panel has a static twin that shows the chosen thing."""

import pytest

import hrnet_viz as hv
from hrnet_viz.explorer.description import CHOICES
from hrnet_viz.explorer.static import LARGEST_STORED, draw_small
from hrnet_viz.explorer.widget import explore


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


class Detailed:
    """A stand-in for a picture with so much detail that it only fits when drawn small."""

    def png(self, sharpness):
        return b"x" * int(1.5 * LARGEST_STORED * sharpness**2)


def test_a_picture_that_is_stored_is_as_sharp_as_fits():
    assert len(draw_small(Detailed())) == int(1.5 * LARGEST_STORED * 0.7**2)
