"""The course in a real JupyterLab: Run All ends without an error, every kind of control moves its picture."""

import re
from itertools import islice
from pathlib import Path

import nbformat

from tests.browser.controls import KINDS, find_controls, moves_its_picture

COURSE = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
STATE = "application/vnd.jupyter.widget-state+json"
MOST_OF_A_KIND = 4  # controls of one kind that are moved in one notebook


def kinds_of_widgets(path: Path) -> set[str]:
    """Widget classes that a notebook makes: those named in its code and those in its stored state."""
    notebook = nbformat.read(path, as_version=4)
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    named = re.findall(
        r"\bwidgets\.(\w*Slider|Dropdown|Checkbox|ToggleButtons?|Play|Select\w*)\(|\bhv\.(explore)\(", code
    )
    models = notebook.metadata.get("widgets", {}).get(STATE, {}).get("state", {}).values()
    stored = [model["state"].get("_anywidget_id") or model["model_name"].removesuffix("Model") for model in models]
    moving = [kind for kind in stored if re.search(r"(Slider|Dropdown|Checkbox|Buttons?|Play|Select\w*)$|\.", kind)]
    return {"".join(match) for match in named} | set(moving)


def choose(paths: list[Path], *, everything: bool) -> list[Path]:
    """The first notebook and each that brings a kind of widget which none before it has; or all of them."""
    seen: set[str] = set()
    chosen = []
    for path in paths:
        new = kinds_of_widgets(path) - seen
        if everything or new or path == paths[0]:
            chosen.append(path)
            seen |= new
    return chosen


def pytest_generate_tests(metafunc):
    if "notebook" in metafunc.fixturenames:
        chosen = choose(COURSE, everything=metafunc.config.getoption("--all-notebooks"))
        metafunc.parametrize("notebook", chosen, ids=lambda path: path.stem)


def test_runs_and_follows_the_thumb(lab, notebook):
    lab.open(notebook)
    lab.run_all()
    assert lab.errors() == []
    still = [
        f"{kind} {place} of {notebook.name}"
        for kind in KINDS
        for place, control in enumerate(islice(find_controls(lab, kind), MOST_OF_A_KIND))
        if not moves_its_picture(lab, kind, control)
    ]
    assert still == [], "a key press on these changed no pixel around them"
    assert lab.errors() == []
    assert lab.foreign == [], "a notebook asks no other host"


def write(path, code, models=()):
    state = {str(place): {"model_name": name, "state": {}} for place, name in enumerate(models)}
    metadata = {"widgets": {STATE: {"state": state}}} if models else {}
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)], metadata=metadata), path)
    return path


def test_one_notebook_per_kind_of_widget_is_chosen(tmp_path):
    codes = ["1", "widgets.IntSlider(0)", "widgets.IntSlider(3)", "widgets.Dropdown()", "2", "hv.explore(net, photo)"]
    paths = [write(tmp_path / f"{place}.ipynb", code) for place, code in enumerate(codes)]
    paths.append(write(tmp_path / "6.ipynb", "3", ["IntSliderModel", "SliderStyleModel", "LayoutModel"]))
    paths.append(write(tmp_path / "7.ipynb", "4", ["CheckboxModel", "CheckboxStyleModel"]))
    assert [path.stem for path in choose(paths, everything=False)] == ["0", "1", "3", "5", "7"]
    assert choose(paths, everything=True) == paths
