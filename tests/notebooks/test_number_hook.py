"""Numbers in notebooks: what may differ and what may not, in nbval and, as a hedge, through nbclient without it."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.looking.nbval_pictures import find_complaints
from tests.looking.numbers import says_the_same

ROOT = Path(__file__).resolve().parents[2]

SAME = [
    ("0.94 for cat", "0.95 for cat"),
    ("12.3 against 4.5", "12.5 against 4.4"),
    ("1.2e-05", "1.3e-05"),
    ("|  9.99|", "| 10.02|"),
    ("12.5 %, −0.31", "12.6 %, −0.30"),
    ("fuse0<-2 1.20", "fuse0<-2 1.21"),
    ("1,234.5 numbers", "1,240.0 numbers"),
    ("1", "0.999"),
]
OTHER = [
    ("0.94 for cat", "0.96 for cat"),
    ("0.94 for cat", "0.94 for dog"),
    ("16 paths", "17 paths"),
    ("1,234 numbers", "1,235 numbers"),
    ("stage3.1.out0", "stage3.2.out0"),
    ("fuse0<-2", "fuse0<-3"),
    ("torch 2.14.1", "torch 2.14.2"),
    ("(1, 18, 40, 40)", "(1, 18, 40, 41)"),
    ("−1.20", "1.20"),
    ("1.2e-05", "1.2e-04"),
    ("nan", "0.5"),
    ("0.5 0.5", "0.5"),
    ("a\nb", "a b"),
]


@pytest.mark.parametrize(("stored", "fresh"), SAME)
def test_decimals_may_differ_within_their_precision(stored, fresh):
    assert says_the_same(stored, fresh)


@pytest.mark.parametrize(("stored", "fresh"), OTHER)
def test_words_whole_numbers_and_addresses_may_not_differ(stored, fresh):
    assert not says_the_same(stored, fresh)


@pytest.mark.parametrize(
    ("printed", "passes"),
    [("16 paths, 0.51 of it", True), ("16 paths, 0.56 of it", False), ("17 paths, 0.51 of it", False)],
)
def test_nbval_compares_so(tmp_path, printed, passes):
    cell = nbformat.v4.new_code_cell("print('16 paths, 0.50 of it')\n16.5", execution_count=1)
    cell.outputs = [
        nbformat.v4.new_output("stream", text=f"{printed}\n"),
        nbformat.v4.new_output("execute_result", {"text/plain": "16.4"}, execution_count=1),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = tmp_path / "one.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel}), path)
    plugins = ("-p", "no:cacheprovider", "-p", "tests.looking.nbval_pictures")
    command = [sys.executable, "-m", "pytest", "-q", *plugins, "--nbval", path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == passes, done.stdout


def texts_of(cell) -> list[str]:
    """What a cell printed and showed as text; of a picture's text alternative nothing, its numbers may vary."""
    printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
    bundles = [output.get("data", {}) for output in cell.outputs]
    return [printed, *("".join(data["text/plain"]) for data in bundles if "text/plain" in data and len(data) == 1)]


def test_a_notebook_without_nbval():
    stored = nbformat.read(ROOT / "notebooks/01_stages.ipynb", as_version=4)
    fresh = nbformat.read(ROOT / "notebooks/01_stages.ipynb", as_version=4)
    NotebookClient(fresh, timeout=180, resources={"metadata": {"path": ROOT / "notebooks"}}).execute()
    for number, (old, new) in enumerate(zip(stored.cells, fresh.cells, strict=True)):
        if old.cell_type == "code":
            pairs = zip(texts_of(old), texts_of(new), strict=True)
            assert [pair for pair in pairs if not says_the_same(*pair)] == [], f"cell {number}"
            assert find_complaints(old, new.outputs) == [], f"cell {number}"
