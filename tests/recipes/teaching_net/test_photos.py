"""Photos of class folders: held back, decoded once, augmented alike whoever asks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from hrnet_viz.photos.folder import list_classes
from hrnet_viz.photos.preparation import Preparation
from recipes.teaching_net.photos import Batches, Steps, hold_back, read_photos
from recipes.teaching_net.schedule import Schedule


def test_classes_are_the_folders_in_alphabetical_order(folder):
    photos = list_classes(folder / "train")
    assert photos.classes == ("blue", "green", "red")
    assert [photos.labels.count(i) for i in range(3)] == [12, 12, 12]


def test_photos_held_back_are_fixed_by_the_seed_and_never_trained_on(folder):
    photos = list_classes(folder / "train")
    trained, held = hold_back(photos, 0.25, seed=0)
    assert hold_back(photos, 0.25, seed=0) == (trained, held)
    assert hold_back(photos, 0.25, seed=1) != (trained, held)
    assert not set(trained.paths) & set(held.paths)
    assert set(trained.paths) | set(held.paths) == set(photos.paths)
    assert [held.labels.count(i) for i in range(3)] == [3, 3, 3]


def test_pixels_are_those_of_the_file(folder):
    photos = list_classes(folder / "train").pick([13])
    read = read_photos(photos, Preparation(size=(40, 40)))
    assert torch.equal(read.pixels[0].permute(1, 2, 0), torch.from_numpy(np.array(Image.open(photos.paths[0]))))
    assert read.labels.tolist() == [1]


def test_a_photo_of_another_shape_is_squashed(tmp_path):
    (tmp_path / "cat").mkdir()
    Image.new("RGB", (90, 30), (9, 8, 7)).save(tmp_path / "cat" / "wide.png")
    read = read_photos(list_classes(tmp_path), Preparation(size=(40, 40)))
    assert read.pixels.shape == (1, 3, 40, 40)


def test_a_bad_photo_is_named_and_skipped_and_the_labels_stay_right(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (40, 40)).save(tmp_path / name / "good.png")
    (tmp_path / "cat" / "broken.jpg").write_bytes(b"\xff\xd8 not a photo")
    said = []
    read = read_photos(list_classes(tmp_path), Preparation(size=(40, 40)), said.append)
    assert len(read) == 2
    assert read.labels.tolist() == [0, 1]
    assert len(said) == len(read.skipped) == 1
    assert "broken.jpg" in said[0]


def test_a_folder_without_photos_is_explained(tmp_path):
    with pytest.raises(ValueError, match="There is no folder"):
        list_classes(tmp_path / "nowhere")
    (tmp_path / "cat").mkdir()
    with pytest.raises(ValueError, match="no photos in class folders"):
        list_classes(tmp_path)
    (tmp_path / "cat" / "empty.jpg").touch()
    with pytest.raises(ValueError, match="Not one of the 1 photos"):
        read_photos(list_classes(tmp_path), Preparation(size=(40, 40)))


def steps_of(recipe, photos):
    return list(Schedule(recipe, len(photos)))


def test_a_batch_has_the_size_and_the_labels_of_its_step(recipe, photos):
    step = replace(steps_of(recipe, photos)[0], size=48)
    pixels, labels, same = Batches(photos, recipe)[step]
    assert pixels.shape == (8, 3, 48, 48)
    assert pixels.dtype == torch.uint8
    assert labels.tolist() == photos.labels[list(step.photos)].tolist()
    assert same is step


def test_a_photo_is_augmented_alike_whoever_asks_and_anew_in_each_pass(recipe, photos):
    first, *_, later = steps_of(recipe, photos)
    whole, _, _ = Batches(photos, recipe)[first]
    torch.manual_seed(99)
    again, _, _ = Batches(photos, recipe)[first]
    assert torch.equal(whole, again)
    shares = [Batches(photos, recipe, rank, 2)[first][0] for rank in range(2)]
    assert torch.equal(whole[0::2], shares[0])
    assert torch.equal(whole[1::2], shares[1])
    other_pass = replace(later, photos=first.photos, size=first.size)
    assert later.at.epoch != first.at.epoch
    assert not torch.equal(Batches(photos, recipe)[other_pass][0], whole)


def test_loading_leaves_the_random_numbers_of_others_alone(recipe, photos):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    Batches(photos, recipe)[steps_of(recipe, photos)[0]]
    assert torch.equal(torch.rand(3), expected)


def test_a_loading_process_gives_the_same_batches(recipe, photos):
    course = Schedule(recipe, len(photos))
    loader = DataLoader(
        Batches(photos, recipe), batch_size=None, sampler=Steps(course), num_workers=1, collate_fn=lambda batch: batch
    )
    for (pixels, labels, step), expected in zip(loader, steps_of(recipe, photos), strict=True):
        assert step == expected
        alone = Batches(photos, recipe)[expected]
        assert torch.equal(pixels, alone[0])
        assert torch.equal(labels, alone[1])
