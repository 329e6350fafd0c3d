"""Branches side by side and the life of one: right maps, right sizes, right colours, right words."""

import numpy as np
import pytest

import hrnet_viz as hv
from hrnet_viz.activations.maps import branch_life, branch_maps, find_stream
from hrnet_viz.canvas.colours import BRANCH_COLOURS, STEM_COLOUR
from hrnet_viz.canvas.panels import photo_panel, thin_colours
from hrnet_viz.sites import SiteError
from tests.nets.made_trace import axes_called, made_trace, numbers_of


@pytest.fixture(scope="module")
def made():
    return made_trace()


def frame_of(axes):
    from matplotlib.colors import to_hex

    return to_hex(axes.spines["left"].get_edgecolor())


def upper_maps(picture):
    return [axes for axes in axes_called(picture, "stage") if not axes.get_label().endswith("cell for cell")]


def lower_maps(picture):
    return [axes for axes in axes_called(picture, "stage") if axes.get_label().endswith("cell for cell")]


def test_every_branch_in_its_colour_over_the_same_part_of_the_photo(made):
    picture = branch_maps(made, "stage4.0")
    assert [axes.get_label() for axes in upper_maps(picture)] == [f"stage4.0.branch{b}" for b in range(4)]
    assert [frame_of(axes) for axes in upper_maps(picture)] == list(BRANCH_COLOURS)
    sizes = {tuple(np.round(axes.bbox.size, 3)) for axes in [*upper_maps(picture), *axes_called(picture, "photo")]}
    assert len(sizes) == 1


def test_cells_of_the_lower_row_are_equally_large(made):
    picture = branch_maps(made, "stage4.0")
    per_cell = [axes.bbox.width / axes.images[0].get_array().shape[1] for axes in lower_maps(picture)]
    assert len(per_cell) == 4
    assert per_cell == pytest.approx([per_cell[0]] * 4, rel=0.02)
    assert [axes.images[0].get_array().shape[0] for axes in lower_maps(picture)] == [32, 16, 8, 4]


def test_both_rows_show_the_same_numbers_in_the_same_colours(made):
    picture = branch_maps(made, "stage3.0", show="strongest")
    for upper, lower in zip(upper_maps(picture), lower_maps(picture), strict=True):
        assert np.array_equal(upper.images[0].get_array(), lower.images[0].get_array())
        assert upper.images[0].get_clim() == lower.images[0].get_clim()


def test_each_bar_shows_the_raw_numbers_of_its_map(made):
    picture = branch_maps(made, "stage2.0", show=3)
    values = made["stage2.0.branch1"][0, 3]
    assert numbers_of(axes_called(picture, "scale of stage2.0.branch1")[0]) == ["0", f"{float(values.max()):.1f}"]


def test_energy_is_all_channels_together(made):
    shown = upper_maps(branch_maps(made, "stage2.0"))[0].images[0].get_array()
    expected = made["stage2.0.branch0"][0].double().square().mean(0).sqrt().numpy()
    assert np.allclose(shown, expected)


def test_strongest_is_the_channel_with_the_greatest_mean_square(made):
    values = made["stage2.0.branch0"][0]
    best = int(values.double().square().mean((1, 2)).argmax())
    shown = upper_maps(branch_maps(made, "stage2.0", show="strongest"))[0].images[0].get_array()
    assert np.array_equal(shown, values[best].double().numpy())
    assert f"channel {best} of" in {text.get_text() for text in branch_life(made, show="strongest").texts} or best >= 0


def test_a_life_says_which_channel_is_shown(made):
    best = int(made["stage2.0.out1"][0].double().square().mean((1, 2)).argmax())
    words = [text.get_text() for text in branch_life(made, 1, show="strongest").texts]
    assert words[words.index("stage2.0.out1") + 1] == f"channel {best} of 32"
    assert "32 channels" in [text.get_text() for text in branch_life(made, 1).texts]


def test_after_the_exchange_shows_its_outputs(made):
    labels = [axes.get_label() for axes in upper_maps(branch_maps(made, "stage3.0", after="exchange"))]
    assert labels == ["stage3.0.out0", "stage3.0.out1", "stage3.0.out2"]


@pytest.mark.parametrize("name", ["stage3.0", "stage3.0.sum1", "stage3.0.branch0.block0.bn1", "stage3.0.branches.0"])
def test_any_site_of_a_module_names_it(made, name):
    assert branch_maps(made, name).title.startswith("stage3.0 after its branches: 3 resolutions")


def test_alt_text_of_branches_tells_sizes_and_where_the_greatest_value_is(made):
    values = made["stage2.0.branch1"] * 0
    values[0, :, 5, 11] = 3
    changed = type(made)(made.plan, made.input, {**made, "stage2.0.branch1": values}, made.photos, made.classes)
    alt = branch_maps(changed, "stage2.0").alt
    assert "16 × 32 × 32, 32 × 16 × 16 numbers" in alt
    assert "stage2.0.branch1 (16 × 16) from 0 to 3, greatest at row 5, column 11" in alt
    assert "photo “checker 8”" in alt


