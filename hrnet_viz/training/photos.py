"""Photos of class folders: hold some back, decode them once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hrnet_viz.photos.folder import PhotoFolder
from hrnet_viz.photos.photo import PhotoError
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.photos.reading import read_image


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


def read_photos(folder: PhotoFolder, preparation: Preparation, say: Callable[[str], object] | None = None) -> Photos:
    """Decode a folder once, each photo made to fit as the preparation says.

    A photo that can't be read is named through ``say`` and left out.

    Args:
        folder: which photos.
        preparation: size and fit; its normalisation isn't used here.
        say: takes lines for people.

    Raises:
        ValueError: not a single photo could be read.
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
            if say:
                say(f"Skipped: {error}")
            continue
        labels.append(label)
    if not labels:
        raise ValueError(f"Not one of the {len(folder)} photos in '{folder.root}' could be read: {skipped[0]}")
    pixels = torch.from_numpy(store[: len(labels)]).permute(0, 3, 1, 2)
    return Photos(pixels, torch.tensor(labels), folder.classes, tuple(skipped))
