"""Parts of a photo are covered, and the net is asked again: deletion, insertion and average drop.

Deletion and insertion (Petsiuk et al. 2018, "RISE", section 4.3): does the probability fall when what a map calls
important goes, and rise when it comes? Cells go in the order of the map, whole cells at a time, since a map says
nothing finer. A random order of cells of the same size is run beside, because a coarse grid alone changes the curve.

Average drop (Chattopadhay et al. 2018, "Grad-CAM++", section 5.1): how much of the probability is lost when only what
the map shows is left? A map that keeps nearly everything does well here whatever it shows, so the same map with its
cells shuffled is measured beside. What counts is the difference in all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from hrnet_viz.attribution.cams import Enlarge, scale_each, upsample
from hrnet_viz.attribution.truth_table import Interval, bootstrap_mean, count_off, wilson
from hrnet_viz.outputs import answer_of
from hrnet_viz.sites import Site, check_whole, quote
from hrnet_viz.tracing import evaluating

if TYPE_CHECKING:
    from hrnet_viz.attribution.cams import Cams
    from hrnet_viz.network.net import HRNet

Blank = Literal["mean", "blur"]
BLUR = 0.05
"""Standard deviation of the blur as a share of the photo's shorter side: shapes are gone, colours stay."""


@dataclass(frozen=True, eq=False)
class _Covered:
    """The photos of some maps, of which parts can be covered, and the net that is asked about what is left.

    ``filler`` (N, 3, H, W) stands where a part is covered, ``indices`` (N,) are the classes asked for.
    """

    net: HRNet
    x: Tensor
    filler: Tensor
    indices: Tensor
    batch: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the photos in pixels."""
        return self.x.shape[2], self.x.shape[3]

    def ask(self, kept: Tensor) -> Tensor:
        """Return the probability of each photo's class, (N,) on the CPU.

        ``kept`` (N, H, W) or (N, 1, 1) is the share of each pixel that is left; the filler shows for the rest.
        """
        mixed = torch.lerp(self.filler, self.x, kept[:, None].to(self.x))
        return probabilities(self.net, mixed, self.indices, self.batch).cpu()

    def ask_whole(self) -> Tensor:
        """Return the probabilities for the whole photos."""
        return self.ask(torch.ones(len(self.x), 1, 1))


def _cover(net: HRNet, cams: Cams, blank: Blank, batch: int) -> _Covered:
    cams.check(net)
    answers = [cams.plan.sites[name].stride for name in answer_of(cams.plan)]
    if answers != [None]:
        raise ValueError(
            f"This test follows the probability of a class of the whole photo, but {cams.plan.owner} "
            f"{'answers with maps' if answers else 'answers nothing by itself'}. hv.attribution.ablation_agreement "
            "takes every target."
        )
    for words, index in zip(cams.targets, cams.indices, strict=True):
        if index is None:
            raise ValueError(
                f"This test follows the probability of a class, but the target of these maps is '{words}'. "
                "Make the maps for a class, by name or index."
            )
    indices = torch.tensor([index for index in cams.indices if index is not None])
    return _Covered(net, cams.input, make_blank(cams.input, blank), indices, check_whole("batch", batch))


def _choose_maps(
    cams: Cams, sites: str | Site | Iterable[str | Site] | None, words: str, *, progress: bool
) -> Iterator[tuple[str, Tensor]]:
    """Return (site, maps) at some sites, or at all, in plan order; a SiteError tells of a site without a map."""
    several = [sites] if isinstance(sites, (str, Site)) else cams if sites is None else sites
    wanted = {str(cams.plan.place(site)): cams[site] for site in several}
    chosen = [(name, wanted[name]) for name in cams if name in wanted]
    return count_off(chosen, f"{words}, {cams.method}", progress=progress)


def make_blank(x: Tensor, how: Blank) -> Tensor:
    """Return what stands in the place of a part that is taken away, for photos (N, 3, H, W) as the net sees them.

    "mean" is the mean colour of the training photos (0 after normalisation); "blur" the blurred photo, which leaves no
    new edges where a part is taken away (Petsiuk et al. 2018, "RISE", section 4.3).

    Raises:
        ValueError: neither of them.
    """
    if how == "mean":
        return torch.zeros_like(x)
    if how != "blur":
        raise ValueError(f"blank={quote(how)} was given; parts are replaced by their 'mean' or by a 'blur'.")
    sigma = BLUR * min(x.shape[2:])
    blurred = gaussian_filter(x.detach().float().cpu().numpy(), sigma, mode="mirror", truncate=3, axes=(2, 3))
    return torch.from_numpy(blurred).to(x)


def rank_cells(maps: Tensor, seed: int) -> Tensor:
    """Return each cell's place in the order from the highest value down, (N, h, w), 0 first; ties in random order.

    Without the last a map of zeros would be taken away from the top left corner, which is not chance.
    """
    flat = maps.flatten(1)
    shuffled = _shuffle(flat.shape, seed).to(flat.device)
    order = shuffled.gather(1, flat.gather(1, shuffled).argsort(stable=True, dim=1, descending=True))
    return order.argsort(1).view(maps.shape)


def _shuffle(shape: tuple[int, ...] | torch.Size, seed: int) -> Tensor:
    """Return a random order of the second axis for each of the first, (N, cells)."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)).argsort(1)


