"""Pictures of class activation maps: honest scales, words where a map says nothing, and no word over another."""

import numpy as np
import pytest
import torch

from hrnet_viz.attribution.cams import Cams
from hrnet_viz.attribution.figures import cam_chain, cam_classes, cam_depth, cam_grid
from hrnet_viz.attribution.methods import METHODS
from hrnet_viz.attribution.tiles import GREYS, STEPS, blend, name_place, read_tile
from hrnet_viz.network import hrnet
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.photos.scenes import checker
from hrnet_viz.runner import size_at
from hrnet_viz.sites import SiteError
from tests.nets.made_trace import axes_called, complain_about_words, make_waves, numbers_of, words_of

SILENT = "stage4.0.branch3"


def made_cams(name="hrnet_w18_small_v1", method="gradcam", target="cat", size=(64, 64), factor=1.0):
    """Maps made by formulas at every landmark, one of them without any positive value."""
    plan = hrnet(name, num_outputs=6).plan
    picture = checker(size, 16)
    x = Preparation(size=size).tensor(picture)
    maps, notes = {}, {}
    for number, step in enumerate(plan.steps):
        if step.site.stride is not None:
            waves = make_waves(1, 1, size_at(step.site, x), number)[:, 0] * factor
            maps[step.name] = -waves.abs() - factor if step.name == SILENT else waves
    notes[SILENT] = ("Nothing there speaks for it.",)
    score = torch.tensor([1.25])
    return Cams(plan, maps, method, (target,), (0,), score, x, (), (picture,), Preparation(size=size), notes=notes)


@pytest.fixture(scope="module")
def cams():
    return made_cams()


FIGURES = {
    "grid": cam_grid,
    "grid after the exchange": lambda cams: cam_grid(cams, kind="fuse_out", enlarge="bilinear"),
    "misleading grid": lambda cams: cam_grid(cams, scale="misleading"),
    "classes": lambda cams: cam_classes([cams, cams]),
    "one class": lambda cams: cam_classes([cams], ["stem", "head.incre3"]),
    "depth 0": cam_depth,
    "depth 3": lambda cams: cam_depth(cams, 3),
    "chain": cam_chain,
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_every_figure_has_caption_and_alternative_text_with_the_numbers(cams, draw):
    picture = draw(cams)
    assert picture.caption
    assert " from " in picture.alt
    assert "cat" in picture.alt


def test_grid_has_a_tile_for_every_branch_of_every_module_with_its_raw_range(cams):
    picture = cam_grid(cams)
    sites = cams.plan.select(kind="branch")
    words = [text for text, _ in words_of(picture)]
    assert all(axes_called(picture, site.name) for site in sites)
    assert sum(text.startswith("high ") for text in words) == len(sites)
    low, high = cams.ranges["stage2.0.branch1"][0]
    assert f"high {high:.2g}" in words
    assert f"low −{-low:.2g}" in words


def test_a_map_without_positive_evidence_says_so_and_is_neither_black_nor_noise(cams):
    picture = cam_grid(cams)
    assert "nothing\nfor it" in [text for text, _ in words_of(picture)]
    assert "1 map without any positive value" in picture.caption
    assert f"{SILENT} (2 × 2)" in picture.alt
    assert "nothing for it" in picture.alt
    tile = read_tile(cams, SILENT)
    drawn = blend(cams.pictures[0].pixels, tile.values, tile.reach, "light").astype(int)
    assert drawn.mean() > 60
    assert (drawn[:, :, 2] > drawn[:, :, 0]).mean() > 0.9  # blue all over: it speaks against
    rectified = cams.rectified()
    empty = read_tile(rectified, SILENT)
    assert empty.flag
    veil = blend(cams.pictures[0].pixels, empty.values, empty.reach, "dark").astype(int)
    assert np.ptp(veil, axis=2).max() < 8  # the grey photo, no colour at all


def test_each_tile_reaches_the_end_of_its_colours_unless_a_scale_is_shared(cams):
    tiles = [read_tile(cams, name) for name in ("stage2.0.branch0", "stage4.0.branch0")]
    for tile in tiles:
        assert tile.reach == max(abs(tile.low), abs(tile.high))
    assert "do not compare" not in cam_grid(cams).caption
    assert "compare places within a map, not colours between maps" in cam_grid(cams).caption


def test_a_shared_scale_is_hirescams_alone_and_shows_raw_numbers():
    hires = made_cams(method="hirescam")
    picture = cam_grid(hires, scale="shared")
    assert not complain_about_words(picture)
    (legend,) = axes_called(picture, "legend")
    reach = max(float(hires.per_area()[site].abs().max()) for site in hires.plan.select(kind="branch"))
    assert numbers_of(legend)[1] == "0"
    assert float(numbers_of(legend)[2]) == pytest.approx(reach, rel=0.06)
    assert "Colours and numbers can be compared between all maps" in picture.caption
    for name in METHODS:
        if name != "hirescam":
            with pytest.raises(ValueError, match="no common unit"):
                cam_grid(made_cams(method=name), scale="shared")


def test_the_misleading_scale_says_that_it_is(cams):
    picture = cam_grid(cams, scale="misleading")
    assert picture.title.startswith("Misleading: ")
    assert "Do not read it across maps" in picture.caption


def test_classes_share_a_scale_within_a_column_and_not_between_columns(cams):
    louder = made_cams(target="dog", factor=3.0)
    picture = cam_classes([cams, louder], ["stage3.0.branch0", "head.final"])
    quiet, loud = axes_called(picture, "stage3.0.branch0")
    spread = [float(axes.images[0].get_array().astype(float).std(axis=2).mean()) for axes in (quiet, loud)]
    assert spread[1] > 1.3 * spread[0]  # a third of the reach is a paler colour
    pixels, values = cams.pictures[0].pixels, cams["stage3.0.branch0"][0].double().numpy()
    reach = float(louder["stage3.0.branch0"].abs().max())
    assert (quiet.images[0].get_array() == blend(pixels, values, reach, "light")).all()
    with pytest.raises(ValueError, match="one net and one method"):
        cam_classes([cams, made_cams(method="layercam")])
    with pytest.raises(ValueError, match="give at least one"):
        cam_classes([])


def test_the_chain_says_where_the_maps_of_a_row_add_up(cams):
    assert "the first two add up to the third" in cam_chain(cams).caption
    assert "do not add up" in cam_chain(made_cams(method="layercam")).caption


def test_a_tile_has_few_colours_so_that_a_figure_fits_into_one_palette(cams):
    tile = read_tile(cams, "stage2.0.branch0")
    drawn = blend(cams.pictures[0].pixels, tile.values, tile.reach, "light", "bilinear")
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) <= GREYS * (2 * STEPS + 1)
    assert len(cam_grid(cams).png()) < 300_000


