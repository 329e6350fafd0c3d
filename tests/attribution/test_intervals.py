"""Intervals and rank correlations against what is known about them."""

import math

import numpy as np
import pytest
import torch

from hrnet_viz.attribution.truth_table import Interval, TruthTable, bootstrap_mean, correlate_ranks, wilson

scipy_stats = pytest.importorskip("scipy.stats", reason="scipy comes with scikit-image; without it there is no oracle")


def test_bootstrap_covers_the_true_mean_about_as_often_as_it_says():
    generator = torch.Generator().manual_seed(0)
    hits = 0
    for trial in range(200):
        interval = bootstrap_mean(torch.randn(40, generator=generator) + 3, seed=trial, rounds=400)
        hits += interval.low <= 3 <= interval.high
    assert 180 <= hits <= 198


def test_bootstrap_is_the_same_for_the_same_seed_and_leaves_nan_out():
    values = torch.tensor([1.0, 2.0, float("nan"), 3.0])
    assert bootstrap_mean(values, seed=3) == bootstrap_mean(values, seed=3)
    assert bootstrap_mean(values).value == 2.0
    assert bootstrap_mean(values).n == 3
    empty = bootstrap_mean(torch.tensor([float("nan")]))
    assert math.isnan(empty.value)
    assert str(empty) == "not defined"


def test_wilson_is_the_score_interval():
    """Wilson 1927 by hand: the shares p at which (x / n - p)^2 = z^2 p (1 - p) / n."""
    for hits, n in ((0, 10), (3, 10), (57, 240)):
        found = wilson(hits, n)
        for end in (found.low, found.high):
            assert (hits / n - end) ** 2 == pytest.approx(1.959964**2 * end * (1 - end) / n, abs=1e-6)
    assert math.isnan(wilson(0, 0).value)


def test_a_table_leaves_out_what_is_not_defined_and_ranks_the_rest():
    nan = float("nan")
    table = TruthTable("a", 0, ("m", "n"), ("s",), torch.tensor([[[1.0, nan]], [[3.0, 5.0]]]))
    assert table.at("m", "s").value == 1.0
    assert table.over_methods(0).value == pytest.approx((2.0 + 5.0) / 2)
    assert table.ranking() == [("n", "s"), ("m", "s")]
    with pytest.raises(ValueError, match=r"'o' at 's' was not tried \(a\). Tried were m, n at s"):
        table.at("o", "s")


def test_rank_correlation_with_ties_is_spearmans():
    random = np.random.default_rng(0)
    one, other = random.integers(0, 5, (3, 30)), random.normal(size=(3, 30))
    ours = correlate_ranks(torch.from_numpy(one), torch.from_numpy(other))
    for k in range(3):
        assert float(ours[k]) == pytest.approx(scipy_stats.spearmanr(one[k], other[k]).statistic)


def test_a_constant_has_no_correlation():
    assert math.isnan(float(correlate_ranks(torch.ones(5), torch.arange(5.0))))


def test_an_interval_reads_aloud_and_knows_what_it_is_above():
    interval = Interval(0.5, 0.3, 0.7, 12)
    assert str(interval) == "0.5 (0.3 to 0.7)"
    assert interval.is_above(0.25)
    assert not interval.is_above(0.4)


def test_a_higher_level_gives_a_wider_interval_around_the_same_mean():
    values = torch.randn(50, generator=torch.Generator().manual_seed(1))
    usual, sure = bootstrap_mean(values), bootstrap_mean(values, level=0.99)
    assert usual.value == sure.value
    width = (sure.high - sure.low) / (usual.high - usual.low)
    assert 1.2 < width < 1.45  # 2.576 / 1.960 = 1.31 for a normal distribution
