"""Class activation maps of many photos, a few at a time: a pass holds the activations of all its photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hrnet_viz.attribution.cam import cam
from hrnet_viz.attribution.cams import Cams
from hrnet_viz.attribution.methods import list_methods
from hrnet_viz.attribution.perturbing import count_off
from hrnet_viz.photos.preparation import read_photos
from hrnet_viz.runner import Sites
from hrnet_viz.targets import Wish

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.reading import ImageSource


def cam_in_batches(
    net: HRNet,
    photos: ImageSource | Sequence[ImageSource] | Tensor,
    target: Wish | list[Wish] = None,
    *,
    method: str | Sequence[str] = "gradcam",
    sites: Sites | None = None,
    relu: bool = False,
    batch: int = 16,
    progress: bool = False,
) -> dict[str, Cams]:
    """Make maps as ``cam`` does, ``batch`` photos per pass.

    Args:
        net: the net.
        photos: a photo, several, or a ready tensor (N, 3, H, W).
        target: one for all photos, or a list with one for each.
        method: one or several.
        sites: see ``cam``.
        relu: see ``cam``.
        batch: photos per pass.
        progress: show a progress bar on stderr.

    Returns:
        method -> ``Cams`` of all photos.

    Raises:
        ValueError: as ``cam``; no photo, no batch, or a list of another length than the photos.
    """
    methods = list(list_methods(method))
    photos = photos if isinstance(photos, Tensor) else read_photos(photos)
    if batch < 1 or not len(photos):
        raise ValueError(f"{len(photos)} photos and batch={batch} were given; each must be at least 1.")
    if isinstance(target, list) and len(target) != len(photos):
        raise ValueError(f"{len(target)} targets were given for {len(photos)} photos; a list has one target per photo.")
    parts: dict[str, list[Cams]] = {name: [] for name in methods}
    for start in count_off(range(0, len(photos), batch), "maps", progress=progress):
        part = slice(start, start + batch)
        goal = target[part] if isinstance(target, list) else target
        for name, found in cam(net, photos[part], goal, method=methods, sites=sites, relu=relu).items():
            parts[name].append(found)
    return {name: join(several) for name, several in parts.items()}


def join(several: Sequence[Cams]) -> Cams:
    """Put the maps of several batches into one.

    Raises:
        ValueError: none, or maps of different methods, sites or photo sizes.
    """
    if len({(one.method, tuple(one), one.relu, one.unit, one.input.shape[1:]) for one in several}) != 1:
        raise ValueError("join puts maps of one method, the same sites and one photo size together, at least one.")
    first = several[0]
    return replace(
        first,
        maps={name: torch.cat([one[name] for one in several]) for name in first},
        targets=sum((one.targets for one in several), ()),
        indices=sum((one.indices for one in several), ()),
        scores=torch.cat([one.scores for one in several]),
        input=torch.cat([one.input for one in several]),
        photos=sum((one.photos for one in several), ()),
        notes={
            name: tuple(one.note(name, n) for one in several for n in range(len(one.targets)))
            for name in dict.fromkeys(name for one in several for name in one.notes)
        },
    )
