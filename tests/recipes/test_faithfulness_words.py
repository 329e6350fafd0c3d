"""The conclusions are right for every outcome: a winner, ties, nothing better than chance, nothing at all."""

import pytest
import torch

from hrnet_viz.attribution.checks import Sanity
from hrnet_viz.attribution.truth_table import Interval, TruthTable
from recipes.faithfulness.report import compare, conclude, find_best
from recipes.faithfulness.study import Faithfulness

METHODS, SITES, N = ("gradcam", "layercam"), ("stage4.1.branch0", "stage4.1.branch1", "stage4.1.branch2"), 60


def noise(*shape, seed=0):
    return 0.2 * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def table(means, *, n=N, chance=0.25, shared=None, left=(0.0, 0.0)):
    """A table whose cells have these means (methods, sites) and noise that cells of one photo may share."""
    means = torch.tensor(means)
    values = means[:, :, None] + (noise(*means.shape, n) if shared is None else noise(n).expand(*means.shape, n))
    values += means[:, :, None] - values.mean(2, keepdim=True)
    similarity = torch.tensor(left)[:, None, None, None] + noise(len(means), len(means[0]), 1, n)
    similarity += torch.tensor(left)[:, None, None, None] - similarity.mean(3, keepdim=True)
    return Faithfulness(
        METHODS[: len(means)],
        SITES[: len(means[0])],
        (4, 8, 16)[: len(means[0])],
        (TruthTable("pointing", chance, METHODS[: len(means)], SITES[: len(means[0])], values),),
        Sanity(METHODS[: len(means)], SITES, ("stem",), similarity, (), (), 0),
        {},
    )


def say(*arguments, **settings):
    return conclude(table(*arguments, **settings))


def test_a_clear_winner_is_named_with_its_interval():
    sites, methods, cells, _ = say([[0.26, 0.9, 0.26], [0.1, 0.7, 0.1]])
    assert sites.startswith("pointing (chance 0.25): the best resolution is stage4.1.branch1 (stride 8): 0.800 (0.7")
    assert "above chance; it is clearly ahead of stage4.1.branch0 (stride 4) and stage4.1.branch2 (stride 16)." in sites
    assert "the best method is Grad-CAM: 0.473" in methods
    assert "clearly ahead of LayerCAM." in methods
    assert cells == (
        "pointing (chance 0.25): 2 of 6 combinations are above chance; 2 below chance (LayerCAM at stage4.1.branch0, "
        "LayerCAM at stage4.1.branch2); 2 not told apart from chance (Grad-CAM at stage4.1.branch0, Grad-CAM at "
        "stage4.1.branch2)."
    )


def test_ties_cannot_be_told_apart():
    sites, methods, cells, _ = say([[0.5, 0.51, 0.5], [0.5, 0.51, 0.5]])
    assert "the resolutions cannot be told apart; the highest mean is that of stage4.1.branch1" in sites
    assert "the methods cannot be told apart" in methods
    assert "6 of 6 combinations are above chance." in cells


def test_a_partial_tie_names_who_is_behind_and_who_is_not():
    sites, *_ = say([[0.5, 0.51, 0.1], [0.5, 0.51, 0.1]])
    assert "the highest mean of a resolution is that of stage4.1.branch1 (stride 8)" in sites
    assert "clearly ahead of stage4.1.branch2 (stride 16), but cannot be told apart from stage4.1.branch0" in sites


def test_differences_are_taken_photo_by_photo():
    sites, *_ = say([[0.5, 0.51, 0.5], [0.5, 0.51, 0.5]], shared=True)
    assert "the best resolution is stage4.1.branch1" in sites  # the same noise in both leaves their difference


def test_the_best_of_bad_ones_is_not_called_good():
    sites, methods, cells, _ = say([[0.05, 0.1, 0.0], [0.05, 0.1, 0.0]])
    assert ", below chance" in sites
    assert ", below chance" in methods
    assert "0 of 6 combinations are above chance; 6 below chance" in cells
    sites, _, cells, _ = say([[0.25, 0.25, 0.25], [0.25, 0.25, 0.25]])
    assert "not told apart from chance" in sites
    assert "0 of 6 combinations are above chance; 6 not told apart from chance" in cells


def test_equal_numbers_of_every_photo_are_chance_and_a_tie():
    found = table([[0.25, 0.25, 0.25], [0.25, 0.25, 0.25]])
    found.measures[0].values.fill_(0.25 + 1e-7)  # not a quarter to the last bit, as means of float32 are
    sites, _, cells, _ = conclude(found)
    assert "the resolutions cannot be told apart" in sites
    assert "0 of 6 combinations are above chance" in cells


def test_what_is_not_defined_is_said():
    found = table([[0.5, 0.9, 0.5], [0.5, 0.9, 0.5]])
    found.measures[0].values[:, 0] = torch.nan
    sites, _, cells, _ = conclude(found)
    assert "ahead of stage4.1.branch2 (stride 16); not defined: stage4.1.branch0 (stride 4)." in sites
    assert "2 not defined (Grad-CAM at stage4.1.branch0, LayerCAM at stage4.1.branch0)" in cells
    found.measures[0].values[:] = torch.nan
    assert conclude(found)[0] == "pointing: 0 photos are too few for a conclusion."
    assert find_best(torch.full((2, 3), torch.nan)).best is None


def test_a_single_one_is_no_best():
    sites, methods, _, _ = say([[0.5]], left=(0.0,))
    assert "the only resolution with a score is stage4.1.branch0 (stride 4): 0.500" in sites
    assert "the only method with a score is Grad-CAM" in methods


def test_few_photos_allow_no_conclusion():
    assert say([[0.9, 0.1, 0.1]], n=9, left=(0.0,)) == [
        "pointing: 9 photos are too few for a conclusion.",
        "sanity check: 9 photos are too few for a conclusion.",
    ]


def test_the_sanity_check_tells_who_keeps_something():
    *_, kept, gone = say([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]], left=(0.0, 0.4))
    assert "of LayerCAM 0.400" in kept
    assert "of Grad-CAM 0.000" in gone


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.3, 0.26, 0.4), "above chance"),
        ((0.3, 0.2, 0.4), "not told apart from chance"),
        ((0.1, 0.05, 0.2), "below chance"),
        ((float("nan"),) * 3, "not defined"),
    ],
)
def test_a_score_stands_where_its_interval_stands(interval, words):
    assert compare(Interval(*interval, 50), 0.25) == words
