from dataclasses import replace

import pytest
import torch

from hrnet_viz.photos.folder import list_classes
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.training.checkpoint import read_checkpoint
from hrnet_viz.training.config import Phase
from hrnet_viz.training.distributed import World
from hrnet_viz.training.loop import Training, build_optimizer
from hrnet_viz.training.photos import read_photos
from hrnet_viz.training.records import Habits

ALONE = World(0, 1, torch.device("cpu"))


def start(recipe, photos, run, **habits):
    return Training(recipe, photos, Habits(run, **habits), ALONE, lambda _: None)


def assert_same(one, other):
    """Fail unless two nested structures are equal, tensors to the bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list):
        for left, right in zip(one, other, strict=True):
            assert_same(left, right)
    else:
        assert one == other


@pytest.fixture(scope="module")
def unbroken(recipe, photos, tmp_path_factory):
    torch.set_num_threads(1)
    run = tmp_path_factory.mktemp("unbroken")
    return start(recipe, photos, run).run(check_photos=photos), read_checkpoint(run / "checkpoint.pt")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_training_that_was_interrupted_ends_as_one_that_was_not(recipe, photos, unbroken, tmp_path, workers):
    first = start(recipe, photos, tmp_path, stop_after=5, workers=workers).run()
    assert not first.finished
    assert first.position.step == 5
    second = start(recipe, photos, tmp_path, workers=workers)
    second.resume()
    assert second.run().finished
    there = read_checkpoint(tmp_path / "checkpoint.pt")
    for part in ("net", "average", "optimizer", "position"):
        assert_same(there[part], unbroken[1][part])
    assert there["history"]["photos"] == unbroken[1]["history"]["photos"]
    assert there["history"]["sessions"] == 2


def test_a_training_says_what_it_did(recipe, unbroken):
    outcome, checkpoint = unbroken
    assert outcome.finished
    assert outcome.position.progress == 1
    assert outcome.position.epoch == recipe.epochs
    assert sum(outcome.history.photos.values()) == outcome.position.step * recipe.batch
    assert set(outcome.history.photos) <= {32, 48}
    assert outcome.history.seconds > 0
    assert "1 process(es), 1 thread(s) each, cpu" in checkpoint["history"]["settings"][0]
    assert checkpoint["history"]["checks"][-1]["progress"] == 1


def test_colours_are_learned(recipe, folder, tmp_path):
    photos = read_photos(list_classes(folder / "train"), Preparation(size=(32, 32)))
    longer = replace(recipe, phases=(Phase(10, (32,)),), batch=12, peak_rate=0.005, ema_decay=0.5)
    outcome = start(longer, photos, tmp_path).run(check_photos=photos)
    assert outcome.history.checks[-1]["accuracy"] > 0.8


def test_biases_and_norms_are_not_decayed(recipe, photos, tmp_path):
    net = start(recipe, photos, tmp_path).net
    decayed, spared = build_optimizer(net, recipe).param_groups
    assert decayed["weight_decay"] == recipe.weight_decay
    assert spared["weight_decay"] == 0
    assert all(p.ndim > 1 for p in decayed["params"])
    assert len(decayed["params"]) + len(spared["params"]) == len(list(net.parameters()))


def test_a_deadline_that_is_over_ends_the_training_with_a_rate_of_nearly_zero(recipe, photos, tmp_path):
    outcome = start(replace(recipe, phases=recipe.phases * 50), photos, tmp_path, deadline=1.0).run()
    assert outcome.finished
    assert outcome.position.step <= 3


def test_norms_that_stand_still_keep_their_statistics_while_weights_are_learned(recipe, photos, tmp_path):
    still = replace(recipe, phases=(Phase(1, (32,)), Phase(1, (32, 48), still=True)), clip=1.0)
    first = start(still, photos, tmp_path, stop_after=5).run()
    assert first.position.progress > 0.5  # so the second phase has begun
    before = read_checkpoint(tmp_path / "checkpoint.pt")["net"]
    second = start(still, photos, tmp_path)
    second.resume()
    assert second.run().finished
    after = read_checkpoint(tmp_path / "checkpoint.pt")
    statistics = [name for name in before if name.endswith(("running_mean", "running_var"))]
    for name in statistics:
        assert torch.equal(after["net"][name], before[name]), name
        assert torch.equal(after["average"][name], before[name]), name
    assert statistics
    moved = [name for name in before if name.endswith("weight") and not torch.equal(after["net"][name], before[name])]
    assert len(moved) > 100


def test_long_gradients_are_shortened(recipe, photos, tmp_path):
    once = replace(recipe, phases=(Phase(1, (32,)),), weight_decay=0.0, momentum=0.0, clip=1e-3)
    training = start(once, photos, tmp_path, stop_after=1)
    before = torch.cat([p.detach().flatten() for p in training.net.parameters()])
    training.run()
    after = torch.cat([p.detach().flatten() for p in training.net.parameters()])
    rate = training.optimizer.param_groups[0]["lr"]
    assert float((after.double() - before.double()).norm()) == pytest.approx(rate * 1e-3, rel=0.05)


def test_a_training_can_begin_with_what_another_one_learned(recipe, photos, unbroken, tmp_path):
    save = tmp_path / "first.pt"
    torch.save(unbroken[1], save)
    training = start(replace(recipe, peak_rate=0.01), photos, tmp_path)
    training.begin_from(save)
    learned = {name: value for name, value in unbroken[1]["average"].items() if "num_batches" not in name}
    assert_same({name: training.net.state_dict()[name] for name in learned}, learned)
    assert training.history.before["recipe"]["peak_rate"] == recipe.peak_rate
    assert training.history.before["progress"] == 1
    training.run()
    assert read_checkpoint(tmp_path / "checkpoint.pt")["history"]["before"] == training.history.before


def test_photos_held_back_before_are_not_trained_on_later(recipe, photos, unbroken, tmp_path):
    save = tmp_path / "first.pt"
    torch.save(unbroken[1], save)
    with pytest.raises(ValueError, match="seed 0, this recipe has 1"):
        start(replace(recipe, seed=1), photos, tmp_path).begin_from(save)


def test_several_processes_need_a_batch_that_can_be_shared(recipe, photos, tmp_path):
    with pytest.raises(ValueError, match="evenly by 3"):
        Training(recipe, photos, Habits(tmp_path), World(0, 3, torch.device("cpu")))
