"""The command line of a sweep."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrnet_viz.interventions.edits import Edit, Mean, Noise, Patch
from hrnet_viz.interventions.sweep import GROUPS, sweep

if TYPE_CHECKING:
    from hrnet_viz.photos.photo import Photo

INTERRUPTED = 130
"""Exit status of a command that Ctrl-C ended."""


def describe_sweep(command: argparse.ArgumentParser) -> None:
    """Describe the words of ``hrnet-viz sweep``."""
    command.add_argument("--net", default="teaching", help="what hv.load takes: teaching, hrnet_w18, a checkpoint")
    command.add_argument("--name", help="variant of a checkpoint, such as hrnet_w18, where its file does not tell")
    command.add_argument("--photos", nargs="+", required=True, help="a folder, or photos")
    command.add_argument("--over", nargs="+", default=["fuse_paths"], help=f"{', '.join(GROUPS)}, or sites")
    command.add_argument("--edit", default="zero", help="zero, mean, noise, patch, or a factor")
    command.add_argument("--target", help="a class, by number if it has no name; by default each photo's own top class")
    command.add_argument("--of", nargs="+", help="a folder or photos, for --edit mean and noise; one photo for patch")
    command.add_argument("--seed", type=int, default=0, help="for --edit noise")
    command.add_argument("--batch", type=int, help="most edits of a pass")
    command.add_argument("--out", type=Path, required=True, help="CSV file to write and to go on from")
    command.add_argument("--quiet", action="store_true", help="no progress bar")


def run_sweep(given: argparse.Namespace) -> int:
    """Run a sweep and return the exit status: 0, 1 if a photo could not be read, 130 after Ctrl-C."""
    from hrnet_viz.devices import device
    from hrnet_viz.weights.loading import load

    left_out: list[str] = []
    edit = _read_edit(given, left_out)
    result = sweep(
        load(given.net, name=given.name).to(device()),
        given.photos[0] if len(given.photos) == 1 else given.photos,
        given.over[0] if len(given.over) == 1 else given.over,
        edit,
        target=given.target,
        batch=given.batch,
        save=given.out,
        progress=not given.quiet,
    )
    sys.stdout.write(f"{result!r} -> {given.out}\n")
    left_out += [f"{name}: {reason}" for name, reason in result.unreadable]
    sys.stderr.writelines(f"Left out: {line}\n" for line in left_out)
    if not result.finished:
        sys.stderr.write("Interrupted. The same command goes on from here.\n")
        return INTERRUPTED
    return 1 if left_out else 0


def _read_edit(given: argparse.Namespace, left_out: list[str]) -> Edit:
    photos: Any = _read_photos(given.of, left_out)
    if given.edit == "patch":
        if photos is None or len(photos) != 1:
            raise ValueError("--edit patch takes the values of one other photo. Give it: --of PHOTO.")
        return Patch(photos[0])
    if given.edit in ("mean", "noise"):
        return Mean(photos) if given.edit == "mean" else Noise(given.seed, photos)
    try:
        return float(given.edit)
    except ValueError:
        edit: str = given.edit
        return edit


def _read_photos(given: Sequence[str] | None, left_out: list[str]) -> list[Photo] | None:
    """Return the photos named and all of the folders named; what can't be read is left out."""
    from hrnet_viz.interventions.sweep_photos import find_files
    from hrnet_viz.photos.decode import read_image
    from hrnet_viz.photos.photo import PhotoError

    if given is None:
        return None
    found = []
    for path in (Path(one).expanduser() for one in given):
        for file in map(path.joinpath, find_files(path)) if path.is_dir() else [path]:
            try:
                found.append(read_image(file))
            except PhotoError as error:
                left_out.append(f"{file.name} of --of: {error}")
    if not found:
        raise ValueError(f"No photo of --of could be read. {left_out[0]}")
    return found
