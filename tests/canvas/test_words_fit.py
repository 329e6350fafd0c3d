"""In every figure, for every shape of net and photo that matters, no word is cut off and none lies over another."""

import pytest
import torch

from hrnet_viz.activations.maps import branch_life, branch_maps, channel_grid
from hrnet_viz.activations.statistics import statistics
from hrnet_viz.activations.summary import activation_summary
from hrnet_viz.exchanges.figures import exchange_steps
from hrnet_viz.heads.figures import head_steps
from tests.nets.made_trace import complain_about_words, made_trace

FIGURES = {
    "grid": lambda trace: channel_grid(trace, "stage3.0.branch0"),
    "grid, many": lambda trace: channel_grid(trace, "stage1"),
    "grid, signed": lambda trace: channel_grid(trace, "stage4.0.sum3", sort="energy"),
    "grid, one scale": lambda trace: channel_grid(trace, "stage4.0.fuse0<-3", scale="site", sort="max"),
    "grid, few": lambda trace: channel_grid(trace, "stem", most=3),
    "branches of 2": lambda trace: branch_maps(trace, "stage2.0"),
    "branches of 4": lambda trace: branch_maps(trace, "stage4.0", after="exchange", show="strongest"),
    "life of 0": lambda trace: branch_life(trace, 0),
    "life of 3": lambda trace: branch_life(trace, 3, show="strongest"),
    "exchange of 2": lambda trace: exchange_steps(trace, "stage2.0.sum1"),
    "exchange of 3": lambda trace: exchange_steps(trace, "stage3.0.out2"),
    "exchange of 4": lambda trace: exchange_steps(trace, "stage4.0.sum0", channel=15),
    "head": head_steps,
    "summary": lambda trace: activation_summary(statistics(trace)),
}


@pytest.fixture(scope="module")
def small():
    return made_trace()


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_words_fit(small, draw):
    assert not complain_about_words(draw(small))


@pytest.fixture(scope="module")
def wide():
    """The deepest net, the widest channel numbers, a photo twice as wide as high."""
    trace = made_trace("hrnet_w48", size=64, photos=1)
    doubled = {site: torch.cat([value, value], 3) if value.ndim == 4 else value for site, value in trace.items()}
    return type(trace)(trace.plan, torch.cat([trace.input] * 2, 3), doubled, trace.photos, trace.classes)


@pytest.mark.parametrize("name", ["life of 0", "branches of 4", "exchange of 4", "summary", "head"])
def test_words_fit_for_a_large_net_and_a_wide_photo(wide, name):
    assert not complain_about_words(FIGURES[name](wide))


@pytest.mark.parametrize("name", ["grid", "branches of 4", "exchange of 4", "head"])
def test_words_fit_with_huge_and_tiny_numbers(small, name):
    for factor in (-3.3e7, 2.7e-5):
        scaled = type(small)(
            small.plan, small.input, {k: v * factor for k, v in small.items()}, small.photos, small.classes
        )
        assert not complain_about_words(FIGURES[name](scaled)), factor
