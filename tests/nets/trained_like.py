"""Small nets whose activations have a sane size, as a trained net's do, and photos made of numbers for them."""

from functools import cache

import torch
from torch.optim.swa_utils import update_bn

from hrnet_viz.network import hrnet

CLASSES = 7


@cache
def trained_like(name="hrnet_w18_small_v1", dtype=torch.float32, side=64):
    """A net with random weights and the BatchNorm statistics of a few random photos, in eval mode.

    It is shared: a test that changes it copies it first.
    """
    torch.manual_seed(7)
    net = hrnet(name, num_outputs=CLASSES)
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.normal_(norm.bias, std=0.3)
    update_bn([torch.randn(4, 3, side, side)], net)
    return net.to(dtype).eval()


def photos(n=1, height=64, width=64, *, dtype=torch.float32, seed=0):
    """Ready tensors (n, 3, height, width)."""
    return torch.randn(n, 3, height, width, generator=torch.Generator().manual_seed(seed)).to(dtype)