@torch.no_grad()
def probabilities(net: HRNet, x: Tensor, indices: Tensor, batch: int = 64) -> Tensor:
    """Return the softmax probability of one class per photo, (N,) float32, for photos (N, 3, H, W), indices (N,)."""
    with evaluating(net):
        shares = torch.cat([net(x[k : k + batch]).float().softmax(1) for k in range(0, len(x), batch)])
    return shares.gather(1, indices[:, None].to(shares.device))[:, 0]


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


def deletion(
    net: HRNet,
    cams: Cams,
    *,
    kind: Kind = "deletion",
    sites: str | Site | Iterable[str | Site] | None = None,
    steps: int = 10,
    blank: Blank | None = None,
    draws: int = 2,
    seed: int = 0,
    batch: int = 64,
    chance: dict[tuple[int, int], Tensor] | None = None,
    progress: bool = False,
) -> dict[str, Curves]:
    """Run the net while photos are taken apart in the order of their maps, or put together.

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
        SiteError: a site that there is no map of.
        ValueError: no such kind or blank, or maps whose target is not a class.
    """
    steps, draws = check_whole("steps", steps), check_whole("draws", draws)
    if kind not in USUAL_BLANK:
        raise ValueError(f"kind={quote(kind)} was given; curves are made for 'deletion' or 'insertion'.")
    blank = blank or USUAL_BLANK[kind]
    covered = _cover(net, cams, blank, batch)
    fractions = torch.linspace(0, 1, steps + 1)
    ends = covered.ask_whole(), covered.ask(torch.zeros(len(cams.input), 1, 1))

    def follow(ranks: Tensor) -> Tensor:
        """Return the probabilities (N, S + 1) while cells go or come in the order of ``ranks`` (N, h, w)."""
        start, *between = ends if kind == "deletion" else ends[::-1]
        for share in fractions[1:-1].tolist():
            first = ranks < round(share * ranks[0].numel())
            kept = upsample((~first if kind == "deletion" else first).float(), covered.size, "cells")
            between.insert(-1, covered.ask(kept))
        return torch.stack([start, *between], 1)

    chance = {} if chance is None else chance
    result = {}
    for name, maps in _choose_maps(cams, sites, kind, progress=progress):
        n, height, width = maps.shape
        if (height, width) not in chance:
            orders = [_shuffle((n, height * width), seed + draw).view(maps.shape) for draw in range(draws)]
            chance[height, width] = torch.stack([follow(order.to(maps.device)) for order in orders]).mean(0)
        result[name] = Curves(
            kind=kind,
            site=name,
            method=cams.method,
            fractions=fractions,
            scores=follow(rank_cells(maps, seed)),
            random=chance[height, width],
            targets=cams.targets,
            photos=cams.names,
            blank=blank,
            draws=draws,
            seed=seed,
        )
    return result


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
    enlarge: Enlarge
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


def average_drop(
    net: HRNet,
    cams: Cams,
    *,
    sites: str | Site | Iterable[str | Site] | None = None,
    blank: Blank = "mean",
    enlarge: Enlarge = "bilinear",
    seed: int = 0,
    batch: int = 64,
    progress: bool = False,
) -> dict[str, AverageDrop]:
    """Compute what probability is left when only what its map shows is left of each photo.

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
        SiteError: a site that there is no map of.
        ValueError: no such blank, or maps whose target is not a class.
    """
    covered = _cover(net, cams, blank, batch)
    whole = covered.ask_whole()
    result = {}
    for name, maps in _choose_maps(cams, sites, "average drop", progress=progress):
        shares = scale_each(maps.clamp(min=0))
        order = _shuffle(shares.flatten(1).shape, seed).to(shares.device)
        shuffled = shares.flatten(1).gather(1, order).view(shares.shape)
        result[name] = AverageDrop(
            site=name,
            method=cams.method,
            whole=whole,
            masked=covered.ask(upsample(shares, covered.size, enlarge)),
            shuffled=covered.ask(upsample(shuffled, covered.size, enlarge)),
            targets=cams.targets,
            photos=cams.names,
            blank=blank,
            enlarge=enlarge,
            seed=seed,
        )
    return result
