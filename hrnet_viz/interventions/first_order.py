"""Predicted against measured: does gradient x path tell what an ablation will do, and where does it fail?

The prediction is the first term of a Taylor series: the gradient of the score at a site times what the edit changes
there. For an edit to zero it is minus the contribution, gradient x value (Molchanov et al. 2017, "Pruning convolutional
neural networks for resource efficient inference", section 2.2). It fails where the net bends on the way: ReLUs open or
close, and other paths take over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from hrnet_viz.exchanges.contributions import contributions
from hrnet_viz.interventions.edits import Edit, make_changes
from hrnet_viz.interventions.sweep import Item, list_items, sweep
from hrnet_viz.outputs import answer_of
from hrnet_viz.runner import Sites
from hrnet_viz.sites import Site
from hrnet_viz.targets import Wishes, read_target
from hrnet_viz.tracing import Photos, read_input, trace

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
class FirstOrder:
    """Predicted and measured effects of edits, in units of the score.

    Attributes:
        items: what was edited, in plan order.
        places: the first site of each item.
        photos: names of the photos.
        words: what the score is the score of, one per photo.
        edit: what was done.
        predicted, measured: (photos, items), float64.
    """

    items: tuple[str, ...]
    places: tuple[Site, ...]
    photos: tuple[str, ...]
    words: tuple[str, ...]
    edit: str
    predicted: Tensor
    measured: Tensor

    @property
    def correlation(self) -> float:
        """Pearson's correlation over all photos and items."""
        return _correlate(self.predicted, self.measured)

    @property
    def rank_correlation(self) -> float:
        """Spearman's: whether the order is right, whatever the size."""
        return _correlate(rankdata(self.predicted), rankdata(self.measured))

    @property
    def sign_agreement(self) -> float:
        """Share of the edits of which the direction was predicted; those that do nothing count as not predicted."""
        return float((self.predicted * self.measured > 0).double().mean())

    def by_stage(self) -> dict[int, float]:
        """Return the correlation of the items of each stage: further from the logits there is more way to bend."""
        stages = [site.stage for site in self.places]
        return {
            stage: _correlate(self.predicted[:, chosen], self.measured[:, chosen])
            for stage in sorted({stage for stage in stages if stage is not None})
            for chosen in [[number for number, one in enumerate(stages) if one == stage]]
        }

    def misses(self, n: int = 5) -> tuple[Miss, ...]:
        """Return the edits whose prediction is furthest off, the worst first."""
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
        return f"FirstOrder({len(self.items)} edits of {photos}: correlation {self.correlation:.3f})"


def first_order(
    net: HRNet, photos: Photos, over: Sites = "fuse_paths", edit: Edit = "zero", *, target: Wishes = None
) -> FirstOrder:
    """Compute the effect of each edit of a sweep to first order, measure it, and put the two side by side.

    The prediction takes one forward and one backward pass: for an item it is the sum over its sites of gradient x
    (edited - value), so several sites that are edited at once are taken to add up. ``over``, ``edit``, ``target`` and
    errors are those of ``sweep``.
    """
    x, names = read_input(net, photos)
    items = list_items(net.plan, over)
    predicted = predict_effects(net, x, items, edit, target)
    measured = sweep(net, x, over, edit, target=target)
    by_item: dict[str, list[float]] = {item.label: [] for item in items}
    for effect in measured.effects:  # of each item the photos come in their order
        by_item[effect.item].append(effect.effect)
    first = [effect for effect in measured.effects if effect.item == items[0].label]
    return FirstOrder(
        items=tuple(item.label for item in items),
        places=tuple(item.places[0].site for item in items),
        photos=names or tuple(effect.photo for effect in first),
        words=tuple(effect.target for effect in first),
        edit=first[0].edit,
        predicted=predicted,
        measured=torch.tensor([by_item[item.label] for item in items], dtype=torch.float64).T,
    )


def predict_effects(net: HRNet, x: Tensor, items: Sequence[Item], edit: Edit, target: Wishes = None) -> Tensor:
    """Compute the predictions alone, (photos, items) float64 on the CPU."""
    places = [place for item in items for place in item.places]
    sites = tuple(dict.fromkeys(place.site.name for place in places))
    asked = read_target(net, target)
    base = trace(net, x, sites=(*sites, *answer_of(net.plan), *asked.sites), grad=True)
    found = contributions(net, base, target, sites=sites)
    one = replace(base, input=base.input[:1])  # an edit of a sweep fits any photo
    changes = {change.place: change for change in make_changes(net, one, places, edit)}
    columns = []
    for item in items:
        total = torch.zeros(len(x), dtype=torch.float64, device=base.input.device)
        for place in item.places:
            value = found.tensors[place.site.name]
            change = changes[place](value) - value
            total += (found.gradients[place.site.name].double() * change.double()).flatten(1).sum(1)
        columns.append(total)
    return torch.stack(columns, 1).cpu()


def _correlate(one: Tensor | np.ndarray, other: Tensor | np.ndarray) -> float:
    """Return Pearson's correlation of all numbers; NaN where one side does not vary."""
    a, b = np.asarray(one, dtype=float).ravel(), np.asarray(other, dtype=float).ravel()
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else float("nan")
