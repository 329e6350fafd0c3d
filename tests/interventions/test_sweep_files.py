"""A sweep over a folder: resumable, with photos that cannot be read; and the command line."""

import copy
import dataclasses
import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hrnet_viz as hv
from hrnet_viz import sweep
from hrnet_viz.__main__ import main
from hrnet_viz.interventions.sweep_table import COLUMNS, fingerprint
from hrnet_viz.targets import difference
from tests.nets.trained_like import trained_like

tracing_of_sweep = import_module("hrnet_viz.interventions.sweep")

pytestmark = pytest.mark.filterwarnings("ignore:.*left out")


@pytest.fixture(scope="module")
def net():
    small = copy.deepcopy(trained_like())
    small.preparation = hv.Preparation(size=32)
    return small


@pytest.fixture
def folder(tmp_path):
    """Five photos, one of them below, and one that is none."""
    inside = tmp_path / "photos"
    (inside / "more").mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in ("a.png", "b.JPG", "d.png", "more/e.png", "f.png"):
        Image.fromarray(random.integers(0, 255, (40, 50, 3), dtype=np.uint8)).save(inside / name)
    (inside / "c.jpg").write_bytes(b"no photo at all")
    (inside / "notes.txt").write_text("left alone")
    return inside


OVER = ["stage4.0.fuse0<-*", "stage4.0.fuse1<-*", "stage3.0.fuse0<-*"]
GOOD = ("a.png", "b.JPG", "d.png", "f.png", "more/e.png")


def test_a_folder_with_an_unreadable_photo(net, folder, tmp_path):
    result = sweep(net, folder, OVER, save=tmp_path / "out" / "effects.csv")
    assert result.photos == GOOD
    assert [name for name, _ in result.unreadable] == ["c.jpg"]
    assert "isn't a picture" in result.unreadable[0][1]
    assert "1 unreadable" in repr(result)
    told = json.loads((tmp_path / "out" / "effects.json").read_text())
    assert told["finished"]
    assert list(told["unreadable"]) == ["c.jpg"]
    assert told["settings"]["weights"] == fingerprint(net)
    assert all(str(tmp_path) not in (tmp_path / "out" / f"effects.{end}").read_text() for end in ("csv", "json"))


def test_the_table_is_ready_for_a_data_frame_and_reads_back(net, folder, tmp_path):
    result = sweep(net, folder, OVER, save=tmp_path / "effects.csv")
    assert hv.Sweep.read(tmp_path / "effects.csv").effects == result.effects
    assert tuple(result.columns()) == COLUMNS
    assert {len(column) for column in result.columns().values()} == {len(GOOD) * 11}
    assert result.save(tmp_path / "copy.csv").read_bytes() == (tmp_path / "effects.csv").read_bytes()
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"other\.csv' is no table of a sweep"):
        hv.Sweep.read(tmp_path / "other.csv")


def test_goes_on_after_an_interruption_wherever_it_came(net, folder, tmp_path, computed):
    whole, part = tmp_path / "whole.csv", tmp_path / "part.csv"
    sweep(net, folder, OVER, save=whole)
    lines = whole.read_bytes().splitlines(keepends=True)
    sweep(net, folder, OVER, save=part)
    computed.clear()
    sweep(net, folder, OVER, save=part)
    assert not computed  # all of it was there
    for left in (1, 5, 23, len(lines) - 1):
        part.write_bytes(b"".join(lines[:left]) + lines[left][:7])  # the process died in the middle of a line
        computed.clear()
        result = sweep(net, folder, OVER, save=part)
        assert len(computed) == len(GOOD) - (left - 1) // 11  # a photo at a time
        assert part.read_bytes() == whole.read_bytes()
        assert result.effects == hv.Sweep.read(whole).effects
    assert [name for name, _ in result.unreadable] == ["c.jpg"]


@pytest.fixture
def computed(monkeypatch):
    """The photos that are traced in this process."""
    names, real = [], tracing_of_sweep.trace
    monkeypatch.setattr(tracing_of_sweep, "trace", lambda *given, **named: names.append(1) or real(*given, **named))
    return names


def test_another_sweep_does_not_go_on_in_the_same_file(net, folder, tmp_path):
    sweep(net, folder, OVER, save=tmp_path / "effects.csv")
    before = (tmp_path / "effects.csv").read_bytes()
    with pytest.raises(ValueError, match=r"holds another sweep: edit is .Zero\(\). there, .Scale\(factor=0\.5\). here"):
        sweep(net, folder, OVER, 0.5, save=tmp_path / "effects.csv")
    changed = copy.deepcopy(net)
    changed.classifier.bias.data[0] += 1
    with pytest.raises(ValueError, match="weights is"):
        sweep(changed, folder, OVER, save=tmp_path / "effects.csv")
    (folder / "new.png").write_bytes((folder / "a.png").read_bytes())
    with pytest.raises(ValueError, match="photos is 6 of them there, 7 of them here"):
        sweep(net, folder, OVER, save=tmp_path / "effects.csv")
    assert (tmp_path / "effects.csv").read_bytes() == before
    (tmp_path / "effects.json").unlink()
    with pytest.raises(ValueError, match=r"needs 'effects\.json' beside it"):
        sweep(net, folder, OVER, save=tmp_path / "effects.csv")


