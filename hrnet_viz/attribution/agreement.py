"""Agreement with ablation: does a map tell what is lost when a part of its tensor is set to zero?

Two questions, both answered by rank correlations, which need no common unit:

* places: one site, its plane in patches; the sum of the map over a patch against what setting this patch to zero takes
  from the score. All sites have the same patches, so a patch is the same area of the photo everywhere.
* sites: the sum of the whole map against what setting the whole site to zero takes from the score, over sites.

A HiResCAM map adds up to the first-order estimate of both (Molchanov et al. 2017, arXiv 1611.06440, section 2.2), so it
must agree as long as the net is about linear in the part; for the other methods it is an open question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hrnet_viz.attribution.cam import cam
from hrnet_viz.attribution.intervals import Interval, bootstrap_mean, correlate_ranks
from hrnet_viz.attribution.methods import read_methods
from hrnet_viz.attribution.perturbing import count_off, photo_names
from hrnet_viz.runner import Sites, run
from hrnet_viz.targets import LOGITS, Target, Wishes, read_target
from hrnet_viz.tracing import Trace, evaluating, exact, trace

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.reading import ImageSource
    from hrnet_viz.sites import Site


@dataclass(frozen=True, eq=False)
class Agreement:
    """What maps say and what ablation says, per patch.

    Attributes:
        methods, sites: whose maps.
        sums: sum of the map over each patch, (methods, sites, N, patches).
        losses: what setting the patch to zero takes from the score, (sites, N, patches).
        total_losses: what setting the whole site to zero takes from the score, (sites, N).
        patches: number of patches per side.
        targets, photos: what was asked, of which photos.
        seed: of the intervals.
    """

    methods: tuple[str, ...]
    sites: tuple[str, ...]
    sums: Tensor
    losses: Tensor
    total_losses: Tensor
    patches: int
    targets: tuple[str, ...]
    photos: tuple[str, ...]
    seed: int

    def places(self, method: str, site: str | Site) -> Interval:
        """Mean over photos of the rank correlation over patches: 1 agrees, 0 is chance."""
        if method not in self.methods or str(site) not in self.sites:
            raise ValueError(
                f"'{method}' at '{site}' was not compared. Compared were {', '.join(self.methods)} "
                f"at {', '.join(self.sites)}."
            )
        rows = self.place_correlations[self.methods.index(method), self.sites.index(str(site))]
        return bootstrap_mean(rows, seed=self.seed)

    @property
    def place_correlations(self) -> Tensor:
        """Rank correlation over patches, (methods, sites, N); NaN where map or loss is the same for all patches."""
        return correlate_ranks(self.sums, self.losses.expand_as(self.sums))

    def across_sites(self, method: str) -> Interval:
        """Mean over photos of the rank correlation over sites of sum of the map and loss; needs three sites."""
        if len(self.sites) < 3:
            raise ValueError(f"A correlation over {len(self.sites)} sites says nothing; compare at least three.")
        totals = self.sums[self.methods.index(method)].sum(-1)
        return bootstrap_mean(correlate_ranks(totals.T, self.total_losses.T), seed=self.seed)


def compare_with_ablation(
    net: HRNet,
    photo: ImageSource | Sequence[ImageSource],
    target: Wishes = None,
    *,
    method: str | Sequence[str] = "gradcam",
    sites: Sites = "stage4.*.branch?",
    patches: int = 5,
    seed: int = 0,
    progress: bool = False,
) -> Agreement:
    """Compare maps with what setting parts of their tensors to zero does to the score.

    Costs one forward and backward pass, and ``patches`` squared + 1 runs from each site to the target.

    Args:
        net: the net.
        photo: a photo, several, or a ready tensor (N, 3, H, W); all of them go through the net together.
        target: see ``cam``; the top class stays the one of the whole net.
        method: one or several.
        sites: where.
        patches: number of patches per side; at most the number of cells of the coarsest site.
        seed: of the intervals.
        progress: show a progress bar on stderr.

    Raises:
        ValueError: more patches than cells, and as ``cam``.
    """
    methods = read_methods(method)
    whole = trace(net, photo, sites=LOGITS)
    goal = read_target(net, target).pin(whole[LOGITS])
    maps = cam(net, whole.photos or whole.input, goal, method=methods, sites=sites)
    first = maps[methods[0]]
    names = tuple(first)
    for name in names:
        cells = min(first[name].shape[1:])
        if not 1 <= patches <= cells:
            raise ValueError(
                f"patches={patches} was given, but '{name}' has {cells} cells on its shorter side for this photo. "
                f"Give 1 to {cells}, leave the site out, or use a larger photo."
            )
    base = exact(net, trace(net, first.input, sites=["landmarks", *goal.sites]))
    losses, totals = [], []
    for name in count_off(names, "ablation", progress=progress):
        owner = assign_patches((first[name].shape[1], first[name].shape[2]), patches).to(first.input.device)
        rows = [_lose(net, base, goal, name, owner == patch) for patch in range(patches**2)]
        losses.append(torch.stack(rows, 1))
        totals.append(_lose(net, base, goal, name, owner >= 0))
    return Agreement(
        methods=methods,
        sites=names,
        sums=torch.stack(
            [torch.stack([add_up_patches(maps[one][name], patches).cpu() for name in names]) for one in methods]
        ),
        losses=torch.stack(losses),
        total_losses=torch.stack(totals),
        patches=patches,
        targets=first.targets,
        photos=photo_names(first),
        seed=seed,
    )


def assign_patches(size: tuple[int, int], patches: int) -> Tensor:
    """Give the number of the patch that each cell belongs to, (h, w), counted row by row."""
    row, column = (torch.arange(side) * patches // side for side in size)
    return row[:, None] * patches + column


def add_up_patches(maps: Tensor, patches: int) -> Tensor:
    """Add maps (N, h, w) up over patches, (N, patches * patches)."""
    owner = assign_patches((maps.shape[1], maps.shape[2]), patches).flatten().to(maps.device)
    sums = torch.zeros(len(maps), patches**2, dtype=maps.dtype, device=maps.device)
    return sums.index_add(1, owner, maps.flatten(1))


@torch.no_grad()
def _lose(net: HRNet, base: Trace, goal: Target, site: str, part: Tensor) -> Tensor:
    """Give what setting a part (h, w) of a site to zero takes from each photo's score, (N,)."""
    with evaluating(net):
        edited = run(net, base=base, edit={site: lambda value: value.masked_fill(part, 0)}, keep=goal.sites)
    before = goal.evaluate({name: base[name] for name in goal.sites}).values
    return (before - goal.evaluate(edited).values).float().cpu()
