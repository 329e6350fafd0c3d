"""Edits of a tensor on its way through the net: to zero, to its mean, to noise, scaled, or patched from another photo.

``Zero()``, ``Scale(0.5)``, ``Mean(of=photos)``, ``Noise(seed)`` and ``Patch(donor)`` say what is done; "zero", "mean",
"noise" and a number are short forms. Made for a site, an edit is a plain function of the tensor that arrives there, so
edits compose: one further down the net sees what those before it left. Each touches the channels that it was given and
no others.
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
    """Put normal noise in the place of a tensor, the same pattern for every photo.

    Attributes:
        seed: of the pattern; the user's random state is neither used nor changed.
        of: photos whose mean and standard deviation per channel it has; those of the tensor itself if None.
    """

    seed: int = 0
    of: Photos | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Patch:
    """Put the same site's tensor of another photo in the place of a tensor.

    Attributes:
        donor: one photo, as many as are edited, or a trace of them.
    """

    donor: Photos = field(repr=False)


EditValue: TypeAlias = Zero | Scale | Mean | Noise | Patch
Edit: TypeAlias = EditValue | str | float
_NAMED: Mapping[str, EditValue] = {"zero": Zero(), "mean": Mean(), "noise": Noise()}


def read_edit(edit: object) -> EditValue:
    """Return an edit for itself, for its name, or for a factor.

    Raises:
        ValueError: none of these; the sentence names them.
    """
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
    """Return what is to be edited, in plan order.

    Args:
        plan: the plan of the net.
        sites: an address, with channels "stage3.1.out0[3,5]"; a pattern such as "stage4.*.fuse0<-3"; a module,
            "stage3.1", for all its paths between different branches; or several of these.

    Raises:
        SiteError: an address that names no site, a channel that the site does not have, or no site at all.
    """
    modules = {module.address: module for module in plan.modules}
    several: Iterable[str | Site] = (
        [sites] if isinstance(sites, (str, Site)) or not isinstance(sites, Iterable) else sites
    )
    wanted: list[str | Site] = []
    for site in several:
        module = modules.get(str(site))
        wanted += [site] if module is None else module.crossings
    if not wanted:
        raise SiteError("No site was given to edit. Give an address such as 'stage3.1.fuse0<-2', or several.")
    return plan.places(wanted)


def make_changes(
    net: HRNet, base: Trace, places: Sequence[Place], edit: Edit | Mapping[str, Edit] = "zero"
) -> tuple[Change, ...]:
    """Return the edits of some places.

    Args:
        net: the net.
        base: the pass that will be edited; tells the shapes.
        places: what to edit.
        edit: what is done, or a mapping from site to that.

    Raises:
        ValueError: an unknown edit, something missing, or a patch that does not fit; the message says what to do.
    """
    edits = {place: _edit_of(net, place, edit) for place in places}
    photos = {id(value): _photos_of(value) for value in edits.values()}
    seen = {
        key: _values(net, given, [place.site.name for place in places if id(edits[place]) == key])
        for key, given in photos.items()
        if given is not None
    }
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


def _photos_of(edit: EditValue) -> Photos | None:
    return edit.donor if isinstance(edit, Patch) else edit.of if isinstance(edit, (Mean, Noise)) else None


def _edit_of(net: HRNet, place: Place, edit: Edit | Mapping[str, Edit]) -> EditValue:
    if not isinstance(edit, Mapping):
        return read_edit(edit)
    named = {str(one): value for key, value in edit.items() for one in net.plan.places(key)}
    known = named.get(str(place), named.get(place.site.name))
    if known is None:
        raise ValueError(f"'{place}' is to be edited, but edit={{...}} does not say how. Add it there.")
    return read_edit(known)


def _values(net: HRNet, photos: Photos, names: Sequence[str]) -> Mapping[str, Tensor]:
    """Return the tensors at some sites for other photos, or out of their trace."""
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
        return _patch(place, edit, base, seen)
    return _level(place, edit, seen)


def _level(place: Place, edit: Mean | Noise, seen: Tensor | None) -> Change:
    if seen is None or edit.of is None:
        if place.site.stride is None:
            raise ValueError(
                f"'{place.site.name}' has no places to take a mean over. Say over which photos: "
                f"hv.{type(edit).__name__}(of=photos)."
            )
        if isinstance(edit, Mean):
            return Change(place, "own mean", _own_mean)
        own = partial(_own_noise, place.site.name, edit.seed)
        return Change(place, "noise with its own mean and deviation", own)
    over, photos = (0, *range(2, seen.dim())), describe_photos(edit.of)
    centre = seen.mean(over, keepdim=True)
    if isinstance(edit, Mean):
        return Change(place, f"mean of {photos}", partial(_put, centre))
    spread = seen.std(over, correction=0, keepdim=True)
    pattern = standard_noise(place.site.name, edit.seed, seen) * spread + centre
    return Change(place, f"noise with mean and deviation of {photos}", partial(_put, pattern))


def _patch(place: Place, edit: Patch, base: Trace, given: Tensor | None) -> Change:
    n, size = len(base.input), size_at(place.site, base.input) if place.site.stride else ()
    if given is None or given.shape[1:] != (place.site.channels, *size) or len(given) not in (1, n):
        shape = None if given is None else tuple(given.shape)
        raise ValueError(
            f"The donor's tensor at '{place.site.name}' has shape {shape}, but here it has shape "
            f"{(n, place.site.channels, *size)}. Use a donor of the same size, {base.input.shape[2]} x "
            f"{base.input.shape[3]} px, and one photo of it or as many as are edited."
        )
    return Change(place, f"patched from {describe_photos(edit.donor)}", partial(_put, given))


def _put(constant: Tensor, value: Tensor) -> Tensor:
    return constant.to(value)


def _own_mean(value: Tensor) -> Tensor:
    return value.mean((2, 3), keepdim=True)


def _own_noise(name: str, seed: int, value: Tensor) -> Tensor:
    spread = value.std((2, 3), correction=0, keepdim=True)
    return standard_noise(name, seed, value) * spread + _own_mean(value)


def standard_noise(name: str, seed: int, like: Tensor) -> Tensor:
    """Return a standard normal pattern (1, C, H, W) for a site.

    It depends on the site's name, the seed and the shape alone, so each photo gets the same, whatever else is edited,
    and no random state is touched. It is drawn on the CPU, so that it is the same on every device.
    """
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {name}".encode()))
    return torch.randn((1, *like.shape[1:]), generator=generator, dtype=torch.float64).to(like)
