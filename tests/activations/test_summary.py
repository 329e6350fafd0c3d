"""The summary over the depth: every measured number is drawn at its depth, in the colour of its resolution."""

import pytest
from matplotlib.colors import to_hex

import hrnet_viz as hv
from hrnet_viz.activations.statistics import Statistics
from hrnet_viz.activations.summary import _name_column, _name_part, activation_summary
from hrnet_viz.canvas.colours import BRANCH_COLOURS, HEAD_COLOUR, STEM_COLOUR
from tests.nets.made_trace import axes_called, made_trace, words_of


@pytest.fixture(scope="module", name="statistics")
def made_statistics():
    return hv.activations.statistics(made_trace())


def points_of(axes):
    """(place, value, colour) of every marker."""
    lines = [line for line in axes.lines if line.get_linestyle() == "None"]
    return {(float(line.get_xdata()[0]), float(line.get_ydata()[0]), to_hex(line.get_color())) for line in lines}


def test_three_panels_over_the_same_depth(statistics):
    picture = activation_summary(statistics)
    panels = picture.axes
    assert [axes.get_label() for axes in panels] == ["energy", "sparsity", "dead channels"]
    assert len({axes.get_xlim() for axes in panels}) == 1
    assert panels[0].get_yscale() == "log"


@pytest.mark.parametrize(
    ("panel", "value"), [("energy", "energy"), ("sparsity", "sparsity"), ("dead channels", "dead_share")]
)
def test_every_number_is_there(statistics, panel, value):
    columns = list(dict.fromkeys(_name_column(entry.site) for entry in statistics.sites))
    points = points_of(axes_called(activation_summary(statistics), panel)[0])
    for entry in statistics.sites:
        place = (columns.index(_name_column(entry.site)), getattr(entry, value), expected_colour(entry.site))
        assert place in points, entry.site


def expected_colour(site):
    if site.name in ("stem", "stage1"):
        return STEM_COLOUR
    return HEAD_COLOUR if site.name == "head.final" else BRANCH_COLOURS[[4, 8, 16, 32].index(site.stride)]


def test_lines_run_forward_only(statistics):
    for axes in activation_summary(statistics).axes:
        for line in axes.lines:
            assert list(line.get_xdata()) == sorted(line.get_xdata())


def test_depths_and_parts_are_named():
    net = hv.hrnet("hrnet_w18_small_v1", num_outputs=2)
    columns = list(dict.fromkeys(_name_column(site) for site in net.sites()))
    assert columns[:6] == ["stem", "stage1", "transition1.branch", "stage2.0.branch", "stage2.0.fuse", "stage2.0.sum"]
    assert [_name_part(column) for column in columns[:4]] == ["stem, stage 1", "stem, stage 1", "stage 2", "stage 2"]
    assert _name_part("logits") == _name_part("head.down") == "head"


def test_words_on_the_axes(statistics):
    words = [text for text, _ in words_of(activation_summary(statistics))]
    for word in ("stem, stage 1", "stage 2", "stage 3", "stage 4", "head", "2.0", "3.0", "4.0", "incre", "branch 3"):
        assert word in words


def test_names_of_steps_step_aside_in_a_deep_net():
    words = [
        text
        for text, _ in words_of(
            activation_summary(hv.activations.statistics(made_trace("hrnet_w18", size=64, photos=1)))
        )
    ]
    assert "\ndown" in words
    assert "3.3" in words


def test_alt_text_tells_the_extremes(statistics):
    most = max(statistics.sites, key=lambda entry: entry.energy)
    alt = activation_summary(statistics).alt
    assert f"at {most.site.name}; values that are 0 from" in alt
    assert "over 2 photos" in alt
    assert alt.startswith(
        f"Three line charts over the depth of hrnet_w18_small_v1, a line per branch, {len(statistics.sites)} sites"
    )


def test_dead_channels_are_counted_in_words():
    trace = made_trace(size=64)
    values = trace["stage2.0.out0"].clone()
    assert (
        "none is 0 at every place"
        in activation_summary(hv.activations.statistics(trace, ["stem", "stage2.0.out0"])).caption
    )
    values[:, [1, 4, 9]] = 0
    dead = type(trace)(trace.plan, trace.input, {**trace, "stage2.0.out0": values}, trace.photos, trace.classes)
    picture = activation_summary(hv.activations.statistics(dead, ["stem", "stage2.0.out0"]))
    assert "3 are 0 at every place of every photo" in picture.caption
    assert "most dead channels at stage2.0.out0, 3 of 16" in picture.alt


def test_a_site_without_any_energy_is_drawn_on_a_plain_scale():
    trace = made_trace(size=64)
    silent = type(trace)(trace.plan, trace.input, {**trace, "stem": trace["stem"] * 0}, trace.photos, trace.classes)
    assert axes_called(activation_summary(hv.activations.statistics(silent)), "energy")[0].get_yscale() == "linear"


def test_no_site_at_all_is_refused():
    with pytest.raises(ValueError, match=r"hold no site; statistics\(trace\) measures"):
        activation_summary(Statistics("hrnet_w18", 1, ()))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_looks_as_it_did(statistics, golden_figure, theme):
    golden_figure(f"summary_{theme}", activation_summary(statistics, theme=theme))
