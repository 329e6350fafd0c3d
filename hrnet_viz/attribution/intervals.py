"""How sure a number is: intervals for means over photos and for shares of hits, and a rank correlation.

Photos are what was sampled, so photos are what is resampled; several measurements of one photo (the positions in a
mosaic, say) are averaged before they come here.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt

import torch
from torch import Tensor

Z95 = 1.959964
ROUNDS = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its interval, of 95 % unless another level was asked for.

    Attributes:
        value: the mean or share itself.
        low, high: ends of the interval.
        n: number of photos that it is based on.
    """

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        if not isfinite(self.value):
            return "not defined"
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"

    def is_above(self, level: float) -> bool:
        """Whether the whole interval lies above a level such as chance."""
        return self.low > level


def bootstrap_mean(values: Tensor, *, seed: int = 0, rounds: int = ROUNDS, level: float = 0.95) -> Interval:
    """Give the mean of one number per photo with its percentile bootstrap interval; NaN is left out.

    Source: Efron and Tibshirani 1993, "An introduction to the bootstrap", section 13.3.

    Args:
        values: (N,).
        seed: of the resampling; equal seeds give equal intervals.
        rounds: number of resamples.
        level: how often such an interval covers the true mean.
    """
    kept = values.detach().double().cpu().flatten()
    kept = kept[~kept.isnan()]
    if not len(kept):
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(kept), (rounds, len(kept)), generator=generator)
    low, high = torch.quantile(
        kept[drawn].mean(1), torch.tensor([1 - level, 1 + level], dtype=torch.double) / 2
    ).tolist()
    return Interval(float(kept.mean()), low, high, len(kept))


def wilson(hits: int, n: int) -> Interval:
    """Give the share of hits among n independent trials with its score interval.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    if not n:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    share = hits / n
    middle = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    return Interval(share, max(middle - half, 0.0), min(middle + half, 1.0), n)


def correlate(one: Tensor, other: Tensor) -> Tensor:
    """Give Pearson's correlation over the last axis, NaN where one of the two is constant."""
    one, other = (values.double() - values.double().mean(-1, keepdim=True) for values in (one, other))
    size = one.norm(dim=-1) * other.norm(dim=-1)
    return torch.where(size > 0, (one * other).sum(-1) / size, torch.nan)


def correlate_ranks(one: Tensor, other: Tensor) -> Tensor:
    """Give Spearman's rank correlation over the last axis (ties share their mean rank), NaN where one is constant."""
    return correlate(_ranks(one), _ranks(other))


def _ranks(values: Tensor) -> Tensor:
    flat = values.detach().reshape(-1, values.shape[-1])
    ranks = torch.empty(flat.shape, dtype=torch.double, device=flat.device)
    for row, target in zip(flat, ranks, strict=True):
        _, inverse, counts = torch.unique(row, return_inverse=True, return_counts=True)
        ends = counts.cumsum(0).double()
        target.copy_((ends - (counts - 1) / 2)[inverse])
    return ranks.reshape(values.shape)
