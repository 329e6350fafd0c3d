"""A net, a folder, some sizes: scores."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from hrnet_viz.evaluate.predict import predict
from hrnet_viz.evaluate.scores import Scores, score
from hrnet_viz.network import HRNet
from hrnet_viz.photos.folder import list_classes
from hrnet_viz.targets import output_names
from hrnet_viz.training.photos import read_photos
from recipes.faithfulness.class_folders import match_classes


def measure(
    net: HRNet,
    folder: str | Path,
    sizes: Sequence[int],
    *,
    batch: int = 64,
    bf16: bool = False,
    say: Callable[[str], object] = warnings.warn,
) -> list[Scores]:
    """Try a net on a folder of class folders at several sizes, each photo prepared as the net asks for.

    Args:
        net: in eval mode, with ``classes``.
        folder: one folder of photos for each class, called as the net calls it; not every class has to be there.
        sizes: sides of the square input in pixels.
        batch: photos per pass.
        bf16: faster, a little less exact.
        say: takes lines for people: files left out, photos that can't be read, folders matched by their order.

    Raises:
        ValueError: a folder of a class that the net doesn't know, or no photo at all.
    """
    photos = list_classes(folder, say)
    places = torch.tensor(match_classes(net, photos.classes, say))
    names = net.classes if len(net.classes) == net.num_outputs else output_names(net)
    results = []
    for size in sizes:
        read = read_photos(photos, replace(net.preparation, size=(size, size)), say)
        logits = predict(net, read.pixels, mean=net.preparation.mean, std=net.preparation.std, batch=batch, bf16=bf16)
        labels: Tensor = places[read.labels]
        results.append(score(logits, labels, names, size))
    return results
