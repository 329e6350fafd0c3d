"""Average drop on a net whose truth is known."""

import torch

from hrnet_viz.attribution.covering import average_drop
from tests.nets.corner_net import CornerNet, corner_map, maps_of

SITE = "stage4.0.branch0"


def test_the_true_map_loses_nothing_and_beats_its_shuffled_self():
    found = average_drop(CornerNet(), maps_of(corner_map(), n=8), enlarge="cells")[SITE]
    assert found.drop.value < 1e-6
    assert found.gain.is_above(0.02)
    assert found.increase.value == 0


def test_the_wrong_map_loses_what_the_net_lives_on():
    wrong = average_drop(CornerNet(), maps_of(1 - corner_map(), n=8), enlarge="cells")[SITE]
    torch.testing.assert_close(wrong.masked, torch.full((8,), 0.5))
    expected = ((wrong.whole - 0.5) / wrong.whole).mean()
    assert abs(wrong.drop.value - float(expected)) < 1e-6
    assert wrong.gain.high < 0


def test_a_map_without_positive_evidence_leaves_nothing():
    found = average_drop(CornerNet(), maps_of(-corner_map()))[SITE]
    torch.testing.assert_close(found.masked, torch.full((3,), 0.5))


def test_keeping_everything_scores_well_but_not_better_than_chance():
    found = average_drop(CornerNet(), maps_of(torch.ones(4, 4), n=8))[SITE]
    assert found.drop.value < 1e-6
    assert found.gain.value == 0
