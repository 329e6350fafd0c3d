"""``hv.compare_weights``: how far two sets of weights differ, site by site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from hrnet_viz.network.net import HRNet
from hrnet_viz.network.plan import Plan
from hrnet_viz.site_map import SiteMap
from hrnet_viz.weights.loading import load
from hrnet_viz.weights.report import list_some

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """How far the parameters and buffers of one site differ.

    Attributes:
        relative: L2 norm of the difference, over that of the first net's numbers; 0 where both are all zeros. Counters
            of batches are no part of it.
        largest: largest absolute difference of two numbers.
        equal: whether all are equal to the bit, counters included.
        numbers: how many were compared.
    """

    relative: float
    largest: float
    equal: bool
    numbers: int


@dataclass(frozen=True, eq=False, repr=False)
class WeightDifferences(SiteMap[Difference]):
    """Landmark -> how far two nets differ there; landmarks without parameters of their own are not in it.

    Attributes:
        plan: of the first net.
        differences: address -> difference, for what both have.
        only_first, only_second: landmarks whose parameters one of the nets alone has.
    """

    plan: Plan
    differences: Mapping[str, Difference]
    only_first: tuple[str, ...] = ()
    only_second: tuple[str, ...] = ()

    HELD: ClassVar[str] = "differences"
    LACK: ClassVar[str] = "'{name}' has no parameters that both nets have. Compared are: {names}."

    @property
    def equal(self) -> tuple[str, ...]:
        """Landmarks that are equal to the bit."""
        return tuple(name for name, one in self.differences.items() if one.equal)

    def __str__(self) -> str:
        """Return the landmarks that differ most as a table, and how many are equal."""
        apart = sorted((name for name in self if not self[name].equal), key=lambda name: -self[name].relative)
        lines = [f"{'landmark':<24}{'relative':>10}{'largest':>10}"] if apart else []
        lines += [f"{n:<24}{self[n].relative:>10.3g}{self[n].largest:>10.3g}" for n in apart[:SHOWN]]
        if apart[SHOWN:]:
            lines.append(f"and {len(apart) - SHOWN} that differ less")
        lines.append(f"{len(self.equal)} of {len(self)} landmarks are equal to the bit")
        for names, which in ((self.only_first, "first"), (self.only_second, "second")):
            if names:
                lines.append(f"only in the {which}: {list_some(names)}")
        return "\n".join(lines)

    __repr__ = __str__


@torch.no_grad()
def compare_weights(a: HRNet | str | Path, b: HRNet | str | Path) -> WeightDifferences:
    """Compare the parameters and buffers of two nets, landmark by landmark, in float64.

    Args:
        a: a net, or what ``hv.load`` takes; norms are of this one.
        b: the other one, of the same variant; its head may be another.

    Raises:
        ValueError: two variants, whose numbers do not correspond.
        WeightsError: a file that ``hv.load`` refuses.
    """
    first, second = (one if isinstance(one, HRNet) else load(one) for one in (a, b))
    if first.variant != second.variant:
        raise ValueError(
            f"{first.owner} and {second.owner} were given; their numbers do not correspond. Give two nets of one "
            "variant."
        )
    ours, theirs = first.state_dict(), second.state_dict()
    shared = {name for name in ours if name in theirs and ours[name].shape == theirs[name].shape}
    found = {
        site: _measure([(ours[name], theirs[name]) for name in names if name in shared])
        for site, names in _by_landmark(first).items()
        if not shared.isdisjoint(names)
    }
    alone = [
        tuple(site for site, names in _by_landmark(net).items() if not shared.issuperset(names))
        for net in (first, second)
    ]
    return WeightDifferences(first.plan, found, *alone)


def _by_landmark(net: HRNet) -> dict[str, list[str]]:
    """Return the landmarks that have parameters or buffers, with the names of these."""
    owners = {step.target: part.name for part in net.plan.steps for step in (*part.inner, part) if step.target}
    found: dict[str, list[str]] = {}
    for name in net.state_dict():
        owner = name
        while owner and owner not in owners:
            owner = owner.rpartition(".")[0]
        if owner:  # what the plan does not call is no part of the net's answer
            found.setdefault(owners[owner], []).append(name)
    return {site: found[site] for site in net.plan.landmarks if site in found}


def _measure(pairs: list[tuple[Tensor, Tensor]]) -> Difference:
    measured = [pair for pair in pairs if pair[0].is_floating_point()]
    x, y = (torch.cat([pair[i].detach().cpu().double().flatten() for pair in measured]) for i in (0, 1))
    apart, norm = x - y, float(torch.linalg.vector_norm(x))
    distance = float(torch.linalg.vector_norm(apart))
    same = all(one.dtype == other.dtype and torch.equal(one.cpu(), other.cpu()) for one, other in pairs)
    relative = distance / norm if norm else (float("inf") if distance else 0.0)
    return Difference(relative, float(apart.abs().max()), same, len(x))
