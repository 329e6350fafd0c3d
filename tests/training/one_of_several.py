"""Train three steps in float64, alone or as one of the processes that torchrun started: FOLDER INTO."""

import sys
from pathlib import Path

import torch

from hrnet_viz.photos.folder import list_classes
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.training import loop
from hrnet_viz.training.config import Phase, Recipe
from hrnet_viz.training.distributed import join_world
from hrnet_viz.training.photos import read_photos
from hrnet_viz.training.records import Habits

RECIPE = Recipe(variant="hrnet_w18_small_v1", phases=(Phase(1, (64,)),), batch=8, peak_rate=0.02, autocast="off")


def train(folder: Path, into: Path) -> None:
    """Train and leave a checkpoint."""
    torch.set_num_threads(1)
    photos = read_photos(list_classes(folder / "train"), Preparation(size=(40, 40)))
    world = join_world(torch.device("cpu"))
    training = loop.Training(RECIPE, photos, Habits(into, stop_after=3), world, lambda _: None)
    training.net.double()
    training.average.net.double()
    normalise = loop.normalise
    loop.normalise = lambda *given, **named: normalise(*given, **named).double()
    training.run()
    world.leave()


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]))
