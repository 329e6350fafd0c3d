"""Checkpoints that are never half written, and hold all that an exact continuation needs."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hrnet_viz.training.config import Recipe
from hrnet_viz.training.course import Position
from hrnet_viz.training.ema import MovingAverage

FORMAT = 1


def save_checkpoint(
    path: Path,
    *,
    recipe: Recipe,
    classes: tuple[str, ...],
    net: nn.Module,
    average: MovingAverage,
    optimizer: torch.optim.Optimizer,
    position: Position,
    history: dict[str, Any],
) -> None:
    """Write a checkpoint beside its final name first, so that a broken run leaves the one before it whole."""
    state = {
        "format": FORMAT,
        "recipe": recipe.to_json(),
        "classes": list(classes),
        "net": net.state_dict(),
        "average": average.net.state_dict(),
        "average_steps": average.steps,
        "optimizer": optimizer.state_dict(),
        "position": asdict(position),
        "history": history,
        "random": torch.get_rng_state(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("wb") as stream:
        torch.save(state, stream)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint; only tensors and plain values are taken, so that no code in it can run.

    Raises:
        ValueError: no such file, or not a checkpoint of this recipe.
    """
    if not path.is_file():
        raise ValueError(f"There is no checkpoint '{path}'. Train first, or give the folder of a run.")
    try:
        state: object = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # reading a damaged or foreign file, torch raises whatever comes
        raise ValueError(
            f"'{path}' can't be read as a checkpoint ({type(error).__name__}): it is damaged, or another kind of file. "
            "Give the folder of another run, or begin anew."
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise ValueError(f"'{path}' is no checkpoint of hrnet_viz.training, format {FORMAT}.")
    return state


def describe_checkpoint(path: Path) -> str:
    """Return how far a checkpoint is and when it was written, for a sentence."""
    date = datetime.fromtimestamp(path.stat().st_mtime)  # noqa: DTZ006  # the clock on the wall
    try:
        progress = f"{read_checkpoint(path)['position']['progress']:.1%}"
    except (ValueError, KeyError, TypeError):
        progress = "unreadable"
    return f"{progress}, {date:%Y-%m-%d %H:%M}"


def restore(
    state: dict[str, Any], *, net: nn.Module, average: MovingAverage, optimizer: torch.optim.Optimizer
) -> Position:
    """Put a checkpoint's state into a net, its average and its optimizer; return where the training stood."""
    net.load_state_dict(state["net"])
    average.net.load_state_dict(state["average"])
    average.steps = state["average_steps"]
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    return Position(**state["position"])
