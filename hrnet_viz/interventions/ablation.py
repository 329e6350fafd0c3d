"""Change tensors on their way through a trained net and see what it does to the outcome.

Only what the edit reaches is computed again; the rest is taken from the trace of the unedited pass. This damages a net
that was trained whole: it does not tell what a net trained without that part would do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hrnet_viz.interventions.edits import Change, Edit, as_edits, make_changes, read_places
from hrnet_viz.outputs import answer_of, measure_outputs, read_answer
from hrnet_viz.runner import Sites, run
from hrnet_viz.site_map import SiteMap
from hrnet_viz.sites import Site
from hrnet_viz.targets import Wishes, read_target
from hrnet_viz.tracing import Photos, Trace, evaluating, exact, trace

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.network.plan import Plan

DOWNSTREAM = "downstream"


@dataclass(frozen=True, eq=False, repr=False)
class Ablation(SiteMap[Tensor]):
    """What edits did to a pass. As a mapping: site -> its tensor afterwards, for the sites that were asked for.

    Attributes:
        plan: the plan of the net.
        changes: the edits, in the order in which they were made.
        photos: names of the photos, () if a tensor was given.
        classes: names of the outputs, () where they are not known.
        base_logits, logits: what the net answers before and after: logits (N, K), or maps (N, K, H, W); (N, 0) of a
            pyramid, which answers nothing by itself.
        words: what the score is the score of, one per photo: the name of a class, or what the target says.
        targets: index of the output for each photo, None where the target is not a single one.
        base_score, score: the score before and after, (N,); see ``hv.targets.output``.
        before, after: site -> tensor before and after the edits.
    """

    HELD = "after"
    LACK = (
        "'{name}' was not kept. Ask for it: hv.ablate(..., keep='{name}'), or keep='downstream' for all that the edits "
        "reach."
    )

    plan: Plan
    changes: tuple[Change, ...]
    photos: tuple[str, ...]
    classes: tuple[str, ...]
    base_logits: Tensor
    logits: Tensor
    words: tuple[str, ...]
    targets: tuple[int | None, ...]
    base_score: Tensor
    score: Tensor
    before: Mapping[str, Tensor]
    after: Mapping[str, Tensor]

    def __repr__(self) -> str:
        edits = ", ".join(f"{change.place} {change.label}" for change in self.changes[:3])
        more = f" and {len(self.changes) - 3} more" if len(self.changes) > 3 else ""
        return f"Ablation({self.plan.owner}: {edits}{more})"

    @property
    def probabilities(self) -> Tensor:
        """Softmax over the classes after the edits, of the shape of the logits."""
        return self.logits.softmax(1)

    @property
    def base_probabilities(self) -> Tensor:
        """Softmax over the classes before them."""
        return self.base_logits.softmax(1)

    @property
    def effect(self) -> Tensor:
        """Score after minus score before, (N,); in logits where the target is a class."""
        return self.score - self.base_score

    @property
    def rank(self) -> tuple[int | None, ...]:
        """Rank of the output after the edits, 1 being the top; None where the target is not a single output."""
        return rank_of(measure_outputs(self.plan, self.logits), self.targets)

    @property
    def base_rank(self) -> tuple[int | None, ...]:
        """Rank of the output before them."""
        return rank_of(measure_outputs(self.plan, self.base_logits), self.targets)

    def change(self, site: str | Site) -> Tensor:
        """Return what the edits changed at a kept site: after minus before."""
        place, after = self.held(site)
        value: Tensor = place.take(after - self.before[place.site.name])
        return value


def ablate(
    net: HRNet,
    photos: Photos,
    sites: Sites,
    edit: Edit | Mapping[str, Edit] = "zero",
    *,
    target: Wishes = None,
    keep: Sites = (),
    grad: bool = False,
) -> Ablation:
    """Run a pass with tensors edited on the way, and without; the net itself stays as it is, also if this raises.

    Several edits are made in one pass: one further down sees what those before it left. A trace as ``photos`` saves the
    first pass. ``sites`` are an address, with channels "stage3.1.out0[3,5]", a pattern such as "stage4.*.fuse0<-3", a
    module ("stage3.1": all its paths between different branches), or several of these. ``edit`` is "zero", a factor,
    "mean", "noise", ``hv.Mean(of=photos)``, ``hv.Noise(seed, of=photos)``, ``hv.Patch(donor)``, or a mapping from site
    to one of these. ``target`` is what ``hv.cam`` takes; None for each photo's top class before the edits. Sites to
    ``keep`` are given back before and after; "downstream" stands for every landmark that the edits reach. With
    ``grad`` gradients flow, through the edits too.

    Raises:
        SiteError: an address that names no site, a channel that is not there, or no site at all.
        ValueError: an unknown edit, or a donor that does not fit; the message says what to do.
    """
    asked = read_target(net, target)
    base = photos if isinstance(photos, Trace) else trace(net, photos, grad=grad)
    changes = make_changes(net, base, read_places(net.plan, sites), edit)
    plan = net.plan
    kept = _names_to_keep(plan, keep, changes)
    with evaluating(net), torch.inference_mode(mode=False), torch.set_grad_enabled(grad):
        start = exact(net, base)
        ends = answer_of(plan)
        asked = asked.pin(read_answer(plan, run(net, base=start, keep=ends), base.input))
        wanted = [*dict.fromkeys((*kept, *ends, *asked.sites))]
        before = run(net, base=start, keep=wanted)
        after = run(net, base=start, keep=wanted, edit=as_edits(changes))
    old, new = asked.evaluate(before), asked.evaluate(after)
    return Ablation(
        plan=plan,
        changes=changes,
        photos=tuple(one.name for one in base.photos),
        classes=net.classes,
        base_logits=read_answer(plan, before, base.input),
        logits=read_answer(plan, after, base.input),
        words=old.words,
        targets=old.indices,
        base_score=old.values,
        score=new.values,
        before={name: before[name] for name in kept},
        after={name: after[name] for name in kept},
    )


def _names_to_keep(plan: Plan, keep: Sites, changes: tuple[Change, ...]) -> tuple[str, ...]:
    if keep != DOWNSTREAM:
        return tuple(dict.fromkeys(place.site.name for place in plan.places(keep or ())))
    edited = [change.place.site.name for change in changes]
    landmarks = {plan.sites[name].landmark for name in edited}
    reached = {*edited, *landmarks, *plan.downstream(edited)}
    return tuple(name for name in plan.sites if name in reached)


def rank_of(numbers: Tensor, targets: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Return the rank of one output per photo, 1 being the highest; equal numbers share the better rank."""
    return tuple(
        None if index is None else int((row > row[index]).sum()) + 1
        for row, index in zip(numbers, targets, strict=True)
    )


