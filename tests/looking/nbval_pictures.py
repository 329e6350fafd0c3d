"""A pytest plugin that adds to ``pytest --nbval`` what nbval leaves out: tolerance, pictures, and cells never run.

Printed decimals are compared within their precision (see ``tests/looking/numbers.py``).

nbval skips every PNG and JPEG, and compares nothing at all in a cell without an execution count. After nbval is content
with a cell, its pictures are counted and compared here. A cell tagged ``picture-varies`` must show as many pictures as
stored, but they may look different.
"""

import base64
from pathlib import Path

import nbformat
import pytest
from nbval.plugin import IPyNbCell

from tests.looking.numbers import NUMBER, Printed
from tests.looking.pictures import explain_difference, explain_unreadable

VARIES = "picture-varies"
PICTURES = ("image/png", "image/jpeg")


def pictures_of(outputs) -> list[bytes]:
    """Decode the pictures among a cell's outputs, in order."""
    bundles = [output.get("data", {}) for output in outputs]
    encoded = [bundle[kind] for bundle in bundles for kind in PICTURES if kind in bundle]
    return [base64.b64decode("".join(text)) for text in encoded]


def blur_numbers(outputs) -> list:
    """Replace the numbers in a picture's text alternative: their last digit differs between processors.

    The words are still compared, and the picture itself is looked at; facts that must hold are printed by the cell.
    """
    blurred = []
    for output in outputs:
        data = output.get("data", {})
        if "text/plain" in data and any(kind in data for kind in PICTURES):
            words = NUMBER.sub("#", "".join(data["text/plain"]))
            output = nbformat.from_dict({**output, "data": {**data, "text/plain": words}})  # noqa: PLW2901  # a copy
        blurred.append(output)
    return blurred


def find_complaints(cell, fresh_outputs) -> list[str]:
    """Compare a cell's stored pictures with those it just made; one sentence for each that differs."""
    stored, fresh = pictures_of(cell.outputs), pictures_of(fresh_outputs)
    if len(stored) != len(fresh):
        return [f"{len(stored)} pictures are stored, the cell now shows {len(fresh)}"]
    compare = explain_unreadable if VARIES in cell.metadata.get("tags", []) else explain_difference
    found = [compare(*pair) for pair in zip(stored, fresh, strict=True)]
    return [f"picture {number} of {len(found)}: {text}" for number, text in enumerate(found, start=1) if text]


def keep_for_looking(item, fresh_outputs) -> str:
    """Write stored and fresh pictures where pytest keeps its cache and say where."""
    cache = getattr(item.config, "cache", None)
    if cache is None:
        return ""
    folder = cache.mkdir("pictures")
    for name, outputs in (("stored", item.cell.outputs), ("fresh", fresh_outputs)):
        for number, data in enumerate(pictures_of(outputs), start=1):
            path = folder / f"{Path(item.path).stem}-cell{item.cell_num}-{number}-{name}.png"
            path.write_bytes(data)
    return f"Look at both in {folder}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Let nbval run and compare a cell, then look at its pictures."""
    if not isinstance(item, IPyNbCell) or not item.config.option.nbval:
        return (yield)
    if item.cell.execution_count is None and not item.options["skip"]:
        item.raise_cell_error(
            "This cell was stored without having been run, so there is nothing to compare with. "
            "Run `make notebooks`, look at the result and store it."
        )
    compare, sanitize = item.compare_outputs, item.sanitize
    item.sanitize = lambda value: Printed(sanitize(value)) if isinstance(value, str) else value
    item.compare_outputs = lambda test, ref, skip=None: compare(blur_numbers(test), blur_numbers(ref), skip)
    result = yield
    complaints = find_complaints(item.cell, item.test_outputs)
    if complaints:
        complaints.append(keep_for_looking(item, item.test_outputs))
        item.raise_cell_error("Pictures differ", "\n".join(complaints))
    return result
