"""Average drop: how much of the probability is lost when only what the map shows is left of the photo?

Source: Chattopadhay et al. 2018, "Grad-CAM++", section 5.1. A map that keeps nearly everything does well here whatever
it shows, so the same map with its cells shuffled is measured beside: what counts is the difference.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from hrnet_viz.attribution.intervals import Interval, bootstrap_mean, wilson
from hrnet_viz.attribution.merging import How, scale_each, upsample
from hrnet_viz.attribution.perturbing import Blank, Covered, choose_maps, photo_names, shuffle

if TYPE_CHECKING:
    from hrnet_viz.attribution.cams import Cams
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.sites import Site


@dataclass(frozen=True, eq=False)
class AverageDrop:
    """The probability of the target with the whole photo, and with what a map leaves of it.

    Attributes:
        site, method: of the maps.
        whole: probability for the whole photo, (N,).
        masked: for the photo times the map (negative values 0, the highest 1), (N,).
        shuffled: for the photo times the same map with its cells in random order, (N,).
        targets, photos: what was asked, of which photos.
        blank, enlarge, seed: what stands where the map is 0, how it was enlarged, and of the shuffling.
    """

    site: str
    method: str
    whole: Tensor
    masked: Tensor
    shuffled: Tensor
    targets: tuple[str, ...]
    photos: tuple[str, ...]
    blank: Blank
    enlarge: How
    seed: int

    @property
    def drop(self) -> Interval:
        """Mean share of the probability that is lost, increases counted as 0; 0 is best."""
        return bootstrap_mean(self._lost(self.masked), seed=self.seed)

    @property
    def gain(self) -> Interval:
        """How much less is lost than with shuffled cells: above 0 the map knows something."""
        return bootstrap_mean(self.gains, seed=self.seed)

    @property
    def gains(self) -> Tensor:
        """How much less is lost of each photo than with shuffled cells, (N,)."""
        return self._lost(self.shuffled) - self._lost(self.masked)

    @property
    def increase(self) -> Interval:
        """Share of photos whose probability rises when only what the map shows is left."""
        return wilson(int((self.masked > self.whole).sum()), len(self.whole))

    def _lost(self, left: Tensor) -> Tensor:
        return (self.whole - left).clamp(min=0) / self.whole.clamp(min=1e-12)


def drop_average(
    net: HRNet,
    cams: Cams,
    *,
    sites: Iterable[str | Site] | None = None,
    blank: Blank = "mean",
    enlarge: How = "bilinear",
    seed: int = 0,
    batch: int = 64,
    progress: bool = False,
) -> dict[str, AverageDrop]:
    """Leave of each photo what its map shows, and see what probability is left.

    Args:
        net: the net that the maps are of.
        cams: maps of one method, for a class each.
        sites: which of the maps; all of them by default.
        blank: what shows through where the map is below 1: "mean" or "blur".
        enlarge: "bilinear", as in the paper, or "cells".
        seed: of the shuffling.
        batch: photos per pass.
        progress: show a progress bar on stderr.

    Returns:
        site -> ``AverageDrop``, in plan order. A map without positive evidence leaves nothing of its photo.

    Raises:
        ValueError: no such blank, or maps whose target is not a class.
    """
    covered = Covered.prepare(net, cams, blank=blank, batch=batch)
    size, whole = (cams.input.shape[2], cams.input.shape[3]), covered.ask_whole()
    result = {}
    for name, maps in choose_maps(cams, sites, "average drop", progress=progress):
        shares = scale_each(maps.clamp(min=0))
        order = shuffle(shares.flatten(1).shape, seed).to(shares.device)
        shuffled = shares.flatten(1).gather(1, order).view(shares.shape)
        result[name] = AverageDrop(
            site=name,
            method=cams.method,
            whole=whole,
            masked=covered.ask(upsample(shares, size, enlarge)),
            shuffled=covered.ask(upsample(shuffled, size, enlarge)),
            targets=cams.targets,
            photos=photo_names(cams),
            blank=blank,
            enlarge=enlarge,
            seed=seed,
        )
    return result