def test_the_photo_is_what_the_net_saw(made):
    shown = axes_called(branch_maps(made, "stage2.0", index=1), "photo")[0].images[0].get_array()
    assert np.array_equal(shown, made.photos[1].pixels)  # a chessboard has two colours: thinning them changes nothing


def test_thinned_colours_stay_close():
    ramp = np.tile(np.arange(256, dtype=np.uint8)[:, None], (4, 1, 64)).reshape(256, 64, 4)[:, :, :3]
    thin = thin_colours(np.ascontiguousarray(ramp))
    assert len(np.unique(thin.reshape(-1, 3), axis=0)) <= 128
    assert np.abs(thin.astype(int) - ramp).mean() < 3


def test_an_input_that_is_no_picture_is_told(made):
    broken = type(made)(made.plan, made.input / 0, dict(made), made.photos, made.classes)
    picture = branch_maps(broken, "stage2.0")
    assert "not a picture" in [text.get_text() for text in axes_called(picture, "photo")[0].texts]


def test_life_of_the_first_branch_begins_at_the_stem_and_ends_in_the_head(made):
    picture = branch_life(made)
    names = [axes.get_label() for axes in picture.axes if not axes.get_label().startswith("scale")]
    assert names == ["stem", "stage1", "stage2.0.out0", "stage3.0.out0", "stage4.0.out0", "head.incre0"]
    frames = [frame_of(axes) for axes in picture.axes if not axes.get_label().startswith("scale")]
    assert frames == [STEM_COLOUR] * 2 + [BRANCH_COLOURS[0]] * 4


def test_life_of_a_later_branch_begins_with_its_transition(made):
    names = [site.name for site in find_stream(made.plan, 2)]
    assert names == ["transition2.branch2", "stage3.0.out2", "stage4.0.out2", "head.incre2"]


def test_a_long_life_takes_two_rows_of_equal_maps():
    picture = branch_life(made_trace("hrnet_w18", size=64, photos=1))
    maps = [axes for axes in picture.axes if not axes.get_label().startswith("scale")]
    assert len(maps) == 11
    assert len({round(axes.bbox.y0) for axes in maps}) == 2
    assert len({tuple(np.round(axes.bbox.size, 3)) for axes in maps}) == 1


def test_alt_text_of_a_life_lists_every_map(made):
    alt = branch_life(made, 3).alt
    assert alt.startswith("Branch 3 from start to end for photo “checker 8”, 3 maps in order")
    for name in ("transition3.branch3", "stage4.0.out3", "head.incre3"):
        assert f"{name} (4 × 4) from " in alt


def test_sites_of_a_module():
    plan = made_trace(size=64).plan
    assert [site.name for site in plan.module("stage3.0.fuse1<-2").sums] == [f"stage3.0.sum{b}" for b in range(3)]


@pytest.mark.parametrize(
    ("draw", "error", "words"),
    [
        (lambda t: branch_maps(t, "stage9.9"), SiteError, r"'stage9.9' is no module of .*: stage2.0, stage3.0"),
        (lambda t: branch_maps(t, "stem"), SiteError, "'stem' is no module of"),
        (lambda t: branch_maps(t, "stage3.0", after="relu"), ValueError, "after its 'branches' or its 'exchange'"),
        (lambda t: branch_maps(t, "stage3.0", show=99), IndexError, "'stage3.0.branch0' has channels 0 to 15"),
        (lambda t: branch_maps(t, "stage3.0", show="best"), ValueError, "show 'energy', 'strongest', or a channel"),
        (lambda t: branch_maps(t, "stage3.0", index=7), IndexError, "there are photos 0 to 1"),
        (lambda t: branch_life(t, 4), ValueError, "branch=4 was given; hrnet_w18_small_v1 has branches 0, 1, 2, 3"),
        (lambda t: branch_life(t, "0"), ValueError, "branch='0' was given"),
    ],
)
def test_mistakes_are_answered_in_sentences(made, draw, error, words):
    with pytest.raises(error, match=words):
        draw(made)


def test_a_site_that_was_not_kept_says_how_to_keep_it():
    trace = made_trace(size=64, drop=("stage3.0.branch1",))
    with pytest.raises(SiteError, match=r"this trace did not keep it. Ask for it"):
        branch_maps(trace, "stage3.0")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_looks_as_it_did(made, golden_figure, theme):
    golden_figure(f"branches_{theme}", branch_maps(made, "stage4.0", theme=theme))
    golden_figure(f"life_of_branch_{theme}", branch_life(made, 1, theme=theme, show="strongest"))


def test_the_photo_has_its_own_colours_whatever_the_net_normalises_with():
    net = hv.hrnet("hrnet_w18_small_v1", num_outputs=3).eval()
    net.preparation = hv.Preparation(size=(64, 64), mean=(0.1, 0.2, 0.3), std=(0.5, 0.4, 0.3))
    shown = photo_panel(hv.trace(net, hv.photo("cat"))).values
    assert np.array_equal(shown, thin_colours(net.preparation.picture(hv.photo("cat")).pixels))
