"""What each path contributes to an exchange, in several measures, and which exchanges are kept or cut.

Output i of a module is ReLU(S) with S = P_0 + ... + P_J, P_j being what branch j contributes (arXiv 1908.07919, section
3.1, equation 3). Every measure compares P_j with S or with the other paths, over a whole map, per channel or per place.

The paper trains nets with 1, 3 and 8 exchanges (table 12): the last, the last of each stage, all. Here the paths of one
net are cut: an exchange that is taken away keeps its identity paths, so that each stream goes on by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hrnet_viz.site_map import ReadOnly, SiteMap
from hrnet_viz.sites import Site, quote, read_integer
from hrnet_viz.tracing import Trace

if TYPE_CHECKING:
    from hrnet_viz.network.plan import Plan

_OVER: dict[str, tuple[int, ...]] = {"map": (-3, -2, -1), "channel": (-2, -1), "place": (-3,)}


def energy(paths: Tensor, over: tuple[int, ...]) -> Tensor:
    """Compute the share of the paths' energy, |P_j|^2 / (|P_0|^2 + ... + |P_J|^2), between 0 and 1, adding up to 1.

    It says how large a path is, not what becomes of it: two paths that cancel share the energy of a sum that is 0. Not
    a number where all paths are 0.
    """
    each = paths.square().sum(over)
    return each / each.sum(0)


def projection(paths: Tensor, over: tuple[int, ...]) -> Tensor:
    """Compute the signed projection on the sum, <P_j, S> / <S, S>, adding up to 1: what of the sum a path accounts for.

    Negative where it works against the sum, above 1 where it makes up for others, not a number where the sum is 0.
    """
    total = _add(paths)
    return (paths * total).sum(over) / total.square().sum(over)


def cosine(paths: Tensor, over: tuple[int, ...]) -> Tensor:
    """Compute the cosine of the angle between a path and the sum, <P_j, S> / (|P_j| |S|): direction, whatever the size.

    Not a number where either is 0.
    """
    total = _add(paths)
    return (paths * total).sum(over) / (paths.square().sum(over).sqrt() * total.square().sum(over).sqrt())


def opened(paths: Tensor, over: tuple[int, ...]) -> Tensor:
    """Compute the share of positions that a path opens at the ReLU: S > 0, but without it the sum is not.

    "Without it" is the sum of the other paths in their order, which is what setting the path to zero computes. Over j
    this does not add up to 1: two paths may both be needed, or none.
    """
    return ((_add(paths) > 0) & (_add_others(paths) <= 0)).to(paths.dtype).mean(over)


def closed(paths: Tensor, over: tuple[int, ...]) -> Tensor:
    """Compute the share of positions that a path closes at the ReLU: S <= 0, but without it the sum is positive."""
    return ((_add(paths) <= 0) & (_add_others(paths) > 0)).to(paths.dtype).mean(over)


def decided(paths: Tensor, over: tuple[int, ...]) -> Tensor:
    """Compute the share of positions that a path decides at the ReLU, one way or the other: opened or closed."""
    return opened(paths, over) + closed(paths, over)


MEASURES: Mapping[str, Callable[[Tensor, tuple[int, ...]], Tensor]] = MappingProxyType(
    {function.__name__: function for function in (energy, projection, cosine, decided, opened, closed)}
)
"""Name -> function (paths (J, N, C, H, W), axes to sum over) -> (J, ...); each docstring defines its measure."""

SIGNED_MEASURES = ("projection", "cosine")
"""Those that may be negative."""


@dataclass(frozen=True, eq=False, repr=False)
class SumShares:
    """The paths into one output of one module.

    Attributes:
        site: the fuse sum.
        paths: the fuse paths into it, in the order in which they are added.
        contributions: their tensors, (J, N, C, H, W).
    """

    site: Site
    paths: tuple[Site, ...]
    contributions: Tensor

    def measure(self, measure: str = "energy", per: str = "map") -> Tensor:
        """Compute one of ``MEASURES`` in float64 per "map", (J, N), per "channel", (J, N, C), or "place", (J, N, H, W).

        Raises:
            ValueError: no such measure or extent.
        """
        if measure not in MEASURES:
            raise ValueError(f"There is no measure '{measure}'. Measures are: {', '.join(MEASURES)}.")
        if per not in _OVER:
            raise ValueError(f"per={quote(per)} was given; a measure is taken per {', per '.join(_OVER)}.")
        # A sum near 0 has the sign that rounding gave it, so this is asked in the type that the net computed in.
        exact = measure in ("decided", "opened", "closed")
        paths = self.contributions if exact else self.contributions.double()
        return MEASURES[measure](paths, _OVER[per]).double()

    def __repr__(self) -> str:
        return f"SumShares({self.site.name} of {len(self.paths)} paths)"


@dataclass(frozen=True, eq=False, repr=False)
class Shares(SiteMap[SumShares]):
    """Every exchange of a trace: fuse sum -> the shares of the paths into it.

    Attributes:
        plan: the plan of the net.
        sums: address of the fuse sum -> its shares, in plan order.
        photos: names of the photos, () if a tensor was traced.
    """

    HELD = "sums"
    LACK = "'{name}' is not among these fuse sums. Those are: {names}."

    plan: Plan
    sums: Mapping[str, SumShares]
    photos: tuple[str, ...] = ()

    def __getitem__(self, site: str | Site) -> SumShares:
        self.plan.resolve(site)  # a share is one of all channels
        return self.held(site)[1]

    def __repr__(self) -> str:
        return f"Shares({self.plan.owner}: {len(self.modules)} modules, {len(self)} sums)"

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules along the depth: "stage2.0", "stage3.0", ..."""
        return tuple(module.address for module in self.plan.modules if module.sums[0].name in self.sums)

    def matrix(self, module: str, measure: str = "energy") -> Tensor:
        """Return a measure of all paths of a module, (N, I, J): row i is the output, column j the branch it comes from.

        Raises:
            ValueError: no such module or measure.
        """
        if module not in self.modules:
            raise ValueError(f"There is no module '{module}' here. Modules are: {', '.join(self.modules)}.")
        return torch.stack([self.sums[total.name].measure(measure).T for total in self.plan.module(module).sums], 1)

    def matrices(self, measure: str = "energy") -> dict[str, Tensor]:
        """Return the matrix of every module along the depth."""
        return {module: self.matrix(module, measure) for module in self.modules}


