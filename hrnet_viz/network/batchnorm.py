"""Measure the BatchNorm statistics of a net on photos, so that its activations have the size that they should have.

A freshly built net in eval mode normalises with mean 0 and variance 1, which its random convolutions do not have: the
sums of an HRNet then grow to 10**7 and every picture shows the same few cells. Statistics measured on some photos keep
each layer near unit size; the weights stay random.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

from hrnet_viz.photos.photo import Photo
from hrnet_viz.photos.preparation import prepare

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hrnet_viz.photos.decode import ImageSource

Net = TypeVar("Net", bound=nn.Module)


def update_batchnorm(
    net: Net, photos: ImageSource | Sequence[ImageSource] | Iterable[Tensor | Sequence[Tensor]]
) -> Net:
    """Measure the BatchNorm statistics of a net on photos; weights, modes and momenta stay as they were.

    Of several batches, each is normalised by itself and counts the same (arXiv 2105.07576, section 3). If anything
    goes wrong, the statistics are as they were before.

    Args:
        net: the net; it is changed and given back.
        photos: one or several; a ready float tensor (N, 3, H, W), N * H * W / 1024 > 1; or batches of such tensors of
            any sizes, such as a DataLoader gives, whose labels are left out.

    Raises:
        ValueError: nothing to measure, or photos that a net can't take; in a sentence.
    """
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [
        (norm.momentum, norm.training, {name: old.clone() for name, old in norm.named_buffers()}) for norm in norms
    ]
    batches, done = _read_batches(net, photos), False
    try:
        seen = 0
        with torch.no_grad():
            for batch in batches:
                for norm in norms if not seen else ():
                    norm.reset_running_stats()
                    norm.momentum = None  # the average over all that it sees
                    norm.training = True
                net(batch)
                seen += 1
        if not seen:
            raise ValueError(
                "No photo was given to measure BatchNorm statistics on. Give a photo, several, or batches."
            )
        if not all(value.isfinite().all() for norm in norms for value in norm.buffers()):
            raise ValueError("The statistics came out as NaN or infinite: what was given holds such numbers.")
        done = True
    finally:
        for norm, (momentum, training, buffers) in zip(norms, before, strict=True):
            norm.momentum, norm.training = momentum, training
            for name, old in () if done else buffers.items():
                norm.get_buffer(name).copy_(old)
    return net


def _read_batches(net: nn.Module, given: object) -> Iterator[Tensor]:
    """Yield ready tensors: of photos one batch, of a loader each of its batches without the labels."""
    if isinstance(given, (list, tuple)):
        photos = not any(isinstance(one, (Tensor, list, tuple)) for one in given)
        batches: Iterable[object] = [list(given)] if photos and given else given
    else:
        one = isinstance(given, (Tensor, Photo, str, bytes)) or not hasattr(given, "__iter__")
        batches = [given] if one or hasattr(given, "__array__") else given  # type: ignore[assignment]  # it is a loader
    for batch in batches:
        pair = isinstance(batch, (list, tuple)) and batch and isinstance(batch[0], Tensor)
        yield prepare(net, batch[0] if pair else batch)  # type: ignore[index, arg-type]  # prepare refuses the others
