"""Exercises with their checkers, and what the shipped table says about the maps of the shipped net."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from textwrap import fill
from typing import Any

import numpy as np

from hrnet_viz.weights.sources import find_shipped

Expected = Callable[..., Any]


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        name: notebook and number, "00.1".
        task: what to do, in a sentence.
        stars: difficulty, 1 to 3.
        minutes: how long it takes.
        stub: the cell as the learner finds it, without the call of ``check``.
        solution: a cell that passes.
        expected: gives the right answer from what ``check`` was handed (``net``, ``trace``, ``photo``, ...).
        hints: from a nudge to nearly the answer.
        tolerance: relative difference of numbers and arrays that still counts as right.
        accept: judges an answer for which no single right one exists: (answer, expected) -> whether it is right.
        show: how to write an answer, where the default would be too long.
    """

    name: str
    task: str
    stars: int
    minutes: int
    stub: str
    solution: str
    expected: Expected
    hints: tuple[str, ...]
    tolerance: float = 1e-4
    accept: Callable[[Any, Any], bool] | None = None
    show: Callable[[Any], str] | None = None

    @property
    def answer(self) -> str:
        """Name of the variable that the stub's last line sets and ``check`` is given."""
        return self.stub.strip().splitlines()[-1].partition(" = ")[0].strip()

    @property
    def heading(self) -> str:
        """The line above the exercise in its notebook."""
        return f"### Exercise {self.name} {'★' * self.stars} ({self.minutes} min)"


@dataclass(frozen=True)
class Verdict:
    """What a check says. Shows itself as text; ``bool(verdict)`` tells whether the answer was right."""

    name: str
    right: bool
    expected: str = ""
    got: str = ""
    hint: str = ""

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        if self.right:
            return f"Exercise {self.name}: right. {self.got}"
        lines = [f"Exercise {self.name}: not yet.", f"  expected: {self.expected}", f"  got:      {self.got}"]
        return "\n".join([*lines, f"  hint:     {self.hint}"])


_tries: Counter[str] = Counter()


def check(name: str, answer: Any, **context: Any) -> Verdict:
    """Judge an answer.

    Args:
        name: which exercise, "00.1".
        answer: the learner's answer, of any type.
        context: what the exercise needs to know the right answer from; the notebook's cell hands it over.

    Raises:
        ValueError: no such exercise.
    """
    exercise = find(name)
    expected = exercise.expected(**context)
    got = "nothing yet" if answer is None or answer is Ellipsis else (exercise.show or describe)(answer)
    try:
        right = answer is not None and answer is not Ellipsis and _agree(exercise, answer, expected)
    except Exception as error:  # noqa: BLE001  # whatever a learner's answer does, words come back
        right, got = False, f"{got} (it could not be compared: {error})"
    if right:
        return Verdict(name, right=True, got=got)
    hint = exercise.hints[min(_tries[name], len(exercise.hints) - 1)]
    _tries[name] += 1
    return Verdict(name, right=False, expected=kind_of(expected), got=got, hint=hint)


def find(name: str) -> Exercise:
    """Return an exercise by name.

    Raises:
        ValueError: no such exercise; the message names the nearest.
    """
    known = exercises()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.3)
        raise ValueError(f"There is no exercise '{name}'. Near it: {', '.join(near) or 'none'}.")
    return known[name]


@cache
def exercises() -> Mapping[str, Exercise]:
    """Return all exercises by name, notebook by notebook."""
    package = import_module("hrnet_viz.course")
    found: dict[str, Exercise] = {}
    for module in sorted(iter_modules(package.__path__), key=lambda item: item.name):
        if module.name.startswith("notebook_"):
            listed = import_module(f"hrnet_viz.course.{module.name}").EXERCISES
            found.update((exercise.name, exercise) for exercise in listed)
    return found


def kind_of(expected: Any) -> str:
    """Return what sort of answer is expected without giving it away."""
    if hasattr(expected, "shape") and not isinstance(expected, np.generic):
        return f"numbers of shape {tuple(expected.shape)}"
    if isinstance(expected, Mapping):
        return f"a dictionary with the keys {', '.join(map(repr, expected))}"
    if isinstance(expected, Sequence) and not isinstance(expected, str):
        return f"{len(expected)} items in order"
    words = {bool: "True or False", int: "a whole number", float: "a number", str: "a text", set: "a set"}
    return words.get(type(expected), f"a {type(expected).__name__}")


def describe(answer: Any) -> str:
    """Write an answer in a line."""
    if hasattr(answer, "shape") and len(answer.shape):
        return f"numbers of shape {tuple(answer.shape)}"
    if isinstance(answer, float):
        return f"{answer:.4g}"
    if isinstance(answer, (set, frozenset)):
        return "{" + ", ".join(sorted(map(repr, answer))) + "}"
    if callable(answer):
        return f"a function named {getattr(answer, '__name__', 'without a name')}"
    text = repr(answer)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _agree(exercise: Exercise, answer: Any, expected: Any) -> bool:
    if exercise.accept is not None:
        return bool(exercise.accept(answer, expected))
    return agree(answer, expected, exercise.tolerance)


def agree(answer: Any, expected: Any, tolerance: float = 1e-4) -> bool:
    """Whether two answers are the same: numbers and arrays to a relative tolerance, containers item by item."""
    if isinstance(expected, bool):
        return isinstance(answer, (bool, np.bool_)) and bool(answer) == expected
    if isinstance(expected, (str, set, frozenset)):
        return bool(answer == expected)
    if isinstance(expected, Mapping):
        return answer.keys() == expected.keys() and all(agree(answer[k], expected[k], tolerance) for k in expected)
    if isinstance(expected, (tuple, list)):
        return len(answer) == len(expected) and all(
            agree(a, e, tolerance) for a, e in zip(answer, expected, strict=True)
        )
    mine, right = (
        np.asarray(value.detach().cpu() if hasattr(value, "detach") else value, dtype=float)
        for value in (answer, expected)
    )
    if mine.shape != right.shape:
        return False
    scale = max(float(np.abs(right).max(initial=0)), 1e-12)
    return bool(np.abs(mine - right).max(initial=0) <= tolerance * scale)


HERE = Path(__file__).parent
PLACES = (HERE / "_shipped", HERE.parents[1] / "assets" / "faithfulness")  # of a wheel, of a clone


def describe_faithfulness(*measures: str) -> str:
    """Return what the shipped table concludes, in sentences.

    Args:
        measures: which of its measures: "pointing", "energy", "deletion", "insertion", "drop", "ablation", "sanity".
    """
    file = next((place / "results.json" for place in PLACES if (place / "results.json").is_file()), None)
    if file is None:
        return "No table is shipped with this installation. In a clone `make faithfulness PHOTOS=folder` measures one."
    told = json.loads(file.read_text(encoding="utf8"))
    how = told["provenance"]
    mine = hashlib.sha256(find_shipped("teaching").read_bytes()).hexdigest()
    which = "this very net" if how["sha256 of the weights"] == mine else "an earlier training of this net, not this one"
    lines = [
        f"Measured on {which}.",
        f"{how['photos']} validation photos, {how['named right by the net']} of them named right by the net.",
    ]
    chosen = [sentence for sentence in told["conclusions"] if sentence.startswith(measures)]
    lines += [fill(sentence, 110, initial_indent="* ", subsequent_indent="  ") for sentence in chosen]
    return "\n".join(lines)