def shares(trace: Trace) -> Shares:
    """Compute what each path contributes to every exchange of a trace of which all paths were kept.

    Raises:
        ValueError: no module is complete in the trace.
    """
    whole = [one for one in trace.plan.modules if all(path in trace.tensors for row in one.paths for path in row)]
    if not whole:
        raise ValueError(
            "This trace kept the fuse paths of no module. Trace all landmarks, hv.trace(net, photo), or those of one "
            "module: sites='stage3.1.fuse*'."
        )
    sums = {total.name: take_apart(trace, total) for module in whole for total in module.sums}
    return Shares(trace.plan, ReadOnly(sums), tuple(photo.name for photo in trace.photos))


def take_apart(trace: Trace, site: str | Site) -> SumShares:
    """Return the contributions to one sum of a trace, a fuse sum or one of the head.

    Raises:
        ValueError: the site is no sum.
        SiteError: the trace did not keep what is added there.
    """
    found = trace.plan.sites[trace.plan.resolve(site)]
    if len(found.inputs) < 2:
        raise ValueError(f"'{found.name}' is no sum: it is computed from {', '.join(found.inputs)} alone.")
    paths = tuple(trace.plan.sites[name] for name in found.inputs)
    return SumShares(found, paths, torch.stack([trace[path].detach() for path in paths]))


def _add(paths: Tensor) -> Tensor:
    """Add up from left to right, as the net does; torch's own sum may take another order."""
    total: Tensor = reduce(torch.add, paths)
    return total


def _add_others(paths: Tensor) -> Tensor:
    """Return for each path the sum that is left when it is zero, to the bit as an ablation computes it."""
    nothing = torch.zeros_like(paths[:1])
    return torch.stack([_add(torch.cat([paths[:j], nothing, paths[j + 1 :]])) for j in range(len(paths))])


def choices(plan: Plan) -> tuple[int, ...]:
    """Return the numbers of exchanges that may be kept: 0, 1, 3 and all."""
    return tuple(sorted({0, 1, 3, len(plan.modules)}))


def kept_exchanges(plan: Plan, number: int | None) -> tuple[str, ...]:
    """Return the modules whose exchange is kept.

    ``number`` is 0 for none, 1 for the last, 3 for the last of each stage, or the number of all; None for all.

    Raises:
        ValueError: another number.
    """
    modules = tuple(module.address for module in plan.modules)
    if number is None:
        return modules
    asked = read_integer(number)
    if asked not in choices(plan):
        raise ValueError(
            f"exchanges={quote(number)} was given. {plan.owner} has {len(modules)} exchanges; of these "
            f"{', '.join(map(str, choices(plan)))} can be kept: none, the last, the last of each stage, or all."
        )
    last_of_stage = {module.partition(".")[0]: module for module in modules}
    return {0: (), 1: modules[-1:], 3: tuple(last_of_stage.values()), len(modules): modules}[asked]


def cut_paths(plan: Plan, number: int | None) -> frozenset[str]:
    """Return the paths that are taken away when this many exchanges are kept: all between different branches.

    Raises:
        ValueError: a number that ``kept_exchanges`` does not know.
    """
    kept = kept_exchanges(plan, number)
    return frozenset(path for module in plan.modules if module.address not in kept for path in module.crossings)


def reaching_sites(plan: Plan, site: str, number: int | None = None) -> tuple[str, ...]:
    """Return the landmarks that reach a site when this many exchanges are kept, in plan order, itself left out.

    Raises:
        SiteError: an address that names no site.
        ValueError: a number that ``kept_exchanges`` does not know.
    """
    cut = cut_paths(plan, number)
    name = plan.resolve(site)
    reached = {name}
    for step in reversed(plan.expand([name])):
        if step.name in reached:
            reached.update(source for source in step.inputs if source not in cut)
    return tuple(one for one in plan.landmarks if one in reached - {name})
