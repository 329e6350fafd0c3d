"""Deletion and insertion: does the probability fall when what a map calls important goes, and rise when it comes?

Source: Petsiuk et al. 2018, "RISE", section 4.3. Cells go in the order of the map, whole cells at a time, since a map
says nothing finer. A random order of cells of the same size is run beside, because a coarse grid alone changes the
curve: what counts is the difference of the two areas.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from hrnet_viz.attribution.intervals import Interval, bootstrap_mean
from hrnet_viz.attribution.merging import upsample
from hrnet_viz.attribution.perturbing import Blank, Covered, choose_maps, photo_names, rank_cells, shuffle
from hrnet_viz.sites import check_whole, quote

if TYPE_CHECKING:
    from hrnet_viz.attribution.cams import Cams
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.sites import Site

Kind = Literal["deletion", "insertion"]
USUAL_BLANK: dict[Kind, Blank] = {"deletion": "mean", "insertion": "blur"}


@dataclass(frozen=True, eq=False)
class Curves:
    """The probability of the target while parts of the photos go or come.

    Attributes:
        kind: "deletion" or "insertion".
        site, method: of the maps.
        fractions: share of the photo that has gone or come, (S + 1,), from 0 to 1.
        scores: probability of each photo's target, (N, S + 1).
        random: the same for a random order of cells of the same size, the mean of ``draws`` orders.
        targets, photos: what was asked, of which photos.
        blank: what stands in the place of a part.
        draws, seed: number of random orders and where they come from.
    """

    kind: Kind
    site: str
    method: str
    fractions: Tensor
    scores: Tensor
    random: Tensor
    targets: tuple[str, ...]
    photos: tuple[str, ...]
    blank: Blank
    draws: int
    seed: int

    @property
    def areas(self) -> Tensor:
        """Area below each photo's curve, (N,): small is good for deletion, large for insertion."""
        return torch.trapezoid(self.scores, self.fractions)

    @property
    def random_areas(self) -> Tensor:
        """Area below each photo's random-order curve, (N,)."""
        return torch.trapezoid(self.random, self.fractions)

    @property
    def gain(self) -> Interval:
        """How much better than chance the areas are, over photos: above 0 the map knows something."""
        return bootstrap_mean(self.gains, seed=self.seed)

    @property
    def gains(self) -> Tensor:
        """The same for each photo, (N,)."""
        return (1 if self.kind == "insertion" else -1) * (self.areas - self.random_areas)


def play_deletion(
    net: HRNet,
    cams: Cams,
    *,
    kind: Kind = "deletion",
    sites: Iterable[str | Site] | None = None,
    steps: int = 10,
    blank: Blank | None = None,
    draws: int = 2,
    seed: int = 0,
    batch: int = 64,
    chance: dict[tuple[int, int], Tensor] | None = None,
    progress: bool = False,
) -> dict[str, Curves]:
    """Take the photos apart in the order of their maps, and put them together again.

    Args:
        net: the net that the maps are of.
        cams: maps of one method, for a class each.
        kind: "deletion" starts from the photo, "insertion" from the blank.
        sites: which of the maps; all of them by default.
        steps: number of parts; each takes a forward pass per photo and order.
        blank: "mean" or "blur"; by default the first for deletion and the second for insertion, as in the paper.
        draws: random orders per grid.
        seed: of the random orders and of ties.
        batch: photos per pass.
        chance: a dictionary that keeps the random curves of each grid; give the same one to calls with the same photos
            and settings, for other methods, and they are not computed again.
        progress: show a progress bar on stderr.

    Returns:
        site -> ``Curves``, in plan order.

    Raises:
        ValueError: no such kind or blank, or maps whose target is not a class.
    """
    steps, draws = check_whole("steps", steps), check_whole("draws", draws)
    if kind not in USUAL_BLANK:
        raise ValueError(f"kind={quote(kind)} was given; curves are made for 'deletion' or 'insertion'.")
    covered = Covered.prepare(net, cams, blank=blank or USUAL_BLANK[kind], batch=batch)
    walk = _Walk(covered, kind, torch.linspace(0, 1, steps + 1), (covered.ask_whole(), covered.ask_filler()))
    chance = {} if chance is None else chance
    result = {}
    for name, maps in choose_maps(cams, sites, kind, progress=progress):
        n, height, width = maps.shape
        if (height, width) not in chance:
            orders = [shuffle((n, height * width), seed + draw).view(maps.shape) for draw in range(draws)]
            chance[height, width] = torch.stack([walk.follow(order.to(maps.device)) for order in orders]).mean(0)
        result[name] = Curves(
            kind=kind,
            site=name,
            method=cams.method,
            fractions=walk.fractions,
            scores=walk.follow(rank_cells(maps, seed)),
            random=chance[height, width],
            targets=cams.targets,
            photos=photo_names(cams),
            blank=covered.blank,
            draws=draws,
            seed=seed,
        )
    return result


@dataclass(frozen=True, eq=False)
class _Walk:
    """What is the same for every order: the photos, and both ends of the curves."""

    covered: Covered
    kind: Kind
    fractions: Tensor
    ends: tuple[Tensor, Tensor]
    """Probabilities for the whole photos and for the blank."""

    def follow(self, ranks: Tensor) -> Tensor:
        """Give the probabilities (N, S + 1) while cells go or come in the order of ``ranks`` (N, h, w)."""
        start, end = self.ends if self.kind == "deletion" else self.ends[::-1]
        between = [self.covered.ask(self.keep(ranks, float(share))) for share in self.fractions[1:-1]]
        return torch.stack([start, *between, end], 1)

    def keep(self, ranks: Tensor, share: float) -> Tensor:
        """Give what is left (N, H, W) with the first ``share`` of the cells gone (deletion), or with nothing else."""
        first = ranks < round(share * ranks[0].numel())
        kept = ~first if self.kind == "deletion" else first
        return upsample(kept.float(), (self.covered.x.shape[2], self.covered.x.shape[3]), "cells")
