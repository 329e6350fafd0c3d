import tomllib
from pathlib import Path

import pytest

from hrnet_viz.course import core
from hrnet_viz.weights import sources
from hrnet_viz.weights.report import WeightsError
from hrnet_viz.weights.sources import find_shipped

ROOT = Path(__file__).parents[2]


def test_a_clone_and_a_wheel_are_looked_through_in_the_places_that_the_project_file_names():
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert (ROOT / wheel["sources"]["assets/weights"], ROOT / "assets/weights") == sources.FOLDERS
    assert (ROOT / wheel["sources"]["assets/faithfulness"], ROOT / "assets/faithfulness") == core.PLACES


def test_the_first_place_that_has_it_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "FOLDERS", (tmp_path / "one", tmp_path))
    (tmp_path / "teaching.safetensors").write_bytes(b"x")
    assert find_shipped("teaching") == tmp_path / "teaching.safetensors"


def test_what_is_missing_is_told_with_the_places(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "FOLDERS", (tmp_path,))
    with pytest.raises(WeightsError, match=rf"'teaching' are missing: .* looked for in {tmp_path}.*clone"):
        find_shipped("teaching")
