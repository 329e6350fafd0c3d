"""Measure the BatchNorm statistics of a net on photos, so that its activations have the size that they should have.

A freshly built net in eval mode normalises with mean 0 and variance 1, which its random convolutions do not have: the
sums of an HRNet then grow to 10**7 and every picture shows the same few cells. Statistics measured on some photos keep
each layer near unit size; the weights stay random.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import torch
from torch import Tensor, nn

Net = TypeVar("Net", bound=nn.Module)


def settle_norms(net: Net, x: Tensor | Iterable[Tensor]) -> Net:
    """Measure the BatchNorm statistics of a net on photos; weights, modes and momenta stay as they were.

    Of several batches, each is normalised by itself and counts the same (arXiv 2105.07576, section 3).

    Args:
        net: the net; it is changed and given back.
        x: photos (N, 3, H, W), N * H * W / 1024 > 1, or batches of them, each of any size.
    """
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [(norm.momentum, norm.training) for norm in norms]
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the average over all that it sees
            norm.training = True
        with torch.no_grad():
            for batch in [x] if isinstance(x, Tensor) else x:
                net(batch)
    finally:
        for norm, (momentum, training) in zip(norms, before, strict=True):
            norm.momentum, norm.training = momentum, training
    return net
