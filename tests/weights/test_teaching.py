"""The shipped teaching net itself: what the notebooks, the card and a reader of the file rely on."""

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

import hrnet_viz as hv

ROOT = Path(__file__).parents[2]
FILE = ROOT / "assets" / "weights" / "teaching.safetensors"
CLASSES = (
    *("cassette_player", "cat", "chain_saw", "church", "dog", "english_springer"),
    *("french_horn", "garbage_truck", "gas_pump", "golf_ball", "parachute", "tench"),
)


@pytest.fixture(scope="module")
def net():
    return hv.load("teaching").eval()


@pytest.fixture(scope="module")
def metadata():
    with safe_open(FILE, "pt") as file:
        return file.metadata()


@pytest.mark.parametrize("size", [128, 160, 224])
def test_it_says_cat_for_the_cat_with_a_margin_that_holds_anywhere(net, size):
    (answer,) = hv.predict(net, hv.prepare(net, hv.photo("cat"), size=(size, size)))
    assert answer.best == "cat"
    assert answer.margin > 0.2


def test_it_is_the_published_architecture_with_twelve_named_outputs(net):
    assert net.classes == CLASSES
    assert net.variant.name == "hrnet_w18_small_v2"
    assert net.state_dict().keys() == hv.hrnet("hrnet_w18_small_v2", num_outputs=12).state_dict().keys()


def test_the_file_is_small_and_half_precision():
    assert FILE.stat().st_size < 30_000_000
    with safe_open(FILE, "pt") as file:
        kinds = {file.get_tensor(key).dtype for key in file.keys()}  # noqa: SIM118  # it is no dictionary
    assert kinds <= {torch.float16, torch.int64}


def test_it_says_how_it_was_made_and_nothing_about_the_machine(metadata):
    provenance = json.loads(metadata["provenance"])
    assert provenance["finished"]
    assert " train FOLDER --into RUN" in provenance["command"]  # of the program as it was called then
    assert not re.search(r"/(work|home|root|tmp|Users)/", json.dumps(metadata))


def test_card_and_readme_tell_the_same_as_the_file(metadata):
    card = FILE.with_suffix(".md").read_text(encoding="utf-8")
    assert json.loads(metadata["provenance"])["command"].partition(" train ")[2] in card
    (row,) = re.findall(r"^\| \*\*all\*\* \|(.*)\|$", card, re.MULTILINE)
    accuracy = [float(number) for number in re.findall(r"([\d.]+)% \(", row)]
    assert len(accuracy) == 3
    for value, least in zip(accuracy, (85, 87, 85), strict=True):
        assert value >= least, "the notebooks say that this net knows its classes"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"{number} %" in readme for number in accuracy)
