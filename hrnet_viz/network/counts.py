"""Count parameters and multiply-adds, part by part.

A multiply-add (MAC) of a convolution is one weight applied at one place of its output; those of convolutions and of the
classifier are counted; BatchNorm, ReLU, additions, resampling and the products of OCR's attention are not. The
published tables divide by 2**30 and call it GFLOPs; timm and mmpretrain divide by 10**9 and count some extras.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from hrnet_viz.network.heads import hrnet
from hrnet_viz.network.net import HRNet
from hrnet_viz.network.variants import VARIANTS

if TYPE_CHECKING:
    from hrnet_viz.sites import Site


@dataclass(frozen=True, slots=True)
class Count:
    """Parameters and multiply-adds of a part of a net, for one photo."""

    parameters: int
    macs: int

    def __add__(self, other: Count) -> Count:
        return Count(self.parameters + other.parameters, self.macs + other.macs)


def count_sites(net: HRNet, height: int = 224, width: int = 224) -> dict[str, Count]:
    """Count what each landmark costs, in plan order.

    Args:
        net: the net; one built on the "meta" device will do.
        height: photo height in px.
        width: photo width in px.

    Raises:
        ValueError: a side under 32 px.
    """
    if min(height, width) < net.task.smallest:
        raise ValueError(f"{height} x {width} px was given; each side of a photo has at least {net.task.smallest} px.")
    return {
        step.name: sum(
            (
                _count(net.get_submodule(single.target), single.site, height, width)
                for single in step.expand()
                if single.target
            ),
            Count(0, 0),
        )
        for step in net.plan.steps
    }


def count(net: HRNet, height: int = 224, width: int = 224) -> Count:
    """Count the whole net."""
    return sum(count_sites(net, height, width).values(), Count(0, 0))


def _count(module: nn.Module, site: Site, height: int, width: int) -> Count:
    parameters = sum(parameter.numel() for parameter in module.parameters())
    if not isinstance(module, (nn.Conv2d, nn.Linear)):
        return Count(parameters, 0)
    rows, columns = site.size(height, width)
    return Count(parameters, module.weight.numel() * rows * columns)


def variants_table(height: int = 224, width: int = 224) -> str:
    """Return the family as a text table: widths, modules, parameters and multiply-adds of the classification nets."""
    head = f"{'variant':<20}{'branch channels':<21}{'modules':<9}{'parameters':>13}"
    lines = [
        f"Classification nets, 1000 outputs, at {height} x {width} px.",
        "MACs are multiply-adds of convolutions and classifier; the published table calls MACs / 2**30 'GFLOPs'.",
        "",
        f"{head}{'MACs':>17}{'MACs/1e9':>10}{'MACs/2**30':>12}",
    ]
    for variant in VARIANTS.values():
        with torch.device("meta"):
            net = hrnet(variant.name)
        total = count(net, height, width)
        widths = ", ".join(map(str, variant.widths))
        modules = "/".join(map(str, variant.modules))
        lines.append(
            f"{variant.name:<20}{widths:<21}{modules:<9}{total.parameters:>13,}{total.macs:>17,}"
            f"{total.macs / 1e9:>10.3f}{total.macs / 2**30:>12.3f}"
        )
    return "\n".join(lines)
