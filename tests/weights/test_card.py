"""A file with a card, as the teaching net is shipped: classes, preparation, calibration, provenance."""

import copy
import json
import pickle
import re

import pytest
import torch
from safetensors.torch import save_file

from hrnet_viz.network import hrnet
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.weights import sources
from hrnet_viz.weights.loading import load
from hrnet_viz.weights.report import LoadWarning, WeightsError

CARD = {
    "format": "hrnet_viz",
    "variant": "hrnet_w18_small_v1",
    "classes": json.dumps(["cat", "chain_saw", "church", "dog", "tench"]),
    "mean": "[0.5, 0.4, 0.3]",
    "std": "[0.2, 0.2, 0.2]",
    "size": "160",
    "fit": "squash",
    "temperature": "1.6",
    "provenance": json.dumps({"seed": 3, "command": "python -m recipes.teaching_net"}),
}


@pytest.fixture
def carded(state, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "FOLDERS", (tmp_path / "missing", tmp_path))

    def write(**changes):
        halved = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
        metadata = {key: value for key, value in (CARD | changes).items() if value is not None}
        save_file(halved, tmp_path / "teaching.safetensors", metadata)
        return tmp_path / "teaching.safetensors"

    return write


def test_the_teaching_net_brings_classes_preparation_and_calibration(carded, trained, x):
    path = carded()
    net = load("teaching")
    assert net.classes == ("cat", "chain_saw", "church", "dog", "tench")
    assert net.preparation == Preparation(size=160, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.2), fit="squash")
    assert net.load_report.provenance["seed"] == 3
    assert net.load_report.temperature == 1.6
    assert net.load_report.tried
    raw = trained.classifier.weight.half().float()
    torch.testing.assert_close(net.classifier.weight * 1.6, raw)
    torch.testing.assert_close(net.classifier.bias * 1.6, trained.classifier.bias.half().float())
    assert torch.equal(load(path)(x), net(x))


def test_a_temperature_that_is_in_the_weights_already_is_not_applied_twice(carded, trained):
    carded(temperature_folded="true")
    net = load("teaching")
    assert torch.equal(net.classifier.weight, trained.classifier.weight.half().float())
    assert net.load_report.temperature == 1


def test_optional_entries_of_a_card(carded):
    carded(
        fit="crop", crop_fraction="0.9", interpolation="bicubic", size="[128, 96]", provenance=None, temperature=None
    )
    net = load("teaching")
    assert net.preparation == Preparation(
        size=(128, 96),
        mean=(0.5, 0.4, 0.3),
        std=(0.2, 0.2, 0.2),
        fit="crop",
        crop_fraction=0.9,
        interpolation="bicubic",
    )


def test_another_head_on_the_teaching_net_has_neither_its_classes_nor_its_calibration(carded):
    carded()
    with pytest.warns(LoadWarning, match="classifier starts at random"):
        net = load("teaching", num_outputs=2, classes=["x", "y"])
    assert net.classes == ("x", "y")
    assert net.load_report.temperature == 1
    with pytest.warns(LoadWarning):
        assert load("teaching", num_outputs=2).classes == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"classes": None}, "lack 'classes'"),
        ({"classes": '["cat"]'}, "names 1 classes for 5 outputs"),
        ({"temperature": "0"}, "temperature is 0.0, but must be above 0"),
        ({"mean": "half"}, "make no sense"),
        ({"fit": "stretch"}, "make no sense: fit is 'stretch'"),
        ({"variant": "hrnet_w32"}, "'hrnet_w32' was asked for, but the shapes"),
        ({"variant": "resnet50"}, "no HRNet variant 'resnet50'"),
        ({"task": "panoptic"}, "make no sense: head='panoptic'"),
        ({"task": "pose"}, "does not fit hrnet_w18_small_v1 pose"),
        ({"upsample": '"cubic"'}, 'make no sense: upsample is "cubic", but must be one of "nearest", "bilinear", null'),
        ({"align_corners": "3"}, "make no sense: align_corners is 3"),
        ({"classes": '"three"'}, "make no sense: a list was expected"),
        ({"provenance": "[1]"}, "make no sense: a dict was expected, but [1]"),
        ({"provenance": "[" * 100_000}, "make no sense: maximum recursion depth"),
    ],
)
def test_a_card_that_makes_no_sense_is_told(carded, change, sentence):
    carded(**change)
    with pytest.raises(WeightsError, match=re.escape(sentence)):
        load("teaching")


def test_a_file_with_a_card_and_a_second_net_names_both(state, trained, tmp_path, x):
    """A card says what the net is, and not where it lies: part and others stay in the report."""
    both = {f"net.{name}": value for name, value in state.items()}
    both |= {f"ema.{name}": value + 1 for name, value in state.items()}
    save_file(both, tmp_path / "x.safetensors", CARD | {"temperature": "1"})
    net = load(tmp_path / "x.safetensors")
    assert torch.equal(net(x), trained(x))
    assert net.classes[0] == "cat"
    assert (net.load_report.part, net.load_report.others) == ("net", ("ema",))
    assert "taken from net; other weights are there too: part='ema'" in str(net.load_report)
    other = load(tmp_path / "x.safetensors", part="ema")
    assert torch.equal(other.conv1.weight, trained.conv1.weight + 1)
    assert (other.load_report.part, other.load_report.others, other.classes) == ("ema", ("net",), net.classes)


def test_loading_draws_no_random_number(carded):
    carded()
    before = torch.get_rng_state()
    load("teaching")
    assert torch.equal(torch.get_rng_state(), before)


def test_the_report_travels_with_the_net(carded):
    carded()
    net = load("teaching")
    assert copy.deepcopy(net).load_report == net.load_report
    assert pickle.loads(pickle.dumps(net)).load_report == net.load_report
    assert hrnet("w18_small", num_outputs=2).state_dict().keys() == net.state_dict().keys()
