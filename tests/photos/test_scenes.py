import numpy as np
import pytest

from hrnet_viz import Photo, PhotoError
from hrnet_viz.photos.scenes import BACKGROUND_TOP, checker, mosaic, point_scene

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255)]


def plain(colour, height=40, width=50):
    return Photo(np.full((height, width, 3), colour, np.uint8), str(colour), f"credit of {colour[0]}")


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("size", [64, (48, 96)])
def test_the_brightest_place_is_the_point_of_nine_pixels(seed, size):
    scene = point_scene(size, seed)
    white = (scene.picture.pixels == 255).all(axis=2)
    assert white.sum() == 9
    np.testing.assert_array_equal(np.argwhere(white).mean(axis=0), scene.place)
    assert scene.picture.pixels[~white].max() <= BACKGROUND_TOP


def test_the_same_seed_gives_the_same_scene_and_another_another():
    assert point_scene(64, 3) == point_scene(64, 3)
    places = [point_scene((50, 100), seed).place for seed in range(40)]
    assert len(set(places)) > 30
    assert all(5 <= row < 45 and 10 <= column < 90 for row, column in places)  # away from the border


def test_the_scene_is_this_one():
    """Notebooks print facts about it: another texture or place must not come unnoticed."""
    scene = point_scene(64, 0)
    assert scene.place == (35, 34)
    assert scene.picture.pixels.mean() == pytest.approx(70, abs=4)
    assert scene.picture.pixels.std() > 15


def test_tiny_pictures_work_and_bad_sizes_are_refused():
    assert point_scene(1).picture.pixels.shape == (1, 1, 3)
    assert point_scene((2, 7)).picture.pixels.shape == (2, 7, 3)
    with pytest.raises(ValueError, match="size is"):
        point_scene((64, 64, 3))


def test_a_checker_alternates_from_black():
    assert (checker((4, 6), 2).pixels[:, :, 0] == np.kron([[0, 1, 0], [1, 0, 1]], np.full((2, 2), 255))).all()
    with pytest.raises(ValueError, match="cell is 0"):
        checker(8, 0)


@pytest.mark.parametrize(("grid", "size"), [((2, 2), 64), ((2, 3), (65, 64)), ((1, 3), (17, 31)), ((3, 1), (31, 17))])
@pytest.mark.parametrize("fit", ["crop", "squash"])
def test_each_box_holds_its_photo_and_the_boxes_tile_the_picture(grid, size, fit):
    colours = COLOURS[: grid[0] * grid[1]]
    scene = mosaic([plain(colour) for colour in colours], grid, size, fit=fit)
    covered = np.zeros(scene.picture.pixels.shape[:2], int)
    for colour, (left, top, right, bottom) in zip(colours, scene.boxes, strict=True):
        assert (scene.picture.pixels[top:bottom, left:right] == colour).all()
        covered[top:bottom, left:right] += 1
    assert (covered == 1).all()


def test_boxes_go_row_by_row_and_every_credit_is_kept_once():
    scene = mosaic([plain(COLOURS[k]) for k in (0, 1, 0, 0)], (2, 2), 64)
    assert scene.boxes == ((0, 0, 32, 32), (32, 0, 64, 32), (0, 32, 32, 64), (32, 32, 64, 64))
    assert scene.picture.credit == "credit of 255 | credit of 0"


@pytest.mark.parametrize(("fit", "brightest"), [("crop", 0), ("squash", 255)])
def test_crop_keeps_shapes_and_squash_keeps_everything(fit, brightest):
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :10] = 255  # outside of the middle square
    assert mosaic([Photo(pixels)], (1, 1), 40, fit=fit).picture.pixels.max() == brightest


def test_a_wrong_number_of_photos_and_too_many_cells_are_refused():
    with pytest.raises(PhotoError, match="takes 4 photos, but 3 were given"):
        mosaic([plain(colour) for colour in COLOURS[:3]])
    with pytest.raises(ValueError, match="doesn't fit"):
        mosaic([plain(COLOURS[0])] * 4, (2, 2), 1)
