"""Bring class activation maps to one size, and several of them into one: two pure steps, each a choice.

Neither happens on its own. A map of branch 3 has 7 x 7 cells for a photo of 224 px; a smooth enlargement of it looks
sharper than what the net knows. And maps of different sites have no common unit, so a mean of them is mostly a mean of
their scales, unless each is scaled first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from hrnet_viz.sites import quote

How = Literal["cells", "bilinear"]
Merge = Literal["mean", "max", "product"]


def upsample(maps: Tensor, size: tuple[int, int], how: How = "cells") -> Tensor:
    """Enlarge maps to the size of the photo.

    Args:
        maps: (N, h, w).
        size: (H, W).
        how: "cells" repeats each cell, so that what is seen is what there is; "bilinear" interpolates between the
            middles of the cells, which is usual in papers and invents the places of edges.

    Returns:
        (N, H, W).

    Raises:
        ValueError: no such way, or maps of another rank.
    """
    if maps.dim() != 3:
        raise ValueError(f"upsample takes maps of shape (N, h, w); this tensor has shape {tuple(maps.shape)}.")
    if how == "cells":
        return functional.interpolate(maps[:, None], size=size, mode="nearest")[:, 0]
    if how == "bilinear":
        return functional.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
    raise ValueError(f"how={quote(how)} was given; maps are enlarged as 'cells' or 'bilinear'.")


def scale_each(maps: Tensor) -> Tensor:
    """Divide each map (N, h, w) by its largest absolute value: signs and zero stay, the unit is gone."""
    largest = maps.abs().amax((1, 2), keepdim=True)
    return maps / torch.where(largest == 0, 1, largest)


def merge(maps: Sequence[Tensor], how: Merge = "mean", *, scaled: bool = True, enlarge: How = "cells") -> Tensor:
    """Merge maps of several sites into one, at the size of the largest.

    Args:
        maps: tensors (N, h, w) of the same N.
        how: cell by cell "mean", "max" or "product"; a product is high only where every map is, and takes maps without
            negative values.
        scaled: scale each map by its largest absolute value first, which maps without a common unit need.
        enlarge: how the smaller ones are brought to the size of the largest, see ``upsample``.

    Returns:
        (N, H, W).

    Raises:
        ValueError: no maps, no such way, different N, or negative values in a product.
    """
    if not maps:
        raise ValueError("merge was given no maps; it takes at least one.")
    if len({len(single) for single in maps}) > 1:
        raise ValueError(
            f"merge was given maps of {', '.join(str(len(single)) for single in maps)} photos; "
            "all of them must be of the same photos."
        )
    if how == "product" and any(bool((single < 0).any()) for single in maps):
        raise ValueError(
            "A product of signed maps has no meaning: two negative values would make a positive one. "
            "Ask for maps with relu=True, or use cams.rectified()."
        )
    size = (max(single.shape[1] for single in maps), max(single.shape[2] for single in maps))
    layers = torch.stack([upsample(scale_each(single) if scaled else single, size, enlarge) for single in maps])
    if how == "mean":
        return layers.mean(0)
    if how == "max":
        return layers.amax(0)
    if how == "product":
        return layers.prod(0)
    raise ValueError(f"how={quote(how)} was given; maps are merged by 'mean', 'max' or 'product'.")
