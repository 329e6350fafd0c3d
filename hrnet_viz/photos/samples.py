"""Licence-clear sample photos: files that lie inside scikit-image's wheel. Nothing is downloaded.

The folder is found without importing scikit-image: its own loader would ask `pooch` for the files that aren't there.
Credits and licences are those that `skimage.data` states for each file; pictures for which it states none (such as the
motorcycle and the moon) are left out.
"""

from __future__ import annotations

import difflib
import importlib.util
from pathlib import Path

from hrnet_viz.photos.decode import read_image
from hrnet_viz.photos.photo import SAMPLES, Photo, PhotoError


def names() -> tuple[str, ...]:
    """Return the names of the sample photos, the cat first."""
    return tuple(SAMPLES)


def photo(name: str) -> Photo:
    """Read a sample photo.

    Args:
        name: one of `hv.photos.names()`, or the name of its file in scikit-image, such as "chelsea".

    Returns:
        The photo in its own size, with its credit and licence.

    Raises:
        PhotoError: for another name, with the nearest ones; or if scikit-image isn't installed.
    """
    by_any_name = {Path(sample.file).stem: key for key, sample in SAMPLES.items()} | {key: key for key in SAMPLES}
    key = by_any_name.get(str(name).strip().lower())
    if key is None:
        nearest = {by_any_name[word] for word in difflib.get_close_matches(str(name).lower(), by_any_name, n=3)}
        guess = f" Did you mean {' or '.join(sorted(nearest))}?" if nearest else ""
        raise PhotoError(
            f'There is no sample photo "{name}".{guess} There are: {", ".join(SAMPLES)}. '
            "read_image reads a file of your own."
        )
    sample = SAMPLES[key]
    return read_image(_find_folder() / sample.file, name=key, credit=sample.credit)


def _find_folder() -> Path:
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise PhotoError(
            "The sample photos lie inside scikit-image, which isn't installed. "
            "Install it with `pip install scikit-image`, or read a file of your own with read_image."
        )
    return Path(spec.submodule_search_locations[0], "data")
