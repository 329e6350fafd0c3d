"""A folder of tiny photos: three classes that differ in colour, so that a few steps already teach something."""

import numpy as np
import pytest
import torch
from PIL import Image

from hrnet_viz.photos.folder import list_classes
from hrnet_viz.photos.preparation import Preparation
from recipes.teaching_net.photos import read_photos
from recipes.teaching_net.schedule import Phase, Recipe

COLOURS = {"blue": (40, 60, 200), "green": (40, 190, 60), "red": (210, 50, 40)}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Give a folder with train/ (12 photos a class) and val/ (4), 40 x 40 px."""
    root = tmp_path_factory.mktemp("photos")
    chance = np.random.default_rng(0)
    for part, count in (("train", 12), ("val", 4)):
        for name, colour in COLOURS.items():
            (root / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = np.clip(np.array(colour) + chance.normal(0, 25, (40, 40, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(root / part / name / f"{i:02}.png")
    return root


@pytest.fixture(scope="session")
def recipe():
    """Give a recipe that takes a second: 9 passes of 4 batches, at 32 and 48 px."""
    return Recipe(
        variant="hrnet_w18_small_v1",
        phases=(Phase(2, (32,)), Phase(1, (32, 48))),
        batch=8,
        peak_rate=0.02,
        ema_decay=0.9,
        held_back=0.1,
        stored=40,
        autocast="off",
    )


@pytest.fixture(scope="session")
def photos(folder):
    """Give the 36 training photos, decoded."""
    return read_photos(list_classes(folder / "train"), Preparation(size=(40, 40)))


@pytest.fixture(autouse=True)
def one_thread():
    """Keep to one thread: sums in another order would hide whether a run is continued exactly."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
