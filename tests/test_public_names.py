"""Every public name works, also after every module of the package has been imported."""

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import hrnet_viz as hv


def test_no_module_shadows_a_public_name():
    for module in pkgutil.iter_modules(hv.__path__):
        assert module.name not in hv._HOME, f"importing hrnet_viz.{module.name} would replace hv.{module.name}"


@pytest.mark.parametrize("name", hv.__all__)
def test_public_name_is_there_and_lives_where_the_table_says(name):
    assert inspect.unwrap(getattr(hv, name)) is getattr(importlib.import_module(f"hrnet_viz.{hv._HOME[name]}"), name)
    assert name in dir(hv)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        hv.nonsense  # noqa: B018  # reading it is the test


def test_type_checkers_see_the_same_names():
    source = importlib.util.find_spec("hrnet_viz").loader.get_source("hrnet_viz")
    declared = {line.split(" as ")[1] for line in source.splitlines() if line.startswith("    from hrnet_viz.")}
    assert declared == set(hv._HOME)


def test_the_command_answers_a_wrong_variant_with_a_sentence():
    done = subprocess.run(
        [sys.executable, "-m", "hrnet_viz", "sites", "hrnet_w19"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("There is no HRNet variant 'hrnet_w19'.")
