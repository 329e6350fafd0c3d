"""Do the maps tell the truth? Methods x branches, measured over many photos: numbers only, with intervals.

The work is cut into parts of a few photos. A part depends on the net, the photos and the protocol and on nothing else:
so an interrupted run goes on where it stopped, and an executor gives the same numbers as one process.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from hrnet_viz.attribution import ablation_agreement, average_drop, deletion, pointing_game, sanity_check
from hrnet_viz.attribution.cam import cam
from hrnet_viz.attribution.checks import Sanity, list_levels
from hrnet_viz.attribution.covering import Kind
from hrnet_viz.attribution.methods import METHODS, read_methods
from hrnet_viz.attribution.truth_table import TruthTable
from hrnet_viz.files import write_whole
from hrnet_viz.interventions.sweep_table import fingerprint
from hrnet_viz.long_work import run_tasks
from hrnet_viz.outputs import find_output, output_names
from hrnet_viz.photos.preparation import check_size, prepare
from hrnet_viz.runner import Sites
from hrnet_viz.targets import ClassName
from hrnet_viz.tracing import evaluating

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.photo import Photo

GRID = (2, 2)
FORMAT = 1  # to be raised when the numbers of a part change, so that kept parts of before are not used
PartKind = Literal["curves", "sanity", "pointing"]
Numbers = Mapping[str, Tensor]
PHOTOS_OF_PART: Mapping[PartKind, int] = {"curves": 4, "sanity": 12, "pointing": 4}
ALL_METHODS = tuple(name for name in METHODS if name != "cam")
PATCHES = 5
CHANCE = 1 / (GRID[0] * GRID[1])
QUESTIONS = {
    "pointing": ("share of hits of the pointing game on 2 x 2 mosaics", CHANCE),
    "energy": ("share of the positive values that lies in the right photo of a mosaic", CHANCE),
    "deletion": ("area below the deletion curve, less than in random order", 0.0),
    "insertion": ("area below the insertion curve, more than in random order", 0.0),
    "drop": ("average drop, less than with the cells of the map shuffled", 0.0),
    "ablation": ("rank correlation with what setting a patch to zero takes", 0.0),
}
"""Name -> what is measured, and what a map without knowledge scores; higher is better for all of them."""


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """The whole table.

    Attributes:
        methods, sites: rows and columns.
        strides: photo pixels per cell of each site.
        measures: one table each; ``QUESTIONS`` says in words what its name measures.
        sanity: the sanity check.
        provenance: what was measured and how, for the files.
    """

    methods: tuple[str, ...]
    sites: tuple[str, ...]
    strides: tuple[int | None, ...]
    measures: tuple[TruthTable, ...]
    sanity: Sanity
    provenance: Mapping[str, str | int]


def measure_faithfulness(
    net: HRNet,
    photos: Sequence[Photo],
    classes: Sequence[ClassName],
    *,
    methods: Sequence[str] = ALL_METHODS,
    sites: Sites | None = None,
    size: int | tuple[int, int] | None = None,
    mosaic: int | tuple[int, int] | None = None,
    curve_photos: int = 60,
    sanity_photos: int = 24,
    steps: int = 5,
    draws: int = 2,
    seed: int = 0,
    executor: Executor | None = None,
    keep: Path | None = None,
    progress: bool = False,
) -> Faithfulness:
    """Measure every method at every branch: pointing game, deletion, insertion, average drop, ablation, sanity check.

    Per photo and at the size of the net, deletion and insertion take 2 (methods x sites + draws x sites) (steps - 1)
    forward passes, 224 with the settings that are given here, average drop and ablation some 100 more; a photo of the
    pointing game takes as much as 24. Numbers depend on the settings, not on ``executor`` and ``keep``.

    Args:
        net: the net.
        photos: photos of several classes; the first of them are those of the slow measures.
        classes: class of each: what is followed is its probability, also where the net names another class.
        methods: rows of the table.
        sites: columns of the table; the branches of the last module by default.
        size: of a photo in pixels; what the net expects by default.
        mosaic: of the mosaics of the pointing game; by default two by two photos of ``size``.
        curve_photos: how many of the photos the slow measures take: deletion, insertion, average drop, ablation.
        sanity_photos: how many of these the sanity check takes, at least two.
        steps: parts of a deletion or insertion curve.
        draws: random orders that such a curve is compared with.
        seed: of everything random.
        executor: who computes; None for this process. The numbers are the same.
        keep: a folder for what is done already, from which an interrupted run goes on.
        progress: show a progress bar on stderr.

    Raises:
        ValueError: as the single measures.
    """
    last = max(site.module or 0 for site in net.sites(kind="branch", stage=4))
    names = net.plan.names(sites or net.sites(kind="branch", stage=4, module=last))
    height, width = check_size(net.preparation.size if size is None else size)
    strides = tuple(net.plan.sites[name].stride for name in names)
    protocol = _Protocol(
        methods=read_methods(methods, everywhere=True),
        sites=names,
        size=(height, width),
        mosaic=check_size((GRID[0] * height, GRID[1] * width) if mosaic is None else mosaic),
        curve_photos=min(curve_photos, len(photos)),
        sanity_photos=min(sanity_photos, curve_photos, len(photos)),
        steps=steps,
        draws=draws,
        patches=min(PATCHES, *(-(-min(height, width) // (stride or 1)) for stride in strides)),
        seed=seed,
    )
    if protocol.sanity_photos < 2:
        raise ValueError(f"{sanity_photos} photos for the sanity check were asked for; at least two were expected.")
    indices = [find_output(net, one) for one in classes]
    numbers = _compute(_Work(net, photos, indices, protocol), executor=executor, keep=keep, progress=progress)
    measures = [
        TruthTable(name, chance, protocol.methods, names, numbers[name], seed)
        for name, (_, chance) in QUESTIONS.items()
    ]
    right, checked = int(numbers["right"].sum()), protocol.sanity_photos
    return Faithfulness(
        protocol.methods,
        names,
        strides,
        tuple(measures),
        Sanity(
            protocol.methods,
            names,
            tuple(list_levels(net)),
            numbers["sanity"],
            targets=tuple(output_names(net)[index] for index in indices[:checked]),
            photos=tuple(f"photo {n}" for n in range(checked)),
            seed=seed,
        ),
        {
            "net": net.plan.owner,
            "classes": net.num_outputs,
            "photos": len(photos),
            "named right by the net": right,
            "photo set": fingerprint_photos(photos, indices)[:12],
            "photos for curves and ablation": protocol.curve_photos,
            "photos for the sanity check": protocol.sanity_photos,
            "pixels of a photo": _times(protocol.size),
            "pixels of a mosaic": _times(protocol.mosaic),
            "steps of a curve": steps,
            "random orders": draws,
            "patches": f"{protocol.patches} x {protocol.patches}",
            "seed": seed,
            "torch": torch.__version__.partition("+")[0],
        },
    )


def _compute(work: _Work, *, executor: Executor | None, keep: Path | None, progress: bool) -> Numbers:
    """Compute all parts, but those that are kept already, and put them together."""
    parts = _list_parts(len(work.photos), work.protocol)
    done: dict[_Part, Numbers] = {}
    if keep is not None:
        done = {part: numbers for part in parts if (numbers := _read(keep / work.name(part))) is not None}
    missing = [part for part in parts if part not in done]
    results = run_tasks(_Work.measure, work, missing, executor=executor, progress=progress, unit="part")
    with closing(results):
        for part, numbers in zip(missing, results, strict=True):
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                packed = io.BytesIO()
                torch.save(dict(numbers), packed)
                write_whole(keep / work.name(part), packed.getvalue())
            done[part] = numbers
    gathered: dict[str, list[Tensor]] = {}
    for part in parts:
        for name, values in done[part].items():
            gathered.setdefault(name, []).append(values)
    return {name: torch.cat(several, -1) for name, several in gathered.items()}


def _list_parts(count: int, protocol: _Protocol) -> list[_Part]:
    """Cut the work up before anyone knows who does it: no rest of one photo, which has no BatchNorm statistics."""
    parts = []
    amounts: dict[PartKind, int] = {
        "curves": protocol.curve_photos,
        "sanity": protocol.sanity_photos,
        "pointing": count,
    }
    for kind, several in amounts.items():
        pieces = max(several // PHOTOS_OF_PART[kind], 1)
        cuts = [several * k // pieces for k in range(pieces + 1)]
        parts += [_Part(kind, range(start, stop)) for start, stop in pairwise(cuts)]
    return parts


def _read(path: Path) -> Numbers | None:
    """Return a part that is kept, or None where there is none that can be read."""
    if not path.exists():
        return None
    try:
        numbers: Numbers = torch.load(path, weights_only=True)
    except Exception:  # noqa: BLE001  # half a file is read as anything, and a part can always be computed again
        return None
    return numbers


@dataclass(frozen=True)
class _Protocol:
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
class _Part:
    """A few photos and what is asked of them.

    Attributes:
        kind: which measures.
        photos: numbers of the photos.
    """

    kind: PartKind
    photos: range


@dataclass(frozen=True, eq=False)
class _Work:
    """Everything that a part is computed from."""

    net: HRNet
    photos: Sequence[Photo]
    indices: Sequence[int]
    protocol: _Protocol

    def measure(self, part: _Part) -> Numbers:
        measures: Mapping[PartKind, Callable[[range], Numbers]] = {
            "curves": self._curves,
            "sanity": self._sanity,
            "pointing": self._pointing,
        }
        return measures[part.kind](part.photos)

    def name(self, part: _Part) -> str:
        """Return the name of a part's file."""
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
        """Return a seed of its own for each part: with the same random orders photos would not be independent."""
        return self.protocol.seed + 1000 * photos.start

    def _curves(self, photos: range) -> Numbers:
        protocol, seed = self.protocol, self._seed(photos)
        x, goal = self._some(photos)
        maps = cam(self.net, x, list(goal), method=protocol.methods, sites=protocol.sites)
        chance: dict[Kind, dict[tuple[int, int], Tensor]] = {"deletion": {}, "insertion": {}}
        rows: dict[str, list[Tensor]] = {"deletion": [], "insertion": [], "drop": []}
        for cams in maps.values():
            for kind, known in chance.items():
                found = deletion(
                    self.net, cams, kind=kind, steps=protocol.steps, draws=protocol.draws, seed=seed, chance=known
                )
                rows[kind].append(torch.stack([found[name].gains for name in protocol.sites]))
            left = average_drop(self.net, cams, seed=seed)
            rows["drop"].append(torch.stack([left[name].gains for name in protocol.sites]))
        agreement = ablation_agreement(
            self.net, x, list(goal), method=protocol.methods, sites=protocol.sites, patches=protocol.patches, seed=seed
        )
        return {name: torch.stack(row) for name, row in rows.items()} | {"ablation": agreement.place_correlations}

    def _sanity(self, photos: range) -> Numbers:
        protocol = self.protocol
        x, goal = self._some(photos)
        found = sanity_check(
            self.net, x, list(goal), method=protocol.methods, sites=protocol.sites, seed=self._seed(photos)
        )
        return {"sanity": found.similarity}

    def _pointing(self, photos: range) -> Numbers:
        protocol = self.protocol
        x, goal = self._some(photos)
        with evaluating(self.net), torch.no_grad():
            right = self.net(x).argmax(1).cpu() == torch.tensor(goal)
        game = pointing_game(
            self.net,
            self.photos,
            self.indices,
            method=protocol.methods,
            sites=protocol.sites,
            grid=GRID,
            size=protocol.mosaic,
            searched=photos,
            seed=protocol.seed,
            batch=1,  # its mosaics are as large as sixteen photos
        )
        return {"pointing": game.hits.mean(3), "energy": game.energy.mean(3), "right": right}


def fingerprint_photos(photos: Iterable[Photo], indices: Sequence[int]) -> str:
    """Return a text that changes with any pixel and any class; it tells nothing else."""
    total = hashlib.sha256(repr(list(indices)).encode())
    for photo in photos:
        total.update(repr(photo.pixels.shape).encode() + photo.pixels.tobytes())
    return total.hexdigest()


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
