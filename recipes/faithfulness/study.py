"""Do the maps tell the truth? Methods x branches, measured over many photos: numbers only, with intervals.

``python -m recipes.faithfulness WEIGHTS FOLDER --out OUT`` writes ``table.md``, ``results.json`` and
``results.csv``; FOLDER holds one folder of photos per class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hrnet_viz.attribution.intervals import Interval, bootstrap_mean
from hrnet_viz.attribution.methods import METHODS, read_methods
from hrnet_viz.attribution.sanity import Sanity
from hrnet_viz.photos.preparation import check_size
from hrnet_viz.runner import Sites
from hrnet_viz.targets import ClassName, find_class, output_names
from recipes.faithfulness.parts import run_parts
from recipes.faithfulness.work import GRID, Protocol, fingerprint_photos

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.photo import Photo

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
class Measure:
    """One question and its answers.

    Attributes:
        name: a short name.
        words: what is measured.
        chance: what a map without knowledge scores; a higher score is better.
        per_photo: (methods, sites, photos).
        seed: of the intervals.
    """

    name: str
    words: str
    chance: float
    per_photo: Tensor
    seed: int = 0

    def at(self, method: int, site: int) -> Interval:
        """One cell of the table."""
        return bootstrap_mean(self.per_photo[method, site], seed=self.seed)

    def over_methods(self, site: int) -> Interval:
        """A branch, averaged over methods."""
        return bootstrap_mean(self.per_photo[:, site].nanmean(0), seed=self.seed)

    def over_sites(self, method: int) -> Interval:
        """A method, averaged over branches."""
        return bootstrap_mean(self.per_photo[method].nanmean(0), seed=self.seed)


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """The whole table.

    Attributes:
        methods, sites: rows and columns.
        strides: photo pixels per cell of each site.
        measures: one table each.
        sanity: the sanity check.
        provenance: what was measured and how, for the files.
    """

    methods: tuple[str, ...]
    sites: tuple[str, ...]
    strides: tuple[int | None, ...]
    measures: tuple[Measure, ...]
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
    workers: int = 1,
    keep: Path | None = None,
    progress: bool = False,
) -> Faithfulness:
    """Measure every method at every branch: pointing game, deletion, insertion, average drop, ablation, sanity check.

    Per photo and at the size of the net, deletion and insertion take 2 (methods x sites + draws x sites) (steps - 1)
    forward passes, 224 with the settings that are given here, average drop and ablation some 100 more; a photo of the
    pointing game takes as much as 24. Numbers depend on the settings, not on ``workers`` and ``keep``.

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
        workers: processes, each with one thread; 1 is this process with the threads that it has.
        keep: a folder for what is done already, from which an interrupted run goes on.
        progress: show a progress bar on stderr.

    Raises:
        ValueError: as the single measures.
    """
    last = max(site.module or 0 for site in net.sites(kind="branch", stage=4))
    names = net.plan.names(sites or net.sites(kind="branch", stage=4, module=last))
    height, width = check_size(net.preparation.size if size is None else size)
    strides = tuple(net.plan.sites[name].stride for name in names)
    protocol = Protocol(
        methods=read_methods(methods),
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
    indices = [find_class(net, one) for one in classes]
    found = run_parts(net, photos, indices, protocol, workers=workers, keep=keep, progress=progress)
    measures = [Measure(name, words, chance, found.numbers[name], seed) for name, (words, chance) in QUESTIONS.items()]
    right = int(found.numbers["right"].sum())
    return Faithfulness(
        protocol.methods,
        names,
        strides,
        tuple(measures),
        Sanity(
            protocol.methods,
            names,
            found.levels,
            found.numbers["sanity"],
            targets=tuple(output_names(net)[index] for index in indices[: found.checked]),
            photos=tuple(f"photo {n}" for n in range(found.checked)),
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


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
