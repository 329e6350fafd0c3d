"""What is to be edited: a site and the channels of it, by address, as a pair, or in a mapping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

from hrnet_viz.sites import Place, Site, SiteError, choose_channels

if TYPE_CHECKING:
    from hrnet_viz.network.plan import Plan

Channels: TypeAlias = int | Iterable[int] | None
OneSite: TypeAlias = str | Site | tuple[str | Site, Channels]
EditSites: TypeAlias = OneSite | Iterable[OneSite] | Mapping[str, Channels]


def read_places(plan: Plan, sites: EditSites) -> tuple[Place, ...]:
    """Read what is to be edited, in plan order.

    Args:
        plan: the plan of the net.
        sites: an address, "stage3.1.out0", with channels "stage3.1.out0[3,5]"; a pattern such as "stage4.*.fuse0<-3"; a
            published name; a pair of one with channels, ``("stage3.1.out0", [3, 5])``; several of these; or a mapping
            from address to channels.

    Raises:
        SiteError: an address that names no site, a channel that the site does not have, or no site at all.
    """
    found: dict[Place, None] = {}
    for site, given in _pairs(sites):
        channels = list(given) if isinstance(given, Iterator) else given  # a pattern asks for them more than once
        for place in plan.places([site]):
            found[place if channels is None else choose_channels(plan.sites[plan.resolve(str(place))], channels)] = None
    if not found:
        raise SiteError("No site was given to edit. Give an address such as 'stage3.1.fuse0<-2', or several.")
    order = {name: number for number, name in enumerate(plan.sites)}
    return tuple(sorted(found, key=lambda place: order[place.site.name]))


def _pairs(sites: EditSites) -> list[tuple[str | Site, Channels]]:
    if isinstance(sites, Mapping):
        return list(sites.items())
    if isinstance(sites, (str, Site)) or _is_pair(sites) or not isinstance(sites, Iterable):
        sites = [sites]
    # A pair in a list is a tuple; everything else names a whole site.
    return [site if isinstance(site, tuple) else (site, None) for site in sites]


def _is_pair(sites: object) -> TypeGuard[tuple[str | Site, Channels]]:
    """Tell ``("stage1", [0, 1])`` and ``("stage1", "all")`` from a tuple of two sites, or of a site and a pair."""
    if not (isinstance(sites, tuple) and len(sites) == 2 and isinstance(sites[0], (str, Site))):
        return False
    second = sites[1][0] if isinstance(sites[1], tuple) and sites[1] else sites[1]
    return not isinstance(second, (str, Site)) or (isinstance(second, str) and second == "all")