@dataclass(frozen=True, eq=False, repr=False)
class PairEffects:
    """Effects of edits alone and two at a time, in units of the score.

    Attributes:
        sites: what was edited, S addresses in plan order.
        photos: names of the photos, () if a tensor was given.
        words: what the score is the score of, one per photo.
        edit: what was done, "zero" or "scaled by 0.5".
        together: (N, S, S) float64, effect of editing sites i and j in one pass; on the diagonal that of i alone.
    """

    sites: tuple[str, ...]
    photos: tuple[str, ...]
    words: tuple[str, ...]
    edit: str
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
        return f"PairEffects({len(self.sites)} sites, {self.edit})"


def pairs(net: HRNet, photos: Photos, sites: Sites, edit: Edit = "zero", *, target: Wishes = None) -> PairEffects:
    """Run a pass for each edit alone and for each two at a time: what does a pair do beyond the sum of both?

    At the sum that two paths lead into, what they take away is taken away independently. Behind the ReLU it is not:
    where one path alone keeps a cell above zero another may too, so that each looks harmless until both are gone.

    Raises:
        SiteError, ValueError: as in ``ablate``, or fewer than two sites.
    """
    names = tuple(map(str, net.plan.places(sites)))
    if len(names) < 2:
        raise ValueError(f"A pair needs two sites; {''.join(names) or 'none'} was given. Give several or a pattern.")
    base = photos if isinstance(photos, Trace) else trace(net, photos)

    def run_with(*chosen: str) -> Ablation:
        return ablate(net, base, chosen, edit, target=target)

    alone = [run_with(name) for name in names]
    together = torch.diag_embed(torch.stack([one.effect for one in alone], 1).double().cpu())
    for (i, one), (j, other) in combinations(enumerate(names), 2):
        together[:, i, j] = together[:, j, i] = run_with(one, other).effect.double().cpu()
    first = alone[0]
    return PairEffects(names, first.photos, first.words, first.changes[0].label, together)
