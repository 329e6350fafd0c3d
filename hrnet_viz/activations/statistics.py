"""What the numbers at a site are like: energy, sparsity, dead channels, which channels are strongest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from hrnet_viz.sites import Place, Site, SiteError, quote, read_integer
from hrnet_viz.tracing import Trace

Order = Literal["index", "mean", "max", "energy"]
ORDERS: tuple[Order, ...] = ("index", "mean", "max", "energy")

RECTIFIED = ("stem", "stage1", "transition", "branch", "fuse_out", "head")
"""Kinds of landmarks whose values come out of ReLU (or are sums of such), so that an exact 0 means "off"."""


@dataclass(frozen=True, slots=True)
class SiteStatistics:
    """What the numbers at one site are like, over all photos of a trace.

    Attributes:
        site: the site.
        energy: mean of the squared values; its root has the unit of the values.
        mean: mean of the values.
        lowest, highest: the extreme values.
        sparsity: share of values that are exactly 0, in 0..1.
        negative: share of values below 0, in 0..1: what a ReLU would remove.
        dead: numbers of the channels that are 0 at every place in every photo.
    """

    site: Site
    energy: float
    mean: float
    lowest: float
    highest: float
    sparsity: float
    negative: float
    dead: tuple[int, ...]

    @property
    def dead_share(self) -> float:
        """Share of channels that are dead, in 0..1."""
        return len(self.dead) / self.site.channels


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of several sites of one trace.

    Attributes:
        owner: name of the net.
        photos: number of photos that the numbers are over.
        sites: one entry per site, in the order of the forward pass.
    """

    owner: str
    photos: int
    sites: tuple[SiteStatistics, ...]

    def __getitem__(self, name: str | Site) -> SiteStatistics:
        for entry in self.sites:
            if entry.site.name == str(name):
                return entry
        raise SiteError(f"There are no statistics of {quote(name)} here; ask for them: statistics(trace, [...]).")


def statistics(trace: Trace, sites: str | Site | Iterable[str | Site] | None = None) -> Statistics:
    """Measure energy, sparsity and dead channels per site, over all photos of a trace together.

    Args:
        trace: the trace.
        sites: addresses or patterns; by default every landmark that the trace kept and whose values are rectified.

    Raises:
        SiteError: an address that names no site, or one that the trace did not keep.
    """
    if sites is None:
        names = tuple(site.name for site in trace.sites if site.kind in RECTIFIED and site.stride is not None)
    else:
        names = tuple(map(str, trace.plan.places(sites)))
    entries = tuple(_measure(trace.plan.place(name), trace[name]) for name in names)
    return Statistics(trace.plan.owner, trace.input.shape[0], entries)


def _measure(place: Place, values: Tensor) -> SiteStatistics:
    values = values.detach().double()
    by_channel = values.movedim(1, 0).flatten(1)  # (C, N * H * W)
    off = by_channel == 0
    numbers = torch.arange(len(off)) if place.channels is None else torch.tensor(place.channels)
    return SiteStatistics(
        site=place.narrowed,
        energy=float(values.square().mean()),
        mean=float(values.mean()),
        lowest=float(values.min()),
        highest=float(values.max()),
        sparsity=float(off.double().mean()),
        negative=float((values < 0).double().mean()),
        dead=tuple(numbers[off.all(dim=1).cpu()].tolist()),
    )


def energy_map(maps: Tensor) -> Tensor:
    """Sum up all channels at each place: root of the mean square over the channels, (C, H, W) -> (H, W).

    It has the unit of the values, and says how much is going on at a place, not what.
    """
    return maps.detach().double().square().mean(dim=0).sqrt()


def rank_channels(maps: Tensor, by: Order = "index") -> tuple[int, ...]:
    """Order the channels of (C, H, W): by number, or the greatest mean, maximum or energy (mean square) first.

    Equal channels stay in the order of their numbers.

    Raises:
        ValueError: no such order.
    """
    if by not in ORDERS:
        raise ValueError(f"Channels can be ordered by {', '.join(ORDERS)}; {quote(by)} was given.")
    flat = maps.detach().double().flatten(1)
    if by == "index":
        return tuple(range(flat.shape[0]))
    score = {"mean": flat.mean(1), "max": flat.amax(1), "energy": flat.square().mean(1)}[by]
    return tuple(torch.sort(score, descending=True, stable=True).indices.tolist())


def check_sample(trace: Trace, sample: int) -> int:
    """Give the number of a photo as a plain integer, or refuse one that a trace does not have.

    Raises:
        IndexError: in a sentence with the numbers that there are.
    """
    photos, number = trace.input.shape[0], read_integer(sample)
    if number is None or not 0 <= number < photos:
        there = "only sample 0" if photos == 1 else f"samples 0 to {photos - 1}"
        raise IndexError(f"sample={quote(sample)} was asked for, but this trace holds {there}.")
    return number
