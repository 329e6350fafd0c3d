"""Edit two places at once: what does a pair do beyond the sum of what each does alone?

At the sum that two paths lead into, what they take away is taken away independently. Behind the ReLU it is not: where
one path alone keeps a cell above zero another may too, so that each looks harmless until both are gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hrnet_viz.interventions.ablation import Ablation, ablate
from hrnet_viz.interventions.edits import How
from hrnet_viz.runner import Sites
from hrnet_viz.targets import Wishes
from hrnet_viz.tracing import Photos, Trace, trace

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet


@dataclass(frozen=True, eq=False, repr=False)
class PairEffects:
    """Effects of edits alone and two at a time, in units of the score.

    Attributes:
        sites: what was edited, S addresses in plan order.
        photos: names of the photos, () if a tensor was given.
        words: what the score is the score of, one per photo.
        how: what was done, "zero" or "scaled by 0.5".
        together: (N, S, S) float64, effect of editing sites i and j in one pass; on the diagonal that of i alone.
    """

    sites: tuple[str, ...]
    photos: tuple[str, ...]
    words: tuple[str, ...]
    how: str
    together: Tensor

    @property
    def alone(self) -> Tensor:
        """Effect of each edit alone, (N, S)."""
        return self.together.diagonal(dim1=1, dim2=2)

    @property
    def extra(self) -> Tensor:
        """What a pair adds, (N, S, S): effect of both minus the effects of each alone; 0 on the diagonal."""
        added = self.together - self.alone[:, :, None] - self.alone[:, None, :]
        return added * (1 - torch.eye(len(self.sites), dtype=added.dtype))

    def __repr__(self) -> str:
        return f"PairEffects({len(self.sites)} sites, {self.how})"


def ablate_pairs(
    net: HRNet,
    photo: Photos,
    sites: Sites,
    how: How = "zero",
    *,
    target: Wishes = None,
    reference: Photos | None = None,
    donor: Photos | None = None,
) -> PairEffects:
    """Edit sites alone and two at a time, one pass for each.

    Args:
        net: the net; it stays as it is.
        photo: a photo, several, a tensor, or a trace.
        sites: two or more addresses, or a pattern such as "stage4.0.fuse3<-*".
        how: what is done, as in ``ablate``.
        target: what the score is, as in ``ablate``; None for each photo's top class.
        reference: photos for "mean" and "noise".
        donor: one photo for "patch".

    Raises:
        SiteError: an address that names no site.
        ValueError: fewer than two sites, or as in ``ablate``.
    """
    names = tuple(map(str, net.plan.places(sites)))
    if len(names) < 2:
        raise ValueError(f"A pair needs two sites; {''.join(names) or 'none'} was given. Give several or a pattern.")
    base = photo if isinstance(photo, Trace) else trace(net, photo)

    def edit(*chosen: str) -> Ablation:
        return ablate(net, base, list(chosen), how, target=target, reference=reference, donor=donor)

    alone = [edit(name) for name in names]
    together = torch.diag_embed(torch.stack([one.effect for one in alone], 1).double().cpu())
    for (i, one), (j, other) in combinations(enumerate(names), 2):
        together[:, i, j] = together[:, j, i] = edit(one, other).effect.double().cpu()
    first = alone[0]
    return PairEffects(names, first.photos, first.words, first.changes[0].how, together)
