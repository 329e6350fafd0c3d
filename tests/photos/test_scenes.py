import numpy as np
import pytest

from hrnet_viz.photos.photo import Photo, PhotoError
from hrnet_viz.photos.scenes import BACKGROUND_TOP, checker, mosaic, point_scene

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255)]


def plain(colour, height=40, width=50):
    return Photo(np.full((height, width, 3), colour, np.uint8), str(colour), f"credit of {colour[0]}")


# --- a point ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("size", [64, (48, 96)])
def test_the_brightest_place_is_the_point(seed, size):
    scene = point_scene(size, seed)
    white = np.argwhere((scene.picture.pixels == 255).all(axis=2))
    np.testing.assert_array_equal(white.mean(axis=0), scene.place)
    rest = scene.picture.pixels[(scene.picture.pixels != 255).any(axis=2)]
    assert rest.max() <= BACKGROUND_TOP


def test_the_same_seed_gives_the_same_scene_and_another_another():
    assert point_scene(64, 3) == point_scene(64, 3)
    assert point_scene(64, 3).place != point_scene(64, 4).place
    assert len({point_scene(64, seed).place for seed in range(20)}) > 15


def test_the_scene_is_this_one():
    """Notebooks print facts about it: another texture or place must not come unnoticed."""
    scene = point_scene(64, 0)
    assert scene.place == (35, 34)
    assert scene.picture.pixels.mean() == pytest.approx(70, abs=4)


@pytest.mark.parametrize(("diameter", "pixels"), [(1, 1), (3, 9), (5, 21)])
def test_the_point_has_its_diameter(diameter, pixels):
    white = (point_scene(64, 1, diameter=diameter).picture.pixels == 255).all(axis=2)
    assert white.sum() == pixels


def test_the_point_keeps_away_from_the_border():
    for seed in range(40):
        row, column = point_scene((50, 100), seed, margin=0.2).place
        assert 10 <= row < 40
        assert 20 <= column < 80


def test_the_texture_is_coarse_and_fine_and_has_colour_like_a_photo():
    pixels = point_scene(128, 0).picture.pixels.astype(float)
    grey = pixels.mean(axis=2)
    assert grey.std() > 15
    power = np.abs(np.fft.rfft2(grey - grey.mean())) ** 2
    assert power[1:4, 1:4].mean() > 30 * power[12:24, 12:24].mean() > 0
    assert power[30:60, 30:60].mean() > 1
    assert 2 < np.ptp(pixels, axis=2).mean() < 60


def test_tiny_pictures_work_and_bad_values_are_refused():
    assert point_scene(1).picture.pixels.shape == (1, 1, 3)
    assert point_scene((2, 7)).picture.pixels.shape == (2, 7, 3)
    for words in ({"diameter": 0}, {"margin": 0.5}, {"margin": -0.1}):
        with pytest.raises(ValueError, match="diameter is"):
            point_scene(64, **words)
    with pytest.raises(ValueError, match="size is"):
        point_scene((64, 64, 3))


# --- a checker --------------------------------------------------------------------------------------------------------


def test_a_checker_alternates_from_black():
    assert checker((4, 6), 2).pixels[:, :, 0].tolist() == [
        [0, 0, 255, 255, 0, 0],
        [0, 0, 255, 255, 0, 0],
        [255, 255, 0, 0, 255, 255],
        [255, 255, 0, 0, 255, 255],
    ]
    with pytest.raises(ValueError, match="cell is 0"):
        checker(8, 0)


# --- a mosaic ---------------------------------------------------------------------------------------------------------


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


def test_boxes_go_row_by_row():
    boxes = mosaic([plain(colour) for colour in COLOURS[:4]], (2, 2), 64).boxes
    assert boxes == ((0, 0, 32, 32), (32, 0, 64, 32), (0, 32, 32, 64), (32, 32, 64, 64))


def test_crop_keeps_shapes_and_squash_keeps_everything():
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :10] = 255  # outside of the middle square
    photos = [Photo(pixels)]
    assert mosaic(photos, (1, 1), 40, fit="crop").picture.pixels.max() == 0
    assert mosaic(photos, (1, 1), 40, fit="squash").picture.pixels.max() == 255


def test_every_credit_is_kept_once():
    scene = mosaic([plain(COLOURS[0]), plain(COLOURS[1]), plain(COLOURS[0]), plain(COLOURS[0])])
    assert scene.picture.credit == "credit of 255 | credit of 0"


def test_a_wrong_number_of_photos_and_too_many_cells_are_refused():
    with pytest.raises(PhotoError, match="takes 4 photos, but 3 were given"):
        mosaic([plain(RED) for RED in COLOURS[:3]])
    with pytest.raises(ValueError, match="doesn't fit"):
        mosaic([plain(COLOURS[0])] * 4, (2, 2), 1)
