"""A net, a folder, some sizes: scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from hrnet_viz.analysis.class_folders import match_classes
from hrnet_viz.analysis.targets import output_names
from hrnet_viz.data.folder import list_classes, shorten
from hrnet_viz.evaluate.predict import predict
from hrnet_viz.evaluate.scores import Scores, score
from hrnet_viz.network import HRNet
from hrnet_viz.training.photos import read_photos


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
    photos = list_classes(folder)
    outputs = match_classes(net, photos.classes)
    names = net.classes if len(net.classes) == net.num_outputs else output_names(net)
    if say and names != net.classes:
        pairs = [f"'{name}' is output {output}" for name, output in zip(photos.classes, outputs, strict=True)]
        say(f"The outputs have no names; the order of the folders counts: {shorten(pairs)}.")
    places = torch.tensor(outputs)
    results = []
    for size in sizes:
        read = read_photos(photos, replace(net.preparation, size=(size, size)), say)
        logits = predict(net, read.pixels, mean=net.preparation.mean, std=net.preparation.std, batch=batch, bf16=bf16)
        labels: Tensor = places[read.labels]
        results.append(score(logits, labels, names, size))
    return results
