"""The sanity check forgets in a copy, level by level, and repeats with its seed."""

import copy

import pytest
import torch

from hrnet_viz.attribution.cam import cam
from hrnet_viz.attribution.checks import _randomise, list_levels, sanity_check
from tests.nets.trained_like import photos, trained_like

X = photos(3)
SITES = ("stage4.0.branch0", "head.final")


@pytest.fixture(scope="module")
def checked():
    return sanity_check(trained_like(), X, method=["gradcam", "hirescam"], sites=SITES)


def test_every_parameter_is_forgotten_in_exactly_one_level():
    net = trained_like("hrnet_w18_small_v2")
    owners = {name: 0 for name, _ in net.named_parameters()}
    for modules in list_levels(net).values():
        for module in modules:
            for name in owners:
                owners[name] += name.startswith(f"{module}.")
    assert set(owners.values()) == {1}
    assert list(list_levels(net))[:5] == ["logits", "head.final", "head", "stage4.1", "stage4.0"]
    assert list(list_levels(net))[-2:] == ["stage1", "stem"]


def test_similarity_falls_from_the_trained_map_to_chance(checked):
    assert checked.similarity.shape == (2, 2, len(checked.levels), 3)
    assert checked.levels == tuple(list_levels(trained_like()))
    last = checked.curve("gradcam", "stage4.0.branch0")[-1]
    assert abs(last.value) < 0.35


def test_the_net_and_the_random_state_stay_also_inside_inference_mode(checked):
    net = copy.deepcopy(trained_like()).train()
    before, state = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    with torch.inference_mode():
        again = sanity_check(net, X, method=["gradcam", "hirescam"], sites=SITES)
    torch.testing.assert_close(again.similarity, checked.similarity)  # equal seeds, equal numbers
    assert net.training
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)


def test_randomising_only_the_logits_keeps_the_activations_and_changes_the_weights():
    net = copy.deepcopy(trained_like())
    kept = net.streams(X)[0]
    _randomise([net.classifier], torch.Generator().manual_seed(0))
    assert torch.equal(net.streams(X)[0], kept)
    assert not torch.equal(net.classifier.weight, trained_like().classifier.weight)
    assert not net.classifier.bias.any()


def test_the_class_stays_that_of_the_trained_net(checked):
    assert checked.targets == cam(trained_like(), X, sites=SITES).targets


def test_refusals(checked):
    with pytest.raises(ValueError, match="from at least two"):
        sanity_check(trained_like(), X[:1])
    with pytest.raises(ValueError, match=r"exists at head\.final alone"):
        sanity_check(trained_like(), X, method="cam", sites="head.final")
    with pytest.raises(ValueError, match="was not tried"):
        checked.curve("layercam", "head.final")
