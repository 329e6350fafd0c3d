"""What is to be edited: a site and the channels of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from hrnet_viz.sites import Site

if TYPE_CHECKING:
    from hrnet_viz.network.plan import Plan

Channels: TypeAlias = int | Iterable[int] | None
OneSite: TypeAlias = str | Site | tuple[str | Site, Channels]
EditSites: TypeAlias = OneSite | Iterable[OneSite] | Mapping[str, Channels]


@dataclass(frozen=True, slots=True)
class Place:
    """A site and the channels of it that are meant, in rising order; None stands for all of them."""

    site: Site
    channels: tuple[int, ...] | None = None

    def __str__(self) -> str:
        return self.site.name if self.channels is None else f"{self.site.name}[{_ranges(self.channels)}]"


def read_places(plan: Plan, sites: EditSites) -> tuple[Place, ...]:
    """Read what is to be edited, in plan order.

    Args:
        plan: the plan of the net.
        sites: an address, a pattern such as "stage4.*.fuse0<-3", a published name; a pair of one with channels,
            ``("stage3.1.out0", [3, 5])``; several of these; or a mapping from address to channels.

    Raises:
        SiteError: an address that names no site.
        ValueError: no site at all, or a channel that the site does not have.
    """
    found: dict[Place, None] = {}
    for site, channels in _pairs(sites):
        for name in plan.names(site):
            found[Place(plan.sites[name], _check_channels(plan.sites[name], channels))] = None
    if not found:
        raise ValueError("No site was given to edit. Give an address such as 'stage3.1.fuse0<-2', or several.")
    order = {name: number for number, name in enumerate(plan.sites)}
    return tuple(sorted(found, key=lambda place: order[place.site.name]))


def _pairs(sites: EditSites) -> list[tuple[str | Site, Channels]]:
    if isinstance(sites, Mapping):
        return list(sites.items())
    if isinstance(sites, (str, Site)) or _is_pair(sites):
        sites = [sites]
    # A pair in a list is a tuple; everything else names a whole site.
    return [site if isinstance(site, tuple) else (site, None) for site in sites]


def _is_pair(sites: object) -> TypeGuard[tuple[str | Site, Channels]]:
    """Tell ``("stage1", [0, 1])`` from a tuple of two sites, or of a site and a pair."""
    if not (isinstance(sites, tuple) and len(sites) == 2 and isinstance(sites[0], (str, Site))):
        return False
    second = sites[1][0] if isinstance(sites[1], tuple) and sites[1] else sites[1]
    return not isinstance(second, (str, Site))


def _check_channels(site: Site, channels: Channels) -> tuple[int, ...] | None:
    if channels is None:
        return None
    given = list(channels) if isinstance(channels, Iterable) else [channels]
    whole = all(isinstance(one, Integral) and not isinstance(one, bool) for one in given)
    if not given or not whole or min(given) < 0 or max(given) >= site.channels:
        raise ValueError(
            f"The channels {given} of '{site.name}' were asked for; it has {site.channels}, counted from 0 to "
            f"{site.channels - 1}. Give at least one of these, as whole numbers."
        )
    return tuple(sorted({int(one) for one in given}))


def _ranges(numbers: tuple[int, ...]) -> str:
    """Write (0, 1, 2, 5) as "0-2,5"."""
    starts = [numbers[0], *(b for a, b in pairwise(numbers) if b != a + 1)]
    ends = [*(a for a, b in pairwise(numbers) if b != a + 1), numbers[-1]]
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))
