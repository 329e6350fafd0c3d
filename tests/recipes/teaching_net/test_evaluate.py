"""Evaluation: scores by hand, folders matched by name, each photo prepared as the net asks for."""

import json
import shutil
import types
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from hrnet_viz.network import hrnet
from hrnet_viz.photos.folder import list_classes
from hrnet_viz.photos.photo import Photo
from hrnet_viz.photos.preparation import Preparation, prepare
from recipes.class_folders import match_classes
from recipes.teaching_net.__main__ import main
from recipes.teaching_net.evaluate import (
    expected_calibration_error,
    fit_temperature,
    make_plain,
    measure,
    normalise,
    predict,
    score,
    write_table,
)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = hrnet("hrnet_w18_small_v1", num_outputs=3).train()
    with torch.no_grad():
        for _ in range(3):
            net(torch.randn(8, 3, 64, 64))
    net.classes = ("cat", "dog", "tench")
    net.preparation = Preparation(size=(64, 64))
    return net.eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("val")
    chance = np.random.default_rng(0)
    for name in ("tench", "cat"):
        (root / name).mkdir()
        for i in range(3):
            Image.fromarray(chance.integers(0, 255, (50, 70, 3), dtype=np.uint8)).save(root / name / f"{i}.png")
    return root


def test_a_photo_is_prepared_as_the_net_prepares_it(net, folder):
    paths = list_classes(folder).paths
    photos = [Photo(np.array(Image.open(path)), path.stem) for path in paths]
    with torch.no_grad():
        expected = net(prepare(net, photos, size=96))
    labels = [0, 0, 0, 2, 2, 2]
    right = sum(int(row.argmax()) == label for row, label in zip(expected, labels, strict=True))
    loss = float(torch.nn.functional.cross_entropy(expected, torch.tensor(labels)))
    (result,) = measure(net, folder, [96], batch=4)
    assert result.accuracy.value == pytest.approx(right / 6)
    assert result.loss == pytest.approx(loss, rel=1e-3)
    assert [one.n for one in result.per_class] == [3, 0, 3]


def test_whoever_computes_the_table_is_the_same_byte_for_byte(net, folder):
    alone = make_plain(measure(net, folder, [64, 96], batch=2))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        assert make_plain(measure(net, folder, [64, 96], batch=2, executor=executor)) == alone


def test_what_cannot_be_read_is_named_once_and_left_out(net, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "val")
    (tmp_path / "val" / "cat" / "0.png").write_bytes(b"no picture")
    said = []
    for result in measure(net, tmp_path / "val", [64, 96], batch=1, log=said.append):
        assert result.accuracy.n == 5
    assert len([line for line in said if "0.png" in line]) == 1
    for file in (tmp_path / "val").rglob("*.png"):
        file.write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"Not one of the 6 photos in '.*val' could be read: .*0\.png"):
        measure(net, tmp_path / "val", [64], log=said.append)


def test_normalising_is_what_the_preparation_does():
    pixels = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    preparation = Preparation(size=(8, 8))
    photos = [Photo(one.permute(1, 2, 0).numpy(), "photo") for one in pixels]
    ours = normalise(pixels, preparation.mean, preparation.std, channels_last=True)
    assert torch.allclose(ours, preparation.tensor(photos), atol=1e-5)


def test_batches_give_what_one_pass_gives(net):
    pixels = torch.randint(0, 256, (5, 3, 64, 64), dtype=torch.uint8)
    given = {"mean": net.preparation.mean, "std": net.preparation.std}
    assert torch.allclose(predict(net, pixels, batch=2, **given), predict(net, pixels, batch=5, **given), atol=1e-4)


def named(*names):
    return types.SimpleNamespace(classes=names, num_outputs=len(names))


def test_a_class_that_the_net_does_not_know_is_named():
    assert match_classes(named("cat", "dog", "tench"), ["tench", "cat"]) == [2, 0]
    assert match_classes(named("cat", "dog", "french_horn"), ["Cat", "French Horn"]) == [0, 2]
    with pytest.raises(ValueError, match=r"doesn't know the class folders zebra\. .*: cat, dog"):
        match_classes(named("cat", "dog"), ["cat", "zebra"])


