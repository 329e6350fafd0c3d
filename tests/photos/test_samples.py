import subprocess
import sys

import pytest

from hrnet_viz import PhotoError, photo, photos
from hrnet_viz.photos.photo import SAMPLES

SIZES = {
    "cat": (300, 451),
    "coffee": (400, 600),
    "astronaut": (512, 512),
    "rocket": (427, 640),
    "galaxies": (872, 1000),
    "retina": (1411, 1411),
    "cameraman": (512, 512),
    "coins": (303, 384),
}


def test_the_cat_comes_first_and_every_name_is_checked_here():
    assert photos.names() == tuple(SIZES)


@pytest.mark.parametrize("name", SIZES)
def test_each_sample_has_its_own_size_and_the_licence_that_scikit_image_states_for_it(name):
    from skimage.data import _fetchers

    sample = photo(name)
    assert sample.name == name
    assert sample.pixels.shape == (*SIZES[name], 3)
    assert sample.pixels.std() > 20  # a picture and not a blank
    function = {"cat": "chelsea", "cameraman": "camera", "galaxies": "hubble_deep_field"}.get(name, name)
    words = " ".join(getattr(_fetchers, function).__doc__.split())
    licence = SAMPLES[name].licence
    assert ("public domain" if licence.startswith("Public domain") else licence) in words
    assert SAMPLES[name].author.split(": ")[1].split(",")[0] in words
    assert all(part in sample.credit for part in (licence, SAMPLES[name].author, "scikit-image"))


def test_the_name_that_scikit_image_uses_works_too():
    assert photo("chelsea") == photo("Cat") == photo("cat")


def test_a_wrong_name_gets_the_nearest_and_all_others():
    with pytest.raises(PhotoError, match=r'no sample photo "cofee".*Did you mean coffee\?.*cat, coffee, astronaut'):
        photo("cofee")
    with pytest.raises(PhotoError, match="There are: cat"):
        photo("zzzzzz")
    with pytest.raises(PhotoError, match="no sample photo"):
        photo(None)


def test_without_scikit_image_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(PhotoError, match="pip install scikit-image"):
        photo("cat")


def test_reading_a_sample_imports_neither_scikit_image_nor_pooch_and_opens_no_connection():
    code = (
        "import socket, sys\n"
        "socket.socket.connect = lambda *a: sys.exit('connected')\n"
        "from hrnet_viz.photos.samples import photo\n"
        "photo('cat')\n"
        "print(sorted({'skimage', 'pooch', 'torch', 'torchvision', 'matplotlib'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
