"""Edits of a tensor on its way through the net: to zero, to its mean, to noise, scaled, or patched from another photo.

``Zero()``, ``Scale(0.5)``, ``Mean(of=photos)``, ``Noise(seed)`` and ``Patch(donor)`` say what is done; "zero", "mean",
"noise" and a number are short forms. Made for a site, an edit is a plain function of the tensor that arrives there, so
edits compose: one further down the net sees what those before it left, and each touches its own channels only.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from hrnet_viz.runner import Sites, run, size_at
from hrnet_viz.sites import Place, Site, SiteError, quote
from hrnet_viz.tracing import Photos, Trace, evaluating, exact, trace

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.network.plan import Plan

Replacement: TypeAlias = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Zero:
    """Put zeros in the place of a tensor."""


@dataclass(frozen=True)
class Scale:
    """Multiply a tensor by a factor."""

    factor: float


@dataclass(frozen=True, eq=False)
class Mean:
    """Put its mean per channel in the place of a tensor: over photos and places of ``of``, or over its own places."""

    of: Photos | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Noise:
    """Put normal noise in the place of a tensor, the same pattern for every photo, whatever else is random.

    Mean and standard deviation per channel are those of the photos ``of``, or the tensor's own.
    """

    seed: int = 0
    of: Photos | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Patch:
    """Put the same site's tensor of a donor in the place of a tensor: of one photo, or of as many as are edited."""

    donor: Photos = field(repr=False)

    @property
    def of(self) -> Photos:
        """The donor."""
        return self.donor


EditValue: TypeAlias = Zero | Scale | Mean | Noise | Patch
Edit: TypeAlias = EditValue | str | float
_NAMED: Mapping[str, EditValue] = {"zero": Zero(), "mean": Mean(), "noise": Noise()}