def test_the_command_prints_a_table_and_writes_json(net, folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HV_DEVICE", "cpu")
    metadata = {
        "format": "hrnet_viz",
        "variant": "hrnet_w18_small_v1",
        "classes": '["cat", "dog", "tench"]',
        "mean": "[0.5, 0.5, 0.5]",
        "std": "[0.25, 0.25, 0.25]",
        "size": "64",
        "fit": "squash",
    }
    save_file(
        {name: value.contiguous() for name, value in net.state_dict().items()}, tmp_path / "w.safetensors", metadata
    )
    command = [
        "evaluate",
        str(tmp_path / "w.safetensors"),
        str(folder),
        "--sizes",
        "64",
        "96",
        "--json",
        str(tmp_path / "e.json"),
    ]
    assert main(command) == 0
    table = capsys.readouterr().out
    assert "64 px" in table
    assert "no photo" in table  # of dogs
    assert [entry["size"] for entry in json.loads((tmp_path / "e.json").read_text())] == [64, 96]


def test_errors_are_sentences(folder, tmp_path, capsys):
    assert main(["evaluate", str(tmp_path / "none.safetensors"), str(folder)]) == 2
    assert capsys.readouterr().err.strip()


CLASSES = ("cat", "dog", "tench")


def logits_of(probabilities):
    return torch.tensor(probabilities).log()


def test_accuracy_per_class_and_confusion_by_hand():
    answers, truth = [0, 0, 1, 1, 1], torch.tensor([0, 0, 0, 1, 1])
    result = score(torch.nn.functional.one_hot(torch.tensor(answers), 3).float() * 4, truth, CLASSES, 160)
    assert result.accuracy.value == pytest.approx(4 / 5)
    assert (round(result.accuracy.low, 3), round(result.accuracy.high, 3)) == (0.376, 0.964)
    assert [one.n for one in result.per_class] == [3, 2, 0]
    assert result.per_class[0].value == pytest.approx(2 / 3)
    assert result.confusion == ((2, 1, 0), (0, 2, 0), (0, 0, 0))


def test_calibration_error_by_hand():
    """Two photos at 0.9 of which one is right, and two at 0.6, both right: |0.9 - 0.5| / 2 + |0.6 - 1| / 2."""
    logits = logits_of([[0.9, 0.05, 0.05], [0.9, 0.05, 0.05], [0.6, 0.2, 0.2], [0.6, 0.2, 0.2]])
    labels = torch.tensor([0, 1, 0, 0])
    assert expected_calibration_error(logits, labels) == pytest.approx(0.4, abs=1e-6)
    sure = torch.tensor([[1000.0, 0.0, 0.0]])
    assert expected_calibration_error(sure, torch.tensor([0])) == pytest.approx(0)
    assert expected_calibration_error(sure, torch.tensor([1])) == pytest.approx(1)


def test_the_temperature_that_spoiled_calibrated_logits_is_found():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 4, generator=generator, dtype=torch.double) * 2
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).flatten()
    for temperature in (0.4, 1.0, 2.5):
        assert fit_temperature(logits * temperature, labels) == pytest.approx(temperature, rel=0.03)


def test_a_fitted_temperature_lowers_the_calibration_error():
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(5000, 4, generator=generator, dtype=torch.double)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).flatten()
    spoiled = logits * 3
    fitted = spoiled / fit_temperature(spoiled, labels)
    assert expected_calibration_error(fitted, labels) < 0.2 * expected_calibration_error(spoiled, labels)


def test_logits_and_labels_have_to_belong_together():
    with pytest.raises(ValueError, match="don't fit"):
        score(torch.zeros(3, 2), torch.zeros(3).long(), CLASSES, 160)


def test_the_table_shows_every_size_every_class_and_the_confusion():
    results = [score(torch.eye(3) * size, torch.arange(3), CLASSES, size) for size in (128, 224)]
    table = write_table(results)
    for word in (*CLASSES, "128 px", "224 px", "100.0%", "expected calibration error", "confusion at 224 px"):
        assert word in table
    plain = make_plain(results)
    assert plain[1]["size"] == 224
    assert plain[0]["per_class"]["dog"]["value"] == 1.0
    assert plain[0]["confusion"] == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
