"""Predictions: numbers that agree with the net, ranks, and the label of a photo outside the trained classes."""

import copy

import numpy as np
import pytest
import torch

from hrnet_viz import Photo, Prediction, Preparation, predict, prepare, trace
from hrnet_viz.predictions import describe, read_predictions
from tests.nets.trained_like import trained_like

CLASSES = ("cat", "church", "dog", "garbage_truck")


def picture(name, seed=0):
    return Photo(np.random.default_rng(seed).integers(0, 255, (40, 60, 3), dtype=np.uint8), name)


@pytest.fixture(scope="module")
def net():
    net = copy.deepcopy(trained_like())
    net.classifier = torch.nn.Linear(2048, len(CLASSES))
    net.classes = CLASSES
    net.preparation = Preparation(size=64)
    return net


def answer(*logits, classes=CLASSES, name=None):
    return Prediction(classes, torch.tensor(logits), None if name is None else picture(name))


def test_the_numbers_are_the_nets(net):
    photo = picture("cat")
    prediction = predict(net, photo)
    with torch.no_grad():
        logits = net(prepare(net, photo))[0]
    torch.testing.assert_close(prediction.logits, logits)
    torch.testing.assert_close(prediction.probabilities, logits.double().softmax(0))
    assert prediction.probabilities.sum() == pytest.approx(1, abs=1e-12)
    assert not prediction.logits.requires_grad
    assert prediction.photo == photo
    assert prediction.classes == CLASSES


def test_one_photo_gives_one_prediction_and_several_give_as_many(net):
    photos = [picture("cat", 1), picture("dog", 2)]
    several = predict(net, photos)
    assert isinstance(several, tuple)
    assert [one.photo.name for one in several] == ["cat", "dog"]
    for one, photo in zip(several, photos, strict=True):
        torch.testing.assert_close(one.logits, predict(net, photo).logits, rtol=1e-4, atol=1e-4)
    [ready] = predict(net, prepare(net, photos[0]))
    torch.testing.assert_close(ready.logits, several[0].logits, rtol=1e-4, atol=1e-4)
    assert ready.photo is None


def test_predictions_are_read_off_any_trace_that_kept_the_logits(net):
    photo = picture("dog")
    [read] = read_predictions(trace(net, photo))
    torch.testing.assert_close(read.logits, predict(net, photo).logits)
    assert read.photo == photo


def test_top_rank_probability_margin():
    prediction = answer(1.0, 3.0, 2.0, 0.0)
    assert [name for name, _ in prediction.top(3)] == ["church", "dog", "cat"]
    assert len(prediction.top(99)) == 4
    assert prediction.best == "church"
    assert prediction.rank("church") == 1
    assert prediction.rank("garbage_truck") == prediction.rank(3) == 4
    assert prediction.probability("dog") == pytest.approx(np.exp(2) / (1 + np.e + np.e**2 + np.e**3))
    assert prediction.margin == pytest.approx(prediction.probability("church") - prediction.probability("dog"))
    assert answer(2.0, classes=("only",)).margin == 1


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("bird", r"no class 'bird'.*cat, church, dog, garbage_truck\."),
        (4, "no class 4: .* 0 to 3"),
        (-1, "no class -1"),
    ],
)
def test_a_class_that_there_is_not(target, sentence):
    with pytest.raises(ValueError, match=sentence):
        answer(1.0, 3.0, 2.0, 0.0).rank(target)


def test_outputs_without_names():
    prediction = answer(0.0, 2.0, classes=(), name="coffee")
    assert prediction.best == "output 1"
    assert str(prediction) == "output 1 0.88 (margin 0.76 over output 0)"
    assert prediction.rank("output 1") == 1
    with pytest.raises(ValueError, match=r"have no names\. Give an index from 0 to 1"):
        prediction.rank("cat")


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("cat", True),
        ("Cat", True),
        ("my-cat 2", True),
        ("garbage truck", True),
        ("truck", True),
        ("coffee", False),
        ("catalogue", False),
        ("photo", False),
        ("", False),
        ("...", False),
    ],
)
def test_a_name_tells_whether_a_trained_class_is_shown(name, known):
    prediction = answer(4.0, 0.0, 0.0, 0.0, name=name)
    assert prediction.is_known() == known


def test_a_tensor_has_no_name():
    assert not answer(4.0, 0.0, 0.0, 0.0).is_known()
    assert str(answer(4.0, 0.0, 0.0, 0.0)) == "cat 0.95 (margin 0.93 over church)"


def test_a_prediction_in_a_line():
    assert str(answer(5.0, 0.0, 1.0, 0.0, name="cat")) == "cat 0.97 (margin 0.95 over dog)"


def test_a_photo_outside_the_classes_is_labelled():
    sample, file = (answer(1.0, 0.0, 2.0, 0.0, name=name) for name in ("coffee", "IMG_1234"))
    assert describe(sample, k=2) == "coffee is outside the 4 trained classes; nearest answers: dog 0.61, cat 0.22"
    assert describe(sample, k=1).endswith("dog 0.61")
    assert str(file).startswith(
        "'IMG_1234' names none of the 4 trained classes and may be outside them; nearest answers: dog 0.61, cat 0.22, "
    )