def read_edit(edit: object) -> EditValue:
    """Return an edit for itself, for its name, or for a factor; a ValueError names what there is."""
    if isinstance(edit, EditValue):
        return edit
    if isinstance(edit, str) and edit in _NAMED:
        return _NAMED[edit]
    number: object = edit.item() if isinstance(edit, Tensor) and edit.dim() == 0 else edit
    if not isinstance(number, bool) and isinstance(number, Real) and math.isfinite(number):
        return Scale(float(number))
    raise ValueError(
        f"edit={quote(edit)} was given; an edit is 'zero', 'mean', 'noise', a finite factor, hv.Mean(of=photos), "
        "hv.Noise(seed, of=photos) or hv.Patch(donor)."
    )


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One edit of one place. Call it with the tensor that arrives there, (N, C, H, W) or (N, C), for its replacement.

    Attributes:
        place: the site and the channels.
        label: in words: "zero", "scaled by 0.5", "own mean", "mean of 8 photos", "patched from cat".
        replacement: what takes the place of the arriving tensor; may broadcast over photos and places.
    """

    place: Place
    label: str
    replacement: Replacement = field(repr=False)

    def __call__(self, value: Tensor) -> Tensor:
        """Return the replacement as a tensor of its own; ``value`` stays as it is."""
        changed = self.replacement(value).expand_as(value)
        if self.place.channels is None:
            return changed.clone()
        chosen = torch.zeros(value.shape[1], dtype=torch.bool, device=value.device)
        chosen[list(self.place.channels)] = True
        return torch.where(chosen.view(1, -1, *[1] * (value.dim() - 2)), changed, value)


def read_places(plan: Plan, sites: Sites) -> tuple[Place, ...]:
    """Return what is to be edited, in plan order; "stage3.1", a module, is all its paths between different branches.

    Raises:
        SiteError: an address that names no site, a channel that the site does not have, or no site at all.
    """
    modules = {module.address: module.crossings for module in plan.modules}
    several = [sites] if isinstance(sites, (str, Site)) or not isinstance(sites, Iterable) else sites
    wanted = [one for site in several for one in modules.get(str(site), [site])]
    if not wanted:
        raise SiteError("No site was given to edit. Give an address such as 'stage3.1.fuse0<-2', or several.")
    return plan.places(wanted)


def make_changes(
    net: HRNet, base: Trace, places: Sequence[Place], edit: Edit | Mapping[str, Edit] = "zero"
) -> tuple[Change, ...]:
    """Return the edits of some places of a pass, ``base``, which tells the shapes; ``edit`` may be a mapping by site.

    Raises:
        ValueError: an unknown edit, something missing, or a patch that does not fit; the message says what to do.
    """
    edits = {place: _edit_of(net, place, edit) for place in places}
    seen: dict[int, Mapping[str, Tensor]] = {}  # one pass for each set of photos that edits look at
    for value in edits.values():
        photos = getattr(value, "of", None)
        if photos is not None and id(value) not in seen:
            seen[id(value)] = _values(net, photos, [place.site.name for place in places if edits[place] is value])
    return tuple(
        _change(place, value, base, seen.get(id(value), {}).get(place.site.name)) for place, value in edits.items()
    )


def as_edits(changes: Iterable[Change]) -> dict[str, Replacement]:
    """Return what ``run(edit=...)`` takes; changes of the same site are applied one after the other."""
    grouped: dict[str, list[Change]] = {}
    for change in changes:
        grouped.setdefault(change.place.site.name, []).append(change)
    return {name: partial(_apply, tuple(group)) for name, group in grouped.items()}


def _apply(changes: Sequence[Change], value: Tensor) -> Tensor:
    for change in changes:
        value = change(value)
    return value


def describe_photos(photos: Photos) -> str:
    """Return a name of photos for a caption: "cat", "8 photos", "a photo"."""
    if isinstance(photos, Trace):
        known, n = [photo.name for photo in photos.photos], len(photos.input)
    else:
        several: Sequence[object] = photos if isinstance(photos, (list, tuple)) else [photos]
        known = [str(photo.name) for photo in several if hasattr(photo, "name") and not isinstance(photo, Tensor)]
        n = len(photos) if isinstance(photos, Tensor) else len(several)
    return known[0] if n == 1 and known else "1 photo" if n == 1 else f"{n} photos"


def _edit_of(net: HRNet, place: Place, edit: Edit | Mapping[str, Edit]) -> EditValue:
    if not isinstance(edit, Mapping):
        return read_edit(edit)
    named = {str(one): value for key, value in edit.items() for one in net.plan.places(key)}
    known = named.get(str(place), named.get(place.site.name))
    if known is None:
        raise ValueError(f"'{place}' is to be edited, but edit={{...}} does not say how. Add it there.")
    return read_edit(known)


def _values(net: HRNet, photos: Photos, names: Sequence[str]) -> Mapping[str, Tensor]:
    if not isinstance(photos, Trace):
        return trace(net, photos, sites=names).tensors
    with evaluating(net), torch.inference_mode(mode=False):
        return run(net, base=exact(net, photos), keep=names)


def _change(place: Place, edit: EditValue, base: Trace, seen: Tensor | None) -> Change:
    if isinstance(edit, Zero):
        return Change(place, "zero", torch.zeros_like)
    if isinstance(edit, Scale):
        return Change(place, f"scaled by {edit.factor:g}", partial(torch.mul, other=edit.factor))
    if isinstance(edit, Patch):
        return Change(place, f"patched from {describe_photos(edit.donor)}", partial(_put, _fitting(place, base, seen)))
    if seen is None or edit.of is None:
        if place.site.stride is None:
            how = type(edit).__name__
            raise ValueError(
                f"'{place.site.name}' has no places to take a mean over. Say over which photos: hv.{how}(of=photos)."
            )
        own = _own_mean if isinstance(edit, Mean) else partial(_own_noise, place.site.name, edit.seed)
        return Change(place, "own mean" if isinstance(edit, Mean) else "noise with its own mean and deviation", own)
    over, label = (0, *range(2, seen.dim())), f"mean of {describe_photos(edit.of)}"
    level = seen.mean(over, keepdim=True)
    if isinstance(edit, Noise):
        label = label.replace("mean", "noise with mean and deviation", 1)
        level = standard_noise(place.site.name, edit.seed, seen) * seen.std(over, correction=0, keepdim=True) + level
    return Change(place, label, partial(_put, level))


def _fitting(place: Place, base: Trace, given: Tensor | None) -> Tensor:
    n, size = len(base.input), size_at(place.site, base.input) if place.site.stride else ()
    expected = (n, place.site.channels, *size)
    if given is None or given.shape[1:] != expected[1:] or len(given) not in (1, n):
        shape = None if given is None else tuple(given.shape)
        raise ValueError(
            f"The donor's tensor at '{place.site.name}' has shape {shape}, but here it has shape {expected}. Use a "
            f"donor of the same size, {base.input.shape[2]} x {base.input.shape[3]} px, and one photo of it or as many "
            "as are edited."
        )
    return given


def _put(constant: Tensor, value: Tensor) -> Tensor:
    return constant.to(value)


def _own_mean(value: Tensor) -> Tensor:
    return value.mean((2, 3), keepdim=True)


def _own_noise(name: str, seed: int, value: Tensor) -> Tensor:
    return standard_noise(name, seed, value) * value.std((2, 3), correction=0, keepdim=True) + _own_mean(value)


def standard_noise(name: str, seed: int, like: Tensor) -> Tensor:
    """Return a standard normal pattern (1, C, H, W) that depends on the site's name, the seed and the shape alone.

    It is drawn on the CPU, so that it is the same on every device.
    """
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {name}".encode()))
    return torch.randn((1, *like.shape[1:]), generator=generator, dtype=torch.float64).to(like)
