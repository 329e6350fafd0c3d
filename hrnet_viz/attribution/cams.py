"""What ``hv.cam`` gives: site -> map, with everything needed to read a map honestly and to make it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from hrnet_viz.attribution.methods import NAMES
from hrnet_viz.network.fingerprint import Fingerprint, measure_numbers
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.site_map import ReadOnly, SiteMap
from hrnet_viz.sites import Place, Site, SiteError, check_index, check_whole, quote

if TYPE_CHECKING:
    from hrnet_viz.network.plan import Plan
    from hrnet_viz.photos.photo import Photo

Enlarge = Literal["cells", "bilinear"]
Merge = Literal["mean", "max", "product"]
OWN_UNIT = "own unit"
SCORE_PER_PHOTO = "score per photo area"


@dataclass(frozen=True, eq=False, repr=False)
class Cams(SiteMap[Tensor]):
    """Class activation maps of one method: site -> raw signed map (N, H, W), float32 (float64 if the net is).

    Attributes:
        plan: the plan of the net.
        maps: the maps, in plan order.
        method: one of ``methods.METHODS``.
        targets: what each photo's maps explain, in words.
        indices: class index of each target, None where it is not a single class.
        scores: the value of each target, (N,).
        classes: names of the outputs, () where they are not known.
        input: the photos as the net saw them, (N, 3, H, W).
        photos: the photos that they were made from, () if a tensor was given.
        preparation: how the input was made, None if the net does not say.
        relu: whether negative values were set to 0.
        unit: "own unit", or "score per photo area" where the values of all sites can be compared.
        notes: site -> one sentence per photo about a map that says nothing, "" where there is none.
        fingerprint: of the weights and of the maps, so that it is noticed when they change; None compares nothing.
    """

    HELD = "maps"

    plan: Plan
    maps: Mapping[str, Tensor]
    method: str
    targets: tuple[str, ...]
    indices: tuple[int | None, ...]
    scores: Tensor
    input: Tensor
    classes: tuple[str, ...] = ()
    photos: tuple[Photo, ...] = ()
    preparation: Preparation | None = None
    relu: bool = False
    unit: str = OWN_UNIT
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fingerprint: Fingerprint | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "maps", ReadOnly(self.maps))
        object.__setattr__(self, "notes", ReadOnly(self.notes))
        if self.fingerprint is not None:
            known = replace(self.fingerprint, numbers=measure_numbers(self.maps))
            object.__setattr__(self, "fingerprint", known)

    def check(self, net: nn.Module | None = None) -> None:
        """Refuse a net that is not as it was when these maps were made, and maps that have been written into since.

        Raises:
            ValueError: in a sentence that says what has changed.
        """
        if self.fingerprint is not None:
            self.fingerprint.check(net, self.maps, "the maps", "Make them again: hv.cam(net, photo).")

    def held(self, site: object) -> tuple[Place, Tensor]:
        """Return the place that is meant and its map; channels have maps of their own, where they were asked for."""
        place = self.plan.place(site)
        if str(place) not in self.maps:
            raise SiteError(
                f"'{place}' exists in {self.plan.owner}, but no map was asked for there. "
                f"Ask for it: hv.cam(net, photo, sites=['{place}'])."
            )
        return Place(place.site), self.maps[str(place)]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the photos, or numbers where they are not known."""
        return tuple(photo.name for photo in self.photos) or tuple(f"photo {n}" for n in range(len(self.targets)))

    def __repr__(self) -> str:
        targets = ", ".join(dict.fromkeys(self.targets))
        photos = "1 photo" if len(self.targets) == 1 else f"{len(self.targets)} photos"
        sites = "1 site" if len(self) == 1 else f"{len(self)} sites"
        return f"Cams({NAMES[self.method]}, {photos}, target: {targets}, {sites} of {self.plan.owner})"

    @property
    def sites(self) -> tuple[Site, ...]:
        """What the net knows about each site, in plan order."""
        return tuple(self.plan.place(name).narrowed for name in self.maps)

    @property
    def ranges(self) -> dict[str, tuple[tuple[float, float], ...]]:
        """Site -> (lowest, highest) value of each photo's map."""
        return {
            name: tuple(zip(single.amin((1, 2)).tolist(), single.amax((1, 2)).tolist(), strict=True))
            for name, single in self.maps.items()
        }

    @property
    def pictures(self) -> tuple[Photo, ...]:
        """The pictures that the net saw, to lay maps over.

        Raises:
            ValueError: the input was a ready tensor and the net has no preparation to undo.
        """
        if self.preparation is None:
            raise ValueError(
                "The picture under these maps is not known: a ready tensor was given to a net without a preparation. "
                "Give hv.cam a photo, or set net.preparation."
            )
        if self.photos and self.preparation.size == tuple(self.input.shape[2:]):
            return tuple(self.preparation.picture(photo) for photo in self.photos)
        undone = self.preparation.undo(self.input)
        return undone if isinstance(undone, tuple) else (undone,)

    def note(self, site: str | Site, index: int = 0) -> str:
        """Return why a photo's map says nothing, "" where it says something.

        Raises:
            IndexError: there is no such photo.
        """
        index, name = check_index(index, len(self.targets)), str(self.plan.place(site))
        return self.notes[name][index] if name in self.notes else ""

    def rectified(self) -> Self:
        """Return only what speaks for the target: negative values become 0 (the ReLU of Grad-CAM's equation 2)."""
        self.check()
        return replace(self, maps={name: single.clamp(min=0) for name, single in self.maps.items()}, relu=True)

    def per_area(self) -> Self:
        """Return the maps of all sites in one unit: the score that is contributed per photo area.

        A HiResCAM value is what one cell contributes to the score, to first order. Times the number of cells it is a
        density: its mean over the photo is the contribution of the whole site, however fine its grid is. So a value of
        3 at stride 4 and one of 3 at stride 32 say the same: an area like this all over the photo would contribute 3.

        Raises:
            ValueError: another method, whose values are no contributions.
        """
        if self.method != "hirescam":
            raise ValueError(
                f"{NAMES[self.method]} values of different sites have no common unit: they weigh activations with "
                "gradients of other places or signs, so they are no contributions to the score that could be compared "
                "or added up. A shared scale exists for method='hirescam' only; else show each map with its own range."
            )
        if self.unit == SCORE_PER_PHOTO:
            return self
        self.check()
        maps = {name: single * single[0].numel() for name, single in self.maps.items()}
        return replace(self, maps=maps, unit=SCORE_PER_PHOTO)

    def totals(self) -> dict[str, Tensor]:
        """Site -> sum over each photo's map, (N,): for HiResCAM and XGrad-CAM the first-order effect of the site."""
        self.check()
        if self.unit == SCORE_PER_PHOTO:
            return {name: single.mean((1, 2)) for name, single in self.maps.items()}
        return {name: single.sum((1, 2)) for name, single in self.maps.items()}

    def shrink_photo(self, side: int) -> Self:
        """Return the same maps over a photo of ``side`` px on its longer side: large ones make a notebook large.

        Raises:
            ValueError: the picture that the net saw is not known.
        """
        height, width = self.pictures[0].pixels.shape[:2]
        share = check_whole("side", side) / max(height, width)
        size = (round(height * share), round(width * share))
        shrunk = functional.interpolate(self.input, size=size, mode="area")
        return replace(self, input=shrunk, preparation=replace(self.preparation or Preparation(), size=size))

    def cpu(self) -> Self:
        """Return maps, scores and input on the CPU."""
        self.check()
        maps = {name: single.cpu() for name, single in self.maps.items()}
        return replace(self, maps=maps, scores=self.scores.cpu(), input=self.input.cpu())

    def photo(self, index: int) -> Self:
        """Return the maps of one photo of the batch.

        Raises:
            IndexError: there is no such photo.
        """
        self.check()
        index = check_index(index, len(self.targets))
        part = slice(index, index + 1)
        return replace(
            self,
            maps={name: single[part] for name, single in self.maps.items()},
            targets=self.targets[part],
            indices=self.indices[part],
            scores=self.scores[part],
            input=self.input[part],
            photos=self.photos[part],
            notes={name: words[part] for name, words in self.notes.items()},
        )


