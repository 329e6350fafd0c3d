"""What the numbers at a site are like: energy, sparsity, dead channels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from hrnet_viz.sites import Place, Site, SiteError, quote
from hrnet_viz.tracing import Trace

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
    """Compute energy, sparsity and dead channels per site, over all photos of a trace together.

    Sites are addresses or patterns; by default every landmark that the trace kept and whose values are rectified.

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
    off = values.movedim(1, 0).flatten(1) == 0  # (C, N * H * W)
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
