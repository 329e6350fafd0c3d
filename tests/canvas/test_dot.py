"""Graphviz is found, replaced or asked for; each case on a machine that looks like it."""

import io
import shutil
import sys
import sysconfig

import pytest
from PIL import Image

from hrnet_viz.canvas.network_drawing import network_diagram
from hrnet_viz.canvas.shapes import Line
from hrnet_viz.exchanges import autograd as dot
from hrnet_viz.exchanges.autograd import DotNotFound, autograd_graph, find_dot, run_dot

SHELL = shutil.which("sh")
GRAPH = 'digraph { a [pos="20,20" width=0.2 height=0.2] }'


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv(dot.VARIABLE, raising=False)


@pytest.fixture
def program(tmp_path):
    def write(name, script):
        path = tmp_path / name / "dot"
        path.parent.mkdir()
        path.write_text(f"#!{SHELL}\n{script}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.fixture
def bare_machine(monkeypatch, tmp_path):
    """No program at all: nothing on PATH, and an environment without graphviz-pure."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))


def test_a_dot_on_path_comes_before_the_replacement(monkeypatch, program):
    real = program("real", "echo drawn")
    monkeypatch.setenv("PATH", str(real.parent))
    assert find_dot()[0] == str(real)
    assert run_dot(GRAPH) == b"drawn\n"


def test_the_variable_comes_before_everything(monkeypatch, program):
    other, real = program("other", "echo other"), program("real", "echo real")
    monkeypatch.setenv("PATH", str(real.parent))
    monkeypatch.setenv(dot.VARIABLE, str(other))
    assert find_dot()[:2] == (str(other), str(real))


def test_a_variable_that_names_nothing_is_told(monkeypatch):
    monkeypatch.setenv(dot.VARIABLE, "no/such/dot")
    with pytest.raises(DotNotFound, match=r"GRAPHVIZ_DOT is set to 'no/such/dot', and there is no such program"):
        find_dot()


def test_the_replacement_lays_out_what_we_draw(monkeypatch):
    monkeypatch.setenv("PATH", "")
    try:
        found = find_dot()
    except DotNotFound:
        pytest.skip("graphviz-pure is not installed in this environment: pip install graphviz-pure")
    assert len(found) == 1
    assert "graphviz-pure" in found[0]
    assert len([mark for mark in autograd_graph("w18", "stage2.0").marks if isinstance(mark, Line)]) > 7


def test_without_any_the_sentence_says_how_to_get_one(bare_machine):
    with pytest.raises(DotNotFound) as error:
        autograd_graph("hrnet_w18_small_v1", "stage2.0")
    for word in ("neither 'dot' nor 'graphviz-pure' was found", "-m pip install graphviz-pure", "apt install graphviz"):
        assert word in str(error.value)


def test_without_any_the_diagrams_are_drawn_all_the_same(bare_machine):
    drawn = network_diagram("hrnet_w18")
    assert 'width="960pt" height="540pt"' in drawn.svg()
    assert Image.open(io.BytesIO(drawn.png(dpi=36))).size == (480, 270)


def test_one_that_cannot_draw_gives_way_to_the_next(bare_machine, monkeypatch, program):
    broken, works = program("broken", "echo no png here >&2; exit 1"), program("works", "echo drawn")
    monkeypatch.setenv(dot.VARIABLE, str(broken))
    monkeypatch.setenv("PATH", str(works.parent))
    assert run_dot(GRAPH) == b"drawn\n"


def test_if_none_can_draw_the_last_complaint_is_told(bare_machine, monkeypatch, program):
    monkeypatch.setenv("PATH", str(program("broken", "echo no png here >&2; exit 1").parent))
    with pytest.raises(RuntimeError, match=r"could not draw this graph.*-Tplain.*no png here"):
        run_dot(GRAPH)
