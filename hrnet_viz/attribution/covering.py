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
from torch import Tensor
from torch.nn import functional

from hrnet_viz.attribution.cams import Enlarge, scale_each, upsample
from hrnet_viz.attribution.truth_table import Interval, bootstrap_mean, count_off, wilson
from hrnet_viz.sites import check_whole, quote
from hrnet_viz.tracing import evaluating

if TYPE_CHECKING:
    from hrnet_viz.attribution.cams import Cams
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.sites import Site

Blank = Literal["mean", "blur"]
BLUR = 0.05
"""Standard deviation of the blur as a share of the photo's shorter side: shapes are gone, colours stay."""


@dataclass(frozen=True, eq=False)
class Covered:
    """Photos of which parts can be covered, and the net that is asked about what is left.

    Attributes:
        net: the net.
        x: the photos as the net sees them, (N, 3, H, W).
        filler: what stands in the place of a covered part, of the same shape.
        indices: class that each photo is asked for, (N,).
        blank: how the filler was made.
        batch: photos per pass.
    """

    net: HRNet
    x: Tensor
    filler: Tensor
    indices: Tensor
    blank: Blank
    batch: int

    @classmethod
    def prepare(cls, net: HRNet, cams: Cams, *, blank: Blank, batch: int) -> Covered:
        """Take the photos and classes of some maps.

        Raises:
            ValueError: no such blank, maps whose target is not a class, or a net that has changed since they were made.
        """
        cams.check(net)
        return cls(net, cams.input, make_blank(cams.input, blank), _class_indices(cams), blank, batch)

    def ask(self, kept: Tensor) -> Tensor:
        """Return the probability of each photo's class, (N,) on the CPU.

        Args:
            kept: share of each pixel that is left of the photo, (N, H, W) or (N, 1, 1); the filler shows for the rest.
        """
        mixed = torch.lerp(self.filler, self.x, kept[:, None].to(self.x))
        return probabilities(self.net, mixed, self.indices, self.batch).cpu()

    def ask_whole(self) -> Tensor:
        """Return the probabilities for the whole photos."""
        return self.ask(torch.ones(len(self.x), 1, 1))

    def ask_filler(self) -> Tensor:
        """Return the probabilities when nothing of the photos is left."""
        return self.ask(torch.zeros(len(self.x), 1, 1))


def choose_maps(
    cams: Cams, sites: Iterable[str | Site] | None, words: str, *, progress: bool
) -> Iterator[tuple[str, Tensor]]:
    """Go through the maps at some sites, or at all, in plan order: (site, maps), with a progress bar if asked for."""
    wanted = set(cams) if sites is None else {str(cams.plan.place(site)) for site in sites}
    for name in count_off([name for name in cams if name in wanted], f"{words}, {cams.method}", progress=progress):
        yield name, cams[name]


def make_blank(x: Tensor, how: Blank) -> Tensor:
    """Return what stands in the place of a part that is taken away, (N, 3, H, W).

    Args:
        x: photos as the net sees them.
        how: "mean", the mean colour of the training photos (0 after normalisation); or "blur", the blurred photo, which
            leaves no new edges where a part is taken away (Petsiuk et al. 2018, "RISE", section 4.3).

    Raises:
        ValueError: neither of them.
    """
    if how == "mean":
        return torch.zeros_like(x)
    if how != "blur":
        raise ValueError(f"blank={quote(how)} was given; parts are replaced by their 'mean' or by a 'blur'.")
    sigma = BLUR * min(x.shape[2:])
    reach = min(round(3 * sigma), min(x.shape[2:]) - 1)
    steps = torch.arange(-reach, reach + 1, device=x.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    kernel = (kernel / kernel.sum()).to(x.dtype).expand(3, 1, 1, -1)
    padded = functional.pad(x, (reach, reach, reach, reach), mode="reflect")
    return functional.conv2d(functional.conv2d(padded, kernel, groups=3), kernel.transpose(2, 3), groups=3)


def rank_cells(maps: Tensor, seed: int) -> Tensor:
    """Return each cell's place in the order from the highest value down, (N, h, w), 0 first; ties in random order.

    Without the last a map of zeros would be taken away from the top left corner, which is not chance.
    """
    flat = maps.flatten(1)
    shuffled = shuffle(flat.shape, seed).to(flat.device)
    order = shuffled.gather(1, flat.gather(1, shuffled).argsort(stable=True, dim=1, descending=True))
    return order.argsort(1).view(maps.shape)


def shuffle(shape: tuple[int, ...] | torch.Size, seed: int) -> Tensor:
    """Return a random order of the second axis for each of the first, (N, cells)."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)).argsort(1)


@torch.no_grad()
def probabilities(net: HRNet, x: Tensor, indices: Tensor, batch: int = 64) -> Tensor:
    """Return the softmax probability of a class for each photo, (N,) float32.

    Args:
        net: the net; run in eval mode.
        x: photos (N, 3, H, W).
        indices: class of each, (N,).
        batch: photos per pass.
    """
    found = []
    with evaluating(net):
        for start in range(0, len(x), batch):
            shares = net(x[start : start + batch]).float().softmax(1)
            found.append(shares.gather(1, indices[start : start + batch, None].to(shares.device))[:, 0])
    return torch.cat(found)


def _class_indices(cams: Cams) -> Tensor:
    """Return the class of each photo's target, (N,).

    Raises:
        ValueError: a target that is not a single class, which has no probability.
    """
    if any(index is None for index in cams.indices):
        first = next(words for words, index in zip(cams.targets, cams.indices, strict=True) if index is None)
        raise ValueError(
            f"This test follows the probability of a class, but the target of these maps is '{first}'. "
            "Make the maps for a class, by name or index."
        )
    return torch.tensor([index for index in cams.indices if index is not None])


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
    sites: Iterable[str | Site] | None = None,
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
            photos=cams.names,
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
        """Return the probabilities (N, S + 1) while cells go or come in the order of ``ranks`` (N, h, w)."""
        start, end = self.ends if self.kind == "deletion" else self.ends[::-1]
        between = [self.covered.ask(self.keep(ranks, float(share))) for share in self.fractions[1:-1]]
        return torch.stack([start, *between, end], 1)

    def keep(self, ranks: Tensor, share: float) -> Tensor:
        """Return what is left (N, H, W) with the first ``share`` of the cells gone (deletion), or with nothing else."""
        first = ranks < round(share * ranks[0].numel())
        kept = ~first if self.kind == "deletion" else first
        return upsample(kept.float(), (self.covered.x.shape[2], self.covered.x.shape[3]), "cells")


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
    sites: Iterable[str | Site] | None = None,
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
            photos=cams.names,
            blank=blank,
            enlarge=enlarge,
            seed=seed,
        )
    return result
