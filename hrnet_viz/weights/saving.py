"""``hv.save``: a net as one file that says everything about itself."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors.torch import save as pack

from hrnet_viz.files import check_place, write_whole
from hrnet_viz.network import HRNet
from hrnet_viz.weights.fit import build_skeleton
from hrnet_viz.weights.report import Card, LoadReport, list_some, write_card

ENDING = ".safetensors"


def save(net: HRNet, path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write a net as safetensors, with what ``hv.load`` needs to bring it back whole: the same outputs to the bit.

    The file says of which variant and task the net is, how it resamples, the names of its outputs, how a photo becomes
    its input, and where its weights came from.

    Args:
        net: any net of this package, its weights in any float type; ``hv.load`` gives float32.
        path: where: "something.safetensors", "~" being home.
        force: write over a file that is there.

    Returns:
        The path.

    Raises:
        ValueError: nothing can be written there, a file is there, or a file of the net could not be loaded: its parts
            are not those of the published one, or it holds NaN. Nothing is written then.
    """
    place = check_place(path, ending=ENDING)
    if place.exists() and not force:
        raise ValueError(f"'{place}' is there already. Give another name, or force=True to lose what it holds.")
    outputs = None if net.task.outputs is None else net.num_outputs
    tensors = net.state_dict()
    expected = {
        name: value.shape for name, value in build_skeleton(net.variant, net.task, outputs).state_dict().items()
    }
    other = [
        name for name in {**expected, **tensors} if expected.get(name) != getattr(tensors.get(name), "shape", None)
    ]
    if other:
        raise ValueError(
            f"This net is not {net.owner} as published, so its file could not be loaded: {list_some(other)} differ. "
            "Put the published parts back, or save what you have with torch.save(net.state_dict(), ...)."
        )
    broken = [name for name, value in tensors.items() if value.is_meta or not bool(value.isfinite().all())]
    if broken:
        raise ValueError(f"The net holds no numbers, NaN or infinity in {list_some(broken)}. Nothing was written.")
    report = net.load_report
    card = Card(
        net.variant.name,
        net.task.name,
        upsample=net.task.upsample,
        align_corners=net.task.align_corners,
        classes=net.classes,
        preparation=net.preparation,
        provenance=dict(report.provenance) if isinstance(report, LoadReport) else {},
    )
    dense = {name: value.cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    return write_whole(place, pack(dense, write_card(card, net.preparation)))