def test_two_differences_are_two_sweeps(net, folder, tmp_path):
    sweep(net, folder, OVER, target=difference(1, 2), save=tmp_path / "effects.csv")
    assert sweep(net, folder, OVER, target=difference(1, 2), save=tmp_path / "effects.csv").finished
    with pytest.raises(ValueError, match="holds another sweep: target is"):
        sweep(net, folder, OVER, target=difference(2, 1), save=tmp_path / "effects.csv")


def test_photos_that_share_a_name_are_told_apart(net):
    cat = hv.photo("cat")
    assert sweep(net, [cat, cat], "modules").photos == ("cat", "cat (2)")


def test_an_empty_folder_and_one_without_a_single_photo(net, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no photo in the folder 'empty'"):
        sweep(net, tmp_path / "empty")
    for name in GOOD:
        (folder / name).write_bytes(b"")
    with pytest.raises(hv.PhotoError, match=r"None of the 6 photos could be read; the first is 'a\.png'"):
        sweep(net, folder, OVER, save=tmp_path / "effects.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "photos"]


@pytest.mark.parametrize("photos", ["typo.jpg", "", None, 3, ["typo.jpg", "other.jpg"], [None], {}, object()])
def test_what_is_no_photo_is_no_empty_sweep(net, photos, tmp_path):
    with pytest.raises((hv.PhotoError, TypeError)):
        hv.sweep(net, photos, ["stem"], save=tmp_path / "effects.csv")
    assert not list(tmp_path.iterdir())


def test_one_that_is_no_photo_among_others_is_told(net, folder):
    result = hv.sweep(net, ["typo.jpg", hv.photo("cat"), folder / "a.png"], ["stem"])
    assert result.photos == ("cat", "a.png")
    assert [name for name, _ in result.unreadable] == ["typo.jpg"]


def test_several_folders(net, folder, tmp_path):
    (tmp_path / "B" / "photos").mkdir(parents=True)
    for name in ("a.png", "a (2).png"):
        (tmp_path / "B" / "photos" / name).write_bytes((folder / "a.png").read_bytes())
    result = hv.sweep(net, [folder, str(tmp_path / "B" / "photos"), folder / "a.png"], ["stem"])
    again = ("photos/a (2).png", "photos/a.png (2)", "a.png")
    assert result.photos == (*(f"photos/{name}" for name in GOOD), *again)
    assert [name for name, _ in result.unreadable] == ["photos/c.jpg"]


def test_names_that_look_numbered_stay_apart(net):
    cat = hv.photo("cat")
    photos = [cat, dataclasses.replace(cat, name="cat (2)"), cat, dataclasses.replace(cat, name="\udcff")]
    assert sweep(net, photos, "modules").photos == ("cat", "cat (2)", "cat (3)", "?")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("effects.json", r"'effects\.json' was given to save to; the table's name ends in \.csv"),
        ("effects", "ends in .csv"),
        ("effects.part", "ends in .csv"),
        ("effects.csv.gz", "ends in .csv"),
        ("folder.csv", "folder.csv' can't be written: it is a folder"),
        ("beside.csv", "beside.json' can't be written: it is a folder"),
        ("notes.txt/effects.csv", "can't be written: .*Save elsewhere"),
        ("mine.csv", r"'mine\.json' does not tell .*; it is no record of a sweep"),
        ("list.csv", r"needs 'list\.json' beside it"),
        ("locked/effects.csv", "can't be written: Permission denied"),
        ("fixed.csv", "can't be written: Permission denied"),
    ],
)
def test_where_it_goes_is_looked_at_before_anything_is_computed(net, tmp_path, monkeypatch, name, sentence):
    for folder in ("folder.csv", "beside.json", "locked"):
        (tmp_path / folder).mkdir()
    for file, text in {"notes.txt": "", "mine.json": "{}", "list.json": "[1]", "fixed.csv": "x"}.items():
        (tmp_path / file).write_text(text)
    real = Path.open

    def refuse(path, *mode, **options):  # whoever runs the tests may be allowed everything
        if path.parent.name == "locked" or path.name == "fixed.csv":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *mode, **options)

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(tracing_of_sweep, "trace", lambda *_, **__: pytest.fail("computed before it looked"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=sentence):
        hv.sweep(net, hv.photo("cat"), ["stem"], save=tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "mine.json").read_text() == "{}"


def test_home_is_understood_and_a_failure_leaves_nothing(net, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ValueError, match="as many as are edited"):
        hv.sweep(net, hv.photo("cat"), ["stem"], hv.Patch([hv.photo("cat")] * 2), save="~/effects.csv")
    assert not list(tmp_path.iterdir())
    result = hv.sweep(net, hv.photo("cat"), ["stem"], save="~/effects.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["effects.csv", "effects.json"]
    assert hv.Sweep.read("~/effects.csv").effects == result.effects
    assert result.save("~/copy.csv") == tmp_path / "copy.csv"
    for write in (lambda: result.save("~/nodir/copy.csv"), lambda: hv.Sweep.read("~/nodir/copy.csv")):
        with pytest.raises(ValueError, match=r"nodir.copy\.csv' can't be (written|read): No such file or directory\."):
            write()


def test_a_second_writer_is_refused_and_doubles_are_not_read(net, tmp_path):
    path, second = tmp_path / "effects.csv", []

    def target(logits):
        if not second:
            with pytest.raises(ValueError, match=r"'effects\.csv' is being written by another process") as caught:
                hv.sweep(net, hv.photo("cat"), ["stem"], save=path)
            second.append(caught)
        return logits[:, 0]

    result = hv.sweep(net, hv.photo("cat"), ["stem", "stage1"], target=target, save=path)
    assert second
    assert hv.Sweep.read(path).effects == result.effects
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    for use in (
        lambda: hv.Sweep.read(path),
        lambda: hv.sweep(net, hv.photo("cat"), ["stem", "stage1"], target=target, save=path),
    ):
        with pytest.raises(ValueError, match=r"is damaged: stem of cat is there twice \(line 4\)"):
            use()
    path.write_text(path.read_text().replace("zero", "zero,", 1))
    with pytest.raises(ValueError, match=r"is damaged: line 2 can't be read"):
        hv.Sweep.read(path)


@pytest.mark.parametrize("batch", [0, -1, 2.5, "8", True])
def test_batch_is_a_whole_number(net, batch):
    with pytest.raises(ValueError, match=r"batch=.* a whole number from 1 on was expected"):
        hv.sweep(net, hv.photo("cat"), ["stem"], batch=batch)


@pytest.fixture
def command(net, monkeypatch):
    """The command line, with ``net`` in place of the shipped one."""
    monkeypatch.setattr("hrnet_viz.weights.loading.load", lambda source, name=None: net)
    return lambda *words: main(["sweep", *(str(word) for word in words)])


def test_the_command_line(command, folder, tmp_path, capsys):
    run = ["--photos", folder, "--over", *OVER, "--quiet"]
    assert command(*run, "--out", tmp_path / "whole.csv") == 1  # one photo could not be read
    told = capsys.readouterr()
    assert "Sweep(11 edits of 5 photos, 1 unreadable)" in told.out
    assert "Left out: c.jpg" in told.err
    (folder / "c.jpg").unlink()
    mean = ["--edit", "mean", "--of", folder, "--out", tmp_path / "mean.csv"]
    assert command(*run, *mean) == 0
    assert "mean of 5 photos" in (tmp_path / "mean.csv").read_text()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "c.jpg").write_bytes(b"no photo at all")
    two = ["--photos", folder, folder / "more", "--over", "stem", "--quiet", "--edit", "mean", "--target", "3"]
    assert command(*two, "--of", folder, tmp_path / "odd", "--out", tmp_path / "two.csv") == 1
    assert "Left out: c.jpg of --of: " in capsys.readouterr().err
    effects = hv.Sweep.read(tmp_path / "two.csv").effects
    assert {effect.photo for effect in effects} == {*(f"photos/{name}" for name in GOOD), "more/e.png"}
    assert {effect.target for effect in effects} == {"output 3"}
    assert command(*two, "--of", tmp_path / "odd", "--out", tmp_path / "none.csv") == 2
    assert "No photo of --of could be read. c.jpg" in capsys.readouterr().err
    for wrong in (
        [*run, "--out", tmp_path / "x.json"],
        [*run, "--batch", "0", "--out", tmp_path / "x.csv"],
        [*run, "--edit", "patch", "--out", tmp_path / "x.csv"],
        ["--photos", "typo.jpg", "--quiet", "--out", tmp_path / "x.csv"],
        ["--photos", folder, "--over", "stage9", "--out", tmp_path / "x.csv"],
    ):
        assert command(*wrong) == 2
    assert "has no site 'stage9'" in capsys.readouterr().err
    assert not list(tmp_path.glob("x.*"))


def test_the_command_line_after_ctrl_c(command, folder, tmp_path, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(tracing_of_sweep, "trace", interrupt)
    assert command("--photos", folder, "--over", *OVER, "--quiet", "--out", tmp_path / "effects.csv") == 130
    assert "goes on from here" in capsys.readouterr().err
