"""BatchNorm over the batch of all processes, so that several processes train the net that one would.

torch's own SyncBatchNorm works on GPUs only; this one needs nothing but an all-reduce.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _AddUp(torch.autograd.Function):
    """Sum a tensor over all processes; what flows back is summed likewise, as every process' loss depends on it."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        sums = values.clone()
        dist.all_reduce(sums)
        return sums

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        sums = gradients[0].contiguous().clone()
        dist.all_reduce(sums)
        return sums


class GlobalBatchNorm(nn.BatchNorm2d):
    """BatchNorm2d whose mean and variance in training are those of the photos of all processes.

    Source: arXiv 1502.03167, algorithm 1, with the sums taken over all processes.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W)."""
        if not self.training or not dist.is_initialized():
            return super().forward(x)
        values = x.to(torch.promote_types(x.dtype, torch.float32))  # sums of bfloat16 would be too coarse
        count: Tensor = _AddUp.apply(values.new_tensor([x.numel() / x.shape[1]]))
        mean: Tensor = _AddUp.apply(values.sum((0, 2, 3))) / count
        # A second sum, not the mean of squares: the difference of two large numbers would lose digits.
        centred = values - mean[:, None, None]
        variance: Tensor = _AddUp.apply(centred.square().sum((0, 2, 3))) / count
        self._remember(mean, variance * count / (count - 1))
        scale = (variance + self.eps).rsqrt() * self.weight
        normalised: Tensor = centred * scale[:, None, None] + self.bias[:, None, None]
        return normalised.to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, unbiased: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(unbiased, share)


def share_norms(net: nn.Module) -> None:
    """Let every BatchNorm of a net see the batch of all processes; names and state stay as they are."""
    for module in net.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = GlobalBatchNorm
