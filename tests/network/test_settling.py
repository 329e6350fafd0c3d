"""An untrained net gets statistics under which its activations have a sane size, and nothing else changes."""

import torch

import hrnet_viz as hv


def test_activations_get_a_sane_size_and_nothing_else_changes():
    net = hv.hrnet("hrnet_w18_small_v1", num_outputs=5)
    net.layer1.eval()
    modes = [module.training for module in net.modules()]
    weights = [parameter.clone() for parameter in net.parameters()]
    photos = torch.randn(3, 3, 64, 64)
    wild = max(tensor.abs().max() for tensor in hv.trace(net, photos).values())
    assert hv.settle_norms(net, photos) is net
    tame = max(tensor.abs().max() for tensor in hv.trace(net, photos).values())
    assert tame < 100 < wild
    assert modes == [module.training for module in net.modules()]
    assert all(torch.equal(a, b) for a, b in zip(weights, net.parameters(), strict=True))
    assert {module.momentum for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)} == {0.1}


def test_several_batches_of_several_sizes_count_the_same():
    net = hv.hrnet("hrnet_w18_small_v1", num_outputs=5)
    batches = [torch.randn(3, 3, 64, 64) + 1, torch.randn(3, 3, 96, 96) - 2]
    alone = [hv.settle_norms(net, batch).bn1.running_mean.clone() for batch in batches]
    hv.settle_norms(net, iter(batches))
    torch.testing.assert_close(net.bn1.running_mean, (alone[0] + alone[1]) / 2)
