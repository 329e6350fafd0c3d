"""Every solution passes, every stub fails with its hint, and no answer makes a stack trace."""

import numpy as np
import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.course import core
from hrnet_viz.course.core import agree, check, exercises, find
from tests.course.scenes import make_context


@pytest.fixture(autouse=True)
def fresh_tries():
    core._tries.clear()


@pytest.fixture(scope="session")
def context():
    return make_context()


def answer_of(code, context):
    """Run a stub or a solution and give what it assigns to the name on its first assigned line of the stub."""
    space = {"hv": hv, "torch": torch, "np": np, **context}
    exec(code, space)  # our own solutions
    return space


@pytest.mark.parametrize("name", exercises())
def test_solution_passes_and_stub_fails_with_its_hint(name, context):
    exercise = find(name)
    handed = {key: context[key] for key in exercise.expected.__annotations__ if key != "return"}
    variable = exercise.answer
    right = check(name, answer_of(exercise.solution, context)[variable], **handed)
    assert right, right
    stub = check(name, answer_of(exercise.stub, context)[variable], **handed)
    assert not stub
    assert stub.hint == exercise.hints[0]
    assert exercise.hints[0] in repr(stub)
    assert "expected:" in repr(stub)


@pytest.mark.parametrize("name", exercises())
@pytest.mark.parametrize(
    "strange", ["nonsense", -17, [], {}, object(), torch.zeros(2, 3), float("nan"), lambda x: x / 0]
)
def test_a_strange_answer_gets_words(name, strange, context):
    exercise = find(name)
    handed = {key: context[key] for key in exercise.expected.__annotations__ if key != "return"}
    verdict = check(name, strange, **handed)
    assert not verdict
    assert verdict.hint


def test_hints_say_more_at_every_try(context):
    hints = [check("00.1", "stage", net=context["net"]).hint for _ in range(5)]
    assert hints == [*find("00.1").hints, *find("00.1").hints[-1:] * 2]


def test_an_unknown_exercise_names_the_nearest():
    with pytest.raises(ValueError, match=r"00\.1"):
        check("00.11", 1)


@pytest.mark.parametrize(
    ("answer", "expected", "same"),
    [
        (3, 3, True), (3.0, 3, True), (True, True, True), (1, True, False), ("a", "a", True), ((1, 2), [1, 2], True),
        ([1, 2, 3], [1, 2], False), ({"a": 1.00001}, {"a": 1.0}, True), ({"b": 1}, {"a": 1}, False),
        ({1, 2}, {2, 1}, True),
        (torch.ones(2), np.ones(2), True), (torch.ones(2), np.ones(3), False), (1.1, 1.0, False),
    ],
)  # fmt: skip
def test_agreement(answer, expected, same):
    assert agree(answer, expected) is same
