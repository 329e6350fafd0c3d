"""The command line of the faithfulness table: ``python -m recipes.faithfulness WEIGHTS FOLDER``."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from hrnet_viz.arguments import place, whole
from hrnet_viz.devices import device
from hrnet_viz.network.net import HRNet
from recipes.faithfulness.files import read_folder, write_files
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
    try:
        if given.device:
            os.environ["HV_DEVICE"] = given.device  # read by device(), which also keeps numbers those of a CPU
        given.out.mkdir(parents=True, exist_ok=True)  # said now if it can't be, not after the measurement
        net = load(given.weights).to(device())
        net = net.requires_grad_(requires_grad=False).to(memory_format=torch.channels_last)  # a quarter less time
        photos, classes = read_folder(given.folder, net, given.photos, given.seed)
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
            workers=given.workers or _count_workers(net),
            keep=given.keep,
            progress=not given.quiet,
        )
        sys.stdout.write(write_files(_sign(found, net, given), given.out))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. The same command goes on from here.\n")
        return INTERRUPTED
    return 0


def _sign(found: Faithfulness, net: HRNet, given: argparse.Namespace) -> Faithfulness:
    """Put down which weights and which command it was: no path, which is of this machine alone."""
    file = Path(getattr(getattr(net, "load_report", None), "source", ""))
    told = {
        "command": write_command(given),
        "weights": Path(given.weights).name,
        "sha256 of the weights": hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "not known",
    }
    return replace(found, provenance=told | dict(found.provenance))


def write_command(given: argparse.Namespace) -> str:
    """Write the command that gives the same numbers; PHOTOS stands for the folder."""
    words = ["python -m recipes.faithfulness", Path(given.weights).name, "PHOTOS"]
    usual = _parser().parse_args([given.weights, str(given.folder)])
    for name in SETTINGS:
        value = getattr(given, name)
        if value != getattr(usual, name):
            several = value if isinstance(value, (list, tuple)) else [value]
            words += [f"--{name.replace('_', '-')}", *map(str, several)]
    return " ".join(words)


def _count_workers(net: HRNet) -> int:
    on_cpu = next(net.parameters()).device.type == "cpu"
    return min(os.cpu_count() or 1, MOST_WORKERS) if on_cpu else 1


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
