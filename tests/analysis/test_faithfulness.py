"""The table of methods x branches, and the command that writes it."""

import copy
import json

import numpy as np
import pytest
import torch
from PIL import Image

from hrnet_viz.analysis import faithfulness
from hrnet_viz.analysis.faithfulness import Measure, main, measure_faithfulness
from hrnet_viz.analysis.faithfulness_files import as_data, read_folder, write_markdown
from hrnet_viz.data.preparation import Preparation
from tests.analysis.trained_like import trained_like

CLASSES = ("cat", "dog", "tench", "church", "e", "f", "g")


@pytest.fixture(scope="module")
def net():
    small = copy.deepcopy(trained_like())
    small.classes, small.preparation = CLASSES, Preparation(size=(64, 64))
    return small


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for name in CLASSES[:4]:
        (home / name).mkdir()
        for k in range(3):
            Image.fromarray(random.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(home / name / f"{k}.png")
        (home / name / "notes.txt").write_text("no photo")
    return home


@pytest.fixture(scope="module")
def found(net, folder):
    photos, classes = read_folder(folder, net, 8, 0)
    sites = ("stage4.0.branch0", "stage4.0.branch3")
    return measure_faithfulness(
        net, photos, classes, methods=["gradcam", "hirescam"], sites=sites, curve_photos=3, steps=2
    )


def test_photos_are_drawn_evenly_and_repeat_with_the_seed(net, folder):
    photos, classes = read_folder(folder, net, 8, 0)
    assert sorted(classes) == [0, 0, 1, 1, 2, 2, 3, 3]
    again, _ = read_folder(folder, net, 8, 0)
    other, _ = read_folder(folder, net, 8, 1)
    assert photos == again
    assert photos != other


def test_every_measure_has_a_number_for_every_method_branch_and_photo(found):
    assert [measure.name for measure in found.measures] == [
        "pointing", "energy", "deletion", "insertion", "drop", "ablation",
    ]  # fmt: skip
    assert found.sites == ("stage4.0.branch0", "stage4.0.branch3")
    assert found.strides == (4, 32)
    for measure in found.measures:
        n = 8 if measure.name in {"pointing", "energy"} else 3
        assert measure.per_photo.shape == (2, 2, n)
    assert found.measures[0].chance == 0.25


def test_the_table_says_what_was_measured_and_answers_the_questions(found):
    text = write_markdown(found)
    assert "net hrnet_w18_small_v1" in text
    assert "photos 8" in text
    assert "pointing (chance 0.25): best resolution stage4.0.branch" in text
    assert "of 4 combinations are better than chance." in text
    assert text.count("| Grad-CAM |") == 6 + 2  # six measures, and the sanity check at two branches
    assert "nan" not in text


def test_json_is_plain_and_strict(found):
    data = json.loads(json.dumps(as_data(found), allow_nan=False))
    assert len(data["measures"]) == 6
    assert len(data["measures"][0]["cells"]) == 4
    cell = data["measures"][0]["cells"][0]
    assert cell["low"] <= cell["value"] <= cell["high"]
    assert data["provenance"]["seed"] == 0


def test_means_leave_out_what_is_not_defined():
    nan = float("nan")
    measure = Measure("a", "b", 0, torch.tensor([[[1.0, nan]], [[3.0, 5.0]]]))
    assert measure.at(0, 0).value == 1.0
    assert measure.over_methods(0).value == pytest.approx((2.0 + 5.0) / 2)


def test_the_command_writes_both_files(net, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("hrnet_viz.weights.loading.load", lambda _: net)
    monkeypatch.setattr(faithfulness, "SANITY_PHOTOS", 2)
    out = tmp_path / "out"
    arguments = ["teaching", str(folder), "--out", str(out), "--photos", "4", "--curve-photos", "2", "--steps", "1"]
    assert main([*arguments, "--methods", "gradcam", "--sites", "stage4.0.branch2", "--device", "cpu"]) == 0
    assert capsys.readouterr().out.startswith("# Do the maps tell the truth?")
    assert (out / "faithfulness.md").exists()
    assert json.loads((out / "faithfulness.json").read_text())["provenance"]["photos"] == 4


@pytest.mark.parametrize("what", ["missing", "empty", "unknown"])
def test_a_folder_that_cannot_be_used_is_a_sentence(net, what, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("hrnet_viz.weights.loading.load", lambda _: net)
    if what == "empty":
        (tmp_path / "cat").mkdir()
    if what == "unknown":
        (tmp_path / "mouse").mkdir()
    home = tmp_path / "nowhere" if what == "missing" else tmp_path
    assert main(["teaching", str(home)]) == 2
    words = {"missing": "There is no folder", "empty": "holds no photos", "unknown": "knows no class 'mouse'"}
    assert words[what] in capsys.readouterr().err
