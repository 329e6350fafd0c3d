"""Agreement with ablation, where it must be perfect and against an ablation done by hand."""

import pytest
import torch

from hrnet_viz.attribution.checks import ablation_agreement, add_up_patches, assign_patches
from tests.nets.by_hand import edited_logits
from tests.nets.trained_like import photos, trained_like

X = photos(2, 96, 96)


def test_hirescam_is_exact_where_the_rest_of_the_net_is_linear():
    found = ablation_agreement(trained_like(), X, 3, method="hirescam", sites="head.final", patches=3)
    torch.testing.assert_close(found.sums[0, 0], found.losses[0], rtol=1e-3, atol=1e-5)
    assert found.places("hirescam", "head.final").value == pytest.approx(1)


def test_losses_are_those_of_an_independently_edited_net():
    net, site = trained_like(), trained_like().plan.sites["stage4.0.branch1"]
    found = ablation_agreement(net, X, 3, sites=site, patches=2)
    owner = assign_patches((12, 12), 2)
    logits = net(X).detach()[:, 3]
    for patch in range(4):
        edited = edited_logits(net, X, [(site, lambda value, patch=patch: value * (owner != patch))])[:, 3]
        torch.testing.assert_close(found.losses[0, :, patch], logits - edited, rtol=1e-3, atol=1e-4)


def test_patches_cover_every_cell_once_and_the_same_area_everywhere():
    for side in (5, 7, 10, 40):
        owner = assign_patches((side, side), 5)
        assert sorted(owner.unique().tolist()) == list(range(25))
    assert torch.equal(
        assign_patches((4, 4), 2), torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]])
    )
    maps = torch.arange(16.0).view(1, 4, 4)
    assert add_up_patches(maps, 2).tolist() == [[10.0, 18.0, 42.0, 50.0]]


def test_several_methods_and_sites():
    found = ablation_agreement(trained_like(), X, method=["gradcam", "hirescam"], patches=3)
    assert found.sums.shape == (2, 4, 2, 9)
    assert found.place_correlations.shape == (2, 4, 2)
    assert found.place_correlations.abs().max() <= 1 + 1e-9
    assert found.sites == tuple(f"stage4.0.branch{b}" for b in range(4))


def test_refusals():
    with pytest.raises(ValueError, match=r"patches=5 was given, but 'stage4.0.branch3' has 3 cells"):
        ablation_agreement(trained_like(), X)
    with pytest.raises(ValueError, match="whole number from 1 on"):
        ablation_agreement(trained_like(), X, sites="head.final", patches=2.5)
    found = ablation_agreement(trained_like(), X, sites="head.final", patches=1)
    with pytest.raises(ValueError, match="was not tried"):
        found.places("layercam", "head.final")
