"""Rooms are spoken of by name: each public name works and says what it is; naming one stays light."""

import inspect
import re
import subprocess
import sys

import pytest

import hrnet_viz as hv

ROOMS = [hv, hv.activations, hv.exchanges, hv.receptive_fields, hv.heads, hv.attribution, hv.interventions, hv.figures]
ROOMS = {room.__name__: room for room in [*ROOMS, hv.photos]}


@pytest.mark.parametrize("room", ROOMS.values(), ids=ROOMS)
def test_every_name_is_there_and_is_explained(room):
    for name in room.__all__:
        value = getattr(room, name)
        assert value.__doc__ or not callable(value), f"{room.__name__}.{name} has no docstring"
        assert name in dir(room)


@pytest.mark.parametrize("room", ROOMS.values(), ids=ROOMS)
def test_a_wrong_result_is_refused_in_a_sentence_by_every_function_that_takes_one(room):
    ours = {name for one in ROOMS.values() for name in one.__all__ if isinstance(getattr(one, name), type)}
    ours |= {"Plan", "Statistics"}  # which are no public names, but what public functions return
    for name, function in inspect.getmembers(room, inspect.isfunction):
        first = next(iter(inspect.signature(function).parameters.values()), None)
        if name in room.__all__ and first and ours & {*re.findall(r"\w+", str(first.annotation))}:
            with pytest.raises(TypeError, match=rf"^{name} takes .* first, but an? object was given\. "):
                function(object())


@pytest.mark.parametrize("room", ROOMS.values(), ids=ROOMS)
def test_an_unknown_name_is_an_attribute_error(room):
    with pytest.raises(AttributeError, match=f"'{room.__name__}' has no attribute 'nonsense'"):
        room.nonsense  # noqa: B018  # reading it is the test


def test_a_function_stays_a_function_when_its_file_is_imported_first():
    code = "import hrnet_viz.exchanges.contributions, hrnet_viz as hv; print(callable(hv.exchanges.contributions))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
