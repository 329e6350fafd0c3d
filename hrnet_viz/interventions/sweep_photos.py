"""The photos of a sweep: named, and read only when their turn comes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from torch import Tensor

from hrnet_viz.photos.decode import read_image
from hrnet_viz.photos.folder import list_photos as folder_photos
from hrnet_viz.photos.photo import Photo, PhotoError, printable
from hrnet_viz.photos.preparation import prepare
from hrnet_viz.runner import check_base
from hrnet_viz.tracing import Trace

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.decode import ImageSource

SweepPhotos: TypeAlias = "Trace | ImageSource | Sequence[ImageSource] | Path"


@dataclass(frozen=True, slots=True)
class Source:
    """One photo to come.

    Attributes:
        name: a name that no other has.
        read: from the net that prepares it to the input tensor (1, 3, H, W); raises a PhotoError.
    """

    name: str
    read: Callable[[HRNet], Tensor]


def list_photos(net: HRNet, photos: SweepPhotos) -> tuple[Source, ...]:
    """Return the photos of a sweep; none is read yet.

    Args:
        net: prepares them.
        photos: a folder, with all below it, in the order of their names; a photo, as Photo, path or array; several of
            these, where the folder's name stands before those of its photos; a ready tensor (N, 3, H, W); or a trace.

    Raises:
        ValueError: no photo at all, an empty folder, or a single photo that cannot be read.
    """
    if isinstance(photos, (Tensor, Trace)):
        if isinstance(photos, Trace):
            check_base(net, photos)
        x = photos.input.detach() if isinstance(photos, Trace) else prepare(net, photos)
        known = [photo.name for photo in photos.photos] if isinstance(photos, Trace) else []
        names = known or [f"photo {number}" for number in range(len(x))]
        return _distinct(Source(name, partial(_ready, x[row : row + 1].clone())) for row, name in enumerate(names))
    if _is_folder(photos):
        return _distinct(_list_folder(Path(photos).expanduser()))
    several = photos if isinstance(photos, (list, tuple)) else [photos]
    if not several:
        raise ValueError("No photo was given to sweep over. Give a photo, several, or a folder.")
    sources: list[Source] = []
    for number, one in enumerate(several):
        if _is_folder(one):
            folder = Path(one).expanduser().resolve()
            sources += [Source(f"{folder.name}/{each.name}", each.read) for each in _list_folder(folder)]
        else:
            sources.append(_one(number, one))
    if len(sources) == 1:
        sources[0].read(net)  # there is nothing to go on with without it
    return _distinct(sources)


def _is_folder(photos: object) -> TypeGuard[str | Path]:
    try:
        return isinstance(photos, (str, Path)) and photos != "" and Path(photos).expanduser().is_dir()
    except (OSError, RuntimeError):  # too long a name, or no home: read_image has the sentence
        return False


def _list_folder(folder: Path) -> tuple[Source, ...]:
    return tuple(Source(name, partial(_prepare_file, folder, name)) for name in find_files(folder))


def find_files(folder: Path) -> list[str]:
    """Return the photos of a folder and of all below it, by their paths inside it, sorted.

    Raises:
        ValueError: there is none.
    """
    found = folder_photos(folder)
    if not found.paths:
        raise ValueError(f"There is no photo in the folder '{folder.name}'. {found.describe_left_out()}".rstrip())
    if found.left_out:
        warnings.warn(found.describe_left_out(), stacklevel=2)
    return list(found.paths)


def _one(number: int, photo: Any) -> Source:
    if isinstance(photo, Photo):
        name = photo.name
    else:
        name = Path(photo).name if isinstance(photo, (str, Path)) else f"photo {number}"
    return Source(name, partial(_prepare, photo))


def _ready(x: Tensor, _: HRNet) -> Tensor:
    return x


def _prepare(photo: Any, net: HRNet) -> Tensor:
    return prepare(net, read_image(photo))


def _prepare_file(folder: Path, name: str, net: HRNet) -> Tensor:
    try:
        return _prepare(folder / name, net)
    except PhotoError as error:
        # Where the folder lies on this machine is nobody's business who reads the table.
        raise PhotoError(str(error).replace(str(folder / name), name)) from error


def _distinct(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Number those that share a name, so that each row of the table tells its photo."""
    result: dict[str, Source] = {}
    for source in sources:
        name = first = printable(source.name)
        again = 1
        while name in result:
            again += 1
            name = f"{first} ({again})"
        result[name] = Source(name, source.read)
    return tuple(result.values())
