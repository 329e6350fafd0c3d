"""``python -m recipes.faithfulness WEIGHTS FOLDER --out OUT``; FOLDER holds one folder of photos per class."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import active_children, get_context
from pathlib import Path

import torch

from hrnet_viz.devices import device
from hrnet_viz.files import end_quietly_in_pipes, place, whole
from hrnet_viz.network.net import HRNet
from hrnet_viz.photos.decode import read_image
from hrnet_viz.photos.folder import PhotoFiles, list_classes
from hrnet_viz.photos.photo import Photo, PhotoError
from recipes.class_folders import match_classes
from recipes.faithfulness.report import write_files
from recipes.faithfulness.study import ALL_METHODS, Faithfulness, measure_faithfulness

INTERRUPTED = 130
"""Exit status of a command that Ctrl-C ended."""
MOST_WORKERS = 4  # each needs one to two gigabytes
SETTINGS = ("photos", "curve_photos", "sanity_photos", "steps", "draws", "size", "mosaic", "sites", "methods", "seed")
"""Options that change the numbers; the others (where, with how many processes) do not."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the tables; the exit status is 2 for something that cannot be measured, 130 after Ctrl-C."""
    from hrnet_viz.weights.loading import load

    given = _parser().parse_args(arguments)
    pool = None
    try:
        if given.device:
            os.environ["HV_DEVICE"] = given.device  # read by device(), which also keeps numbers those of a CPU
        given.out.mkdir(parents=True, exist_ok=True)  # said now if it can't be, not after the measurement
        net = load(given.weights).to(device())
        net = net.requires_grad_(requires_grad=False).to(memory_format=torch.channels_last)  # a quarter less time
        photos, classes = read_folder(given.folder, net, given.photos, given.seed)
        pool = _open_pool(given.workers, net)
        found = measure_faithfulness(
            net,
            photos,
            classes,
            methods=given.methods,
            sites=given.sites,
            size=given.size,
            mosaic=given.mosaic,
            curve_photos=given.curve_photos,
            sanity_photos=given.sanity_photos,
            steps=given.steps,
            draws=given.draws,
            seed=given.seed,
            executor=pool,
            keep=given.keep,
            progress=not given.quiet,
        )
        sys.stdout.write(write_files(_sign(found, net, given), given.out))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
        for worker in active_children():
            worker.terminate()  # a task takes half a minute; what is written is kept
        sys.stderr.write("Interrupted. The same command goes on from here.\n")
        return INTERRUPTED
    return 0


def _sign(found: Faithfulness, net: HRNet, given: argparse.Namespace) -> Faithfulness:
    """Return the table with which weights and which command it was of: no path, which is of this machine alone."""
    file = Path(getattr(getattr(net, "load_report", None), "source", ""))
    told = {
        "command": write_command(given),
        "weights": Path(given.weights).name,
        "sha256 of the weights": hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "not known",
    }
    return replace(found, provenance=told | dict(found.provenance))


def write_command(given: argparse.Namespace) -> str:
    """Return the command that gives the same numbers; PHOTOS stands for the folder."""
    words = ["python -m recipes.faithfulness", Path(given.weights).name, "PHOTOS"]
    usual = _parser().parse_args([given.weights, str(given.folder)])
    for name in SETTINGS:
        value = getattr(given, name)
        if value != getattr(usual, name):
            several = value if isinstance(value, (list, tuple)) else [value]
            words += [f"--{name.replace('_', '-')}", *map(str, several)]
    return " ".join(words)


def _open_pool(workers: int | None, net: HRNet) -> Executor | None:
    """Return fresh processes of one thread each; None for this process, with the threads that it has."""
    on_cpu = next(net.parameters()).device.type == "cpu"
    if on_cpu:
        torch.set_num_threads(1)  # of one worker too, so that any number of them gives the same bytes
    number = workers or (min(os.cpu_count() or 1, MOST_WORKERS) if on_cpu else 1)
    if number > 1 and not on_cpu:
        raise ValueError(f"--workers {number} share the cores of a CPU, but the net is on a GPU. Give --workers 1.")
    if number == 1:
        return None
    return ProcessPoolExecutor(number, mp_context=get_context("spawn"))


