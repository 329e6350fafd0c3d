"""Folders of photos, and folders of class folders: the one listing, so a photo that counts for one counts for all."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrnet_viz.photos.decode import ENDINGS, looks_like_photo, read_image
from hrnet_viz.photos.photo import Photo, printable

# How names begin of what is hidden, and what macOS, a NAS, Linux and Windows leave in folders.
_HIDDEN = re.compile(
    r"\.|~\$|(__macosx|icon\r|[@#](eadir|tmp|recycle|snapshot|recently-snapshot)|lost\+found|\$recycle\.bin|recycler|"
    r"system volume information|(eh)?thumbs\.db|desktop\.ini)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Listing:
    """The photos of a folder and of all below it.

    Attributes:
        paths: the photos, by their paths inside the folder, sorted.
        left_out: files that are none, and folders that may not be read, likewise; not what systems leave there.
    """

    paths: tuple[str, ...]
    left_out: tuple[str, ...]

    def describe_left_out(self) -> str:
        """Return a sentence about the files that are no photos, "" where there are none."""
        number = len(self.left_out)
        were = "1 file was" if number == 1 else f"{number} files were"
        return f"{were} left out: {shorten(self.left_out)}." if number else ""


def list_photos(folder: Path) -> Listing:
    """List the photos of a folder and of all below it, those behind links too, none by two ways."""
    photos: list[str] = []
    others: list[str] = []
    seen: set[str] = set()  # a link may lead back up

    def note_closed(error: OSError) -> None:
        others.append(f"{os.path.relpath(error.filename, folder)} (may not be read)")

    for home, folders, files in os.walk(folder, onerror=note_closed, followlinks=True):
        real = os.path.realpath(home)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in files:
            path = Path(home, name)
            if not _is_hidden(name):
                is_photo = path.suffix.lower() in ENDINGS or looks_like_photo(path)
                (photos if is_photo else others).append(path.relative_to(folder).as_posix())
    return Listing(tuple(sorted(photos)), tuple(sorted(others)))


def _is_hidden(name: str) -> bool:
    return _HIDDEN.match(name) is not None


def shorten(names: Sequence[str], most: int = 6) -> str:
    """Return names as a list for a sentence, the first few of many."""
    return printable(", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else ""))


@dataclass(frozen=True)
class PhotoFolder:
    """A folder whose sub-folders are classes.

    Attributes:
        root: the folder.
        classes: names of the sub-folders; whole numbers in the order of numbers, else in alphabetical order.
        paths: the photos.
        labels: index into ``classes`` of each photo.
        left_out: files that are no photos, or in no class folder, and empty class folders.
    """

    root: Path
    classes: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: tuple[int, ...]
    left_out: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.paths)

    def pick(self, chosen: Sequence[int]) -> PhotoFolder:
        """Return the same folder with these photos only."""
        paths, labels = (tuple(values[i] for i in chosen) for values in (self.paths, self.labels))
        return PhotoFolder(self.root, self.classes, paths, labels)  # type: ignore[arg-type]  # one is paths, one numbers


def list_classes(root: str | Path, say: Callable[[str], object] | None = None) -> PhotoFolder:
    """List the photos of a folder of class folders, without reading them.

    Args:
        root: the folder.
        say: takes a line about files that were left out.

    Raises:
        ValueError: no such folder, no class folder, or no photo in it.
    """
    try:
        root = Path(root).expanduser()
        names = sorted(entry.name for entry in root.iterdir() if not _is_hidden(entry.name))
        classes = [name for name in names if (root / name).is_dir()]
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"There is no folder '{root}' that can be listed ({getattr(error, 'strerror', None) or error}). Give a "
            "folder that has one folder of photos for each class."
        ) from error
    if all(map(str.isdecimal, classes)):
        classes.sort(key=int)
    paths: list[Path] = []
    labels: list[int] = []
    left_out = [f"{name} (in no class folder)" for name in names if name not in classes]
    for label, name in enumerate(classes):
        found = list_photos(root / name)
        paths += [root / name / path for path in found.paths]
        labels += [label] * len(found.paths)
        left_out += [f"{name}/{path}" for path in found.left_out] + [f"{name} (without photos)"] * (not found.paths)
    told = Listing((), tuple(left_out)).describe_left_out()
    if not paths:
        raise ValueError(
            f"'{root}' has no photos in class folders; expected '{root}/cat/1.jpg' and so on. {told}".rstrip()
        )
    if say and told:
        say(told)
    return PhotoFolder(root, tuple(map(printable, classes)), tuple(paths), tuple(labels), tuple(left_out))


@dataclass(frozen=True)
class PhotoFiles(Sequence[Photo]):
    """Photos that are read each time they are asked for, so that neither memory nor another process holds them all."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.paths)

    def __getitem__(self, number: Any) -> Any:  # of a photo; sequences are also asked for slices
        """Read a photo."""
        return PhotoFiles(self.paths[number]) if isinstance(number, slice) else read_image(self.paths[number])
