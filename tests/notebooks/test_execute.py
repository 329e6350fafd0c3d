"""``make notebooks``: what is stored is the same every time, small, and right; what fails is left as it was."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "execute_notebooks.py"
STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"

SLIDER = """
import ipywidgets as widgets

never_shown = [widgets.IntSlider(value) for value in range(100)]
slider = widgets.IntSlider(3)
widgets.VBox([slider, widgets.Image(value=bytes(100))])
"""


def write(path, *sources):
    cells = [nbformat.v4.new_code_cell(source.strip(), metadata={"tags": ["kept"]}) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def execute(path):
    return subprocess.run([sys.executable, str(SCRIPT), str(path)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A notebook with printed facts and widgets, run twice: path, bytes of the first and of the second run."""
    path = write(tmp_path_factory.mktemp("executed") / "small.ipynb", "print(1)\nprint(2)", SLIDER)
    runs = []
    for _ in range(2):
        done = execute(path)
        assert done.returncode == 0, done.stderr
        runs.append(path.read_bytes())
    return nbformat.read(path, as_version=4), *runs


def test_two_runs_store_the_same_bytes(stored):
    _, first, second = stored
    assert first == second


def test_outputs_counts_and_tags_are_stored_and_no_times(stored):
    notebook = stored[0]
    assert [cell.execution_count for cell in notebook.cells] == [1, 2]
    assert notebook.cells[0].outputs[0].text == "1\n2\n"
    assert all(dict(cell.metadata) == {"tags": ["kept"]} for cell in notebook.cells)


def test_only_states_that_something_shows_are_stored(stored):
    notebook = stored[0]
    states = notebook.metadata["widgets"][STATE]["state"]
    shown = notebook.cells[1].outputs[0]["data"][VIEW]["model_id"]
    names = [model["model_name"] for model in states.values()]
    assert states[shown]["model_name"] == "VBoxModel"
    assert names.count("IntSliderModel") == 1
    assert names.count("ImageModel") == 1


def test_a_failing_notebook_is_left_as_it_was(tmp_path):
    path = write(tmp_path / "bad.ipynb", "print(1)", "raise KeyError('seeded')")
    before = path.read_bytes()
    done = execute(path)
    assert done.returncode == 1
    assert "bad.ipynb: left as it was" in done.stderr
    assert "seeded" in done.stderr
    assert path.read_bytes() == before
