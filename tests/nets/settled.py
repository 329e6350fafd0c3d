"""Small nets of every head whose numbers are neither dead nor trained."""

import torch

import hrnet_viz as hv


def settle(net, seed=5):
    """Give a net weights and statistics that nobody would train, but that keep every tensor near unit size."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in net.state_dict().items():
        if value.ndim == 4:
            value.copy_(torch.randn(value.shape, generator=generator) * value[0].numel() ** -0.5)
        elif name.endswith("running_var"):
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
        elif value.is_floating_point():
            value.copy_(torch.randn(value.shape, generator=generator) * 0.2 + ("weight" in name))
    return net.eval()


def small(head, names=(), **options):
    """Return a settled net of the smallest variant, with named outputs."""
    net = settle(hv.hrnet("hrnet_w18_small_v1", head=head, num_outputs=len(names) or None, **options))
    if names:
        net.classes = names
    return net
