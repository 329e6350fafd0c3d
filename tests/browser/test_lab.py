"""The harness itself, on small notebooks: what works is seen to work, and each defect is seen to be noticed."""

import nbformat
import pytest

from tests.browser import chromium as finder
from tests.browser.controls import KINDS, find_controls, moves_its_picture

DRAW = """
import io
import ipywidgets as widgets
import numpy as np
from PIL import Image

def draw(step):
    y, x = np.mgrid[:48, :64]
    buffer = io.BytesIO()
    Image.fromarray(((x * (step + 1) + y) % 256).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()
"""
CONTROLS = """
shown = widgets.Image(value=draw(0), width=256)
controls = [
    widgets.IntSlider(0, 0, 7),
    widgets.FloatSlider(1.0, min=0.0, max=1.0),
    widgets.SelectionSlider(options=[1, 2, 5]),
    widgets.Dropdown(options=["a", "ab", "abc"]),
    widgets.Checkbox(description="twice"),
    widgets.IntSlider(0, 0, 0),
]

def follow(_):
    values = [c.value if not isinstance(c.value, str) else len(c.value) for c in controls]
    shown.value = draw(sum(v * w for v, w in zip(values, (1, 20, 3, 5, 7, 11))))

for control in controls:
    control.observe(follow, "value")
widgets.VBox([*controls, shown])
"""
RANGE_IN_A_PAGE = """
import anywidget, traitlets

class Ramp(anywidget.AnyWidget):
    _esm = '''export default { render({ model, el }) {
      const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 9, value: 0 });
      slider.dataset.lmSuppressShortcuts = "true";
      const canvas = Object.assign(document.createElement("canvas"), { width: 100, height: 20 });
      const paint = () => canvas.getContext("2d").fillRect(0, 0, 10 * slider.value, 20);
      slider.addEventListener("input", () => { paint(); model.set("step", +slider.value); model.save_changes() });
      el.append(slider, canvas) } }'''
    step = traitlets.Int(0).tag(sync=True)

Ramp()
"""
DEAD_SLIDER = "widgets.VBox([widgets.IntSlider(0, 0, 7), widgets.Image(value=draw(0))])"
FOREIGN = "from IPython.display import HTML\nHTML(\"<img src='http://example.org/x.png'>\")"
BAD = 'import sys\nprint("a warning", file=sys.stderr)\nraise KeyError("seeded")'


def write(folder, *sources):
    path = folder / "small" / "small.ipynb"
    path.parent.mkdir()
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in sources]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def test_every_kind_of_control_moves_its_picture(lab, tmp_path):
    lab.open(write(tmp_path, DRAW, CONTROLS, RANGE_IN_A_PAGE))
    lab.run_all()
    assert lab.errors() == []
    assert lab.foreign == []
    found = {kind: list(find_controls(lab, kind)) for kind in KINDS}
    assert {kind: len(controls) for kind, controls in found.items()} == {
        "slider": 3,  # the fourth has one position
        "range": 1,
        "dropdown": 1,
        "checkbox": 1,
    }
    for kind, controls in found.items():
        assert all(moves_its_picture(lab, kind, control) for control in controls), kind


def test_defects_are_noticed(lab, tmp_path):
    lab.open(write(tmp_path, DRAW, DEAD_SLIDER, FOREIGN, BAD, "print('never reached')"))
    lab.run_all()
    (slider,) = find_controls(lab, "slider")
    assert not moves_its_picture(lab, "slider", slider, patience=1)
    assert set(lab.foreign) == {"http://example.org/x.png"}
    seen = "\n".join(lab.errors())
    assert "a warning" in seen
    assert "KeyError" in seen
    assert "never reached" not in lab.page.locator(".jp-OutputArea-output").all_inner_texts()


# ---- finding a browser, with none installed -----------------------------------------------------------------------


@pytest.fixture
def bare_system(monkeypatch):
    """A system without Chromium, where every way to install one fails; returns the commands that were tried."""
    tried = []

    def fail(command, **_):
        tried.append(command)
        raise finder.subprocess.CalledProcessError(100, command, stderr="...\nE: no route to host")

    monkeypatch.setattr(finder, "find_installed", lambda: None)
    monkeypatch.setattr(finder.subprocess, "run", fail)
    monkeypatch.setattr(finder.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(finder.os, "geteuid", lambda: 0, raising=False)
    return tried


def test_without_a_browser_the_reason_is_said_in_words(bare_system):
    with pytest.raises(
        finder.NoBrowserError, match=r"none could be installed: .*playwright install.*; .*no route to host"
    ):
        finder.find_chromium()
    assert [command[0].split("/")[-1][:6] for command in bare_system] == ["python", "apt-ge"]


def test_who_is_not_root_is_not_asked_for_apt(bare_system, monkeypatch):
    monkeypatch.setattr(finder.os, "geteuid", lambda: 1000, raising=False)
    with pytest.raises(finder.NoBrowserError):
        finder.find_chromium()
    assert len(bare_system) == 1


def test_a_browser_that_installs_is_used(bare_system, monkeypatch):
    answers = iter([None, "/usr/bin/chromium"])
    monkeypatch.setattr(finder, "find_installed", lambda: next(answers))
    monkeypatch.setattr(finder.subprocess, "run", lambda command, **_: bare_system.append(command))
    assert finder.find_chromium() == "/usr/bin/chromium"
