"""Change tensors on their way through a trained net and see what it does to the outcome.

Only what the edit reaches is computed again; the rest is taken from the trace of the unedited pass. This damages a net
that was trained whole: it does not tell what a net trained without that part would do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hrnet_viz.interventions.edits import Change, How, as_edits, read_changes
from hrnet_viz.runner import Sites, run
from hrnet_viz.sites import Site, SiteError
from hrnet_viz.targets import LOGITS, Wishes, read_target
from hrnet_viz.tracing import Photos, Trace, evaluating, exact, trace

if TYPE_CHECKING:
    from hrnet_viz.interventions.places import EditSites
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.network.plan import Plan

DOWNSTREAM = "downstream"


@dataclass(frozen=True, eq=False, repr=False)
class Ablation(Mapping[str, Tensor]):
    """What edits did to a pass. As a mapping: site -> its tensor afterwards, for the sites that were asked for.

    Attributes:
        plan: the plan of the net.
        changes: the edits, in the order in which they were made.
        photos: names of the photos, () if a tensor was given.
        classes: names of the logits, () where they are not known.
        base_logits, logits: before and after, (N, K).
        words: what the score is the score of, one per photo: the name of a class, or what the target says.
        targets: class index for each photo, None where the target is not a single class.
        base_score, score: the score before and after, (N,); for a class it is its logit.
        before, after: site -> tensor before and after the edits.
    """

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

    def __getitem__(self, site: str | Site) -> Tensor:
        return self._taken(self.after, site)

    def __iter__(self) -> Iterator[str]:
        return iter(self.after)

    def __len__(self) -> int:
        return len(self.after)

    def __repr__(self) -> str:
        edits = ", ".join(f"{change.place} {change.how}" for change in self.changes[:3])
        more = f" and {len(self.changes) - 3} more" if len(self.changes) > 3 else ""
        return f"Ablation({self.plan.owner}: {edits}{more})"

    @property
    def probabilities(self) -> Tensor:
        """Softmax of the logits after the edits, (N, K)."""
        return self.logits.softmax(1)

    @property
    def base_probabilities(self) -> Tensor:
        """Softmax of the logits before them, (N, K)."""
        return self.base_logits.softmax(1)

    @property
    def effect(self) -> Tensor:
        """Score after minus score before, (N,); in logits where the target is a class."""
        return self.score - self.base_score

    @property
    def rank(self) -> tuple[int | None, ...]:
        """Rank of the target class after the edits, 1 being the top; None where the target is not a single class."""
        return rank_of(self.logits, self.targets)

    @property
    def base_rank(self) -> tuple[int | None, ...]:
        """Rank of the target class before them."""
        return rank_of(self.base_logits, self.targets)

    def change(self, site: str | Site) -> Tensor:
        """Give what the edits changed at a kept site: after minus before."""
        return self._taken(self.after, site) - self._taken(self.before, site)

    def _taken(self, tensors: Mapping[str, Tensor], site: str | Site) -> Tensor:
        place = self.plan.place(site)
        name = place.site.name
        if name not in self.after:
            raise SiteError(
                f"'{name}' was not kept. Ask for it: hv.ablate(..., keep='{name}'), or keep='downstream' for all "
                "that the edits reach."
            )
        value: Tensor = place.take(tensors[name])
        return value


def ablate(
    net: HRNet,
    photo: Photos,
    sites: EditSites,
    how: How | Mapping[str, How] = "zero",
    *,
    target: Wishes = None,
    keep: Sites = (),
    reference: Photos | None = None,
    donor: Photos | None = None,
    seed: int = 0,
    grad: bool = False,
) -> Ablation:
    """Edit tensors of a pass and compute what follows from it; the net itself stays as it is, also if this raises.

    Several edits are made in one pass: one further down sees what those before it left.

    Args:
        net: the net.
        photo: a photo, several, a ready float tensor (N, 3, H, W), or a trace of them, which saves the first pass.
        sites: an address, with channels "stage3.1.out0[3,5]", a pattern such as "stage4.*.fuse0<-3", a pair such as
            ``("stage3.1.out0", [3, 5])``, several of these, or a mapping from address to channels.
        how: what takes the place of a tensor, or a mapping from site to one of these:
            "zero"; a number, which scales it;
            "mean", its mean per channel over the photos and places of ``reference``, by default over its own places;
            "noise", normal noise of the same mean and standard deviation per channel as ``reference``, by default as
            itself, the same pattern for every photo;
            "patch", the same site's tensor of ``donor``.
        target: what the score is: None for each photo's top class before the edits, a class by name or index, a
            list with one of these per photo, or whatever else ``hv.cam`` takes as target.
        keep: sites to give back, before and after; "downstream" for every landmark that the edits reach.
        reference: photos or a trace, for "mean" and "noise".
        donor: one photo, as many as are edited, or a trace of them, for "patch".
        seed: for "noise"; the user's random state is neither used nor changed.
        grad: let gradients flow, through the edits too.

    Raises:
        SiteError: an address that names no site.
        ValueError: an unknown ``how``, a channel that is not there, a donor or reference that is missing or does not
            fit; the message says what to do.
    """
    asked = read_target(net, target)
    base = photo if isinstance(photo, Trace) else trace(net, photo, grad=grad)
    changes = read_changes(net, base, sites, how, reference=reference, donor=donor, seed=seed)
    plan = net.plan
    kept = names_to_keep(plan, keep, changes)
    with evaluating(net), torch.inference_mode(mode=False), torch.set_grad_enabled(grad):
        start = exact(net, base)
        logits = run(net, base=start, keep=LOGITS)[LOGITS]
        asked = asked.pin(logits)
        wanted = [*dict.fromkeys((*kept, LOGITS, *asked.sites))]
        before = run(net, base=start, keep=wanted)
        after = run(net, base=start, keep=wanted, edit=as_edits(changes))
    old, new = asked.evaluate(before), asked.evaluate(after)
    return Ablation(
        plan=plan,
        changes=changes,
        photos=tuple(one.name for one in base.photos),
        classes=net.classes,
        base_logits=before[LOGITS],
        logits=after[LOGITS],
        words=old.words,
        targets=old.indices,
        base_score=old.values,
        score=new.values,
        before={name: before[name] for name in kept},
        after={name: after[name] for name in kept},
    )


def names_to_keep(plan: Plan, keep: Sites, changes: tuple[Change, ...]) -> tuple[str, ...]:
    """Give the addresses that ``keep`` asks for; "downstream" is what is edited and all that this reaches."""
    if keep != DOWNSTREAM:
        return tuple(dict.fromkeys(place.site.name for place in plan.places(keep or ())))
    edited = [change.place.site.name for change in changes]
    landmarks = {plan.sites[name].landmark for name in edited}
    reached = {*edited, *landmarks, *plan.downstream(edited)}
    return tuple(name for name in plan.sites if name in reached)


def rank_of(logits: Tensor, targets: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Give the rank of one class per photo, 1 being the highest logit; equal logits share the better rank."""
    return tuple(
        None if index is None else int((row > row[index]).sum()) + 1 for row, index in zip(logits, targets, strict=True)
    )
