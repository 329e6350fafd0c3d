"""The forward pass as a list: one step per named tensor, in the order in which they are computed.

The plan is plain data. A step holds the dotted name of the module that it calls, never the module itself, so a deep
copy of a net runs its own modules and a net with a plan pickles. A landmark that is made of several operations carries
them as ``inner`` steps; whoever wants an inner tensor expands that landmark and gets the same numbers, since the same
modules are called in the same order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, Self, TypeAlias

import torch
from torch import Tensor

from hrnet_viz.sites import (
    KINDS,
    Place,
    Site,
    SiteError,
    choose_channels,
    is_pattern,
    match,
    quote,
    read_integer,
    resolve,
    split_channels,
)

INPUT = "input"
"""What the first step is computed from: the photo tensor."""

Operation: TypeAlias = Literal["call", "add", "concat", "view"]


@dataclass(frozen=True, slots=True)
class Step:
    """How one site is computed.

    Attributes:
        site: what is computed; ``site.inputs`` says from which sites.
        operation: "call" a module, "add" the inputs from left to right, "concat" their channels, or hand the input
            over as a "view".
        target: dotted name of the module to call.
        sized: the module takes the size (H, W) of the result as a second argument.
        inner: the same computation in single operations; the last of them is handed over as the landmark.
    """

    site: Site
    operation: Operation
    target: str = ""
    sized: bool = False
    inner: tuple[Step, ...] = ()

    @property
    def name(self) -> str:
        """Address of the site."""
        return self.site.name

    @property
    def inputs(self) -> tuple[str, ...]:
        """Addresses of what it is computed from."""
        return self.site.inputs

    @property
    def is_composed(self) -> bool:
        """Whether no single module computes it (the stem), so that only its inner steps can."""
        return bool(self.inner) and not self.target

    def expand(self) -> tuple[Step, ...]:
        """Return the single operations, the last one handing its result over under the landmark's address."""
        if not self.inner:
            return (self,)
        last = replace(self.site, inputs=(self.inner[-1].name,))
        return (*self.inner, Step(last, "view"))


@dataclass(frozen=True, slots=True)
class Module:
    """Parallel branches and the exchange at their end.

    Attributes:
        address: "stage3.1".
        stage, index: the numbers in it.
        sums: its fuse sums, one per output.
    """

    address: str
    stage: int
    index: int
    sums: tuple[Site, ...]

    @property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """Addresses of its fuse paths: row i are those into output i, in the order in which they are added."""
        return tuple(total.inputs for total in self.sums)

    @property
    def branches(self) -> tuple[str, ...]:
        """Addresses of its branches."""
        return tuple(f"{self.address}.branch{b}" for b in range(len(self.sums[0].inputs)))

    @property
    def crossings(self) -> tuple[str, ...]:
        """Addresses of its fuse paths between different branches."""
        return tuple(path for i, row in enumerate(self.paths) for j, path in enumerate(row) if i != j)

    def __str__(self) -> str:
        return self.address


