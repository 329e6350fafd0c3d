"""Two edits at once: what a pair adds is what is left when the effects of both alone are taken away."""

import pytest
import torch

from hrnet_viz.interventions import pairs as pairs_of
from hrnet_viz.interventions.ablation import ablate
from tests.nets.trained_like import photos, trained_like

SITES = ("stage4.0.fuse0<-0", "stage4.0.fuse3<-0", "stage4.0.fuse3<-3")


@pytest.fixture(scope="module")
def pairs():
    return pairs_of(trained_like(), photos(2), SITES, target=2)


def test_effects_are_those_of_ablations(pairs):
    for i, one in enumerate(SITES):
        for j, other in enumerate(SITES):
            measured = ablate(trained_like(), photos(2), list({one, other}), target=2).effect
            torch.testing.assert_close(pairs.together[:, i, j], measured.double(), atol=1e-5, rtol=1e-5)


def test_a_pair_adds_what_the_two_alone_do_not_explain(pairs):
    assert torch.equal(pairs.alone[:, 1], pairs.together[:, 1, 1])
    added = pairs.together[:, 0, 2] - pairs.alone[:, 0] - pairs.alone[:, 2]
    assert torch.equal(pairs.extra[:, 0, 2], added)
    assert torch.equal(pairs.extra, pairs.extra.transpose(1, 2))
    assert not pairs.extra.diagonal(dim1=1, dim2=2).any()
    assert (pairs.extra[:, 1, 2].abs() > 1e-4).all()  # a net without ReLU would give 0


def test_each_photo_keeps_its_own_top_class_and_a_pattern_stands_for_its_sites():
    pairs = pairs_of(trained_like(), photos(2), "stage4.0.fuse3<-*", 0.5)
    assert pairs.sites == tuple(f"stage4.0.fuse3<-{j}" for j in range(4))
    assert pairs.edit == "scaled by 0.5"
    assert len(pairs.words) == 2
    assert repr(pairs) == "PairEffects(4 sites, scaled by 0.5)"


def test_one_site_is_no_pair():
    with pytest.raises(ValueError, match=r"A pair needs two sites; stage4\.0\.out0 was given"):
        pairs_of(trained_like(), photos(), "stage4.0.out0")
