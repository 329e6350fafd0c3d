"""The table of methods x branches, the parts that it is made of, and the command that writes it."""

import copy
import csv
import json
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import hrnet_viz as hv
from hrnet_viz.photos.preparation import Preparation
from recipes.faithfulness import study
from recipes.faithfulness.__main__ import main, read_folder
from recipes.faithfulness.report import as_data, write_csv, write_markdown
from recipes.faithfulness.study import measure_faithfulness
from tests.nets.trained_like import trained_like

CLASSES = ("cat", "dog", "tench", "church", "e", "f", "g")
SITES = ("stage4.0.branch0", "stage4.0.branch3")
SETTINGS = {"methods": ["gradcam", "hirescam"], "sites": SITES, "mosaic": 64, "curve_photos": 5, "sanity_photos": 2,
            "steps": 2}  # fmt: skip


@pytest.fixture(scope="module")
def net():
    small = copy.deepcopy(trained_like())
    small.classes, small.preparation = CLASSES, Preparation(size=(64, 64))
    return small


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("holiday")
    random = np.random.default_rng(0)
    for number, name in enumerate(CLASSES[:4]):
        (home / name).mkdir()
        for k in range(3 + number):
            Image.fromarray(random.integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(home / name / f"my_{k}.png")
        (home / name / "notes.txt").write_text("no photo")
    return home


@pytest.fixture(scope="module")
def drawn(net, folder):
    return read_folder(folder, net, 8, 0)


@pytest.fixture(scope="module")
def found(net, drawn):
    return measure_faithfulness(net, *drawn, **SETTINGS)


def equal(one, other):
    return all(
        torch.equal(mine.values.nan_to_num(9), yours.values.nan_to_num(9))
        for mine, yours in zip(one.measures, other.measures, strict=True)
    ) and torch.equal(one.sanity.similarity.nan_to_num(9), other.sanity.similarity.nan_to_num(9))


def test_photos_are_drawn_evenly_in_rounds_and_repeat_with_the_seed(net, folder, drawn):
    photos, classes = drawn
    assert sorted(classes[:4]) == sorted(classes[4:]) == [0, 1, 2, 3]
    again, _ = read_folder(folder, net, 8, 0)
    other, _ = read_folder(folder, net, 8, 1)
    assert photos == again
    assert photos != other
    _, most = read_folder(folder, net, 100, 0)
    assert len(most) == 12  # the smallest class has three


def test_photos_that_cannot_be_read_end_nothing_and_are_told(net, folder, tmp_path, capsys):
    for name in CLASSES[:3]:
        (tmp_path / name).mkdir()
        for file in (folder / name).glob("*.png"):
            (tmp_path / name / file.name).write_bytes(
                b"" if name == CLASSES[0] or "_0" in file.name else file.read_bytes()
            )
    (tmp_path / CLASSES[3]).mkdir()
    photos, classes = read_folder(tmp_path, net, 12, 0)
    told = capsys.readouterr().err
    assert sorted(classes) == [1, 1, 1, 2, 2, 2]
    assert len(photos) == 6
    assert f"The class folder '{CLASSES[0]}' holds no photo that can be read." in told
    assert f"{CLASSES[3]} (without photos)" in told
    assert told.count("my_0.png") == 3
    (tmp_path / CLASSES[2] / "my_4.png").write_bytes(b"")
    read_folder(tmp_path, net, 100, 0)
    assert "3 photos of each class are taken and not 25" in capsys.readouterr().err


def test_photos_are_not_held_in_memory(net, folder):
    photos, _ = read_folder(folder, net, 8, 0)
    assert len(pickle.dumps(photos)) < 8 * 300  # one has 4,800 bytes of pixels
    assert [photo.name for photo in photos] == [photo.name for photo in (photos[k] for k in range(8))]


def test_every_measure_has_a_number_for_every_method_branch_and_photo(found):
    assert [measure.name for measure in found.measures] == [
        "pointing", "energy", "deletion", "insertion", "drop", "ablation",
    ]  # fmt: skip
    assert found.sites == SITES
    assert found.strides == (4, 32)
    for measure in found.measures:
        n = 8 if measure.name in {"pointing", "energy"} else 5
        assert measure.values.shape == (2, 2, n)
    assert found.measures[0].chance == 0.25
    assert found.sanity.similarity.shape == (2, 2, len(found.sanity.levels), 2)


def test_the_table_says_what_was_measured(found):
    text = write_markdown(found)
    assert "| net | hrnet_w18_small_v1 |" in text
    assert "| photos | 8 |" in text
    assert "| pixels of a mosaic | 64 x 64 |" in text
    assert text.count("| Grad-CAM |") == 6 + 2  # six measures, and the sanity check at its first and last level
    assert "nan" not in text
    assert "photos are too few for a conclusion" in text


def test_json_and_csv_are_plain_and_hold_the_same_cells(found):
    data = json.loads(json.dumps(as_data(found), allow_nan=False))
    assert len(data["cells"]) == 4 * (6 + len(found.sanity.levels))
    cell = data["cells"][0]
    assert cell["low"] <= cell["value"] <= cell["high"]
    assert data["provenance"]["seed"] == 0
    rows = list(csv.DictReader(write_csv(found).splitlines()))
    assert len(rows) == len(data["cells"])
    assert rows[0]["site"] == cell["site"]
    assert float(rows[0]["value"]) == pytest.approx(cell["value"], rel=1e-5)


def test_an_interrupted_run_goes_on_and_gives_the_same_numbers(net, drawn, found, tmp_path, monkeypatch):
    measure, done = study._Work.measure, []

    def give_up_after_two(work, part):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(part)
        return measure(work, part)

    monkeypatch.setattr(study._Work, "measure", give_up_after_two)
    with pytest.raises(KeyboardInterrupt):
        measure_faithfulness(net, *drawn, **SETTINGS, keep=tmp_path)
    first, kept = list(done), sorted(tmp_path.iterdir())
    assert len(kept) == 2
    kept[0].write_bytes(b"half a fi")  # what a broken disk leaves is computed again
    done.clear()
    monkeypatch.setattr(study._Work, "measure", lambda work, part: (done.append(part), measure(work, part))[1])
    again = measure_faithfulness(net, *drawn, **SETTINGS, keep=tmp_path)
    assert equal(again, found)
    assert len(set(done) & set(first)) == 1
    done.clear()
    measure_faithfulness(net, *drawn, **SETTINGS, keep=tmp_path)
    assert not done
    measure_faithfulness(net, *drawn, **{**SETTINGS, "steps": 1}, keep=tmp_path)
    assert done  # another protocol has parts of its own


@pytest.mark.slow
def test_two_processes_give_the_numbers_of_one(net, drawn, found):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        one = measure_faithfulness(net, *drawn, **SETTINGS)
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            two = measure_faithfulness(net, *drawn, **SETTINGS, executor=pool)
    finally:
        torch.set_num_threads(threads)
    assert equal(one, two)
    assert one.provenance == two.provenance == found.provenance


def test_no_two_parts_share_their_random_orders(net, drawn, monkeypatch):
    seeds = []
    real = study.deletion
    monkeypatch.setattr(study, "deletion", lambda *a, seed, **k: (seeds.append(seed), real(*a, seed=seed, **k))[1])
    settings = {**SETTINGS, "methods": ["gradcam"], "curve_photos": 8, "steps": 1}
    measure_faithfulness(net, *drawn, **settings)
    assert len(seeds) == 4  # two parts of four photos, deletion and insertion
    assert len(set(seeds)) == 2


def test_refusals(net, drawn):
    with pytest.raises(ValueError, match="1 photos for the sanity check were asked for"):
        measure_faithfulness(net, *drawn, sanity_photos=1)


def test_the_command_writes_four_files_that_name_neither_place_nor_photo(net, folder, tmp_path, monkeypatch, capsys):
    loaded, weights, out = copy.deepcopy(net), tmp_path / "weights.pth", tmp_path / "out"
    weights.write_bytes(b"abc")
    vars(loaded)["load_report"] = SimpleNamespace(source=str(weights))
    monkeypatch.setattr("hrnet_viz.weights.loading.load", lambda _: loaded)
    arguments = ["some/where/mine.pth", str(folder), "--out", str(out), "--keep", str(tmp_path / "parts"), "--quiet"]
    arguments += ["--workers", "1"]
    arguments += ["--photos", "4", "--curve-photos", "2", "--steps", "1", "--mosaic", "64", "--device", "cpu"]
    assert main([*arguments, "--methods", "gradcam", "--sites", "stage4.0.branch2"]) == 0
    printed = capsys.readouterr()
    assert printed.out == (out / "table.md").read_text()
    assert printed.err.startswith("4 files were left out: ")
    told = json.loads((out / "results.json").read_text())["provenance"]
    assert (told["photos"], told["weights"]) == (4, "mine.pth")
    assert told["sha256 of the weights"].startswith("ba7816bf8f01cfea")  # of abc, known to everyone
    assert told["command"] == (
        "python -m recipes.faithfulness mine.pth PHOTOS --photos 4 --curve-photos 2 --steps 1 --mosaic 64 "
        "--sites stage4.0.branch2 --methods gradcam"
    )
    for file in out.iterdir():
        text = file.read_text()
        assert not [word for word in ("holiday", "my_", "some/where", str(tmp_path)) if word in text], file.name
    assert len(list(out.iterdir())) == 4


@pytest.mark.parametrize("what", ["missing", "empty", "unknown"])
def test_a_folder_that_cannot_be_used_is_a_sentence(net, what, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("hrnet_viz.weights.loading.load", lambda _: copy.deepcopy(net))
    if what == "empty":
        (tmp_path / "cat").mkdir()
    if what == "unknown":
        (tmp_path / "mouse").mkdir()
        hv.photo("cat").image().save(tmp_path / "mouse/a.png")
    home = tmp_path / "nowhere" if what == "missing" else tmp_path
    assert main(["teaching", str(home)]) == 2
    words = {
        "missing": "There is no folder",
        "empty": "has no photos in class folders",
        "unknown": "doesn't know the class folders mouse",
    }
    assert words[what] in capsys.readouterr().err


def test_an_interruption_is_told_and_not_a_traceback(net, folder, tmp_path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("hrnet_viz.weights.loading.load", lambda _: copy.deepcopy(net))
    monkeypatch.setattr(study._Work, "measure", interrupt)
    assert main(["teaching", str(folder), "--photos", "8", "--keep", str(tmp_path), "--quiet", "--workers", "1"]) == 130
    assert "goes on from here" in capsys.readouterr().err
