"""The photos of a sweep: named, and read only when their turn comes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from torch import Tensor

from hrnet_viz.photos.decode import read_image
from hrnet_viz.photos.folder import list_photos
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
    """One photo to come: a name that no other has, and the picture or the ready tensor (1, 3, H, W)."""

    name: str
    picture: Any = None
    ready: Tensor | None = None
    listed: bool = False

    def read(self, net: HRNet) -> Tensor:
        """Return the input tensor (1, 3, H, W), as ``net`` prepares it."""
        if self.ready is not None:
            return self.ready
        try:
            return prepare(net, read_image(self.picture))
        except PhotoError as error:
            if not self.listed:
                raise
            # Where the folder lies on this machine does not concern whoever reads the table.
            raise PhotoError(str(error).replace(str(self.picture), self.name)) from error


def list_sources(net: HRNet, photos: SweepPhotos) -> tuple[Source, ...]:
    """Return the photos of a sweep, none of them read yet; a folder's name stands before those of several folders."""
    if isinstance(photos, (Tensor, Trace)):
        if isinstance(photos, Trace):
            check_base(net, photos)
        x = photos.input.detach() if isinstance(photos, Trace) else prepare(net, photos)
        known = [photo.name for photo in photos.photos] if isinstance(photos, Trace) else []
        names = known or [f"photo {number}" for number in range(len(x))]
        return _distinct(Source(name, ready=x[row : row + 1].clone()) for row, name in enumerate(names))
    if _is_folder(photos):
        return _distinct(_list_folder(Path(photos)))
    several = photos if isinstance(photos, (list, tuple)) else [photos]
    if not several:
        raise ValueError("No photo was given to sweep over. Give a photo, several, or a folder.")
    sources: list[Source] = []
    for number, one in enumerate(several):
        if _is_folder(one):
            folder = Path(one).expanduser().resolve()
            sources += [replace(each, name=f"{folder.name}/{each.name}") for each in _list_folder(folder)]
        elif isinstance(one, Photo):
            sources.append(Source(one.name, one))
        else:
            sources.append(Source(Path(one).name if isinstance(one, (str, Path)) else f"photo {number}", one))
    if len(sources) == 1:
        sources[0].read(net)  # there is nothing to go on with without it
    return _distinct(sources)


def _is_folder(photos: object) -> TypeGuard[str | Path]:
    try:
        return isinstance(photos, (str, Path)) and photos != "" and Path(photos).expanduser().is_dir()
    except (OSError, RuntimeError):  # too long a name, or no home: read_image has the sentence
        return False


def _list_folder(folder: Path) -> list[Source]:
    return [Source(name, folder.expanduser() / name, listed=True) for name in find_files(folder.expanduser())]


def find_files(folder: Path) -> tuple[str, ...]:
    """Return the photos of a folder and of all below it, by their paths inside it, sorted; a ValueError if none is."""
    found = list_photos(folder)
    if not found.paths:
        raise ValueError(f"There is no photo in the folder '{folder.name}'. {found.describe_left_out()}".rstrip())
    if found.left_out:
        warnings.warn(found.describe_left_out(), stacklevel=2)
    return found.paths


def _distinct(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Number those that share a name, so that each row of the table tells its photo."""
    result: dict[str, Source] = {}
    for source in sources:
        name = first = printable(source.name)
        again = 1
        while name in result:
            again += 1
            name = f"{first} ({again})"
        result[name] = replace(source, name=name)
    return tuple(result.values())
