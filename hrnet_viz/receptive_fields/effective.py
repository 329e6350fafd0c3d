"""The effective receptive field: which photo pixels a cell depends on how much, measured with its gradient.

Source: Luo et al. 2016, "Understanding the effective receptive field in deep convolutional neural networks", section 3:
the gradient of one cell with respect to the input. It depends on the photo, since every ReLU does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hrnet_viz.exchanges.kept import cut_paths, kept_exchanges
from hrnet_viz.receptive_fields.theoretical import Box, ReceptiveField, check_cell, theoretical
from hrnet_viz.runner import run
from hrnet_viz.sites import Site, quote, read_integer
from hrnet_viz.tracing import Photos, evaluating, read_input

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet

SHARE = 0.95


@dataclass(frozen=True, eq=False, repr=False)
class EffectiveField:
    """How strongly each pixel moves one cell of a site.

    Attributes:
        site: the site.
        cell: row and column of the cell, None where the site has no places.
        channel: the channel, None for the strength of all of them.
        exchanges: modules whose exchange was kept.
        photos: names of the photos, () if a tensor was given.
        energy: squared gradient summed over the colours, (H, W) float64, as a share of its sum, averaged over the
            photos. All 0 where no gradient comes through, because a ReLU is closed.
        theory: the theoretical field, on an unbounded photo.
        box: what of this photo the cell can depend on at all.
    """

    site: Site
    cell: tuple[int, int] | None
    channel: int | None
    exchanges: tuple[str, ...]
    photos: tuple[str, ...]
    energy: Tensor
    theory: ReceptiveField
    box: Box

    def __repr__(self) -> str:
        where = f"cell {self.cell}" if self.cell else "the photo"
        return (
            f"EffectiveField({self.site.name}, {where}: 95 % of the energy on {self.area()} of "
            f"{self.box.height * self.box.width} px)"
        )

    def level(self, share: float = SHARE) -> float:
        """Return the energy at which the strongest pixels down to it hold a share of all: where the contour lies.

        Raises:
            ValueError: a share that is not above 0 and at most 1.
        """
        if not 0 < share <= 1:
            raise ValueError(f"share={share} was given; a contour holds a share above 0 and at most 1, such as 0.95.")
        ordered = self.energy.flatten().sort(descending=True).values
        total = ordered.cumsum(0)
        enough = int((total < share * total[-1] * (1 - 1e-12)).sum())  # rounding must not ask for one pixel more
        return float(ordered[min(enough, len(ordered) - 1)])

    def mask(self, share: float = SHARE) -> Tensor:
        """Return the pixels within the contour, (H, W) bool: the fewest that hold a share of the energy."""
        return (self.energy >= self.level(share)) & (self.energy > 0)

    def area(self, share: float = SHARE) -> int:
        """Return the number of pixels within the contour."""
        return int(self.mask(share).sum())

    def side(self, share: float = SHARE) -> float:
        """Return the side of a square as large as what lies within the contour, in pixels."""
        return float(self.area(share) ** 0.5)


def effective(
    net: HRNet,
    photos: Photos,
    site: str | Site,
    *,
    cell: tuple[int, int] | None = None,
    channel: int | None = None,
    exchanges: int | None = None,
) -> EffectiveField:
    """Compute how strongly each pixel of a photo moves one cell of a site.

    Args:
        net: the net.
        photos: a photo, several (their shares are averaged), a tensor, or a trace.
        site: any site; "stage3.1.out0[3]" names the channel as well.
        cell: row and column, by default the one in the middle. A site without places has none.
        channel: whose gradient is taken. None stands for the cell's strength, the Euclidean norm over its channels:
            a mere sum would let channels cancel.
        exchanges: how many exchanges are kept: 0, 1 (the last), 3 (the last of each stage) or all; None for all.

    Raises:
        SiteError: an address that names no site.
        ValueError: a cell or channel that is not there, or another number of exchanges.
    """
    asked = net.plan.place(site)
    found, channel = asked.site, asked.channel if channel is None else channel
    cut = sorted(cut_paths(net.plan, exchanges) - {found.landmark})  # a path that is asked for is looked at whole
    x, names = read_input(net, photos)
    size = (x.shape[-2], x.shape[-1])
    place = check_cell(found, cell, size) if found.stride is not None else None
    if place is None and cell is not None:
        raise ValueError(f"'{found.name}' has no places, so it has no cell {cell}. Leave cell out.")
    number = read_integer(channel)
    if channel is not None and (number is None or not 0 <= number < found.channels):
        raise ValueError(
            f"'{found.name}' has channels 0 to {found.channels - 1}; channel {quote(channel)} was asked for."
        )
    with evaluating(net), torch.inference_mode(mode=False), torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        value = run(net, x, keep=found.name, edit=dict.fromkeys(cut, torch.zeros_like))[found.name]
        at_cell = value if place is None else value[:, :, place[0], place[1]]
        strength = at_cell.norm(dim=1) if channel is None else at_cell[:, channel]
        (gradient,) = torch.autograd.grad(strength.sum(), x, materialize_grads=True)
    energy = gradient.double().square().sum(1)
    totals = energy.sum((1, 2), keepdim=True)
    shares = torch.where(totals > 0, energy / torch.where(totals > 0, totals, 1), 0)
    theory = theoretical(net, found, exchanges=exchanges)
    return EffectiveField(
        site=found,
        cell=place,
        channel=channel,
        exchanges=kept_exchanges(net.plan, exchanges),
        photos=names,
        energy=shares.mean(0),
        theory=theory,
        box=theory.box(place, size),
    )
