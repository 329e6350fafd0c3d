"""What the command line does: train, export, card."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import torch

from hrnet_viz.devices import device
from hrnet_viz.files import check_place, write_whole
from hrnet_viz.photos.folder import list_classes
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.training.checkpoint import describe_checkpoint
from hrnet_viz.training.clock import find_deadline
from hrnet_viz.training.config import Recipe
from hrnet_viz.training.distributed import join_world
from hrnet_viz.training.loop import Training
from hrnet_viz.training.photos import Photos, hold_back, read_photos
from hrnet_viz.training.records import Habits
from recipes.faithfulness.class_folders import match_classes


def train(options: argparse.Namespace) -> int:
    """Train, or continue; return the exit code."""
    recipe = Recipe(
        **{item.name: getattr(options, item.name) for item in fields(Recipe) if hasattr(options, item.name)}
    )
    if options.threads:
        torch.set_num_threads(options.threads)
    refuse_to_overwrite(options)
    world = join_world(device())
    say = open_log(options.run / "log.txt") if world.leads else _be_silent
    say(f"{datetime.now():%Y-%m-%d %H:%M:%S} python -m hrnet_viz.training {' '.join(sys.argv[1:])}")  # noqa: DTZ005

    chosen, held = hold_back(list_classes(options.folder / "train", say), recipe.held_back, recipe.seed)
    photos = read_photos(chosen, Preparation(size=(recipe.stored, recipe.stored)), say)
    say(f"{len(photos)} photos to train on, {len(held)} held back, {len(photos.skipped)} skipped")
    habits = Habits(
        options.run,
        workers=options.workers,
        compile=options.compile,
        global_norm=options.global_norm,
        save_every_s=options.save_every,
        check_every=options.check_every,
        deadline=_choose_deadline(options),
    )
    checked = _pick_check_photos(options, photos.classes, say) if world.leads else None
    training = Training(recipe, photos, habits, world, say)
    if options.resume:
        training.resume()
    elif options.begin_from:
        training.begin_from(options.begin_from / "checkpoint.pt")
    outcome = training.run(checked)
    world.leave()
    if outcome.finished:
        say(f"Done: {outcome.position.step} steps, photos seen at each size: {outcome.history.photos}.")
        return 0
    say(
        f"Interrupted at {outcome.position.progress:.1%}; nothing is lost. Continue with the same command and --resume."
    )
    return 128 + outcome.signal


def refuse_to_overwrite(options: argparse.Namespace) -> None:
    """Refuse a folder that holds a run, unless it is to be resumed or given up.

    Raises:
        ValueError: its checkpoint would be lost; the message says how to go on.
    """
    checkpoint = options.run / "checkpoint.pt"
    if checkpoint.exists() and not (options.resume or options.force):
        raise ValueError(
            f"'{options.run}' holds a checkpoint ({describe_checkpoint(checkpoint)}). Add --resume to go on, "
            "give another folder, or add --force to lose it."
        )


def export(options: argparse.Namespace) -> int:
    """Write the weights file of a run."""
    from hrnet_viz.training.export import export_weights

    export_weights(
        options.run / "checkpoint.pt",
        options.folder,
        options.target,
        size=options.size,
        sizes=options.sizes,
        norm_photos=options.norm_photos,
        norm_sizes=options.norm_sizes,
        norm_share=options.norm_share,
        note=options.note,
    )
    return 0


def write_card(options: argparse.Namespace) -> int:
    """Write the model card of a weights file."""
    from safetensors import SafetensorError, safe_open

    from hrnet_viz.training.card import write_model_card

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
    return 0


def open_log(path: Path) -> Callable[[str], None]:
    """Make a function that writes lines to a file and to the terminal, past a progress bar."""
    from tqdm import tqdm

    path.parent.mkdir(parents=True, exist_ok=True)

    def say(line: str) -> None:
        with path.open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        tqdm.write(line)

    return say


def _be_silent(_: str) -> None:
    """Say nothing: only the leading process speaks."""


def _choose_deadline(options: argparse.Namespace) -> float | None:
    if options.deadline:
        return find_deadline(options.deadline, datetime.now()).timestamp()  # noqa: DTZ005 - the clock on the wall
    return time.time() + 60 * options.minutes if options.minutes else None


def _pick_check_photos(
    options: argparse.Namespace, trained: tuple[str, ...], say: Callable[[str], None]
) -> Photos | None:
    """Photos of val/, evenly from all classes, labelled by the names of ``trained``; none where there is no val/."""
    if not options.check_photos:
        return None
    if not (options.folder / "val").is_dir():
        say(f"There is no '{options.folder / 'val'}', so nothing is checked on the way.")
        return None
    every = list_classes(options.folder / "val", say)
    chosen = every.pick(range(0, len(every), max(1, len(every) // options.check_photos)))
    photos = read_photos(chosen, Preparation(size=(options.check_size, options.check_size)), say)
    owner = SimpleNamespace(classes=trained, num_outputs=len(trained))
    places = torch.tensor(match_classes(owner, every.classes))
    return replace(photos, labels=places[photos.labels], classes=trained)
