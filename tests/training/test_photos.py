import numpy as np
import pytest
import torch
from PIL import Image

from hrnet_viz.photos.folder import list_classes
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.training.photos import hold_back, read_photos


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
