"""Run the plan: keep what was asked for, edit on the way, run again from the middle.

This is the one function that everything else reads a net with. It looks at what is wanted, walks the plan backwards to
find what that needs, and computes only this; with a trace to start from, only what the edits reach.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn

from hrnet_viz.network.fingerprint import find_module
from hrnet_viz.network.net import check_input
from hrnet_viz.network.plan import INPUT, Plan, Step
from hrnet_viz.sites import Site, quote

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
Sites = str | Site | Iterable[str | Site]
Edit = Tensor | Callable[[Tensor], Tensor]


class Base(Protocol):
    """What a pass can start from: a trace."""

    @property
    def plan(self) -> Plan:
        """Plan of the net."""

    @property
    def input(self) -> Tensor:
        """The photos as the net saw them."""

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """Site -> tensor."""

    def check(self, net: nn.Module, sites: Iterable[str] | None = None) -> None:
        """Refuse another net, and numbers that have been written into."""


def run(
    net: HRNet,
    x: Tensor | None = None,
    *,
    keep: Sites = "landmarks",
    edit: Mapping[str, Edit] | None = None,
    base: Base | None = None,
    store: Callable[[str, Tensor], Tensor] | None = None,
) -> dict[str, Tensor]:
    """Run the plan in whatever mode the net and autograd are in.

    Args:
        net: the net.
        x: photos (N, 3, H, W) with H, W >= 32; not with ``base``.
        keep: what to give back: "landmarks", "all", an address, a pattern, or several of them.
        edit: site -> a tensor to put there, or a function from the tensor to its replacement of the same shape.
        base: a trace of the same net; what it kept and no edit reaches is taken from there.
        store: applied to the name and tensor of all that is given back, not to what the net goes on with.

    Returns:
        address -> tensor, in plan order.

    Raises:
        SiteError: an address that names no site.
        TypeError: edits that are no mapping, or neither tensor nor function.
        ValueError: not exactly one of photos and base, a base of other weights, or an edit that changes a shape.
    """
    plan = net.plan
    x = _source(net, x, base)
    wanted = plan.names(keep)
    edits = _read_edits(net, edit)
    todo, ready = _schedule(plan.expand([*wanted, *edits]), wanted, edits, base.tensors if base is not None else {})
    if base is not None:
        base.check(net, ready)

    values: dict[str, Tensor] = {INPUT: x}
    kept: dict[str, Tensor] = {}
    asked = frozenset(wanted)
    uses = Counter(source for step in todo for source in step.inputs)

    def put(name: str, value: Tensor) -> None:
        if name in edits:
            value = _edited(plan.sites[name], value, edits[name], x)
        if name in asked:
            kept[name] = store(name, value) if store else value
        if uses[name]:
            values[name] = value

    for name, value in ready.items():
        put(name, value)
    for step in todo:
        put(step.name, _compute(net, step, values, x))
        for source in step.inputs:
            uses[source] -= 1
            if not uses[source]:  # what nobody needs any more is freed at once
                values.pop(source, None)
    return {name: kept[name] for name in wanted}


def _read_edits(net: HRNet, edit: Mapping[str, Edit] | None) -> dict[str, Edit]:
    given: object = edit or {}  # a caller without a type checker may give anything
    if not isinstance(given, Mapping):
        raise TypeError(f"edit={quote(given)} was given; a mapping was expected, from a site to what is put there.")
    for site, change in given.items():
        if not isinstance(change, Tensor) and not callable(change):
            raise TypeError(
                f"The edit at '{site}' is {quote(change)}; a tensor was expected, or a function from the tensor there "
                "to its replacement."
            )
    return {net.plan.resolve(site): change for site, change in given.items()}


def _source(net: HRNet, x: Tensor | None, base: Base | None) -> Tensor:
    if base is not None and x is None:
        if not hasattr(base, "fingerprint"):
            raise ValueError(f"base={quote(base)} was given; a trace was expected: hv.trace(net, photo).")
        _check_owner(net, base)
        return base.input
    if x is None or base is not None:
        raise ValueError("run takes either photos or a trace to start from: run(net, x) or run(net, base=trace).")
    check_input(x, net.task.smallest)
    return x


def check_base(net: HRNet, base: Base) -> None:
    """Refuse a trace of another net or of other weights, or whose numbers were written into, by a ValueError."""
    _check_owner(net, base)
    base.check(net)


def _check_owner(net: HRNet, base: Base) -> None:
    if base.plan.owner != net.plan.owner:
        raise ValueError(f"The trace is of {base.plan.owner}, the net is {net.plan.owner}. Trace this net first.")


def _schedule(
    steps: Sequence[Step], wanted: Iterable[str], edits: Mapping[str, Edit], base: Mapping[str, Tensor]
) -> tuple[list[Step], dict[str, Tensor]]:
    """Return what the wanted sites need: steps to compute, in order, and tensors of the base that still hold."""
    changed: set[str] = set()
    stale: set[str] = set()  # computed from something that changed, so that the base no longer holds
    for step in steps:
        if not changed.isdisjoint(step.inputs):
            stale.add(step.name)
            changed.add(step.name)
        if step.name in edits:
            changed.add(step.name)
    needed = set(wanted)
    todo: list[Step] = []
    ready: dict[str, Tensor] = {}
    for step in reversed(steps):
        if step.name not in needed:
            continue
        replacement = edits.get(step.name)
        if isinstance(replacement, Tensor):
            ready[step.name] = replacement
        elif step.name in base and step.name not in stale:
            ready[step.name] = base[step.name]
        else:
            todo.append(step)
            needed.update(step.inputs)
    return todo[::-1], ready


def _compute(net: HRNet, step: Step, values: Mapping[str, Tensor], x: Tensor) -> Tensor:
    first, *others = (values[name] for name in step.inputs)
    if step.operation == "view":
        return first.view_as(first)
    if step.operation == "add":
        for other in others:
            first = first + other
        return first
    if step.operation == "concat":
        return torch.cat([first, *others], 1)
    module = find_module(net, step.target)
    result: Tensor = module(first, size_at(step.site, x)) if step.sized else module(first, *others)
    return result


def size_at(site: Site, x: Tensor) -> tuple[int, int]:
    """Return (height, width) of a site's tensor for photos (N, 3, H, W); (1, 1) where there is no spatial extent."""
    return site.size(x.shape[-2], x.shape[-1])


def _edited(site: Site, value: Tensor, change: Edit, x: Tensor) -> Tensor:
    # The function gets a copy: it may write into it, and the base trace must stay what it was.
    result: object = change if isinstance(change, Tensor) else change(value.clone())
    flat = site.stride is None and site.cells is None
    expected = (x.shape[0], site.channels) if flat else (x.shape[0], site.channels, *size_at(site, x))
    if not isinstance(result, Tensor) or tuple(result.shape) != expected:
        got = f"a tensor of shape {tuple(result.shape)}" if isinstance(result, Tensor) else f"{result!r}"
        raise ValueError(f"The edit at '{site.name}' gave {got}; the tensor there has shape {expected}.")
    return result
