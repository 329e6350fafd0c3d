"""The one door through which a public function is called: a wrong first argument gets a sentence, not a stack trace.

What a function takes is what its first parameter is annotated with: ``HRNet``, ``Trace | Cams``, ``Sequence[Cams]``.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import lazy_loader

Door = TypeVar("Door")

WAYS = {
    "HRNet": "hv.load('teaching') or hv.hrnet('hrnet_w18') makes one",
    "Trace": "hv.trace(net, photo) makes one",
    "Plan": "net.plan is one",
    "Cams": "hv.cam(net, photo) makes one",
    "Sweep": "hv.sweep(net, photo) makes one",
    "Ablation": "hv.ablate(net, photo, site) makes one",
    "Shares": "hv.exchanges.shares(trace) makes one",
    "Contributions": "hv.exchanges.contributions(net, photo) makes one",
    "FirstOrder": "hv.interventions.first_order(net, photo) makes one",
    "PairEffects": "hv.interventions.pairs(net, photo, sites) makes one",
    "Statistics": "hv.activations.statistics(trace) makes one",
    "Sanity": "hv.attribution.sanity_check(net, photo) makes one",
    "Agreement": "hv.attribution.ablation_agreement(net, photos) makes one",
    "AverageDrop": "hv.attribution.average_drop(net, cams) makes one",
    "Pointing": "hv.attribution.pointing_game(net, photos, classes) makes one",
    "EffectiveField": "hv.receptive_fields.effective(net, photo, site) makes one",
    "HeadChoice": "hv.heads.choices(net) makes a list of them",
    "Curves": "hv.attribution.deletion(net, cams).values() are such",
}
"""What functions take -> how to get it."""

CHECKED = {"Trace", "Cams"}
"""What hands out its tensors, so that somebody may have written into them; it is looked at before it is read."""


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__, __dir__, __all__`` of a room: the names in its stub, loaded at first use, guarded."""
    load, listing, names = lazy_loader.attach_stub(package, file)

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        value = guard(load(name))
        sys.modules[package].__dict__[name] = value
        return value

    return find, listing, names


def guard(function: Door) -> Door:
    """Return a function that refuses a wrong first argument in a sentence; anything else is returned as it is."""
    if not inspect.isfunction(function):
        return function
    every = list(inspect.signature(function).parameters.values())
    at = int(bool(every) and every[0].name == "self")
    first = every[at] if every[at:] else None
    words = re.findall(r"\w+", str(first.annotation)) if first else []
    taken = [word for word in words if word in WAYS]
    if first is None or not taken:
        return function

    @functools.wraps(function)
    def guarded(*args: Any, **options: Any) -> Any:
        given = args[at] if args[at:] else options.get(first.name)
        alone = "Sequence" not in words or words.count(taken[0]) > 1
        several = list(given) if "Sequence" in words and isinstance(given, list | tuple) else None
        for one in [given] if several is None else several:
            known = {kind.__name__ for kind in type(one).__mro__} & {*words}
            if not known or (several is None and not alone):
                raise TypeError(_explain(function, taken[0], one, alone=alone))
            if known & CHECKED:
                cast("Any", one).check()
        return function(*args, **options)

    return cast("Door", guarded)


def _explain(function: Callable[..., Any], taken: str, given: object, *, alone: bool) -> str:
    what = _article(taken) if alone else f"a list of {taken}"
    got = _article(next((kind.__name__ for kind in type(given).__mro__ if kind.__name__ in WAYS), type(given).__name__))
    name = function.__qualname__.removesuffix(".__init__")
    return f"{name} takes {what} first, but {got} was given. {_way(taken, given)}"


def _article(noun: str) -> str:
    return f"{'an' if noun.startswith(('A', 'E', 'I', 'O', 'U', 'HR')) else 'a'} {noun}"


def _way(taken: str, given: object) -> str:
    """Return how to get what is taken, out of what was given where that is one step away."""
    if taken == "HRNet":
        for inside in ("module", "_orig_mod"):
            if "HRNet" in {kind.__name__ for kind in type(getattr(given, inside, None)).__mro__}:
                return f"Give the net inside it: its attribute {inside}."
        if isinstance(given, Mapping) or hasattr(given, "state_dict"):
            theirs = "weights" if isinstance(given, Mapping) else "theirs.state_dict()"
            return (
                "Weights of timm's and of the published HRNet have the same keys: "
                f"net = hv.hrnet('hrnet_w18', num_outputs=...); net.load_state_dict({theirs})."
            )
        if isinstance(given, str):
            return f"Make it one: net = hv.load({given!r}), or hv.hrnet({given!r}) with random weights."
    return f"{WAYS[taken]}."


class Choices:
    """Base of widgets: what is set on one is one of its traits. A misspelt one would be kept, and do nothing."""

    def __setattr__(self, name: str, value: object) -> None:
        self.check_choice(name)
        super().__setattr__(name, value)

    @classmethod
    def check_choice(cls, name: str) -> None:
        """Refuse a choice that there is not, by a ValueError that names those spelt like it."""
        if not (name.startswith("_") or hasattr(cls, name)):
            near = difflib.get_close_matches(name, [one for one in dir(cls) if not one.startswith("_")])
            hint = f" Did you mean {', '.join(map(repr, near))}?" if near else ""
            raise ValueError(f"{cls.__name__} has no choice '{name}'.{hint}")

    @classmethod
    def check_free(cls, name: str) -> None:
        """Refuse a name for a new choice that the widget itself uses, by a ValueError."""
        if name.startswith("_") or hasattr(cls, name):
            raise ValueError(f"No choice can be called '{name}', a part of the widget. Rename it, in the function too.")
