"""The table of the shipped net: of these weights, computed from the values that lie beside it, told anywhere."""

import csv
import hashlib
import json
import os
from pathlib import Path

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.attribution.truth_table import bootstrap_mean
from hrnet_viz.weights.sources import find_shipped

TABLE = Path(__file__).resolve().parents[2] / "assets/faithfulness"


def test_the_table_is_of_the_weights_that_are_shipped():
    told = json.loads((TABLE / "results.json").read_text())["provenance"]["sha256 of the weights"]
    assert told == hashlib.sha256(find_shipped().read_bytes()).hexdigest()
    assert hv.course.describe_faithfulness().startswith("Measured on this very net.\n180 validation photos")


def test_every_interval_follows_from_the_values_per_photo():
    with (TABLE / "per_photo.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    values = {tuple(row[:4]): torch.tensor([float(one) for one in row[4:] if one]) for row in rows}
    with (TABLE / "results.csv").open() as file:
        cells = list(csv.DictReader(file))
    assert len(cells) == len(values)
    for cell in cells:
        mine = bootstrap_mean(values[tuple(cell[key] for key in ("measure", "method", "site", "random down to"))])
        assert (mine.value, mine.low, mine.high) == pytest.approx(
            tuple(float(cell[key]) for key in ("value", "low", "high")), rel=1e-4, abs=1e-5
        )
        assert mine.n == int(cell["n"])


def test_it_is_told_in_any_folder(tmp_path):
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        words = hv.course.describe_faithfulness("sanity")
    finally:
        os.chdir(here)
    assert words.count("* sanity check") == 2
    assert "pointing" not in words
