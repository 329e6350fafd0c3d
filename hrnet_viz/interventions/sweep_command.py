"""The command line of a sweep: run one, or one shard of it, and merge shards.

python -m hrnet_viz.interventions.sweep run --net teaching --photos FOLDER --out effects.csv --shard 2/4
python -m hrnet_viz.interventions.sweep merge effects.csv effects-1.csv effects-2.csv
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hrnet_viz.interventions.sweep_files import Shard, merge_sweeps
from hrnet_viz.interventions.sweep_items import GROUPS
from hrnet_viz.interventions.sweep_table import Sweep

if TYPE_CHECKING:
    from hrnet_viz.photos.photo import Photo

INTERRUPTED = 130
"""Exit status of a command that Ctrl-C ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit status: 0, 1 if a photo could not be read, 2 for an error, 130 after Ctrl-C."""
    given, left_out = _parser().parse_args(arguments), list[str]()
    try:
        result = merge_sweeps(given.shards, given.out) if given.command == "merge" else _run(given, left_out)
    except (ValueError, OSError, TypeError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    left_out += [f"{name}: {reason}" for name, reason in result.unreadable]
    return _report(result, given.out, left_out)


def _run(given: argparse.Namespace, left_out: list[str]) -> Sweep:
    from hrnet_viz.devices import device
    from hrnet_viz.interventions.sweep import sweep
    from hrnet_viz.weights.loading import load

    net = load(given.net, name=given.name).to(device())
    over = given.over[0] if len(given.over) == 1 else given.over
    return sweep(
        net,
        given.photos[0] if len(given.photos) == 1 else given.photos,
        over,
        _read_how(given.how),
        target=given.target,
        reference=_read_reference(given.reference, left_out),
        donor=given.donor,
        seed=given.seed,
        rows=given.rows,
        shard=given.shard,
        save=given.out,
        progress=not given.quiet,
    )


def _report(result: Sweep, out: Path, left_out: Sequence[str]) -> int:
    sys.stdout.write(f"{result!r} -> {out}\n")
    sys.stderr.writelines(f"Left out: {line}\n" for line in left_out)
    if not result.finished:
        sys.stderr.write("Interrupted. The same command goes on from here.\n")
        return INTERRUPTED
    return 1 if left_out else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hrnet_viz.interventions.sweep",
        description="Edit one thing of a net after the other, for many photos.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="sweep over photos; run it again to go on after an interruption")
    run.add_argument("--net", default="teaching", help="what hrnet_viz.load takes: teaching, hrnet_w18, a checkpoint")
    run.add_argument("--name", help="variant of a checkpoint, such as hrnet_w18, where its file does not tell")
    run.add_argument("--photos", nargs="+", required=True, help="a folder, or photos")
    run.add_argument("--over", nargs="+", default=["fuse_paths"], help=f"{', '.join(GROUPS)}, a site, or several sites")
    run.add_argument("--how", default="zero", help="zero, mean, noise, patch, or a factor")
    run.add_argument("--target", help="a class, by number if it has no name; by default each photo's own top class")
    run.add_argument("--reference", nargs="+", help="a folder or photos, for --how mean and noise")
    run.add_argument("--donor", help="a photo, for --how patch")
    run.add_argument("--seed", type=int, default=0, help="for --how noise")
    run.add_argument("--rows", type=int, help="most rows of a pass")
    run.add_argument("--shard", type=read_shard, default=(1, 1), metavar="K/N", help="the K-th of N parts")
    run.add_argument("--out", type=Path, required=True, help="CSV file to write and to go on from")
    run.add_argument("--quiet", action="store_true", help="no progress bar")
    merge = commands.add_parser("merge", help="put the shards of a sweep together")
    merge.add_argument("out", type=Path, help="CSV file to write")
    merge.add_argument("shards", type=Path, nargs="+", help="the CSV files of all shards")
    return parser


def read_shard(text: str) -> Shard:
    """Read "2/4".

    Raises:
        ArgumentTypeError: anything else.
    """
    k, slash, n = text.partition("/")
    if not (slash and k.isdigit() and n.isdigit() and 1 <= int(k) <= int(n)):
        raise argparse.ArgumentTypeError(f"'{text}' is no shard; the second of four is 2/4.")
    return int(k), int(n)


def _read_how(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _read_reference(given: Sequence[str] | None, left_out: list[str]) -> list[Photo] | None:
    """Read the photos of a reference, those named and all of the folders named; what can't be read is left out."""
    from hrnet_viz.interventions.sweep_photos import find_files
    from hrnet_viz.photos.photo import PhotoError
    from hrnet_viz.photos.reading import read_image

    if given is None:
        return None
    found = []
    for path in (Path(one).expanduser() for one in given):
        for file in map(path.joinpath, find_files(path)) if path.is_dir() else [path]:
            try:
                found.append(read_image(file))
            except PhotoError as error:
                left_out.append(f"{file.name} of the reference: {error}")
    if not found:
        raise ValueError(f"No photo of the reference could be read. {left_out[0]}")
    return found
