"""Train any variant of HRNet on any folder of class folders, export its weights, write their model card."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from hrnet_viz.arguments import end_quietly_in_pipes, number, place, whole
from hrnet_viz.network.variants import VARIANTS
from hrnet_viz.training.config import Phase, Recipe

RANGES = {
    "batch": whole(2),
    "peak_rate": number(1e-6, 1e6),
    "warmup": number(0, 0.99),
    "momentum": number(0, 1),
    "weight_decay": number(0, 1),
    "clip": number(0),
    "smoothing": number(0, 1),
    "ema_decay": number(0, 1),
    "smallest_crop": number(0.01, 1),
    "jitter": number(0, 1),
    "held_back": number(0, 0.9),
    "stored": whole(32),
    "seed": whole(0),
}
"""What each number of the recipe may be."""

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def build_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(prog="python -m hrnet_viz.training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    describe_training(commands.add_parser("train", help="train a net on a folder of class folders"))

    export = commands.add_parser("export", help="write the weights of a run as fp16 safetensors, calibrated")
    export.add_argument("run", type=Path, help="folder of the run")
    export.add_argument("folder", type=Path, help="the folder that it was trained on")
    export.add_argument("target", type=Path, help="file to write, such as assets/weights/teaching.safetensors")
    export.add_argument("--size", type=whole(32), default=160, help="side that the file recommends, px")
    export.add_argument(
        "--sizes", type=whole(32), nargs="+", default=[128, 160, 224], help="sides for the temperature, px"
    )
    export.add_argument(
        "--norm-photos", type=whole(0), default=0, help="whole photos to measure BatchNorm statistics on; 0: keep them"
    )
    export.add_argument(
        "--norm-sizes", type=whole(32), nargs="+", help="sides to measure them at, px (default: --sizes)"
    )
    export.add_argument(
        "--norm-share", type=number(0, 1), default=1.0, help="share of them; the rest is the training's"
    )
    export.add_argument("--note", default="", help="about the photos, for the provenance")

    card = commands.add_parser("card", help="write the model card of a weights file")
    card.add_argument("weights", type=Path, help="what `export` wrote")
    card.add_argument("evaluation", type=Path, help="what `python -m hrnet_viz.evaluate --json` wrote")
    card.add_argument("--target", type=Path, help="file to write (default: beside the weights, .md)")
    return parser


def describe_training(train: argparse.ArgumentParser) -> None:
    """Describe the command line of ``train``."""
    train.add_argument("folder", type=Path, help="has train/ and, if possible, val/: one folder of photos a class")
    # torchrun takes "--run" for its own --run-path, hence the second spelling.
    train.add_argument(
        "--into", "--run", dest="run", type=place(folder=True), required=True, help="folder for checkpoint and log"
    )
    train.add_argument("--resume", action="store_true", help="continue from the checkpoint there")
    train.add_argument("--force", action="store_true", help="begin anew, and lose the checkpoint there")
    train.add_argument(
        "--from",
        dest="begin_from",
        type=Path,
        metavar="RUN",
        help="begin with the weights of another run (its moving average), not with random ones",
    )
    train.add_argument("--workers", type=whole(0), default=0, help="loading processes; 0 loads between the steps")
    train.add_argument("--threads", type=whole(0), default=0, help="threads for computing; 0 leaves torch's choice")
    train.add_argument("--compile", action="store_true", help="compile the net first: minutes, then faster steps")
    train.add_argument(
        "--norm-per-process",
        dest="global_norm",
        action="store_false",
        help="under torchrun: BatchNorm sees a process' own photos; quicker, but not what one process would do",
    )
    train.add_argument(
        "--check-photos", type=whole(0), default=1000, help="photos of val/ to try the net on now and then"
    )
    train.add_argument("--check-size", type=whole(32), default=128, help="their side, px")
    train.add_argument("--check-every", type=whole(1), default=4, help="passes over the photos between checks")
    train.add_argument("--save-every", type=number(0), default=180, help="seconds between checkpoints")
    end = train.add_mutually_exclusive_group()
    end.add_argument("--deadline", help="HH:MM: stretch or shorten the plan so that it ends then")
    end.add_argument(
        "--minutes", type=number(0.01), help="stretch or shorten the plan so that it ends in so many minutes"
    )

    default = Recipe()
    choices = train.add_argument_group("recipe")
    choices.add_argument("--variant", choices=sorted(VARIANTS), default=default.variant)
    choices.add_argument(
        "--phases",
        nargs="+",
        type=_read_phase,
        default=default.phases,
        help=(
            "epochs@size or epochs@size,size,..., one after the other; :still behind it lets BatchNorm keep its "
            f"statistics (default: {_spell(default.phases)})"
        ),
    )
    for item in fields(Recipe):
        value = getattr(default, item.name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            choices.add_argument(f"--{item.name.replace('_', '-')}", type=RANGES[item.name], default=value)
    choices.add_argument("--autocast", choices=("bf16", "off"), default=default.autocast)
    choices.add_argument("--no-channels-last", dest="channels_last", action="store_false")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; errors in what was given become a sentence and exit code 2."""
    options = build_parser().parse_args(arguments)
    if "phases" in options:
        options.phases = tuple(options.phases)
    from hrnet_viz.training import commands

    try:
        run = {"train": commands.train, "export": commands.export, "card": commands.write_card}[options.command]
        return run(options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"'{error.filename}' can't be read or written: {error.strerror}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped by Ctrl-C before anything was written; earlier checkpoints are as they were.", file=sys.stderr)
        return INTERRUPTED


def _read_phase(text: str) -> Phase:
    try:
        return Phase.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _spell(phases: Sequence[Phase]) -> str:
    return " ".join(map(str, phases))


if __name__ == "__main__":
    end_quietly_in_pipes()
    sys.exit(main())
