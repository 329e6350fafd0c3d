"""Edits of a tensor on its way through the net: to zero, to its mean, to noise, scaled, or patched from another photo.

Each is a plain function of the tensor that arrives at the site, so edits compose: one further down the net sees what
those before it left. Each touches the channels that it was given and no others.
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

from hrnet_viz.interventions.places import EditSites, read_places
from hrnet_viz.runner import run, size_at
from hrnet_viz.sites import Place, quote
from hrnet_viz.tracing import Photos, Trace, evaluating, exact, trace

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet

How: TypeAlias = str | float
Replacement: TypeAlias = Callable[[Tensor], Tensor]

WORDS = ("zero", "mean", "noise", "patch")
"""The edits that have a name; a number scales."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One edit of one place. Call it with the tensor that arrives there, (N, C, H, W) or (N, C), for its replacement.

    Attributes:
        place: the site and the channels.
        how: in words: "zero", "scaled by 0.5", "own mean", "mean of 8 photos", "patched from cat".
        replacement: what takes the place of the arriving tensor; may broadcast over photos and places.
    """

    place: Place
    how: str
    replacement: Replacement = field(repr=False)

    def __call__(self, value: Tensor) -> Tensor:
        """Give the replacement as a tensor of its own; ``value`` stays as it is."""
        changed = self.replacement(value).expand_as(value)
        if self.place.channels is None:
            return changed.clone()
        chosen = torch.zeros(value.shape[1], dtype=torch.bool, device=value.device)
        chosen[list(self.place.channels)] = True
        return torch.where(chosen.view(1, -1, *[1] * (value.dim() - 2)), changed, value)


def read_changes(
    net: HRNet,
    base: Trace,
    sites: EditSites,
    how: How | Mapping[str, How] = "zero",
    *,
    reference: Photos | None = None,
    donor: Photos | None = None,
    seed: int = 0,
) -> tuple[Change, ...]:
    """Turn a request into edits, in plan order.

    Args:
        net: the net.
        base: the pass that will be edited; tells the shapes.
        sites: what to edit; see ``ablate``.
        how: "zero", "mean", "noise", "patch", a factor, or a mapping from site to one of these.
        reference: photos or a trace for "mean" and "noise".
        donor: a photo, as many photos as ``base`` has, or a trace, for "patch".
        seed: for "noise".

    Raises:
        SiteError: an address that names no site.
        ValueError: an unknown ``how``, a channel that the site does not have, something missing, or a patch that does
            not fit; the message says what to do.
    """
    places = read_places(net.plan, sites)
    wished = {place: _wish(net, place, how) for place in places}
    needs_reference = [place for place in places if wished[place] in ("mean", "noise")]
    needs_donor = [place for place in places if wished[place] == "patch"]
    if needs_donor and donor is None:
        raise ValueError("how='patch' needs another photo or a trace of it to take the values from: donor=...")
    seen = _values(net, reference, needs_reference) if reference is not None else {}
    given = _values(net, donor, needs_donor) if donor is not None else {}
    changes = []
    for place in places:
        wish, name = wished[place], place.site.name
        if wish == "patch":
            changes.append(_patch(place, given[name], base, donor))
        elif wish in ("mean", "noise"):
            changes.append(_level(place, str(wish), seen.get(name), reference, seed))
        elif wish == "zero":
            changes.append(Change(place, "zero", torch.zeros_like))
        else:
            changes.append(Change(place, f"scaled by {wish:g}", partial(torch.mul, other=float(wish))))
    return tuple(changes)


def as_edits(changes: Iterable[Change]) -> dict[str, Replacement]:
    """Give what ``run(edit=...)`` takes; changes of the same site are applied one after the other."""
    grouped: dict[str, list[Change]] = {}
    for change in changes:
        grouped.setdefault(change.place.site.name, []).append(change)
    return {name: partial(_apply, tuple(group)) for name, group in grouped.items()}


def describe_photos(photos: Photos | None) -> str:
    """Name photos for a caption: "cat", "8 photos", "a tensor"."""
    if isinstance(photos, Trace):
        known = [photo.name for photo in photos.photos]
        n = len(photos.input)
    else:
        several: Sequence[object] = photos if isinstance(photos, (list, tuple)) else [photos]
        known = [str(photo.name) for photo in several if hasattr(photo, "name") and not isinstance(photo, Tensor)]
        n = len(photos) if isinstance(photos, Tensor) else len(several)
    return known[0] if n == 1 and known else "1 photo" if n == 1 else f"{n} photos"


def _apply(changes: Sequence[Change], value: Tensor) -> Tensor:
    for change in changes:
        value = change(value)
    return value


def _wish(net: HRNet, place: Place, how: How | Mapping[str, How]) -> How:
    if isinstance(how, Mapping):
        named = {str(one): wish for key, wish in how.items() for one in net.plan.places(key)}
        known = named.get(str(place), named.get(place.site.name))
        if known is None:
            raise ValueError(f"'{place}' is to be edited, but how={{...}} does not say how. Add it there.")
        how = known
    if isinstance(how, Tensor) and how.dim() == 0:
        how = float(how)
    number = isinstance(how, Real) and not isinstance(how, bool)
    if not (how in WORDS if isinstance(how, str) else number and math.isfinite(how)):
        raise ValueError(
            f"how={quote(how)} was given; an edit is one of {', '.join(map(repr, WORDS))}, or a finite factor."
        )
    return how


def _values(net: HRNet, photos: Photos | None, places: Sequence[Place]) -> Mapping[str, Tensor]:
    """Give the tensors at some places for other photos, or out of their trace."""
    names = [place.site.name for place in places]
    if not names or photos is None:
        return {}
    if not isinstance(photos, Trace):
        return trace(net, photos, sites=names).tensors
    with evaluating(net), torch.inference_mode(mode=False):
        return run(net, base=exact(net, photos), keep=names)


def _patch(place: Place, given: Tensor, base: Trace, donor: Photos | None) -> Change:
    n = len(base.input)
    expected = (n, place.site.channels, *(size_at(place.site, base.input) if place.site.stride else ()))
    if given.shape[1:] != torch.Size(expected[1:]) or len(given) not in (1, n):
        raise ValueError(
            f"The donor's tensor at '{place.site.name}' has shape {tuple(given.shape)}, but here it has shape "
            f"{expected}. Use a donor of the same size, {base.input.shape[2]} x {base.input.shape[3]} px, and one "
            "photo of it or as many as are edited."
        )
    return Change(place, f"patched from {describe_photos(donor)}", partial(_put, given))


def _level(place: Place, word: str, seen: Tensor | None, reference: Photos | None, seed: int) -> Change:
    if seen is None:
        if place.site.stride is None:
            raise ValueError(
                f"how='{word}' at '{place.site.name}' needs reference=photos: the tensor there has no places to take a "
                "mean over."
            )
        if word == "mean":
            return Change(place, "own mean", _own_mean)
        return Change(place, "noise with its own mean and deviation", partial(_own_noise, place.site.name, seed))
    photos = describe_photos(reference)
    over = (0, *range(2, seen.dim()))
    centre = seen.mean(over, keepdim=True)
    if word == "mean":
        return Change(place, f"mean of {photos}", partial(_put, centre))
    spread = seen.std(over, correction=0, keepdim=True)
    noise = standard_noise(place.site.name, seed, seen) * spread + centre
    return Change(place, f"noise with mean and deviation of {photos}", partial(_put, noise))


def _put(constant: Tensor, value: Tensor) -> Tensor:
    return constant.to(value)


def _own_mean(value: Tensor) -> Tensor:
    return value.mean((2, 3), keepdim=True)


def _own_noise(name: str, seed: int, value: Tensor) -> Tensor:
    spread = value.std((2, 3), correction=0, keepdim=True)
    return standard_noise(name, seed, value) * spread + _own_mean(value)


def standard_noise(name: str, seed: int, like: Tensor) -> Tensor:
    """Draw a standard normal pattern (1, C, H, W) for a site.

    It depends on the site's name, the seed and the shape alone, so each photo gets the same, whatever else is edited,
    and no random state is touched. It is drawn on the CPU, so that it is the same on every device.
    """
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {name}".encode()))
    return torch.randn((1, *like.shape[1:]), generator=generator, dtype=torch.float64).to(like)
