"""Predicted against measured: does gradient x path tell what an ablation will do, and where does it fail?

The prediction is the first term of a Taylor series: the gradient of the score at a site times what the edit changes
there. For an edit to zero it is minus the contribution, gradient x value (Molchanov et al. 2017, "Pruning convolutional
neural networks for resource efficient inference", section 2.2). It fails where the net bends on the way: ReLUs open or
close, and other paths take over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hrnet_viz.attribution.intervals import correlate, correlate_ranks
from hrnet_viz.exchanges.contributions import contributions
from hrnet_viz.interventions.edits import How
from hrnet_viz.interventions.sweep import sweep
from hrnet_viz.interventions.sweep_items import Item, Over, list_items
from hrnet_viz.interventions.sweep_passes import Task
from hrnet_viz.sites import Site
from hrnet_viz.targets import LOGITS, Wishes
from hrnet_viz.tracing import Photos, Trace, read_input, trace

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet


@dataclass(frozen=True, slots=True)
class Miss:
    """One edit of one photo, with what was expected of it and what it did; ``score`` units."""

    photo: str
    item: str
    predicted: float
    measured: float


@dataclass(frozen=True, eq=False, repr=False)
class Forecast:
    """Predicted and measured effects of edits, in units of the score.

    Attributes:
        items: what was edited, in plan order.
        places: the first site of each item.
        photos: names of the photos.
        words: what the score is the score of, one per photo.
        how: what was done.
        predicted, measured: (photos, items), float64.
    """

    items: tuple[str, ...]
    places: tuple[Site, ...]
    photos: tuple[str, ...]
    words: tuple[str, ...]
    how: str
    predicted: Tensor
    measured: Tensor

    @property
    def correlation(self) -> float:
        """Pearson's correlation over all photos and items."""
        return float(correlate(self.predicted.flatten(), self.measured.flatten()))

    @property
    def rank_correlation(self) -> float:
        """Spearman's: whether the order is right, whatever the size."""
        return float(correlate_ranks(self.predicted.flatten(), self.measured.flatten()))

    @property
    def sign_agreement(self) -> float:
        """Share of the edits of which the direction was predicted; those that do nothing count as not predicted."""
        return float((self.predicted * self.measured > 0).double().mean())

    def by_stage(self) -> dict[int, float]:
        """Give the correlation of the items of each stage: further from the logits there is more way to bend."""
        stages = [site.stage for site in self.places]
        return {
            stage: float(correlate(self.predicted[:, chosen].flatten(), self.measured[:, chosen].flatten()))
            for stage in sorted({stage for stage in stages if stage is not None})
            for chosen in [[number for number, one in enumerate(stages) if one == stage]]
        }

    def misses(self, n: int = 5) -> tuple[Miss, ...]:
        """Give the edits whose prediction is furthest off, the worst first."""
        off = (self.predicted - self.measured).abs().flatten()
        found = []
        for index in off.argsort(descending=True)[:n].tolist():
            photo, item = divmod(index, len(self.items))
            numbers = float(self.predicted[photo, item]), float(self.measured[photo, item])
            found.append(Miss(self.photos[photo], self.items[item], *numbers))
        return tuple(found)

    def __repr__(self) -> str:
        n = len(self.photos)
        photos = "1 photo" if n == 1 else f"{n} photos"
        return f"Forecast({len(self.items)} edits of {photos}: correlation {self.correlation:.3f})"


def predicted_effects(
    net: HRNet,
    photo: Photos,
    over: Over = "fuse_paths",
    how: How = "zero",
    *,
    target: Wishes = None,
    reference: Photos | None = None,
    donor: Photos | None = None,
    seed: int = 0,
) -> dict[str, Tensor]:
    """Predict to first order what each edit of a sweep does, from one forward and one backward pass.

    For an item the prediction is the sum over its sites of gradient x (edited - value), so several sites that are
    edited at once are taken to add up.

    Args:
        net: the net.
        photo: a photo, several, a tensor, or a trace; one with grad=True is used as it is.
        over: what is edited, as in ``sweep``.
        how: what is done, as in ``ablate``.
        target: what the score is; None for each photo's top class, or one target for all photos.
        reference: photos for "mean" and "noise".
        donor: one photo for "patch".
        seed: for "noise".

    Returns:
        item -> predicted change of the score, (N,) float64.

    Raises:
        SiteError, ValueError: as in ``sweep``.
    """
    task = Task(net, list_items(net.plan, over), how, target, reference, donor, seed)
    sites = tuple(dict.fromkeys(place.site.name for item in task.items for place in item.places))
    base = photo if isinstance(photo, Trace) else trace(net, photo, sites=(*sites, LOGITS), grad=True)
    found = contributions(net, base, target, sites=sites)
    changes = task.changes(base)

    def predict(item: Item) -> Tensor:
        total = torch.zeros(len(base.input), dtype=torch.float64, device=base.input.device)
        for place in item.places:
            value = found.tensors[place.site.name]
            change = changes[place](value) - value
            total += (found.gradients[place.site.name].double() * change.double()).flatten(1).sum(1)
        return total

    return {item.label: predict(item) for item in task.items}


def forecast(
    net: HRNet,
    photo: Photos,
    over: Over = "fuse_paths",
    how: How = "zero",
    *,
    target: Wishes = None,
    reference: Photos | None = None,
    donor: Photos | None = None,
    seed: int = 0,
) -> Forecast:
    """Predict the effect of each edit of a sweep, measure it, and put the two side by side.

    Args:
        net: the net.
        photo: a photo, several, a tensor, or a trace.
        over: what is edited, as in ``sweep``.
        how: what is done, as in ``ablate``.
        target: what the score is; None for each photo's top class, or one target for all photos.
        reference: photos for "mean" and "noise".
        donor: one photo for "patch".
        seed: for "noise".

    Raises:
        SiteError, ValueError: as in ``sweep``.
    """
    x, photos = read_input(net, photo)
    options: dict[str, Any] = {"target": target, "reference": reference, "donor": donor, "seed": seed}
    predicted = predicted_effects(net, x, over, how, **options)
    measured = sweep(net, x, over, how, **options)
    by_item: dict[str, list[float]] = {}
    for effect in measured.effects:  # of each item the photos come in their order
        by_item.setdefault(effect.item, []).append(effect.effect)
    items = list_items(net.plan, over)
    first = [effect for effect in measured.effects if effect.item == items[0].label]
    return Forecast(
        items=tuple(item.label for item in items),
        places=tuple(item.places[0].site for item in items),
        photos=photos or tuple(effect.photo for effect in first),
        words=tuple(effect.target for effect in first),
        how=first[0].how,
        predicted=torch.stack([predicted[item.label] for item in items], 1).cpu(),
        measured=torch.tensor([by_item[item.label] for item in items], dtype=torch.float64).T,
    )
