"""What a sweep switches off one after the other, and which of it can share a pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from hrnet_viz.interventions.places import OneSite, read_places
from hrnet_viz.sites import Place, Site, is_pattern

if TYPE_CHECKING:
    from hrnet_viz.network.plan import Plan

Over: TypeAlias = str | Site | Iterable[OneSite]

GROUPS = ("fuse_paths", "branches", "modules")
"""The sweeps that have a name."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a sweep edits.

    Attributes:
        label: "stage3.1.fuse0<-2", "stage3.1.out0[5]", or "stage3.1" for a whole exchange.
        places: what is edited together.
    """

    label: str
    places: tuple[Place, ...]


def list_items(plan: Plan, over: Over) -> tuple[Item, ...]:
    """List what a sweep goes through, in plan order.

    Args:
        plan: the plan of the net.
        over: "fuse_paths", every path of every exchange, the identity paths too; "branches", the output of every branch
            of every module; "modules", for every module all paths between different branches at once, which leaves the
            identity paths: each stream goes on alone; one site, each of its channels, or of those in its brackets; a
            pattern or several sites, each of these.

    Raises:
        SiteError: an address that names no site.
    """
    group = over if isinstance(over, str) else ""
    if group == "fuse_paths":
        return _singles(plan, [site.name for site in plan.select(kind="fuse_path")])
    if group == "branches":
        return _singles(plan, [site.name for site in plan.select(kind="branch")])
    if group == "modules":
        modules: dict[str, list[Place]] = {}
        for path in plan.select(kind="fuse_path"):
            if path.branch != path.source:
                modules.setdefault(f"stage{path.stage}.{path.module}", []).append(Place(path))
        return tuple(Item(module, tuple(places)) for module, places in modules.items())
    if isinstance(over, (str, Site)) and not is_pattern(str(over)):
        place = plan.place(over)
        channels = range(place.site.channels) if place.channels is None else place.channels
        return tuple(_single(Place(place.site, (channel,))) for channel in channels)
    return _singles(plan, over)


def group_items(plan: Plan, items: Sequence[Item], rows: int) -> tuple[tuple[Item, ...], ...]:
    """Put neighbours together that can share a pass, at most ``rows`` of them.

    A pass over several edits computes for each of them all that any of them reaches, so only those are put together
    that reach the same: the paths into one output, the channels of one site.
    """
    groups: list[list[Item]] = []
    reached: set[str] | None = None
    for item in items:
        reaches = plan.downstream([place.site.name for place in item.places])
        if reaches != reached or len(groups[-1]) == rows:
            groups.append([])
            reached = reaches
        groups[-1].append(item)
    return tuple(map(tuple, groups))


def sites_to_start_from(plan: Plan, items: Iterable[Item]) -> tuple[str, ...]:
    """Give the landmarks that a pass with these edits takes from the base: what stale steps read and is not stale."""
    edited = {place.site for item in items for place in item.places}
    opened = {site.landmark for site in edited if site.inner}
    stale = opened | plan.downstream([site.name for site in edited])
    needed = {source for step in plan.steps if step.name in stale for source in step.inputs}
    needed |= {site.name for site in edited if not site.inner}
    return tuple(name for name in plan.landmarks if name in needed - stale)


def _singles(plan: Plan, sites: Iterable[OneSite] | str | Site) -> tuple[Item, ...]:
    return tuple(_single(place) for place in read_places(plan, sites))


def _single(place: Place) -> Item:
    return Item(str(place), (place,))
