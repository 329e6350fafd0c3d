"""Train any variant of HRNet on any folder of class folders, export and evaluate its weights, write their card."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import torch
from tqdm import tqdm

from hrnet_viz.devices import device
from hrnet_viz.files import check_place, end_quietly_in_pipes, number, place, whole, write_whole
from hrnet_viz.network.variants import VARIANTS
from hrnet_viz.photos.folder import list_classes
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.weights.loading import load
from recipes.class_folders import match_classes
from recipes.teaching_net.evaluate import make_plain, measure, write_table
from recipes.teaching_net.photos import Photos, hold_back, read_photos
from recipes.teaching_net.schedule import Phase, Recipe
from recipes.teaching_net.session import ProcessGroup, RunOptions
from recipes.teaching_net.train import Training, read_checkpoint

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
    parser = argparse.ArgumentParser(prog="python -m recipes.teaching_net", description=__doc__)
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
    card.add_argument("evaluation", type=Path, help="what `python -m recipes.teaching_net evaluate --json` wrote")
    card.add_argument("--target", type=Path, help="file to write (default: beside the weights, .md)")

    evaluate = commands.add_parser("evaluate", help="accuracy with interval, per class, confusion, calibration")
    evaluate.add_argument("weights", help='"teaching", a published name, or a file')
    evaluate.add_argument("folder", type=Path, help="one folder of photos for each class")
    evaluate.add_argument("--sizes", type=whole(32), nargs="+", default=[128, 160, 224], help="sides of the input, px")
    evaluate.add_argument("--json", type=place(ending=".json"), help="also write the numbers to this file")
    evaluate.add_argument("--batch", type=whole(1), default=64, help="photos per pass")
    evaluate.add_argument("--threads", type=whole(0), default=0, help="threads for computing; 0 leaves torch's choice")
    evaluate.add_argument("--bf16", action="store_true", help="faster, a little less exact")
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
        "--check-photos", type=whole(0), default=1000, help="photos of val/ to try the net on now and then"
    )
    train.add_argument("--check-size", type=whole(32), default=128, help="their side, px")
    train.add_argument("--check-every", type=whole(1), default=4, help="passes over the photos between checks")
    train.add_argument("--save-every", type=number(0), default=180, help="seconds between checkpoints")
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
    commands = {"train": _train, "export": _export, "evaluate": _evaluate, "card": _card}
    try:
        return commands[options.command](options) or 0
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"'{error.filename}' can't be read or written: {error.strerror}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped by Ctrl-C before anything was written; earlier checkpoints are as they were.", file=sys.stderr)
        return INTERRUPTED


def _train(options: argparse.Namespace) -> int:
    """Train, or continue; return the exit code."""
    values = vars(options) | {"phases": tuple(options.phases)}
    recipe = Recipe(**{item.name: values[item.name] for item in fields(Recipe) if item.name in values})
    if options.threads:
        torch.set_num_threads(options.threads)
    _refuse_to_overwrite(options)
    group = ProcessGroup.join(device())
    log = _open_log(options.run / "log.txt") if group.leads else lambda _: None
    log(f"{datetime.now():%Y-%m-%d %H:%M:%S} python -m recipes.teaching_net {' '.join(sys.argv[1:])}")  # noqa: DTZ005
    chosen, held = hold_back(list_classes(options.folder / "train", log), recipe.held_back, recipe.seed)
    photos = read_photos(chosen, Preparation(size=(recipe.stored, recipe.stored)), log)
    log(f"{len(photos)} photos to train on, {len(held)} held back, {len(photos.skipped)} skipped")
    run_options = RunOptions(
        options.run,
        workers=options.workers,
        compile=options.compile,
        save_every_s=options.save_every,
        check_every=options.check_every,
    )
    checked = _pick_check_photos(options, photos.classes, log) if group.leads else None
    training = Training(recipe, photos, run_options, group, log)
    if options.resume:
        training.resume()
    elif options.begin_from:
        training.begin_from(options.begin_from / "checkpoint.pt")
    outcome = training.run(checked)
    group.leave()
    if outcome.finished:
        log(f"Done: {outcome.position.step} steps, photos seen at each size: {outcome.history.photos}.")
        return 0
    at = f"{outcome.position.progress:.1%}"
    log(f"Interrupted at {at}; nothing is lost. Continue with the same command and --resume.")
    return 128 + outcome.signal


def _refuse_to_overwrite(options: argparse.Namespace) -> None:
    """Refuse a folder that holds a run, unless it is to be resumed or given up."""
    path = options.run / "checkpoint.pt"
    if not path.exists() or options.resume or options.force:
        return
    date = datetime.fromtimestamp(path.stat().st_mtime)  # noqa: DTZ006  # the clock on the wall
    try:
        progress = f"{read_checkpoint(path)['position']['progress']:.1%}"
    except (ValueError, KeyError, TypeError):
        progress = "unreadable"
    raise ValueError(
        f"'{options.run}' holds a checkpoint ({progress}, {date:%Y-%m-%d %H:%M}). Add --resume to go on, "
        "give another folder, or add --force to lose it."
    )


def _open_log(path: Path) -> Callable[[str], None]:
    path.parent.mkdir(parents=True, exist_ok=True)

    def log(line: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        tqdm.write(line)  # past a progress bar

    return log


def _pick_check_photos(
    options: argparse.Namespace, trained: tuple[str, ...], log: Callable[[str], None]
) -> Photos | None:
    """Return photos of val/, evenly from all classes, labelled by the names of ``trained``."""
    if not options.check_photos:
        return None
    if not (options.folder / "val").is_dir():
        log(f"There is no '{options.folder / 'val'}', so nothing is checked on the way.")
        return None
    every = list_classes(options.folder / "val", log)
    chosen = every.pick(range(0, len(every), max(1, len(every) // options.check_photos)))
    photos = read_photos(chosen, Preparation(size=(options.check_size, options.check_size)), log)
    owner = SimpleNamespace(classes=trained, num_outputs=len(trained))
    places = torch.tensor(match_classes(owner, every.classes))
    return replace(photos, labels=places[photos.labels], classes=trained)


def _export(options: argparse.Namespace) -> None:
    from recipes.teaching_net.export import export_weights

    names = ("folder", "target", "size", "sizes", "norm_photos", "norm_sizes", "norm_share", "note")
    export_weights(options.run / "checkpoint.pt", **{name: getattr(options, name) for name in names})


def _evaluate(options: argparse.Namespace) -> None:
    if options.threads:
        torch.set_num_threads(options.threads)
    net = load(options.weights).to(device()).to(memory_format=torch.channels_last)
    told = partial(print, file=sys.stderr)
    results = measure(net, options.folder, options.sizes, batch=options.batch, bf16=options.bf16, log=told)
    print(write_table(results))
    if options.json:
        write_whole(options.json, json.dumps(make_plain(results), indent=1) + "\n")


def _card(options: argparse.Namespace) -> None:
    from safetensors import SafetensorError, safe_open

    from recipes.teaching_net.card import write_model_card

    target = check_place(options.target or options.weights.with_suffix(".md"), ending=".md")
    try:
        with safe_open(options.weights, "pt") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise ValueError(f"'{options.weights}' is no weights file that `export` wrote: {error}.") from error
    try:
        results = json.loads(options.evaluation.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"'{options.evaluation}' is no evaluation that --json wrote: {error}.") from error
    write_whole(target, write_model_card(options.weights.stem, metadata, results))


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
