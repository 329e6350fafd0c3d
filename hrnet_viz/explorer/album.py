"""The photos of an explorer, as the net sees them: given by the user, chosen from the samples, or uploaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hrnet_viz.photos.photo import Photo, PhotoError
from hrnet_viz.photos.preparation import Preparation, prepare, read_photos
from hrnet_viz.photos.samples import names as photo_names
from hrnet_viz.photos.samples import photo as sample_photo

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.decode import ImageSource

THUMBNAIL = 64  # px


@dataclass(frozen=True, eq=False)
class Entry:
    """One photo, without its original pixels, of which an upload may have many millions.

    Attributes:
        name: what it is called here; no two are called the same.
        input: what the net gets, (1, 3, H, W).
        picture: what the net sees, uint8 (H, W, 3).
        credit: who made it.
        box: the part of the photo that the net sees, (left, top, right, bottom) in its pixels.
    """

    name: str
    input: Tensor
    picture: NDArray[np.uint8]
    credit: str
    box: tuple[float, float, float, float]

    @property
    def photo(self) -> Photo:
        """What the net sees, under the name of the photo."""
        return Photo(self.picture, self.name, self.credit)


class Album:
    """Photos by name. Samples are read when they are asked for."""

    def __init__(self, net: HRNet, photos: ImageSource | Sequence[ImageSource]) -> None:
        """Take one photo, several, or a ready tensor (N, 3, H, W)."""
        self._net = net
        self._entries: dict[str, Entry] = {}
        if isinstance(photos, Tensor):
            self._add_tensor(prepare(net, photos))
        else:
            for photo in read_photos(photos):
                self.add(photo)
        if not self._entries:
            raise PhotoError("An explorer shows a photo, but none was given. Give one, or a list of several.")

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._entries, *photo_names())))

    def __getitem__(self, name: str) -> Entry:
        if name not in self._entries:
            if name not in photo_names():
                raise PhotoError(f"There is no photo '{name}' here. There are: {', '.join(self)}.")
            self.add(sample_photo(name))
        return self._entries[name]

    @property
    def first(self) -> str:
        """Name of the first photo."""
        return next(iter(self._entries))

    def add(self, photo: Photo) -> Entry:
        """Add a photo; one of the same name gets a number behind it, unless it is the same photo."""
        tensor, picture = prepare(self._net, photo), self._net.preparation.picture(photo).pixels
        name, number = photo.name, 1
        while name in self._entries:
            if np.array_equal(self._entries[name].picture, picture):
                return self._entries[name]
            number += 1
            name = f"{photo.name} ({number})"
        entry = Entry(name, tensor, picture, photo.credit, self._net.preparation.box(photo))
        self._entries[name] = entry
        return entry

    def _add_tensor(self, tensor: Tensor) -> None:
        height, width = tensor.shape[2:]
        for number, one in enumerate(tensor):
            name = "photo" if len(tensor) == 1 else f"photo {number}"
            values = one[None].detach()
            picture = _undo(self._net.preparation, values)
            self._entries[name] = Entry(name, values, picture, "", (0.0, 0.0, float(width), float(height)))

    def thumbnails(self, names: Iterable[str] | None = None) -> tuple[tuple[str, ...], bytes]:
        """Return names and small pictures, uint8 (number, THUMBNAIL, THUMBNAIL, 3), of these, or of all."""
        names, pictures = tuple(self if names is None else names), []
        for name in names:
            photo = self._entries[name].photo if name in self._entries else sample_photo(name)
            small = photo.image().resize((THUMBNAIL, THUMBNAIL), reducing_gap=2)
            pictures.append(np.asarray(small).tobytes())
        return names, b"".join(pictures)


def _undo(preparation: Preparation, values: Tensor) -> NDArray[np.uint8]:
    """Return the picture that a ready tensor was made of; grey where it is none."""
    if not bool(torch.isfinite(values).all()):
        return np.full((*values.shape[2:], 3), 128, np.uint8)
    undone = preparation.undo(values)
    return (undone[0] if isinstance(undone, tuple) else undone).pixels
