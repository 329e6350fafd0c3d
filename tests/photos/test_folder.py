"""One listing of photo folders for everybody: sweeps, evaluation, training, the faithfulness table."""

import os
import types
import unicodedata

import pytest

import hrnet_viz as hv
from hrnet_viz.photos.folder import list_classes, list_photos, printable
from recipes import class_folders
from recipes.class_folders import match_classes

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
    for name, target in {
        "back": "..",
        "far": "../elsewhere",
        "again": "../elsewhere",
        "gone.jpg": "x",
        "lost": "x",
    }.items():
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
        (net("a", "b", "c"), ["1", "02"], [1, 2]),
        (net("cat", "caf\u00e9"), [unicodedata.normalize("NFD", "caf\u00e9")], [1]),
        (net("crane", "crane"), ["crane (output 1)"], [1]),
        (net("tench", "Chihuahua"), ["n02085620-Chihuahua", "n01440764_tench"], [1, 0]),
        (net("n02085620-Chihuahua", "x"), ["n02085620-Chihuahua"], [0]),
        (net(*WORDNET[::-1]), WORDNET, list(range(1000))[::-1]),
    ],
)
def test_a_class_folder_stands_for_the_output_of_its_name(owner, folders, outputs):
    assert match_classes(owner, folders) == outputs


def test_some_folders_of_imagenet(monkeypatch):
    pytest.importorskip("timm", reason="timm has the table of WordNet numbers")
    imagenet = net(*(f"name {k}" for k in range(1000)))
    told = []
    assert match_classes(imagenet, ["n01440764", "n02123045"], told.append) == [0, 281]
    assert "the WordNet number of the folders counts: 'n01440764' is name 0, 'n02123045' is name 281" in told[0]
    with pytest.raises(ValueError, match="n99999999 are called by WordNet numbers that are none of the 1000"):
        match_classes(imagenet, ["n01440764", "n99999999"])

    def find_nothing(name):
        raise ImportError(name)

    monkeypatch.setattr(class_folders, "import_module", find_nothing)
    with pytest.raises(ValueError, match="Rename these by the names of the classes, or install timm"):
        match_classes(imagenet, ["n01440764", "n02123045"])


@pytest.mark.parametrize(
    ("owner", "folders", "words"),
    [
        (net(outputs=12), ["2", "11"], "the number of the folders counts: '2' is output 2, '11' is output 11."),
        (net("a", "b", "c"), ["1", "2"], "the number of the folders counts: '1' is b, '2' is c."),
        (net(outputs=2), ["cat", "dog"], "the order of the folders counts: 'cat' is output 0, 'dog' is output 1."),
        (net("cat", "dog"), ["DOG"], None),
    ],
)
def test_an_order_that_was_taken_is_told(owner, folders, words):
    told = []
    match_classes(owner, folders, told.append)
    assert told == ([f"Classes are not matched by name; {words}"] if words else [])


@pytest.mark.parametrize(
    ("owner", "folders", "words"),
    [
        (net("cat", "dog"), ["cat", "zebra"], "doesn't know the class folders zebra. .*: cat, dog"),
        (net("crane", "crane"), ["crane"], r"crane\. 'crane' is the name of several outputs: 'crane \(output 0\)'"),
        (net("1", "2", "3"), ["01"], "doesn't know the class folders 01. .* Nearest: '1'"),
        (net(outputs=3), ["1", "2", "3"], "The class folder '3' was given; the net has outputs 0 to 2"),
        (net("a", "b", "c"), ["a", "2"], "doesn't know the class folders 2"),
        (net(outputs=12), ["12"], "outputs 0 to 11"),
        (net(outputs=3), ["a", "b"], "have no names, and 2 class folders were given for 3"),
        (net(*(f"name {k}" for k in range(1000))), WORDNET[1:300], r"\.\.\. \(299 in all\)"),
    ],
)
def test_a_folder_that_stands_for_no_output_is_told_shortly(owner, folders, words):
    with pytest.raises(ValueError, match=words) as told:
        match_classes(owner, folders)
    assert len(str(told.value)) < 600