def describe_flat(
    site: Site, single: Tensor, activation: Tensor, gradient: Tensor, targets: tuple[str, ...]
) -> tuple[str, ...]:
    """Return for each photo why its map says nothing, or "".

    Args:
        site: where the map is.
        single: the map before any ReLU, (N, H, W).
        activation: what it was made of, (N, C, H, W).
        gradient: of the same shape.
        targets: what it explains, in words.
    """
    low, high = single.amin((1, 2)), single.amax((1, 2))
    flat = (high - low) <= 1e-6 * torch.maximum(high.abs(), low.abs())
    sentences = []
    for n, target in enumerate(targets):
        sentence = ""
        if flat[n] and single[n].numel() > 1:
            if not gradient[n].any():
                sentence = f"'{target}' does not depend on {site.name} here: its gradient is zero at every cell."
            elif bool((activation[n] == activation[n, :, :1, :1]).all()):
                sentence = f"The activation at {site.name} is the same at every cell, so there is nothing to locate."
            else:
                sentence = (
                    f"The map at {site.name} is {float(low[n]):.3g} everywhere: nothing is located for '{target}'."
                )
        elif high[n] <= 0:
            sentence = (
                f"Nothing at {site.name} speaks for '{target}': its values go from {float(low[n]):.3g} "
                f"to {float(high[n]):.3g}."
            )
        sentences.append(sentence)
    return tuple(sentences)


