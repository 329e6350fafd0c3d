"""conda's environment.yml and pip's pyproject.toml describe the same environment; the package really ships as said."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]

# What conda-forge calls a thing that pip knows under another name.
CONDA_NAMES = {"torch": "pytorch", "graphviz": "python-graphviz", "matplotlib": "matplotlib-base"}
# graphviz-pure stands in for a `dot` that conda installs as a program.
ONLY_PIP = {"graphviz-pure"}
ONLY_CONDA = {"python", "pip", "graphviz"}


def split_pin(requirement: str) -> tuple[str, str]:
    name, pin = re.fullmatch(r"([A-Za-z0-9_.-]+)(.*)", requirement).groups()
    return name, pin


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def pip_pins(project) -> dict[str, str]:
    extras = project["optional-dependencies"]
    wanted = project["dependencies"] + extras["lab"] + extras["test"]
    pins = dict(split_pin(r) for r in wanted if not r.startswith("hrnet_viz"))
    return {CONDA_NAMES.get(name, name): pin for name, pin in pins.items() if name not in ONLY_PIP}


@pytest.fixture(scope="module")
def conda_pins(project) -> dict[str, str]:
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    plain = [e for e in entries if isinstance(e, str)]
    through_pip = [e for entry in entries if isinstance(entry, dict) for e in entry["pip"]]
    assert through_pip[-1] == "-e ."
    pins = dict(split_pin(e) for e in plain + through_pip[:-1])
    assert pins["python"] == project["requires-python"]
    return {name: pin for name, pin in pins.items() if name not in ONLY_CONDA}


def test_conda_and_pip_ask_for_the_same(pip_pins, conda_pins):
    assert conda_pins == pip_pins


def test_benchmark_extra_asks_for_what_the_test_extra_asks(project):
    extras = project["optional-dependencies"]
    assert set(extras["benchmark"]) <= set(extras["test"])


def test_every_lower_bound_is_met_here(project):
    from packaging.requirements import Requirement

    extras = project["optional-dependencies"]
    wanted = map(Requirement, project["dependencies"] + extras["lab"] + extras["test"][1:])
    unmet = [str(r) for r in wanted if not r.specifier.contains(metadata.version(r.name), prereleases=True)]
    assert unmet == []


def test_make_lab_opens_the_first_notebook():
    named = re.search(r"jupyterlab .*?(notebooks/\S+\.ipynb)", (ROOT / "Makefile").read_text()).group(1)
    assert named == "notebooks/00_quickstart.ipynb"
    assert (ROOT / named).exists()


def test_ci_installs_the_system_packages_that_the_readme_lists():
    installed = {pair.split(":")[1] for pair in re.findall(r"\b[a-z0-9]+:[a-z0-9-]+\b", (ROOT / ".ci/run").read_text())}
    listed = re.search(r"by\s+Debian's names: (.*?)\.", (ROOT / "README.md").read_text(), re.DOTALL).group(1)
    assert installed == set(re.findall(r"`(.*?)`", listed))
