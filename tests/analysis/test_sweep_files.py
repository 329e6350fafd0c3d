"""A sweep over a folder: resumable, in shards, with photos that cannot be read; and the command line."""

import copy
import json

import numpy as np
import pytest
from PIL import Image

import hrnet_viz as hv
from hrnet_viz.analysis import sweep as sweep_module
from hrnet_viz.analysis import sweep_command
from hrnet_viz.analysis.sweep import sweep
from hrnet_viz.analysis.sweep_files import fingerprint, merge_sweeps
from hrnet_viz.analysis.sweep_table import COLUMNS, read_sweep
from hrnet_viz.analysis.targets import difference
from tests.analysis.trained_like import trained_like


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
    assert read_sweep(tmp_path / "effects.csv").effects == result.effects
    assert tuple(result.columns()) == COLUMNS
    assert {len(column) for column in result.columns().values()} == {len(GOOD) * 11}
    assert result.save(tmp_path / "copy.csv").read_bytes() == (tmp_path / "effects.csv").read_bytes()
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"other\.csv' is no table of a sweep"):
        read_sweep(tmp_path / "other.csv")


@pytest.mark.parametrize(("count", "rows"), [(2, 4), (3, 8), (7, 1), (40, 8)])
def test_merged_shards_are_the_same_bytes_as_one_go(net, folder, tmp_path, count, rows):
    one_go = sweep(net, folder, OVER, rows=rows, save=tmp_path / "whole.csv")
    paths = [tmp_path / f"part{k}.csv" for k in range(1, count + 1)]
    for k, path in enumerate(paths, start=1):
        sweep(net, folder, OVER, rows=rows, shard=(k, count), save=path)
    merged = merge_sweeps(paths[::-1], tmp_path / "merged.csv")
    assert (tmp_path / "merged.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert (tmp_path / "merged.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    assert merged.effects == one_go.effects
    assert merged.unreadable == one_go.unreadable


@pytest.mark.parametrize("rows", [1, 8])
def test_goes_on_after_an_interruption_wherever_it_came(net, folder, tmp_path, monkeypatch, rows):
    whole, part = tmp_path / "whole.csv", tmp_path / "part.csv"
    sweep(net, folder, OVER, rows=rows, save=whole)
    lines = whole.read_bytes().splitlines(keepends=True)
    sweep(net, folder, OVER, rows=rows, save=part)
    computed = []
    real = sweep_module.compute_pass
    monkeypatch.setattr(sweep_module, "compute_pass", lambda *given: computed.append(1) or real(*given))
    sweep(net, folder, OVER, rows=rows, save=part)
    assert not computed  # all of it was there
    for left in (1, 5, 23, len(lines) - 1):
        part.write_bytes(b"".join(lines[:left]) + lines[left][:7])  # the process died in the middle of a line
        result = sweep(net, folder, OVER, rows=rows, save=part)
        assert part.read_bytes() == whole.read_bytes()
        assert result.effects == read_sweep(whole).effects
    assert [name for name, _ in result.unreadable] == ["c.jpg"]


def test_another_sweep_does_not_go_on_in_the_same_file(net, folder, tmp_path):
    sweep(net, folder, OVER, save=tmp_path / "effects.csv")
    before = (tmp_path / "effects.csv").read_bytes()
    with pytest.raises(ValueError, match=r"holds another sweep: how is 'zero' there, 0\.5 here"):
        sweep(net, folder, OVER, 0.5, save=tmp_path / "effects.csv")
    with pytest.raises(ValueError, match=r"shard is \[1, 1\] there, \[1, 2\] here"):
        sweep(net, folder, OVER, shard=(1, 2), save=tmp_path / "effects.csv")
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


def test_shards_that_do_not_belong_together(net, folder, tmp_path, monkeypatch):
    one, two, other = (tmp_path / f"{name}.csv" for name in ("one", "two", "other"))
    sweep(net, folder, OVER, shard=(1, 2), save=one)
    sweep(net, folder, OVER, 0.5, shard=(2, 2), save=other)
    with pytest.raises(ValueError, match="different sweeps: how is"):
        merge_sweeps([one, other], tmp_path / "all.csv")
    with pytest.raises(ValueError, match="The shards 1/2, 1/2 were given; 1/2 to 2/2"):
        merge_sweeps([one, one], tmp_path / "all.csv")
    with pytest.raises(ValueError, match="The shards 1/2 were given"):
        merge_sweeps([one], tmp_path / "all.csv")
    with pytest.raises(ValueError, match="No shard was given"):
        merge_sweeps([], tmp_path / "all.csv")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep_module, "compute_pass", interrupt)
    sweep(net, folder, OVER, shard=(2, 2), save=two)
    with pytest.raises(ValueError, match=r"two\.csv' is not finished"):
        merge_sweeps([one, two], tmp_path / "all.csv")
    assert not (tmp_path / "all.csv").exists()


def test_photos_that_share_a_name_are_told_apart(net):
    cat = hv.photo("cat")
    assert sweep(net, [cat, cat], "modules").photos == ("cat", "cat (2)")


def test_an_empty_folder_and_one_without_a_single_photo(net, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no photo in the folder 'empty'"):
        sweep(net, tmp_path / "empty")
    for name in GOOD:
        (folder / name).write_bytes(b"")
    result = sweep(net, folder, OVER)
    assert len(result.unreadable) == 6
    assert result.effects == ()


@pytest.fixture
def command(net, monkeypatch):
    """The command line, with ``net`` in place of the shipped one."""
    monkeypatch.setattr("hrnet_viz.weights.loading.load", lambda source, name=None: net)
    return lambda *words: sweep_command.main([str(word) for word in words])


def test_the_command_line(net, command, folder, tmp_path, capsys):
    run = ["run", "--photos", folder, "--over", *OVER, "--quiet"]
    assert command(*run, "--out", tmp_path / "whole.csv") == 1  # one photo could not be read
    told = capsys.readouterr()
    assert "Sweep(11 edits of 5 photos, 1 unreadable)" in told.out
    assert "Left out: c.jpg" in told.err
    for k in (1, 2):
        command(*run, "--shard", f"{k}/2", "--out", tmp_path / f"part{k}.csv")
    assert command("merge", tmp_path / "all.csv", tmp_path / "part1.csv", tmp_path / "part2.csv") == 1
    assert (tmp_path / "all.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    capsys.readouterr()
    (folder / "c.jpg").unlink()
    mean = ["--how", "mean", "--reference", folder, "--out", tmp_path / "mean.csv"]
    assert command(*run, *mean) == 0
    assert "mean of 5 photos" in (tmp_path / "mean.csv").read_text()
    capsys.readouterr()
    assert command("run", "--photos", folder, "--over", "stage9", "--out", tmp_path / "x.csv") == 2
    assert "has no site 'stage9'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command(*run, "--shard", "3/2", "--out", tmp_path / "x.csv")


def test_the_command_line_after_ctrl_c(command, folder, tmp_path, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep_module, "compute_pass", interrupt)
    status = command("run", "--photos", folder, "--over", *OVER, "--quiet", "--out", tmp_path / "effects.csv")
    assert status == 130
    assert "goes on from here" in capsys.readouterr().err
