"""From a checkpoint to a weights file that says everything about itself: fp16, calibrated, with its provenance."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from hrnet_viz.data.preparation import Preparation
from hrnet_viz.evaluate.predict import predict
from hrnet_viz.evaluate.scores import expected_calibration_error, fit_temperature
from hrnet_viz.network import hrnet
from hrnet_viz.training.checkpoint import read_checkpoint
from hrnet_viz.training.config import Phase, Recipe
from hrnet_viz.training.photos import hold_back, list_photos, read_photos


def export_weights(
    checkpoint: Path,
    folder: Path,
    target: Path,
    *,
    size: int,
    sizes: Sequence[int],
    note: str = "",
    say: Callable[[str], None] = print,
) -> dict[str, str]:
    """Write the moving average of a checkpoint as fp16 safetensors, with a temperature fitted on the photos held back.

    The temperature is fitted on the rounded weights, at all sizes together.

    Args:
        checkpoint: of a training, finished or not.
        folder: the folder that it was trained on, with train/.
        target: file to write.
        size: side that the file recommends, in pixels.
        sizes: sides at which the temperature is fitted.
        note: about the photos, for the provenance.
        say: takes lines for people.

    Returns:
        The metadata that the file carries.

    Raises:
        ValueError: no such checkpoint or folder, or other classes.
    """
    state = read_checkpoint(checkpoint)
    recipe, classes = Recipe.from_json(state["recipe"]), tuple(state["classes"])
    weights = {name: _store(value) for name, value in state["average"].items()}
    net = hrnet(recipe.variant, num_outputs=len(classes))
    net.load_state_dict(
        {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    )

    trained, held = hold_back(list_photos(folder / "train"), recipe.held_back, recipe.seed)
    if trained.classes != classes:
        raise ValueError(f"'{checkpoint}' has the classes {classes}, the folder '{folder}' {trained.classes}.")
    calibration = {"temperature": 1.0, "photos": len(held)}
    if len(held):
        logits, labels = _predict_held_back(net.eval(), recipe, held, sizes, say)
        calibration = calibrate(logits, labels) | {"photos": len(held), "sizes": list(sizes)}
    else:
        say("No photo was held back, so the temperature stays 1.")
    provenance = {
        "made_by": "python -m hrnet_viz.training",
        "command": spell_command(recipe),
        "recipe": json.loads(recipe.to_json()),
        "finished": state["position"]["progress"] >= 1,
        "progress": state["position"]["progress"],
        "steps": state["position"]["step"],
        "passes": state["position"]["epoch"],
        "history": state["history"],
        "photos": {"trained_on": state["history"].get("folder_photos") or len(trained), "held_back": len(held)},
        "calibration": calibration,
        "note": note,
    }
    metadata = {
        "format": "hrnet_viz",
        "variant": recipe.variant,
        "classes": json.dumps(classes),
        "mean": json.dumps(recipe.mean),
        "std": json.dumps(recipe.std),
        "size": json.dumps(size),
        "fit": "squash",
        "temperature": repr(calibration["temperature"]),
        "provenance": json.dumps(provenance),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    save_file(weights, unfinished, metadata)
    unfinished.chmod(0o644)  # safetensors writes files that nobody else may read
    unfinished.replace(target)
    say(f"Wrote {target.name}, {target.stat().st_size / 1e6:.1f} MB, temperature {calibration['temperature']:.3f}.")
    return metadata


def calibrate(logits: Tensor, labels: Tensor) -> dict[str, Any]:
    """Fit the temperature, and tell the expected calibration error before and after, on the same photos."""
    temperature = fit_temperature(logits, labels)
    return {
        "temperature": temperature,
        "error_before": expected_calibration_error(logits, labels),
        "error_after": expected_calibration_error(logits / temperature, labels),
    }


def spell_command(recipe: Recipe) -> str:
    """The command that trains by this recipe; what is as by default is left out."""
    default, parts = Recipe(), []
    for name, value in vars(recipe).items():
        if value == getattr(default, name) or name in ("mean", "std"):
            continue
        if name == "channels_last":
            parts.append("--no-channels-last")
        elif isinstance(value, tuple) and isinstance(value[0], Phase):
            parts.append("--phases " + " ".join(map(str, value)))
        else:
            parts.append(f"--{name.replace('_', '-')} {value}")
    return " ".join(["python -m hrnet_viz.training train FOLDER --into RUN", *parts])


def _store(value: Tensor) -> Tensor:
    value = value.detach().contiguous().clone()
    return value.half() if value.is_floating_point() else value


def _predict_held_back(
    net: nn.Module, recipe: Recipe, held: Any, sizes: Sequence[int], say: Callable[[str], None]
) -> tuple[Tensor, Tensor]:
    logits, labels = [], []
    for size in sizes:
        photos = read_photos(held, Preparation(size=(size, size)), say)
        logits.append(predict(net, photos.pixels, mean=recipe.mean, std=recipe.std))
        labels.append(photos.labels)
    return torch.cat(logits), torch.cat(labels)