def test_both_themes_differ_and_a_photo_that_is_not_known_is_no_reason_to_fail(cams):
    assert cam_grid(cams).png() != cam_grid(cams, theme="dark").png()
    unknown = Cams(cams.plan, cams.maps, "gradcam", ("cat",), (0,), cams.scores, cams.input)
    for draw in (cam_grid, cam_depth, cam_chain):
        assert any(text.startswith("the photo is") for text, _ in words_of(draw(unknown)))


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("cam_grid", cam_grid),
        ("cam_grid_dark", lambda cams: cam_grid(cams, enlarge="bilinear", theme="dark")),
        ("cam_classes", lambda cams: cam_classes([cams, made_cams(target="dog", factor=2.0)])),
        ("cam_chain", cam_chain),
    ],
)
def test_looks_as_it_did_when_it_was_looked_at(cams, golden_figure, name, draw):
    golden_figure(name, draw(cams))


def test_places_are_named_by_ninths():
    values = np.zeros((9, 9))
    for row, column, words in ((4, 4, "in the middle"), (0, 0, "in the upper left"), (8, 4, "in the lower middle")):
        values[:] = 0
        values[row, column] = 1
        assert name_place(values) == words


def test_refusals(cams):
    with pytest.raises(ValueError, match="the grid has 'branch', 'fuse_sum' or 'fuse_out'"):
        cam_grid(cams, kind="fuse_path")
    with pytest.raises(ValueError, match="'own', a 'shared' or a 'misleading' scale"):
        cam_grid(cams, scale="same")
    with pytest.raises(IndexError, match="index=1 was asked for, but there is only photo 0"):
        cam_depth(cams, index=1)
    few = Cams(cams.plan, {"stem": cams["stem"]}, "gradcam", ("cat",), (0,), cams.scores, cams.input)
    with pytest.raises(SiteError, match="no map was asked for there"):
        cam_chain(few)