def join(several: Sequence[Cams]) -> Cams:
    """Return the maps of several batches as one.

    Raises:
        ValueError: none, or maps of different methods, sites or photo sizes.
    """
    if len({(one.method, tuple(one), one.relu, one.unit, one.input.shape[1:]) for one in several}) != 1:
        raise ValueError("join puts maps of one method, the same sites and one photo size together, at least one.")
    first = several[0]
    return replace(
        first,
        maps={name: torch.cat([one[name] for one in several]) for name in first},
        targets=sum((one.targets for one in several), ()),
        indices=sum((one.indices for one in several), ()),
        scores=torch.cat([one.scores for one in several]),
        input=torch.cat([one.input for one in several]),
        photos=sum((one.photos for one in several), ()),
        notes={
            name: tuple(one.note(name, n) for one in several for n in range(len(one.targets)))
            for name in dict.fromkeys(name for one in several for name in one.notes)
        },
    )


def upsample(maps: Tensor, size: tuple[int, int], enlarge: Enlarge = "cells") -> Tensor:
    """Return maps enlarged to the size of the photo; neither this nor merging happens on its own.

    Args:
        maps: (N, h, w).
        size: (H, W).
        enlarge: "cells" repeats each cell, so that what is seen is what there is; "bilinear" interpolates between the
            middles of the cells, which is usual in papers and invents the places of edges.

    Returns:
        (N, H, W).

    Raises:
        ValueError: no such way, or maps of another rank.
    """
    if maps.dim() != 3:
        raise ValueError(f"upsample takes maps of shape (N, h, w); this tensor has shape {tuple(maps.shape)}.")
    if enlarge not in ("cells", "bilinear"):
        raise ValueError(f"enlarge={quote(enlarge)} was given; maps are enlarged as 'cells' or 'bilinear'.")
    return functional.interpolate(maps[:, None], size=size, mode="nearest" if enlarge == "cells" else enlarge)[:, 0]


def scale_each(maps: Tensor) -> Tensor:
    """Return each map (N, h, w) divided by its largest absolute value: signs and zero stay, the unit is gone."""
    largest = maps.abs().amax((1, 2), keepdim=True)
    return maps / torch.where(largest == 0, 1, largest)


def merge(maps: Sequence[Tensor], by: Merge = "mean", *, scaled: bool = True, enlarge: Enlarge = "cells") -> Tensor:
    """Return maps of several sites merged into one, at the size of the largest.

    Args:
        maps: tensors (N, h, w) of the same N.
        by: cell by cell "mean", "max" or "product"; a product is high only where every map is, and takes maps without
            negative values.
        scaled: scale each map by its largest absolute value first, which maps without a common unit need.
        enlarge: how the smaller ones are brought to the size of the largest, see ``upsample``.

    Returns:
        (N, H, W).

    Raises:
        ValueError: no maps, no such way, different N, or negative values in a product.
    """
    if not maps:
        raise ValueError("merge was given no maps; it takes at least one.")
    if len({len(single) for single in maps}) > 1:
        raise ValueError(
            f"merge was given maps of {', '.join(str(len(single)) for single in maps)} photos; "
            "all of them must be of the same photos."
        )
    if by == "product" and any(bool((single < 0).any()) for single in maps):
        raise ValueError(
            "A product of signed maps has no meaning: two negative values would make a positive one. "
            "Ask for maps with relu=True, or use cams.rectified()."
        )
    rules: dict[str, Callable[..., Tensor]] = {"mean": torch.mean, "max": torch.amax, "product": torch.prod}
    if by not in rules:
        raise ValueError(f"by={quote(by)} was given; maps are merged by 'mean', 'max' or 'product'.")
    size = (max(single.shape[1] for single in maps), max(single.shape[2] for single in maps))
    layers = torch.stack([upsample(scale_each(single) if scaled else single, size, enlarge) for single in maps])
    return rules[by](layers, 0)
