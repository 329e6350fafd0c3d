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
