"""``hv.figures`` speaks of its functions; naming it imports no matplotlib; no module has the name of a function."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import hrnet_viz as hv
from hrnet_viz import figures


@pytest.mark.parametrize("name", figures.__all__)
def test_every_name_is_there(name):
    value = getattr(hv.figures, name)
    assert inspect.unwrap(value) is getattr(importlib.import_module(f"hrnet_viz.figures.{figures._HOME[name]}"), name)
    assert value.__doc__
    assert name in dir(figures)


def test_no_module_shadows_a_function():
    modules = {module.name for module in pkgutil.iter_modules(figures.__path__)}
    assert modules.isdisjoint(figures.__all__)


def test_naming_the_room_stays_light():
    code = "import sys, hrnet_viz as hv; hv.figures; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"'hrnet_viz.figures' has no attribute 'nonsense'"):
        figures.nonsense  # noqa: B018  # reading it is the test


def test_type_checkers_see_the_same_names():
    source = importlib.util.find_spec("hrnet_viz.figures").loader.get_source("hrnet_viz.figures")
    declared = {line.split(" as ")[1] for line in source.splitlines() if line.startswith("    from hrnet_viz.figures.")}
    assert declared == set(figures._HOME)
