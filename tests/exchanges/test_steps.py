"""One exchange: what is added, on one scale, and what the words say about it."""

import numpy as np
import pytest

from hrnet_viz.canvas.colours import BRANCH_COLOURS
from hrnet_viz.exchanges.figures import exchange_steps, read_unit
from hrnet_viz.sites import SiteError
from tests.nets.made_trace import axes_called, made_trace, numbers_of, words_of


@pytest.fixture(scope="module")
def made():
    return made_trace()


def maps_of(picture):
    return {axes.get_label(): axes for axes in picture.axes if axes.get_label() != "scale"}


def test_every_path_the_growing_sum_the_sum_and_the_output(made):
    picture = exchange_steps(made, "stage4.0.sum1")
    paths = [f"fuse1<-{j}" for j in range(4)]
    assert list(maps_of(picture)) == [*paths, "sum1", "paths 0+1", "paths 0+1+2", "out1"]
    signs = [text for text, _ in words_of(picture) if text in {"+", "=", "→"}]
    assert signs == ["+", "+", "+", "=", "→"]


def test_two_paths_have_no_sum_in_between(made):
    assert list(maps_of(exchange_steps(made, "stage2.0.sum0"))) == ["fuse0<-0", "fuse0<-1", "sum0", "out0"]


def test_what_is_shown_adds_up(made):
    shown = {
        name: axes.images[0].get_array().data for name, axes in maps_of(exchange_steps(made, "stage3.0.sum2")).items()
    }
    total = shown["fuse2<-0"] + shown["fuse2<-1"] + shown["fuse2<-2"]
    assert np.allclose(total, shown["sum2"], atol=1e-6)
    assert np.allclose(shown["fuse2<-0"] + shown["fuse2<-1"], shown["paths 0+1"], atol=1e-6)
    assert np.array_equal(np.maximum(shown["sum2"], 0), shown["out2"])


def test_all_maps_share_one_symmetric_scale_that_reaches_the_greatest_value(made):
    picture = exchange_steps(made, "stage4.0.sum0", channel=3)
    limits = {axes.images[0].get_clim() for axes in maps_of(picture).values()}
    unit = read_unit(made, "stage4.0.sum0", channel=3)
    greatest = max(float(np.abs(values).max()) for values in (*unit.paths, *unit.running, unit.out))
    assert limits == {(-greatest, greatest)}
    assert {axes.images[0].get_cmap().name for axes in maps_of(picture).values()} == {"hrnet_signed"}
    numbers = numbers_of(axes_called(picture, "scale")[0])
    assert numbers[1] == "0"
    assert numbers[0] == f"−{numbers[2]}"


def test_frames_have_the_colour_of_the_branch_that_a_path_comes_from(made):
    from matplotlib.colors import to_hex

    frames = {
        name: to_hex(axes.spines["top"].get_edgecolor())
        for name, axes in maps_of(exchange_steps(made, "stage4.0.sum1")).items()
    }
    assert [frames[f"fuse1<-{j}"] for j in range(4)] == list(BRANCH_COLOURS)
    assert {frames[name] for name in ("paths 0+1", "sum1", "out1")} == {BRANCH_COLOURS[1]}


def test_the_strongest_channel_after_relu_is_shown_unless_another_is_named(made):
    best = int(made["stage3.0.out0"][1].double().square().mean((1, 2)).argmax())
    assert exchange_steps(made, "stage3.0.sum0", index=1).title.startswith(f"stage3.0.sum0, channel {best}:")
    assert exchange_steps(made, "stage3.0.sum0", channel=2).title.startswith("stage3.0.sum0, channel 2:")


def test_share_decided_at_relu_is_counted(made):
    unit = read_unit(made, "stage3.0.sum0", channel=4)
    share = float((made["stage3.0.sum0"][0, 4] < 0).double().mean())
    assert unit.removed == pytest.approx(share)
    picture = exchange_steps(made, "stage3.0.sum0", channel=4)
    assert f"{share:.0%}\nbecome 0" in [text for text, _ in words_of(picture)]
    assert f"{share:.0%} of the cells became 0" in picture.alt


def test_adding_up_to_the_bit_is_checked_not_claimed(made):
    assert "add up to the sum to the bit" in exchange_steps(made, "stage3.0.sum0").caption
    other = {**made, "stage3.0.sum0": made["stage3.0.sum0"] + 0.25}
    changed = type(made)(made.plan, made.input, other, made.photos, made.classes)
    assert "miss the sum by at most 0.25" in exchange_steps(changed, "stage3.0.sum0").caption


def test_alt_text_tells_every_path(made):
    alt = exchange_steps(made, "stage3.0.sum1").alt
    for words in ("path 0, branch 0, 2× down", "path 1, branch 1 as it is", "path 2, branch 2, 2× up"):
        assert words in alt
    assert "4× down" in exchange_steps(made, "stage3.0.sum2").alt


@pytest.mark.parametrize("name", ["stage3.0.out1", "stage3.0.fuse1<-2", "stage3.0.sum1", "stage3.0.fuse1<-2.bn"])
def test_path_sum_and_output_name_the_same_exchange(made, name):
    assert made.plan.sum_of(name).name == "stage3.0.sum1"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"site": "stage3.0.branch0"}, ValueError, "'stage3.0.branch0' belongs to no exchange. Name a sum"),
        ({"site": "head.sum1"}, ValueError, "'head.sum1' belongs to no exchange"),
        ({"site": "stage3.7.sum0"}, SiteError, "does not have it"),
        ({"channel": 64}, IndexError, "Channel 64 was asked for, but 'stage3.0.sum0' has channels 0 to 15"),
        ({"index": -1}, IndexError, "index=-1"),
    ],
)
def test_mistakes_are_answered_in_sentences(made, options, error, words):
    with pytest.raises(error, match=words):
        exchange_steps(made, **{"site": "stage3.0.sum0"} | options)


def test_a_trace_with_gradients_can_be_drawn(made):
    grown = {name: value.clone().requires_grad_() for name, value in made.items()}
    trace = type(made)(made.plan, made.input, grown, made.photos, made.classes)
    assert exchange_steps(trace, "stage3.0.sum0").caption == exchange_steps(made, "stage3.0.sum0").caption


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_looks_as_it_did(made, golden_figure, theme):
    golden_figure(f"exchange_{theme}", exchange_steps(made, "stage4.0.sum1", theme=theme))
