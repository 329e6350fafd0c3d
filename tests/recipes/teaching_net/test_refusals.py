"""Nobody's work is lost, nothing broken is written, and whatever is wrong is a sentence before the work begins."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

import hrnet_viz as hv
from recipes.teaching_net.__main__ import main
from recipes.teaching_net.photos import Batches, Steps
from recipes.teaching_net.schedule import Schedule
from scripts.readme_diagrams import main as draw

SMALL = [
    "--variant",
    "hrnet_w18_small_v1",
    "--batch",
    "8",
    "--stored",
    "40",
    "--autocast",
    "off",
    "--held-back",
    "0",
    "--threads",
    "1",
    "--phases",
    "1@32",
]
TRAIN = [*SMALL, "--peak-rate", "0.02", "--check-photos", "0"]


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """A finished run of five steps."""
    home = tmp_path_factory.mktemp("run")
    assert main(["train", str(folder), "--into", str(home), *TRAIN]) == 0
    return home


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_run_is_not_written_over(folder, run, capsys):
    before = digest(run / "checkpoint.pt")
    assert main(["train", str(folder), "--into", str(run), *TRAIN]) == 2
    told = capsys.readouterr().err
    assert "holds a checkpoint (100.0%, 20" in told
    assert all(word in told for word in ("--resume", "another folder", "--force"))
    assert digest(run / "checkpoint.pt") == before


def test_force_begins_anew(folder, run, tmp_path, capsys):
    (tmp_path / "checkpoint.pt").write_bytes((run / "checkpoint.pt").read_bytes())
    assert main(["train", str(folder), "--into", str(tmp_path), *TRAIN, "--force"]) == 0
    assert "Done: 5 steps" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("how", ["spawn", "forkserver"])
def test_loading_processes_work_however_they_are_started(photos, recipe, how):
    steps = Steps(Schedule(recipe, len(photos)))
    alone, workers = (
        list(DataLoader(Batches(photos, recipe), batch_size=None, sampler=steps, num_workers=number, collate_fn=hand_on,
                        multiprocessing_context=how if number else None))
        for number in (0, 2)
    )  # fmt: skip
    assert len(alone) == len(workers) > 2
    for (pixels, labels, _), (others, their_labels, _) in zip(alone, workers, strict=True):
        assert torch.equal(pixels, others)
        assert torch.equal(labels, their_labels)


def hand_on(batch):
    return batch


def test_checks_compare_classes_by_name(folder, tmp_path, capsys):
    for name in ("train", "val"):
        (tmp_path / name).mkdir()
    for name in ("blue", "green", "red"):
        (tmp_path / "train" / name).symlink_to(folder / "train" / name)
    for name in ("Green", "red"):  # blue has no photos to check on; the others are the second and third class
        (tmp_path / "val" / name).symlink_to(folder / "val" / name.lower())
    options = [*SMALL, "--peak-rate", "0.05", "--ema-decay", "0.5", "--check-size", "32"]
    options[options.index("1@32")] = "8@32"
    assert main(["train", str(tmp_path), "--into", str(tmp_path / "run"), *options]) == 0
    check = capsys.readouterr().out.split("check at 100.0%: ")[1]
    assert float(check.split()[0]) > 0.8


def test_a_strange_class_to_check_on_is_told_before_the_training(folder, tmp_path, capsys):
    (tmp_path / "val" / "violet").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "val/violet/a.png")
    (tmp_path / "train").symlink_to(folder / "train")
    assert main(["train", str(tmp_path), "--into", str(tmp_path / "run"), *SMALL]) == 2
    assert "doesn't know the class folders violet" in capsys.readouterr().err
    assert not (tmp_path / "run/checkpoint.pt").exists()


def test_a_diverged_training_stops_and_keeps_what_was_saved(folder, tmp_path, capsys):
    options = [*SMALL, "--peak-rate", "1e6", "--check-photos", "0"]
    options[options.index("1@32")] = "30@32"
    assert main(["train", str(folder), "--into", str(tmp_path), *options]) == 2
    assert "the training has diverged" in capsys.readouterr().err


def broken_run(run, home, change):
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    change(state["average"])
    torch.save(state, home / "checkpoint.pt")
    return home


def test_export_refuses_nan(folder, run, tmp_path, capsys):
    home = broken_run(run, tmp_path, lambda weights: weights["module.conv1.weight"].fill_(torch.nan))
    assert main(["export", str(home), str(folder), str(tmp_path / "a.safetensors")]) == 2
    assert "NaN or infinite numbers in 1 tensors (conv1.weight" in capsys.readouterr().err
    assert not (tmp_path / "a.safetensors").exists()


def test_what_half_precision_cannot_hold_stays_exact(folder, run, tmp_path):
    home = broken_run(run, tmp_path, lambda weights: weights["module.bn1.running_var"].fill_(1e6))
    assert main(["export", str(home), str(folder), str(tmp_path / "a.safetensors")]) == 0
    net = hv.load(tmp_path / "a.safetensors")
    assert float(net.bn1.running_var[0]) == 1e6


@pytest.fixture(scope="module")
def weights(folder, run, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "a.safetensors"
    assert main(["export", str(run), str(folder), str(path)]) == 0
    return path


def wrong_files(tmp_path, run):
    (tmp_path / "text.pt").write_text("no checkpoint")
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut/checkpoint.pt").write_bytes((run / "checkpoint.pt").read_bytes()[:5000])
    (tmp_path / "list").mkdir()
    torch.save([1, 2], tmp_path / "list/checkpoint.pt")
    (tmp_path / "text").mkdir()
    (tmp_path / "text/checkpoint.pt").write_text("text")
    (tmp_path / "broken.json").write_text("{no json")
    (tmp_path / "other.pth").write_bytes(b"PK nothing")


def test_broken_and_foreign_files_are_sentences(folder, run, weights, tmp_path, capsys):
    wrong_files(tmp_path, run)
    for command, words in (
        (["train", folder, "--into", tmp_path / "cut", *TRAIN, "--resume"], "cut/checkpoint.pt' can't be read"),
        (["train", folder, "--into", tmp_path / "text", *TRAIN, "--resume"], "text/checkpoint.pt' can't be read"),
        (["train", folder, "--into", tmp_path / "list", *TRAIN, "--resume"], "is no checkpoint of"),
        (["export", tmp_path / "text", folder, tmp_path / "a.safetensors"], "can't be read as a checkpoint"),
        (["card", tmp_path / "other.pth", tmp_path / "broken.json"], "other.pth' is no weights file"),
        (["card", weights, tmp_path / "broken.json"], "broken.json' is no evaluation that --json wrote"),
        (["card", weights, tmp_path / "nowhere.json"], "nowhere.json' is no evaluation"),
    ):
        assert main(list(map(str, command))) == 2
        assert words in capsys.readouterr().err


def test_places_are_looked_at_first(folder, run, weights, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for command, arguments, words in (
        (main, ["train", folder, "--into", tmp_path / "file", *TRAIN], "is a file, but a folder"),
        (main, ["export", run, folder, tmp_path], "is a folder, but a file"),
        (main, ["export", run, folder, tmp_path / "nodir/a.safetensors"], "There is no folder"),
        (main, ["evaluate", weights, folder / "val", "--json", tmp_path / "nodir/x.json"], "There is no folder"),
        (main, ["evaluate", weights, folder / "val", "--json", tmp_path], "is a folder, but a file"),
        (draw, ["--folder", tmp_path / "file"], "is a file, but a folder"),
    ):
        try:
            code = command(list(map(str, arguments)))
        except SystemExit as end:
            code = end.code
        assert code == 2
        assert words in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_no_checkpoint_photo_or_weights_are_written_over_by_mistake(folder, run, weights, tmp_path, capsys):
    (tmp_path / "e.json").write_text("{}")
    for command, arguments, target, ending in (
        (main, ["export", run, folder], run / "checkpoint.pt", ".safetensors"),
        (main, ["export", run, folder], weights.with_suffix(".txt"), ".safetensors"),
        (main, ["card", weights, tmp_path / "e.json", "--target"], weights, ".md"),
        (main, ["evaluate", weights, folder / "val", "--json"], weights, ".json"),
        (main, ["evaluate", weights, folder / "val", "--json"], run / "checkpoint.pt", ".json"),
    ):
        before = target.read_bytes() if target.exists() else None
        try:
            code = command(list(map(str, [*arguments, target])))
        except SystemExit as end:
            code = end.code
        assert code == 2
        assert f"'{target}' was given to write to; the name of such a file ends in {ending}." in capsys.readouterr().err
        assert (target.read_bytes() if target.exists() else None) == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux has a folder in which nobody may make one")
def test_a_folder_that_the_system_refuses_is_a_sentence(folder, capsys):
    assert main(["train", str(folder), "--into", "/proc/run", *TRAIN]) == 2
    assert "'/proc/run' can't be read or written" in capsys.readouterr().err


OUT_OF_RANGE = [
    "--threads -1", "--held-back 0.99", "--smallest-crop 2", "--check-every 0", "--ema-decay 1.5", "--peak-rate nan",
    "--phases 3x64", "--check-size 16", "--workers -1", "--batch 1", "--jitter -1", "--smoothing 2", "--stored 8",
    "--save-every -1", "--warmup 1", "--momentum nan", "--clip -1",
]  # fmt: skip


@pytest.mark.parametrize("option", OUT_OF_RANGE)
def test_numbers_out_of_range_are_told(folder, tmp_path, option, capsys):
    with pytest.raises(SystemExit) as end:
        main(["train", str(folder), "--into", str(tmp_path / "run"), *option.split()])
    told = capsys.readouterr().err
    assert end.value.code == 2
    assert option.split()[1] in told.splitlines()[-1]
    assert "expected" in told or "is no phase. Write epochs@size" in told


@pytest.mark.parametrize("option", ["--batch 0", "--threads -1", "--sizes 8"])
def test_so_are_those_of_evaluate(folder, option, capsys):
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "teaching", str(folder / "val"), *option.split()])
    assert (end.value.code, "was expected" in capsys.readouterr().err) == (2, True)


def test_a_table_written_into_a_closed_pipe_ends_quietly():
    command = f'"{sys.executable}" -m recipes.teaching_net train --help | head -1'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, env=os.environ)
    assert done.stderr == ""


def test_evaluation_of_a_folder_without_names_says_what_it_took(folder, tmp_path, capsys):
    torch.save(hv.hrnet("hrnet_w18_small_v1", num_outputs=3).state_dict(), tmp_path / "a.pth")
    out = tmp_path / "x.json"
    assert main(["evaluate", str(tmp_path / "a.pth"), str(folder / "val"), "--sizes", "32", "--json", str(out)]) == 0
    assert "the order of the folders counts: 'blue' is output 0, 'green' is output 1" in capsys.readouterr().err
    assert json.loads(out.read_text())[0]["classes"] == ["output 0", "output 1", "output 2"]
