"""Train three steps in float64, alone or as one of the processes that torchrun started: FOLDER INTO."""

import sys
from pathlib import Path

import torch

from hrnet_viz.photos.folder import list_classes
from hrnet_viz.photos.preparation import Preparation
from recipes.teaching_net import train as training_room
from recipes.teaching_net.photos import read_photos
from recipes.teaching_net.schedule import Phase, Recipe
from recipes.teaching_net.session import ProcessGroup, RunOptions

RECIPE = Recipe(
    variant="hrnet_w18_small_v1",
    phases=(Phase(1, (64,), still=True),),
    clip=1.0,
    batch=8,
    peak_rate=0.02,
    autocast="off",
)


def train(folder: Path, into: Path) -> None:
    """Train and leave a checkpoint."""
    torch.set_num_threads(1)
    photos = read_photos(list_classes(folder / "train"), Preparation(size=(40, 40)))
    group = ProcessGroup.join(torch.device("cpu"))
    training = training_room.Training(RECIPE, photos, RunOptions(into, stop_after=3), group, lambda _: None)
    training.net.double()
    training.average.double()
    normalise = training_room.normalise
    training_room.normalise = lambda *given, **named: normalise(*given, **named).double()
    training.run()
    group.leave()


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]))
