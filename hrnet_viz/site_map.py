"""A mapping that nobody can change, and that can be pickled and copied, unlike ``types.MappingProxyType``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

T = TypeVar("T")


class ReadOnly(Mapping[str, T]):
    """Values by name, in the order in which they were given."""

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
