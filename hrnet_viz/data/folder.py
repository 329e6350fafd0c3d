"""Folders of photos: which files count, what systems leave there, and folders whose sub-folders are classes.

Every command lists folders with these functions, so a photo that counts for one counts for all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ENDINGS = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .avif .gif .bmp .tif .tiff .ppm .pgm .jp2 .heic .heif".split()  # noqa: SIM905
)
"""Endings of photos; a file with another one, or with none, is looked into."""

SYSTEM = frozenset({"__macosx", "@eadir", "$recycle.bin", "system volume information", "thumbs.db", "desktop.ini"})
"""What macOS, a NAS and Windows leave in folders, beside all names that begin with a dot."""


@dataclass(frozen=True)
class Listing:
    """The photos of a folder and of all below it.

    Attributes:
        paths: the photos, by their paths inside the folder, sorted.
        left_out: files that are none, likewise; not counting what systems leave there.
    """

    paths: tuple[str, ...]
    left_out: tuple[str, ...]

    def describe_left_out(self) -> str:
        """Return a sentence about the files that are no photos, "" where there are none."""
        return describe_left_out(self.left_out)


def list_photos(folder: Path) -> Listing:
    """List the photos of a folder and of all below it."""
    photos: list[str] = []
    others: list[str] = []
    for home, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in files:
            if is_hidden(name):
                continue
            path = Path(home, name)
            is_photo = path.suffix.lower() in ENDINGS or _looks_like_photo(path)
            (photos if is_photo else others).append(path.relative_to(folder).as_posix())
    return Listing(tuple(sorted(photos)), tuple(sorted(others)))


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or something that a system leaves in folders."""
    return name.startswith((".", "~$")) or name.casefold() in SYSTEM


def describe_left_out(names: Sequence[str]) -> str:
    """Return a sentence about files that were left out, "" where there are none."""
    if not names:
        return ""
    were = "1 file was" if len(names) == 1 else f"{len(names)} files were"
    return f"{were} left out, being no photos: {shorten(names)}."


def shorten(names: Sequence[str], most: int = 6) -> str:
    """Return names as a list for a sentence, the first few of many."""
    return ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "")


@dataclass(frozen=True)
class PhotoFolder:
    """A folder whose sub-folders are classes.

    Attributes:
        root: the folder.
        classes: names of the sub-folders; whole numbers in the order of numbers, else in alphabetical order.
        paths: the photos.
        labels: index into ``classes`` of each photo.
        left_out: files that are no photos, by their paths inside the folder.
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


def list_classes(root: str | Path) -> PhotoFolder:
    """List the photos of a folder of class folders, without reading them.

    Raises:
        ValueError: no such folder, no class folder, or no photo in it.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise ValueError(f"There is no folder '{root}'. Give a folder that has one folder of photos for each class.")
    entries = [entry for entry in root.iterdir() if not is_hidden(entry.name)]
    classes = [entry.name for entry in entries if entry.is_dir()]
    classes.sort(key=(lambda name: (int(name), name)) if all(map(str.isdecimal, classes)) else None)
    paths: list[Path] = []
    labels: list[int] = []
    left_out = sorted(entry.name for entry in entries if not entry.is_dir())
    for label, name in enumerate(classes):
        found = list_photos(root / name)
        paths += [root / name / path for path in found.paths]
        labels += [label] * len(found.paths)
        left_out += [f"{name}/{path}" for path in found.left_out]
    if not paths:
        raise ValueError(f"'{root}' has no photos in class folders; expected '{root}/cat/1.jpg' and so on.")
    return PhotoFolder(root, tuple(classes), tuple(paths), tuple(labels), tuple(left_out))


def _looks_like_photo(path: Path) -> bool:
    """Whether a file without the ending of a photo begins as one."""
    from PIL import Image

    from hrnet_viz.data.reading import FORMATS

    Image.init()
    try:
        with path.open("rb") as file, Image.open(file, formats=[one for one in FORMATS if one in Image.OPEN]):
            return True
    except Exception:  # noqa: BLE001  # reading other people's files, plugins raise whatever comes: it is no photo
        return False
