"""Which output of a net a class folder stands for."""

import types
import unicodedata

import pytest

from recipes import class_folders
from recipes.class_folders import match_classes


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
