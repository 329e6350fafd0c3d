"""From a checkpoint to a weights file that says everything about itself: fp16, calibrated, with its provenance."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from hrnet_viz.files import check_place, write_whole
from hrnet_viz.network import hrnet
from hrnet_viz.network.batchnorm import update_batchnorm
from hrnet_viz.photos.folder import PhotoFolder, list_classes
from hrnet_viz.photos.preparation import Preparation
from recipes.teaching_net.evaluate import expected_calibration_error, fit_temperature, normalise, predict
from recipes.teaching_net.photos import hold_back, read_photos
from recipes.teaching_net.schedule import Phase, Recipe
from recipes.teaching_net.train import averaged_weights, read_checkpoint


def export_weights(
    checkpoint: Path,
    folder: Path,
    target: Path,
    *,
    size: int,
    sizes: Sequence[int],
    norm_photos: int = 0,
    norm_sizes: Sequence[int] | None = None,
    norm_share: float = 1.0,
    note: str = "",
    log: Callable[[str], object] = print,
) -> dict[str, str]:
    """Write the moving average of a checkpoint as fp16 safetensors, with a temperature fitted on the photos held back.

    The statistics of BatchNorm that training collects are those of crops. Whole photos look different (arXiv 1906.06423
    tells why it matters), so ``norm_photos`` measures them anew on whole photos that were trained on. A net whose norms
    stood still has learned to live with its old statistics; a mixture of old and new can then be better than either.
    The temperature is fitted on the rounded weights, at all sizes together.

    Args:
        checkpoint: of a training, finished or not.
        folder: the folder that it was trained on, with train/.
        target: file to write.
        size: side that the file recommends, in pixels.
        sizes: sides at which the temperature is fitted.
        norm_photos: photos to measure statistics on; 0 keeps those of the training.
        norm_sizes: sides at which they are measured, in turn; ``sizes`` if None.
        norm_share: share of the measured statistics in what is written, above 0 to 1; the rest is the training's.
        note: about the photos, for the provenance.
        log: takes lines for people.

    Returns:
        The metadata that the file carries.

    Raises:
        ValueError: no such checkpoint or folder, a target of another ending than .safetensors, other classes, or a
            share that is none.
    """
    target = check_place(target, ending=".safetensors")
    if not 0 < norm_share <= 1:
        raise ValueError(f"norm_share is {norm_share}, but is a share: above 0, at most 1.")
    norm_sizes = sizes if norm_sizes is None else norm_sizes
    state = read_checkpoint(checkpoint)
    recipe, classes = Recipe.from_json(state["recipe"]), tuple(state["classes"])
    net = hrnet(recipe.variant, num_outputs=len(classes))
    net.load_state_dict(averaged_weights(state))
    broken = [name for name, value in net.state_dict().items() if not value.isfinite().all()]
    if broken:
        raise ValueError(
            f"'{checkpoint}' holds NaN or infinite numbers in {len(broken)} tensors ({broken[0]}, ...): the training "
            "has diverged. Train again, with a lower --peak-rate or with --clip 1."
        )
    trained, held = hold_back(list_classes(folder / "train", log), recipe.held_back, recipe.seed)
    if trained.classes != classes:
        raise ValueError(f"'{checkpoint}' has the classes {classes}, the folder '{folder}' {trained.classes}.")
    if norm_photos:
        old = {name: value.clone() for name, value in net.named_buffers()}
        update_batchnorm(net, _draw_batches(trained, recipe, norm_photos, norm_sizes, log))
        for name, value in net.named_buffers():
            value.copy_(old[name].lerp(value, norm_share) if value.is_floating_point() else old[name])
    weights = {name: _store(value) for name, value in net.state_dict().items()}
    net.load_state_dict(
        {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    )
    calibration = {"temperature": 1.0, "photos": len(held)}
    if len(held):
        logits, labels = _predict_held_back(net.eval(), recipe, held, sizes, log)
        calibration = calibrate(logits, labels) | {"photos": len(held), "sizes": list(sizes)}
    else:
        log("No photo was held back, so the temperature stays 1.")
    provenance = {
        "made_by": "python -m recipes.teaching_net",
        "command": spell_command(recipe, continues=bool(state["history"].get("before"))),
        "recipe": json.loads(recipe.to_json()),
        "finished": state["position"]["progress"] >= 1,
        "progress": state["position"]["progress"],
        "steps": state["position"]["step"],
        "passes": state["position"]["epoch"],
        "history": state["history"],
        "photos": {"trained_on": state["history"].get("folder_photos") or len(trained), "held_back": len(held)},
        "calibration": calibration,
        "norms": {"photos": norm_photos, "sizes": list(norm_sizes), "share": norm_share} if norm_photos else {},
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
    write_whole(target, save(weights, metadata))
    log(f"Wrote {target.name}, {target.stat().st_size / 1e6:.1f} MB, temperature {calibration['temperature']:.3f}.")
    return metadata


def calibrate(logits: Tensor, labels: Tensor) -> dict[str, Any]:
    """Fit the temperature, and tell the expected calibration error before and after, on the same photos."""
    temperature = fit_temperature(logits, labels)
    return {
        "temperature": temperature,
        "error_before": expected_calibration_error(logits, labels),
        "error_after": expected_calibration_error(logits / temperature, labels),
    }


def spell_command(recipe: Recipe, *, continues: bool = False) -> str:
    """The command that trains by this recipe, from an earlier run's weights or not; defaults are left out."""
    default, parts = Recipe(), ["--from EARLIER_RUN"] if continues else []
    for name, value in vars(recipe).items():
        if value == getattr(default, name) or name in ("mean", "std"):
            continue
        if name == "channels_last":
            parts.append("--no-channels-last")
        elif isinstance(value, tuple) and isinstance(value[0], Phase):
            parts.append("--phases " + " ".join(map(str, value)))
        else:
            parts.append(f"--{name.replace('_', '-')} {value}")
    return " ".join(["python -m recipes.teaching_net train FOLDER --into RUN", *parts])


def _store(value: Tensor) -> Tensor:
    value = value.detach().contiguous().clone()
    half = value.half() if value.is_floating_point() else value
    return half if half.isfinite().all() else value  # what half precision can't hold stays as it is


def _draw_batches(
    trained: PhotoFolder, recipe: Recipe, count: int, sizes: Sequence[int], log: Callable[[str], object]
) -> Iterator[Tensor]:
    """Draw about ``count`` whole photos, in batches of one size each, the sizes in turn."""
    order = np.random.default_rng((recipe.seed, 5)).permutation(len(trained))[:count]
    for number, chosen in enumerate(np.array_split(order, max(1, count // recipe.batch))):
        size = sizes[number % len(sizes)]
        photos = read_photos(trained.pick([int(i) for i in chosen]), Preparation(size=(size, size)), log)
        yield normalise(photos.pixels, recipe.mean, recipe.std, channels_last=recipe.channels_last)


def _predict_held_back(
    net: nn.Module, recipe: Recipe, held: Any, sizes: Sequence[int], log: Callable[[str], object]
) -> tuple[Tensor, Tensor]:
    logits, labels = [], []
    for size in sizes:
        photos = read_photos(held, Preparation(size=(size, size)), log)
        logits.append(predict(net, photos.pixels, mean=recipe.mean, std=recipe.std))
        labels.append(photos.labels)
        right = (logits[-1].argmax(1) == photos.labels).float().mean()
        log(f"{float(right):.4f} right of {len(photos)} photos held back, at {size} px")
    return torch.cat(logits), torch.cat(labels)
