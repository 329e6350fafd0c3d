"""One listing of photo folders for everybody: sweeps, evaluation, training, the faithfulness table."""

import os

import pytest

import hrnet_viz as hv
from hrnet_viz.photos.folder import list_classes, list_photos, printable

NAMES = {
    "a.jpg": "JPEG", "b.jfif": "JPEG", "c.AVIF": "AVIF", "d": "PNG", "e.jpe": "JPEG", "below/f.png": "PNG",
    "g.weird": "WEBP",
}  # fmt: skip
LEFT_BY_SYSTEMS = [
    ".ipynb_checkpoints/a-checkpoint.jpg", "._a.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX/a.jpg",
    "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "below/.hidden.png", "lost+found/a.jpg", "#recycle/a.jpg", "Icon\r",
    "$RECYCLE.BIN/a.jpg", "~$a.jpg",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    home = tmp_path / "cat"
    cat = hv.photo("cat").image().resize((40, 30))
    for name in [*NAMES, *LEFT_BY_SYSTEMS]:
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cat.save(path, format=NAMES.get(name, "JPEG"))
    (home / "notes.txt").write_text("no photo")
    return tmp_path


def test_photos_count_by_content_and_what_systems_leave_does_not(folder):
    found = list_photos(folder / "cat")
    assert found.paths == tuple(sorted(NAMES))
    assert found.left_out == ("notes.txt",)
    assert found.describe_left_out() == "1 file was left out: notes.txt."


def test_every_listing_is_the_same(folder):
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / "photo beside.jpg").write_bytes(b"")
    (folder / "dog").mkdir()
    told = []
    classes = list_classes(folder, told.append)
    assert classes.classes == ("cat", "dog")
    assert [path.relative_to(folder / "cat").as_posix() for path in classes.paths] == sorted(NAMES)
    assert told == [
        "3 files were left out: photo beside.jpg (in no class folder), cat/notes.txt, dog (without photos)."
    ]
    with pytest.warns(UserWarning, match=r"notes\.txt"):
        swept = hv.sweep(hv.hrnet("hrnet_w18_small_v1", num_outputs=2), folder / "cat", ["stem"])
    assert {effect.photo for effect in swept.effects} == set(NAMES)


def test_folders_behind_links_count_once_and_a_link_back_ends(folder):
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    hv.photo("cat").image().save(elsewhere / "z.JPG")
    links = {"back": "..", "far": "../elsewhere", "again": "../elsewhere", "gone.jpg": "x", "lost": "x"}
    for name, target in links.items():
        (folder / "cat" / name).symlink_to(target)
    found = list_photos(folder / "cat")
    assert [path for path in found.paths if "z.JPG" in path] == ["again/z.JPG"]
    assert "gone.jpg" in found.paths  # what is wrong with it is told when it is read
    assert found.left_out == ("lost", "notes.txt")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes that lie in folders")
def test_a_pipe_is_not_waited_for(folder):
    os.mkfifo(folder / "cat" / "pipe")
    assert "pipe" in list_photos(folder / "cat").left_out


def test_what_may_not_be_read_is_told(folder, monkeypatch):
    real = os.scandir

    def refuse(path="."):
        if os.fspath(path) in closed:
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(os, "listdir", lambda path: [entry.name for entry in refuse(path)])
    closed = {str(folder / "cat/below")}
    assert list_photos(folder / "cat").left_out == ("below (may not be read)", "notes.txt")
    closed = {str(folder)}
    with pytest.raises(ValueError, match=r"There is no folder '.*' that can be listed \(Permission denied\)"):
        list_classes(folder)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "~nobody-of-this-name/x", "nowhere"])
def test_no_folder_is_a_sentence(name):
    with pytest.raises(ValueError, match="There is no folder"):
        list_classes(name)


def test_a_name_that_is_no_text_can_be_written(folder):
    try:
        (folder / "cat" / os.fsdecode(b"\xff.txt")).touch()
    except OSError:
        pytest.skip("this file system keeps names in UTF-8")
    told = list_photos(folder / "cat").describe_left_out()
    assert told.encode("utf8") == b"2 files were left out: notes.txt, ?.txt."
    assert printable("d\u00e9j\u00e0.jpg") == "d\u00e9j\u00e0.jpg"


def test_numbers_are_in_the_order_of_numbers(tmp_path):
    for name in ("10", "2", "1"):
        (tmp_path / name).mkdir()
        hv.photo("cat").image().resize((8, 8)).save(tmp_path / name / "a.png")
    assert list_classes(tmp_path).classes == ("1", "2", "10")
