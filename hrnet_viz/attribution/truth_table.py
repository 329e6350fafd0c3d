"""What the truth tests have in common: a value per method, site and photo, and how sure their means are.

Photos are what was sampled, so photos are what is resampled; several measurements of one photo (the positions in a
mosaic, say) are averaged before they come here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, TypeVar

import torch
from scipy.stats import binomtest, rankdata
from torch import Tensor

if TYPE_CHECKING:
    from hrnet_viz.sites import Site

Value = TypeVar("Value")
ROUNDS = 2000


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % interval, based on ``n`` photos."""

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


NOTHING = Interval(float("nan"), float("nan"), float("nan"), 0)


@dataclass(frozen=True, eq=False)
class TruthTable:
    """The answers of one truth test.

    Attributes:
        name: what was measured.
        chance: what a map without knowledge scores, None where there is no such level.
        methods, sites: rows and columns.
        values: (methods, sites, photos); a higher one is better, NaN where a photo says nothing.
        seed: of the intervals.
    """

    name: str
    chance: float | None
    methods: tuple[str, ...]
    sites: tuple[str, ...]
    values: Tensor
    seed: int = 0

    def of(self, method: str, site: str | Site) -> Tensor:
        """Return the values of the photos, (photos,).

        Raises:
            ValueError: a method or site that was not asked; in a sentence.
        """
        if method not in self.methods or str(site) not in self.sites:
            raise ValueError(
                f"'{method}' at '{site}' was not tried ({self.name}). Tried were {', '.join(self.methods)} "
                f"at {', '.join(self.sites)}."
            )
        return self.values[self.methods.index(method), self.sites.index(str(site))]

    def at(self, method: str, site: str | Site) -> Interval:
        """Return the mean over photos of one cell, with its interval."""
        return bootstrap_mean(self.of(method, site), seed=self.seed)

    def over_methods(self, site: int) -> Interval:
        """Return a site's mean, averaged over methods."""
        return bootstrap_mean(self.values[:, site].nanmean(0), seed=self.seed)

    def over_sites(self, method: int) -> Interval:
        """Return a method's mean, averaged over sites."""
        return bootstrap_mean(self.values[method].nanmean(0), seed=self.seed)

    def cells(self) -> dict[tuple[str, str], Interval]:
        """Return every cell, (method, site) -> mean with interval."""
        return {(method, site): self.at(method, site) for method in self.methods for site in self.sites}

    def ranking(self) -> list[tuple[str, str]]:
        """Return (method, site), the best first; cells that are not defined come last."""
        found = {key: cell.value for key, cell in self.cells().items()}
        return sorted(found, key=lambda key: -found[key] if isfinite(found[key]) else float("inf"))


def bootstrap_mean(values: Tensor, *, seed: int = 0, rounds: int = ROUNDS, level: float = 0.95) -> Interval:
    """Return the mean of one number per photo, (N,), with its percentile bootstrap interval; NaN is left out.

    Equal seeds give equal intervals. Source: Efron and Tibshirani 1993, "An introduction to the bootstrap", section
    13.3.
    """
    kept = values.detach().double().cpu().flatten()
    kept = kept[~kept.isnan()]
    if not len(kept):
        return NOTHING
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(kept), (rounds, len(kept)), generator=generator)
    ends = torch.tensor([1 - level, 1 + level], dtype=torch.double) / 2
    low, high = torch.quantile(kept[drawn].mean(1), ends).tolist()
    return Interval(float(kept.mean()), low, high, len(kept))


def wilson(hits: int, n: int) -> Interval:
    """Return the share of hits among n independent trials with Wilson's score interval."""
    if not n:
        return NOTHING
    ends = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    return Interval(hits / n, float(ends.low), float(ends.high), n)


def correlate_ranks(one: Tensor, other: Tensor) -> Tensor:
    """Return Spearman's rank correlation over the last axis (ties share their mean rank), NaN where one is constant."""
    ranks = [torch.from_numpy(rankdata(values.detach().cpu().numpy(), axis=-1)) for values in (one, other)]
    a, b = (values - values.mean(-1, keepdim=True) for values in ranks)
    size = a.norm(dim=-1) * b.norm(dim=-1)
    return torch.where(size > 0, (a * b).sum(-1) / size, torch.nan)


def count_off(items: Iterable[Value], words: str, *, progress: bool) -> Iterator[Value]:
    """Yield items, with a progress bar on stderr if one is asked for."""
    from tqdm import tqdm

    yield from tqdm(list(items), desc=words) if progress else items
