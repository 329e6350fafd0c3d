"""Augmentation of the training photos, each photo with random numbers of its own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from hrnet_viz.training.config import Recipe
from hrnet_viz.training.course import Course, Step
from hrnet_viz.training.photos import Photos


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
        """Give pixels uint8 (N, 3, size, size), labels (N,) and the step itself."""
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
    """The steps of a course, as the loader asks for them."""

    def __init__(self, course: Course) -> None:
        self.course = course

    def __iter__(self) -> Iterator[Step]:
        """Yield the steps that remain."""
        return iter(self.course)
