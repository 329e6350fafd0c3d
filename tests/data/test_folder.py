"""One listing of photo folders for everybody: sweeps, evaluation, training, the faithfulness table."""

import types

import pytest

import hrnet_viz as hv
from hrnet_viz.analysis.class_folders import match_classes
from hrnet_viz.data.folder import list_classes, list_photos

NAMES = {
    "a.jpg": "JPEG", "b.jfif": "JPEG", "c.AVIF": "AVIF", "d": "PNG", "e.jpe": "JPEG", "below/f.png": "PNG",
    "g.weird": "WEBP",
}  # fmt: skip
LEFT_BY_SYSTEMS = [
    ".ipynb_checkpoints/a-checkpoint.jpg", "._a.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX/a.jpg",
    "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "below/.hidden.png",
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
    assert found.describe_left_out() == "1 file was left out, being no photos: notes.txt."


def test_every_listing_is_the_same(folder):
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / "photo beside.jpg").write_bytes(b"")
    classes = list_classes(folder)
    assert classes.classes == ("cat",)
    assert [path.relative_to(folder / "cat").as_posix() for path in classes.paths] == sorted(NAMES)
    assert classes.left_out == ("photo beside.jpg", "cat/notes.txt")
    with pytest.warns(UserWarning, match=r"notes\.txt"):
        swept = hv.sweep(hv.hrnet("hrnet_w18_small_v1", num_outputs=2), folder / "cat", ["stem"])
    assert {effect.photo for effect in swept.effects} == set(NAMES)


def test_numbers_are_in_the_order_of_numbers(tmp_path):
    for name in ("10", "2", "1"):
        (tmp_path / name).mkdir()
        hv.photo("cat").image().resize((8, 8)).save(tmp_path / name / "a.png")
    assert list_classes(tmp_path).classes == ("1", "2", "10")


def net(*names, outputs=None):
    return types.SimpleNamespace(classes=names, num_outputs=outputs or len(names))


WORDNET = [f"n{number:08d}" for number in range(1000)]


@pytest.mark.parametrize(
    ("owner", "folders", "outputs"),
    [
        (net("cat", "French horn", "dog"), ["french_horn", "CAT"], [1, 0]),
        (net(outputs=12), ["2", "11"], [2, 11]),
        (net(outputs=3), ["a", "b", "c"], [0, 1, 2]),
        (net(*(f"name {k}" for k in range(1000))), WORDNET, list(range(1000))),
        (net("7", "9"), ["9", "7"], [1, 0]),
    ],
)
def test_a_class_folder_stands_for_the_output_of_its_name(owner, folders, outputs):
    assert match_classes(owner, folders) == outputs


@pytest.mark.parametrize(
    ("owner", "folders", "words"),
    [
        (net("cat", "dog"), ["cat", "zebra"], "doesn't know the class folders zebra. It knows: cat, dog"),
        (net(outputs=12), ["12"], "outputs 0 to 11"),
        (net(outputs=3), ["a", "b"], "have no names, and 2 class folders were given for 3"),
        (net(*(f"name {k}" for k in range(1000))), WORDNET[:300], r"\.\.\. \(300 in all\)"),
    ],
)
def test_a_folder_that_stands_for_no_output_is_told_shortly(owner, folders, words):
    with pytest.raises(ValueError, match=words) as told:
        match_classes(owner, folders)
    assert len(str(told.value)) < 600
