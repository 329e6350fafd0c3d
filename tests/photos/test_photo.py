import copy
import io
import pickle

import numpy as np
import pytest
from PIL import Image

from hrnet_viz import Photo, PhotoError
from hrnet_viz.photos.photo import SHOWN_SIDE
from tests.photos import pictures


def noise(height, width, seed=0):
    return pictures.noise(height, width, seed).pixels


@pytest.mark.parametrize("writeable", [True, False])
def test_the_pixels_are_a_copy_that_nobody_can_write_to(writeable):
    pixels = noise(4, 5).copy()
    given = pixels[:]
    given.flags.writeable = writeable  # a read-only view of a writeable array is copied too
    photo = Photo(given, "n")
    before = photo.pixels.copy()
    pixels[:] = 0
    np.testing.assert_array_equal(photo.pixels, before)
    with pytest.raises(ValueError, match="read-only"):
        photo.pixels[0, 0, 0] = 1
    with pytest.raises(AttributeError):
        photo.pixels = pixels


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda photo: pickle.loads(pickle.dumps(photo))])
def test_copies_stay_read_only_and_equal(again):
    photo = Photo(noise(4, 5), "n", "me")
    other = again(photo)
    assert other == photo
    assert hash(other) == hash(photo)
    assert not other.pixels.flags.writeable


def test_photos_differ_by_pixels_name_and_credit():
    photo = Photo(noise(4, 5), "n", "me")
    assert photo != Photo(noise(4, 5, seed=1), "n", "me")
    assert photo != Photo(noise(4, 5), "m", "me")
    assert photo != Photo(noise(4, 5), "n", "you")
    assert photo != "n"


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.zeros((4, 5), np.uint8), r"shape \(4, 5\)"),
        (np.zeros((4, 5, 3)), "float64"),
        (np.zeros((4, 5, 4), np.uint8), r"\(4, 5, 4\)"),
        (np.zeros((0, 5, 3), np.uint8), "at least one pixel"),
        ("cat.jpg", "a str"),
        (None, "a NoneType"),
    ],
)
def test_other_pixels_are_refused_in_a_sentence(pixels, words):
    with pytest.raises(PhotoError, match=words):
        Photo(pixels)


def test_a_photo_goes_to_pil_and_numpy_unchanged():
    photo = Photo(noise(4, 5))
    np.testing.assert_array_equal(np.asarray(photo.image()), photo.pixels)
    np.testing.assert_array_equal(np.asarray(photo), photo.pixels)
    assert np.asarray(photo, dtype=np.float32).dtype == np.float32
    writeable = np.array(photo)
    writeable[:] = 0
    assert photo.pixels.any()
    assert (photo.height, photo.width) == (4, 5)


def test_a_notebook_gets_the_same_png_each_time_with_a_text_alternative():
    photo = Photo(noise(20, 30), "cat", "somebody")
    assert repr(photo) == "Photo('cat', 30 x 20 pixels)"
    data, metadata = photo._repr_mimebundle_(include=None, exclude=None)
    assert data["image/png"] == Photo(noise(20, 30), "cat", "somebody")._repr_png_()
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data["image/png"]))), photo.pixels)
    assert data["text/plain"] == "Photo('cat', 30 x 20 pixels), somebody"
    assert metadata["image/png"]["alt"] == data["text/plain"]


def test_a_large_photo_is_shown_small_and_kept_whole():
    photo = Photo(noise(600, 1200))
    shown = Image.open(io.BytesIO(photo._repr_png_()))
    assert shown.size == (SHOWN_SIDE, SHOWN_SIDE // 2)
    assert photo.pixels.shape == (600, 1200, 3)


def test_jupyter_itself_accepts_the_bundle():
    formatter = pytest.importorskip(
        "IPython.core.formatters", reason="IPython comes with the lab extra"
    ).DisplayFormatter()
    data, metadata = formatter.format(Photo(noise(4, 5), "cat"))
    assert data["text/plain"] == "Photo('cat', 5 x 4 pixels)"
    assert data["image/png"]
    assert metadata["image/png"]["alt"]
