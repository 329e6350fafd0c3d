"""Mappings that nobody can change: by name, and by site, which is what every result is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, TypeVar

from hrnet_viz.sites import Place, Site, SiteError

if TYPE_CHECKING:
    from hrnet_viz.network.plan import Plan

T = TypeVar("T")


class ReadOnly(Mapping[str, T]):
    """Values by name, in the order in which they were given; pickles and copies, unlike ``types.MappingProxyType``."""

    def __init__(self, values: Mapping[str, T]) -> None:
        """Copy the mapping, not the values."""
        self._values = dict(values)

    def __getitem__(self, name: str) -> T:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


class SiteMap(Mapping[str, T]):
    """Base of results by site. A site may be named by address, with channels, by ``Site`` or by its published name.

    A subclass has a ``plan``, its values by address in the attribute that ``HELD`` names, and a sentence for the lack.
    """

    plan: Plan
    HELD: ClassVar[str] = "tensors"
    LACK: ClassVar[str] = "'{name}' is not here. Here are: {names}."
    """What is said of a site that is not there; ``{net}`` is the name of the net."""

    def held(self, site: object) -> tuple[Place, T]:
        """Return the place that is meant and the whole value there; a SiteError where there is none."""
        place = self.plan.place(site)
        values: Mapping[str, T] = getattr(self, self.HELD)
        if place.site.name not in values:
            raise SiteError(self.LACK.format(name=place.site.name, net=self.plan.owner, names=", ".join(values)))
        return place, values[place.site.name]

    def __getitem__(self, site: str | Site) -> T:
        place, value = self.held(site)
        taken: T = place.take(value)
        return taken

    def __iter__(self) -> Iterator[str]:
        return iter(getattr(self, self.HELD))

    def __len__(self) -> int:
        return len(getattr(self, self.HELD))

    def __contains__(self, site: object) -> bool:
        try:
            return bool(self.held(site))
        except SiteError:
            return False