def read_folder(folder: Path, net: HRNet, count: int, seed: int) -> tuple[Sequence[Photo], list[int]]:
    """Return photos drawn from a folder with one folder per class: the same number of each, in rounds of one of each.

    So the first photos are as evenly spread over the classes as all of them.

    Args:
        folder: the folder.
        net: its classes give the folder names a meaning.
        count: how many photos in all; rounded down to the same number of each class, at least one.
        seed: of the choice.

    Returns:
        photos, which are read when they are asked for, and the class index of each.

    Raises:
        ValueError: no folders, a folder that is no class, or not a single photo that can be read.
    """
    listed = list_classes(folder, _say)
    indices = match_classes(net, listed.classes, _say)
    generator = torch.Generator().manual_seed(seed)
    drawn: dict[int, list[Path]] = {}
    each = max(count // len(listed.classes), 1)
    for label, name in enumerate(listed.classes):
        files = [path for path, own in zip(listed.paths, listed.labels, strict=True) if own == label]
        order = torch.randperm(len(files), generator=generator).tolist()
        readable: list[Path] = []
        for path in (files[k] for k in order):
            if len(readable) == each:
                break
            try:
                read_image(path)
                readable.append(path)
            except PhotoError as error:
                _say(f"Left out: {error}")
        if readable:
            drawn[label] = readable
        elif files:
            _say(f"The class folder '{name}' holds no photo that can be read.")
    if not drawn:
        raise ValueError(f"Not one of the {len(listed)} photos in '{folder}' could be read.")
    if (fewest := min(map(len, drawn.values()))) < each:
        _say(f"{fewest} photos of each class are taken and not {each}: the smallest class has no more.")
    labels = list(drawn)
    turns = [
        (turn, labels[k]) for turn in range(fewest) for k in torch.randperm(len(labels), generator=generator).tolist()
    ]
    return PhotoFiles(tuple(drawn[label][turn] for turn, label in turns)), [indices[label] for _, label in turns]


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m recipes.faithfulness",
        description="Do class activation maps tell the truth? Methods x branches over photos, numbers only.",
    )
    parser.add_argument("weights", help='"teaching", or a file that hv.load reads')
    parser.add_argument("folder", type=Path, help="one folder of photos per class")
    parser.add_argument(
        "--out", type=place(folder=True), default=Path("runs/faithfulness"), help="where the three files go"
    )
    parser.add_argument(
        "--keep", type=Path, default=Path("runs/faithfulness/parts"), help="where an interrupted run goes on from"
    )
    parser.add_argument(
        "--photos", type=whole(1), default=240, help="photos of the pointing game, the same of each class"
    )
    parser.add_argument("--curve-photos", type=whole(1), default=60, help="of these, for the curves, drop and ablation")
    parser.add_argument("--sanity-photos", type=whole(2), default=24, help="of these, for the sanity check")
    parser.add_argument("--steps", type=whole(1), default=5, help="parts of a curve")
    parser.add_argument("--draws", type=whole(1), default=2, help="random orders that a curve is compared with")
    parser.add_argument("--size", type=whole(32), help="pixels of a side of a photo; by default what the net expects")
    parser.add_argument("--mosaic", type=whole(64), help="pixels of a side of a mosaic; by default twice that")
    parser.add_argument("--sites", nargs="*", help="by default the branches of the last module")
    parser.add_argument("--methods", nargs="*", default=ALL_METHODS)
    parser.add_argument("--seed", type=int, default=0, help="of the choice of photos and of everything random")
    parser.add_argument(
        "--workers",
        type=whole(1),
        help=f"processes of one thread each; by default one per core, {MOST_WORKERS} at most",
    )
    parser.add_argument("--device", help="cpu or cuda; the first that there is by default")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


if __name__ == "__main__":
    end_quietly_in_pipes()
    sys.exit(main())
