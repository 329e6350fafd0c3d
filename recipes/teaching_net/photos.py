"""Photos of class folders: hold some back, decode them once, augment them, each with random numbers of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from hrnet_viz.photos.decode import read_image
from hrnet_viz.photos.folder import PhotoFolder
from hrnet_viz.photos.photo import PhotoError
from hrnet_viz.photos.preparation import Preparation
from recipes.teaching_net.schedule import Recipe, Schedule, Step


def hold_back(folder: PhotoFolder, share: float, seed: int) -> tuple[PhotoFolder, PhotoFolder]:
    """Split into photos to train on and photos held back, class by class, the same way for the same seed."""
    chance = np.random.default_rng((seed, 3))
    held: set[int] = set()
    labels = np.asarray(folder.labels)
    for label in range(len(folder.classes)):
        members = np.flatnonzero(labels == label)
        held |= {int(i) for i in chance.permutation(members)[: round(share * len(members))]}
    rest = [i for i in range(len(folder)) if i not in held]
    return folder.pick(rest), folder.pick(sorted(held))


@dataclass(frozen=True)
class Photos:
    """Decoded photos in memory.

    Attributes:
        pixels: uint8 (N, 3, side, side), channels innermost in memory.
        labels: int64 (N,).
        classes: class names.
        skipped: photos that could not be read, each with the reason.
    """

    pixels: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    skipped: tuple[str, ...]

    def __len__(self) -> int:
        """Number of photos."""
        return len(self.pixels)


def read_photos(
    folder: PhotoFolder,
    preparation: Preparation,
    log: Callable[[str], object] | None = None,
    *,
    allow_none: bool = False,
) -> Photos:
    """Decode a folder once, each photo made to fit as the preparation says; its normalisation isn't used here.

    A photo that can't be read is left out, and named in ``skipped`` and through ``log``, which takes lines for people.

    Raises:
        ValueError: not a single photo could be read, unless that is allowed.
    """
    height, width = preparation.size
    store = np.empty((len(folder), height, width, 3), dtype=np.uint8)
    labels: list[int] = []
    skipped: list[str] = []
    for path, label in zip(folder.paths, folder.labels, strict=True):
        try:
            store[len(labels)] = preparation.picture(read_image(path)).pixels
        except PhotoError as error:
            skipped.append(str(error))
            if log:
                log(f"Skipped: {error}")
            continue
        labels.append(label)
    if not labels and not allow_none:
        raise ValueError(f"Not one of the {len(folder)} photos in '{folder.root}' could be read: {skipped[0]}")
    pixels = torch.from_numpy(store[: len(labels)]).permute(0, 3, 1, 2)
    return Photos(pixels, torch.tensor(labels, dtype=torch.int64), folder.classes, tuple(skipped))


@cache  # of the module, not of an object that travels to other processes
def build_augmentation(size: int, smallest_crop: float, jitter: float) -> v2.Transform:
    """Random crop of at least that share of the area, flip, and change of colours: uint8 (3, H, W) -> (3, size, size).

    The crop comes first: what follows then works on fewer pixels.
    """
    steps: list[v2.Transform] = [
        v2.RandomResizedCrop(size, scale=(smallest_crop, 1.0), antialias=True),
        v2.RandomHorizontalFlip(),
    ]
    if jitter:
        steps.append(v2.ColorJitter(brightness=jitter, contrast=jitter, saturation=jitter))
    return v2.Compose(steps)


class Batches(Dataset[tuple[Tensor, Tensor, Step]]):
    """Augmented batches, addressed by the step that they belong to.

    The random numbers of a photo depend on the seed, the pass and the photo only: neither the number of loading
    processes nor an interruption changes them.

    Args:
        photos: decoded photos.
        recipe: augmentation and seed.
        rank: which process this is, for a share of each batch.
        world: number of processes.
    """

    def __init__(self, photos: Photos, recipe: Recipe, rank: int = 0, world: int = 1) -> None:
        self.photos = photos
        self.recipe = recipe
        self.rank, self.world = rank, world

    def __getitem__(self, step: Step) -> tuple[Tensor, Tensor, Step]:
        """Return pixels uint8 (N, 3, size, size), labels (N,) and the step itself."""
        recipe = self.recipe
        augment = build_augmentation(step.size, recipe.smallest_crop, recipe.jitter)
        mine = step.photos[self.rank :: self.world]
        pixels = torch.empty((len(mine), 3, step.size, step.size), dtype=torch.uint8)
        with torch.random.fork_rng(devices=[]):
            for place, index in enumerate(mine):
                torch.manual_seed(_seed(recipe.seed, step.at.epoch, index))
                pixels[place] = augment(self.photos.pixels[index])
        return pixels, self.photos.labels[list(mine)], step


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence((4, *numbers)).generate_state(1)[0])


class Steps(torch.utils.data.Sampler[Step]):
    """The steps of a schedule, as the loader asks for them."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    def __iter__(self) -> Iterator[Step]:
        """Yield the steps that remain."""
        return iter(self.schedule)
