"""One pass of a sweep: some photos times some edits as rows of one batch, started from the photos' trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hrnet_viz.interventions.ablation import rank_of
from hrnet_viz.interventions.edits import Change, How, Replacement, read_changes
from hrnet_viz.interventions.sweep_items import Item, sites_to_start_from
from hrnet_viz.interventions.sweep_table import Effect, numbers_in, shortest
from hrnet_viz.runner import run
from hrnet_viz.sites import Place
from hrnet_viz.targets import LOGITS, Wishes, output_names, read_target
from hrnet_viz.tracing import Photos, Trace, evaluating

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet


@dataclass(frozen=True, eq=False)
class Task:
    """What is asked of every photo.

    Attributes:
        net: the net.
        items: everything that is edited.
        how, target, reference, donor, seed: as in ``sweep``.
    """

    net: HRNet
    items: tuple[Item, ...]
    how: How
    target: Wishes
    reference: Photos | None
    donor: Photos | None
    seed: int

    def sites(self) -> tuple[str, ...]:
        """Give what a trace must keep, so that every pass can start from it."""
        needed = {LOGITS, *read_target(self.net, self.target).sites}
        for item in self.items:
            needed.update(sites_to_start_from(self.net.plan, [item]))
        return tuple(needed)

    def changes(self, base: Trace) -> dict[Place, Change]:
        """Make all edits, for photos of the size of those in ``base``."""
        # One row stands for all: an edit of a sweep fits any photo.
        one = replace(base, input=base.input[:1], tensors={}, photos=())
        places = [(place.site, place.channels) for item in self.items for place in item.places]
        made = read_changes(self.net, one, places, self.how, reference=self.reference, donor=self.donor, seed=self.seed)
        return {change.place: change for change in made}


def compute_pass(
    task: Task, base: Trace, names: Sequence[str], items: Sequence[Item], changes: Mapping[Place, Change]
) -> list[Effect]:
    """Make each edit in each photo of a trace; the rows come item by item, and photo by photo within an item.

    Args:
        task: what is asked.
        base: trace of the photos, (P, ...) tensors.
        names: their names.
        items: the edits of this pass.
        changes: how each place of them is edited.
    """
    net, photos, names_of = task.net, len(names), output_names(task.net)
    goal, before_logits, n = read_target(net, task.target), base[LOGITS], len(items)
    before_target = goal.pin(before_logits)
    after_target = goal.pin(before_logits.repeat(n, 1))  # the batch has each photo once per edit
    with evaluating(net), torch.inference_mode(mode=False), torch.no_grad():
        after = run(
            net,
            base=_repeat(base, sites_to_start_from(net.plan, items), n),
            keep=(LOGITS, *after_target.sites),
            edit=_edit_rows(items, changes, photos),
        )
    old, new = before_target.evaluate(base.tensors), after_target.evaluate(after)
    logits = after[LOGITS]
    score, base_score = shortest(new.values), shortest(old.values) * n
    effect = shortest(new.values - old.values.repeat(n))
    probability, base_probability = _probabilities(logits, new.indices), _probabilities(before_logits, old.indices) * n
    rank, base_rank = rank_of(logits, new.indices), rank_of(before_logits, old.indices) * n
    top, base_top = logits.argmax(1).tolist(), before_logits.argmax(1).tolist() * n
    rows = []
    for row in range(n * photos):
        item = items[row // photos]
        where = numbers_in(item.label, item.places)
        rows.append(
            Effect(
                photo=names[row % photos],
                item=item.label,
                stage=where["stage"],
                module=where["module"],
                branch=where["branch"],
                source=where["source"],
                channel=where["channel"],
                how=changes[item.places[0]].how,
                target=old.words[row % photos],
                base_score=base_score[row],
                score=score[row],
                effect=effect[row],
                base_probability=base_probability[row],
                probability=probability[row],
                base_rank=base_rank[row],
                rank=rank[row],
                base_top=names_of[base_top[row]],
                top=names_of[top[row]],
            )
        )
    return rows


def _repeat(base: Trace, sites: Sequence[str], times: int) -> Trace:
    """Give a trace with every photo ``times`` times, of the sites that the pass reads; of one photo it is a view."""

    def repeated(value: Tensor) -> Tensor:
        return (
            value.expand(times, *value.shape[1:]) if len(value) == 1 else value.repeat(times, *[1] * (value.dim() - 1))
        )

    tensors = {name: repeated(base[name]) for name in sites}
    return replace(base, input=repeated(base.input), tensors=tensors, photos=(), fingerprint=None)  # made just now


def _edit_rows(items: Sequence[Item], changes: Mapping[Place, Change], photos: int) -> dict[str, Replacement]:
    """Give for each edited site a function that changes the rows of its own items."""
    parts: dict[str, list[tuple[slice, Change]]] = {}
    for number, item in enumerate(items):
        rows = slice(number * photos, (number + 1) * photos)
        for place in item.places:
            parts.setdefault(place.site.name, []).append((rows, changes[place]))
    return {name: partial(_change_rows, tuple(part)) for name, part in parts.items()}


def _change_rows(parts: Sequence[tuple[slice, Change]], value: Tensor) -> Tensor:
    for rows, change in parts:
        value[rows] = change(value[rows])  # the runner gives a copy that may be written to
    return value


def _probabilities(logits: Tensor, targets: Sequence[int | None]) -> list[float | None]:
    each = logits.softmax(1)
    return [
        None if index is None else shortest(row[index : index + 1])[0] for row, index in zip(each, targets, strict=True)
    ]
