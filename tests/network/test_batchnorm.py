"""An untrained net gets statistics under which its activations have a sane size, and nothing else changes."""

import pytest
import torch

import hrnet_viz as hv


def test_activations_get_a_sane_size_and_nothing_else_changes():
    net = hv.hrnet("hrnet_w18_small_v1", num_outputs=5)
    net.layer1.eval()
    modes = [module.training for module in net.modules()]
    weights = [parameter.clone() for parameter in net.parameters()]
    photos = torch.randn(3, 3, 64, 64)
    wild = max(tensor.abs().max() for tensor in hv.trace(net, photos).values())
    assert hv.update_batchnorm(net, photos) is net
    tame = max(tensor.abs().max() for tensor in hv.trace(net, photos).values())
    assert tame < 100 < wild
    assert modes == [module.training for module in net.modules()]
    assert all(torch.equal(a, b) for a, b in zip(weights, net.parameters(), strict=True))
    assert {module.momentum for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)} == {0.1}


def test_several_batches_of_several_sizes_count_the_same():
    net = hv.hrnet("hrnet_w18_small_v1", num_outputs=5)
    batches = [torch.randn(3, 3, 64, 64) + 1, torch.randn(3, 3, 96, 96) - 2]
    alone = [hv.update_batchnorm(net, batch).bn1.running_mean.clone() for batch in batches]
    hv.update_batchnorm(net, iter(batches))
    torch.testing.assert_close(net.bn1.running_mean, (alone[0] + alone[1]) / 2)


WRONG = {
    "nothing": [],
    "an empty loader": iter(()),
    "raw pixels": torch.zeros(2, 3, 64, 64, dtype=torch.uint8),
    "no photo": 7,
    "a missing file": "nowhere.jpg",
    "NaN": torch.full((2, 3, 64, 64), torch.nan),
    "a bad second batch": [torch.randn(2, 3, 64, 64), torch.randn(2, 4, 64, 64)],
    "too small": torch.randn(1, 3, 16, 16),
}


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG)
def test_a_mistaken_call_is_told_and_changes_nothing(given):
    net = hv.hrnet("hrnet_w18_small_v1", num_outputs=3).eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises((ValueError, TypeError)):
        hv.update_batchnorm(net, given)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(module.training for module in net.modules())


def test_photos_and_loaders_are_taken():
    nets = [hv.load("teaching") for _ in range(4)]
    photos = [hv.photo("cat"), hv.photo("coffee")]
    x = hv.prepare(nets[0], photos)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, torch.zeros(2)), batch_size=2)
    for net, given in zip(nets, (x, photos, loader, [x]), strict=True):
        hv.update_batchnorm(net, given)
        torch.testing.assert_close(net.bn2.running_mean, nets[0].bn2.running_mean)
