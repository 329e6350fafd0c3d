"""Checkpoints that are never half written, and hold all that an exact continuation needs."""

from __future__ import annotations

import os
from dataclasses import asdict
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
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if state.get("format") != FORMAT:
        raise ValueError(f"'{path}' is no checkpoint of hrnet_viz.training, format {FORMAT}.")
    return state


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
