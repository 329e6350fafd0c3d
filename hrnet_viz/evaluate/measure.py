"""A net, a folder, some sizes: scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor

from hrnet_viz.analysis.targets import find_class
from hrnet_viz.evaluate.predict import predict
from hrnet_viz.evaluate.scores import Scores, score
from hrnet_viz.network import HRNet
from hrnet_viz.training.photos import list_photos, read_photos


def measure(
    net: HRNet,
    folder: str | Path,
    sizes: Sequence[int],
    *,
    batch: int = 64,
    bf16: bool = False,
    say: Callable[[str], None] | None = None,
) -> list[Scores]:
    """Try a net on a folder of class folders at several sizes, each photo prepared as the net asks for.

    Args:
        net: in eval mode, with ``classes``.
        folder: one folder of photos for each class, called as the net calls it; not every class has to be there.
        sizes: sides of the square input in pixels.
        batch: photos per pass.
        bf16: faster, a little less exact.
        say: takes lines for people, such as photos that can't be read.

    Raises:
        ValueError: a folder of a class that the net doesn't know, or no photo at all.
    """
    photos = list_photos(folder)
    places = torch.tensor(match_classes(photos.classes, net.classes or photos.classes))
    results = []
    for size in sizes:
        read = read_photos(photos, replace(net.preparation, size=(size, size)), say)
        logits = predict(net, read.pixels, mean=net.preparation.mean, std=net.preparation.std, batch=batch, bf16=bf16)
        labels: Tensor = places[read.labels]
        results.append(score(logits, labels, net.classes or photos.classes, size))
    return results


def match_classes(found: Sequence[str], known: Sequence[str]) -> list[int]:
    """For each class folder, the output of the net that has its name, found as every class is.

    Raises:
        ValueError: the net doesn't know a class.
    """
    net, places, strange = SimpleNamespace(classes=known, num_outputs=len(known)), [], []
    for name in found:
        try:
            places.append(find_class(net, name))
        except ValueError:
            strange.append(name)
    if strange:
        raise ValueError(
            f"The net doesn't know the class folders {', '.join(strange)}. It knows: {', '.join(known)}. "
            "Rename the folders, or take them away."
        )
    return places