@dataclass(frozen=True)
class Plan:
    """The ordered steps of one net.

    Attributes:
        owner: name of the net, for sentences.
        steps: one per landmark.
        task: what its head is for, "pose".
        align_corners: of the resampling that its answers are to be enlarged with.
    """

    owner: str
    steps: tuple[Step, ...]
    task: str = "classification"
    align_corners: bool = False
    _expanded: dict[frozenset[str], tuple[Step, ...]] = field(default_factory=dict, repr=False, compare=False)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """A plan is immutable data and names modules only: copies of a net share it."""
        return self

    @cached_property
    def sites(self) -> dict[str, Site]:
        """Every site by address: each landmark after its inner ones."""
        found: dict[str, Site] = {}
        for step in self.steps:
            found.update((inner.name, inner.site) for inner in step.inner)
            found[step.name] = step.site
        return found

    @cached_property
    def landmarks(self) -> tuple[str, ...]:
        """Addresses of the landmarks, in order."""
        return tuple(step.name for step in self.steps)

    @cached_property
    def modules(self) -> tuple[Module, ...]:
        """The modules along the depth."""
        sums: dict[str, list[Site]] = {}
        for site in self.select(kind="fuse_sum"):
            sums.setdefault(site.name.rpartition(".")[0], []).append(site)
        return tuple(
            Module(address, int(sites[0].stage or 0), int(sites[0].module or 0), tuple(sites))
            for address, sites in sums.items()
        )

    def module(self, name: object) -> Module:
        """Return the module of an address such as "stage3.1", or of a site; a SiteError where there is none."""
        text = str(name)
        site = self.sites.get(text) or (
            None if re.fullmatch(r"stage\d+(\.\d+)?", text) else self.sites[self.resolve(name)]
        )
        found = {module.address: module for module in self.modules}
        address = text if site is None else f"stage{site.stage}.{site.module}"
        if address not in found:
            raise SiteError(f"{quote(name)} is no module of {self.owner}. Modules are: {', '.join(found)}.")
        return found[address]

    def sum_of(self, name: object) -> Site:
        """Return the fuse sum that a path, a sum or an output of an exchange belongs to.

        Raises:
            SiteError: no such site.
            ValueError: the site belongs to no exchange.
        """
        found = self.sites[self.place(name).site.landmark]
        if found.kind not in ("fuse_path", "fuse_sum", "fuse_out"):
            raise ValueError(
                f"'{found.name}' belongs to no exchange. Name a sum such as 'stage3.1.sum0', its output "
                "'stage3.1.out0', or one of its paths 'stage3.1.fuse0<-2'."
            )
        return self.module(found).sums[found.branch or 0]

    def matrices(self, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return numbers of fuse paths by module: address -> (..., I, J), row i the output, column j the branch.

        Args:
            values: address of a fuse path -> its tensor (...). A path that is missing is NaN, a module of which nothing
                is known is left out.
        """
        found: dict[str, Tensor] = {}
        for module in self.modules:
            known = next((values[path] for row in module.paths for path in row if path in values), None)
            if known is not None:
                nothing = torch.full_like(known, torch.nan)
                rows = [torch.stack([values.get(path, nothing) for path in row], -1) for row in module.paths]
                found[module.address] = torch.stack(rows, -2)
        return found

    @cached_property
    def called(self) -> frozenset[str]:
        """Names of the modules that the steps call."""
        return frozenset(single.target for step in self.steps for single in (step, *step.inner) if single.target)

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Published attribute name -> address. Where one names both, the landmark wins."""
        inner = {site.published: name for name, site in self.sites.items() if site.inner and site.published}
        return inner | {step.site.published: step.name for step in self.steps if step.site.published}

    def place(self, name: object) -> Place:
        """Return the site of an address or published name, with the channels named; a SiteError names the nearest."""
        address, channels = _split(name)
        return choose_channels(self.sites[resolve(address, self.sites, self.aliases, self.owner)], channels)

    def resolve(self, name: object) -> str:
        """Return the address of a whole site, from its address or published name; a SiteError names the nearest."""
        return _whole(self.place(name))

    def places(self, wanted: str | Site | Iterable[str | Site]) -> tuple[Place, ...]:
        """Return what a request stands for, in plan order.

        Args:
            wanted: "landmarks", "all", an address, a pattern such as "stage4.*.branch0", or several of them; with or
                without channels.

        Raises:
            SiteError: an address that is none, or a pattern that matches nothing.
        """
        several = [wanted] if isinstance(wanted, (str, Site)) or not isinstance(wanted, Iterable) else wanted
        chosen: dict[str, dict[tuple[int, ...] | None, Place]] = {}  # by channels: the hash of a place is a slow one
        for item in several:
            text, channels = _split(item)
            if text in self.sites:
                names: Iterable[str] = [text]
            elif text in {"landmarks", "all"}:
                names = self.landmarks if text == "landmarks" else self.sites
            elif channels is not None and is_pattern(text) and match(str(item), self.sites):
                raise SiteError(
                    f"{quote(str(item))} can't be read: brackets hold channels, not a choice of digits. Use ?."
                )
            elif is_pattern(text):
                names = match(text, self.landmarks) or match(text, self.sites) or [self.resolve(text)]
            else:
                names = [self.resolve(text)]
            for name in names:
                place = choose_channels(self.sites[name], channels)
                chosen.setdefault(name, {})[place.channels] = place
        return tuple(place for name in self.sites if name in chosen for place in chosen[name].values())

    def names(self, wanted: str | Site | Iterable[str | Site]) -> tuple[str, ...]:
        """Return the addresses of the whole sites that a request stands for, in plan order; see ``places``.

        Raises:
            SiteError: an address that is none or names channels, or a pattern that matches nothing.
        """
        return tuple(dict.fromkeys(map(_whole, self.places(wanted))))

    def expand(self, names: Iterable[str]) -> tuple[Step, ...]:
        """Return the steps with every landmark opened up that has one of ``names`` inside it."""
        opened = frozenset(self.sites[name].landmark for name in names if self.sites[name].inner)
        if opened not in self._expanded:
            self._expanded[opened] = tuple(
                single
                for step in self.steps
                for single in (step.expand() if step.name in opened or step.is_composed else (step,))
            )
        return self._expanded[opened]

    def select(
        self, *, kind: str | None = None, stage: int | None = None, module: int | None = None, branch: int | None = None
    ) -> tuple[Site, ...]:
        """List the landmarks, or those of one kind, stage, module, branch; ``kind="inner"`` lists the inner sites."""
        if kind is not None and str(kind) not in KINDS:
            raise ValueError(f"There is no kind {quote(kind)} of site. Kinds are: {', '.join(KINDS)}.")
        pool = self.sites.values() if kind == "inner" else (step.site for step in self.steps)
        wanted: dict[str, object] = {} if kind is None else {"kind": kind}
        for key, value in {"stage": stage, "module": module, "branch": branch}.items():
            if value is not None:
                there = sorted({getattr(step.site, key) for step in self.steps} - {None})
                wanted[key] = read_integer(value)
                if wanted[key] not in there:
                    raise ValueError(
                        f"{key}={quote(value)} was given; {self.owner} has {key} {', '.join(map(str, there))}."
                    )
        return tuple(site for site in pool if all(getattr(site, key) == value for key, value in wanted.items()))

    def downstream(self, names: str | Iterable[str]) -> set[str]:
        """Return every landmark that a change at one of the landmarks ``names`` reaches, without these."""
        names = [names] if isinstance(names, str) else names
        reached = {self.sites[name].landmark for name in names}
        start = set(reached)
        for step in self.steps:
            if not reached.isdisjoint(step.inputs):
                reached.add(step.name)
        return reached - start

    def upstream(self, name: str) -> set[str]:
        """Return every landmark that a landmark is computed from, directly or not, without itself."""
        needed = {self.sites[name].landmark}
        for step in reversed(self.steps):
            if step.name in needed:
                needed.update(step.inputs)
        return needed - {self.sites[name].landmark, INPUT}


def _split(name: object) -> tuple[str, tuple[int, ...] | None]:
    if not isinstance(name, (str, Site, Place)):
        raise SiteError(f"{quote(name)} was given as a site. Give an address such as 'stage3.1.fuse0<-2'.")
    return split_channels(str(name))


def _whole(place: Place) -> str:
    if place.channels is not None:
        raise SiteError(f"'{place}' names channels; a whole site is asked for here, as '{place.site.name}' is.")
    return place.site.name
