"""Training: continued exactly, averaged, shared by processes; checkpoints are never half written."""

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from hrnet_viz.photos.folder import list_classes
from hrnet_viz.photos.preparation import Preparation
from recipes.teaching_net.photos import read_photos
from recipes.teaching_net.schedule import Phase
from recipes.teaching_net.session import ProcessGroup, RunOptions
from recipes.teaching_net.train import Training, average_of, averaged_weights, build_optimizer, read_checkpoint

SCRIPT = Path(__file__).with_name("one_of_several.py")
ALONE = ProcessGroup(0, 1, torch.device("cpu"))


def start(recipe, photos, run, **options):
    return Training(recipe, photos, RunOptions(run, **options), ALONE, lambda _: None)


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
        assert torch.equal(after["average"][f"module.{name}"], before[name]), name
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
    learned = {name: value for name, value in averaged_weights(unbroken[1]).items() if "num_batches" not in name}
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
        Training(recipe, photos, RunOptions(tmp_path), ProcessGroup(0, 3, torch.device("cpu")))


@pytest.fixture
def training(recipe, photos, tmp_path):
    return start(recipe, photos, tmp_path)


def test_a_write_that_breaks_off_leaves_the_checkpoint_before_it_whole(training, monkeypatch):
    training.save()
    before = training.path.read_bytes()

    def break_off(_, stream):
        stream.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", break_off)
    with pytest.raises(OSError, match="No space"):
        training.save()
    assert training.path.read_bytes() == before
    assert read_checkpoint(training.path)["classes"] == ["blue", "green", "red"]


def test_a_missing_or_foreign_checkpoint_is_explained(tmp_path):
    with pytest.raises(ValueError, match="There is no checkpoint"):
        read_checkpoint(tmp_path / "checkpoint.pt")
    stream = io.BytesIO()
    torch.save({"weights": torch.zeros(1)}, stream)
    (tmp_path / "checkpoint.pt").write_bytes(stream.getvalue())
    with pytest.raises(ValueError, match="no checkpoint of recipes"):
        read_checkpoint(tmp_path / "checkpoint.pt")


def test_a_checkpoint_of_another_recipe_is_not_continued(training, recipe, photos, tmp_path):
    training.save()
    other = Training(replace(recipe, peak_rate=0.5), photos, RunOptions(tmp_path), training.group, lambda _: None)
    with pytest.raises(ValueError, match="another recipe"):
        other.resume()


def test_a_folder_that_has_changed_is_not_continued(training, recipe, photos, tmp_path):
    training.save()
    fewer = replace(photos, pixels=photos.pixels[:30], labels=photos.labels[:30])
    other = Training(recipe, fewer, RunOptions(tmp_path), training.group, lambda _: None)
    with pytest.raises(ValueError, match=r"36 photos, but the folder now gives 30"):
        other.resume()


def test_the_average_forgets_its_start_and_then_follows_slowly():
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm2d(2))
    average, weight = average_of(net, decay=0.5), net[0].weight
    average.update_parameters(net)  # the first step is taken over
    values = [weight.item()]
    with torch.no_grad():
        for step in range(1, 12):
            weight.fill_(float(step))
            net[1].running_mean.fill_(float(step))
            net[1].num_batches_tracked.fill_(step)
            average.update_parameters(net)
            share = min(0.5, (1 + step) / (10 + step))
            values.append(share * values[-1] + (1 - share) * step)
    assert average.module[0].weight.item() == pytest.approx(values[-1])
    assert 9 < average.module[1].running_mean[0] < 11
    assert average.module[1].num_batches_tracked == 11
    assert not average.module.training
    assert not any(p.requires_grad for p in average.parameters())
    assert weight.requires_grad


def test_two_processes_train_the_net_that_one_would(folder, tmp_path):
    """Three steps in float64, with norms that stand still: on CPUs each process' norms see its own photos alone.

    Sums are made in another order, which leaves nothing but rounding, 1e-7 of each value.

    In float32 the same rounding begins at 1e-7 and grows in these deep nets, where a ReLU may switch, to about 1e-3 of
    a gradient in one step; so the comparison is made where a wrong formula could not hide behind rounding.
    """
    results = {}
    for number in (1, 2):
        run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(number)]
        subprocess.run(
            [*run, str(SCRIPT), str(folder), str(tmp_path / str(number))],
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])},
            check=True,
            capture_output=True,
            timeout=240,
        )
        results[number] = read_checkpoint(tmp_path / str(number) / "checkpoint.pt")
    assert results[1]["position"] == results[2]["position"]
    assert results[1]["position"]["step"] == 3
    for state in ("net", "average"):
        one, two = results[1][state], results[2][state]
        for name, value in one.items():
            assert torch.allclose(value, two[name], rtol=1e-7, atol=1e-9), name
