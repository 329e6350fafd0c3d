import io

import pytest
import torch

from hrnet_viz.training.checkpoint import read_checkpoint
from hrnet_viz.training.distributed import World
from hrnet_viz.training.loop import Training
from hrnet_viz.training.records import Habits


@pytest.fixture
def training(recipe, photos, tmp_path):
    return Training(recipe, photos, Habits(tmp_path), World(0, 1, torch.device("cpu")), lambda _: None)


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
    with pytest.raises(ValueError, match="no checkpoint of hrnet_viz"):
        read_checkpoint(tmp_path / "checkpoint.pt")


def test_a_checkpoint_of_another_recipe_is_not_continued(training, recipe, photos, tmp_path):
    from dataclasses import replace

    training.save()
    other = Training(replace(recipe, peak_rate=0.5), photos, Habits(tmp_path), training.world, lambda _: None)
    with pytest.raises(ValueError, match="another recipe"):
        other.resume()


def test_a_folder_that_has_changed_is_not_continued(training, recipe, photos, tmp_path):
    from dataclasses import replace

    training.save()
    fewer = replace(photos, pixels=photos.pixels[:30], labels=photos.labels[:30])
    other = Training(recipe, fewer, Habits(tmp_path), training.world, lambda _: None)
    with pytest.raises(ValueError, match=r"36 photos, but the folder now gives 30"):
        other.resume()
