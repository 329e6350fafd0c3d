"""What a part of the faithfulness table is: a few photos, what is asked of them, and the numbers that come back."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from hrnet_viz.attribution.agreement import compare_with_ablation
from hrnet_viz.attribution.average_drop import drop_average
from hrnet_viz.attribution.cam import cam
from hrnet_viz.attribution.deletion import Kind, play_deletion
from hrnet_viz.attribution.pointing import play_pointing
from hrnet_viz.attribution.sanity import check_sanity
from hrnet_viz.interventions.sweep_file import fingerprint
from hrnet_viz.photos.preparation import prepare
from hrnet_viz.tracing import evaluating

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.photo import Photo

GRID = (2, 2)
FORMAT = 1  # to be raised when the numbers of a part change, so that kept parts of before are not used
PartKind = Literal["curves", "sanity", "pointing"]
Numbers = Mapping[str, Tensor]


@dataclass(frozen=True)
class Protocol:
    """What is measured: see ``measure_faithfulness``. ``patches`` is the number per side of the ablation."""

    methods: tuple[str, ...]
    sites: tuple[str, ...]
    size: tuple[int, int]
    mosaic: tuple[int, int]
    curve_photos: int
    sanity_photos: int
    steps: int
    draws: int
    patches: int
    seed: int


@dataclass(frozen=True)
class Part:
    """A few photos and what is asked of them.

    Attributes:
        kind: which measures.
        photos: numbers of the photos.
        cost: about how many forward passes of a photo it takes, for the progress bar.
    """

    kind: PartKind
    photos: range
    cost: int


@dataclass(frozen=True, eq=False)
class Work:
    """Everything that a part is computed from."""

    net: HRNet
    photos: Sequence[Photo]
    indices: Sequence[int]
    protocol: Protocol

    def measure(self, part: Part) -> bytes:
        """Compute a part; the numbers are packed, since they go to another process and to a file."""
        measures: Mapping[PartKind, Callable[[range], Numbers]] = {
            "curves": self._curves,
            "sanity": self._sanity,
            "pointing": self._pointing,
        }
        packed = io.BytesIO()
        torch.save(dict(measures[part.kind](part.photos)), packed)
        return packed.getvalue()

    def name(self, part: Part) -> str:
        """Give the name of a part's file."""
        return f"{part.kind}-{part.photos.start:04d}-{part.photos.stop:04d}-{self.key}.pt"

    @cached_property
    def key(self) -> str:
        """A text that changes with anything that the numbers depend on."""
        photos = fingerprint_photos(self.photos, self.indices)
        told = (FORMAT, torch.__version__, fingerprint(self.net), str(self.net.preparation), self.protocol, photos)
        return hashlib.sha256(repr(told).encode()).hexdigest()[:12]

    def _some(self, photos: range) -> tuple[Tensor, list[int]]:
        several = [self.photos[n] for n in photos]
        return prepare(self.net, several, size=self.protocol.size), [self.indices[n] for n in photos]

    def _seed(self, photos: range) -> int:
        """Give each part random orders and weights of its own: with the same ones photos would not be independent."""
        return self.protocol.seed + 1000 * photos.start

    def _curves(self, photos: range) -> Numbers:
        it, seed = self.protocol, self._seed(photos)
        x, goal = self._some(photos)
        maps = cam(self.net, x, list(goal), method=it.methods, sites=it.sites)
        chance: dict[Kind, dict[tuple[int, int], Tensor]] = {"deletion": {}, "insertion": {}}
        rows: dict[str, list[Tensor]] = {"deletion": [], "insertion": [], "drop": []}
        for cams in maps.values():
            for kind, known in chance.items():
                found = play_deletion(
                    self.net, cams, kind=kind, steps=it.steps, draws=it.draws, seed=seed, chance=known
                )
                rows[kind].append(torch.stack([found[name].gains for name in it.sites]))
            left = drop_average(self.net, cams, seed=seed)
            rows["drop"].append(torch.stack([left[name].gains for name in it.sites]))
        agreement = compare_with_ablation(
            self.net, x, list(goal), method=it.methods, sites=it.sites, patches=it.patches, seed=seed
        )
        return {name: torch.stack(row) for name, row in rows.items()} | {"ablation": agreement.place_correlations}

    def _sanity(self, photos: range) -> Numbers:
        it = self.protocol
        x, goal = self._some(photos)
        found = check_sanity(self.net, x, list(goal), method=it.methods, sites=it.sites, seed=self._seed(photos))
        return {"sanity": found.similarity}

    def _pointing(self, photos: range) -> Numbers:
        it = self.protocol
        x, goal = self._some(photos)
        with evaluating(self.net), torch.no_grad():
            right = self.net(x).argmax(1).cpu() == torch.tensor(goal)
        game = play_pointing(
            self.net,
            self.photos,
            self.indices,
            method=it.methods,
            sites=it.sites,
            grid=GRID,
            size=it.mosaic,
            searched=photos,
            seed=it.seed,
            batch=1,  # its mosaics are as large as sixteen photos
        )
        return {"pointing": game.hits.mean(3), "energy": game.energy.mean(3), "right": right}


def fingerprint_photos(photos: Iterable[Photo], indices: Sequence[int]) -> str:
    """Give a text that changes with any pixel and any class; it tells nothing else."""
    total = hashlib.sha256(repr(list(indices)).encode())
    for photo in photos:
        total.update(repr(photo.pixels.shape).encode() + photo.pixels.tobytes())
    return total.hexdigest()
