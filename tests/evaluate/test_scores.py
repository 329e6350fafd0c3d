import pytest
import torch

from hrnet_viz.evaluate.report import make_plain, write_table
from hrnet_viz.evaluate.scores import expected_calibration_error, fit_temperature, score

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
