"""Do the maps tell the truth? Methods x branches, measured over many photos: numbers only, with intervals.

``python -m hrnet_viz.analysis.faithfulness WEIGHTS FOLDER --out OUT`` writes ``faithfulness.md`` and
``faithfulness.json``; FOLDER holds one folder of photos per class.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hrnet_viz.analysis.agreement import Agreement, compare_with_ablation
from hrnet_viz.analysis.average_drop import drop_average
from hrnet_viz.analysis.cam_batches import cam_in_batches
from hrnet_viz.analysis.cam_methods import METHODS, read_methods
from hrnet_viz.analysis.deletion import Kind, delete
from hrnet_viz.analysis.intervals import Interval, bootstrap_mean
from hrnet_viz.analysis.pointing import play_pointing
from hrnet_viz.analysis.sanity import Sanity, check_sanity
from hrnet_viz.analysis.targets import ClassName, find_class

if TYPE_CHECKING:
    from hrnet_viz.data.photo import Photo
    from hrnet_viz.network.net import HRNet

ALL_METHODS = tuple(name for name in METHODS if name != "cam")
AGREEMENT_BATCH = 8
SANITY_PHOTOS = 24
PATCHES = 5


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
    sites: Sequence[str] | None = None,
    curve_photos: int = 60,
    steps: int = 10,
    seed: int = 0,
    progress: bool = False,
) -> Faithfulness:
    """Measure every method at every branch: pointing game, deletion, insertion, average drop, ablation, sanity check.

    Args:
        net: the net.
        photos: photos of several classes, in random order.
        classes: class of each.
        methods: rows of the table.
        sites: columns of the table; the branches of the last module by default.
        curve_photos: how many of the photos the slow measures take: deletion, insertion, average drop, ablation.
        steps: parts of a deletion or insertion curve.
        seed: of everything random.
        progress: show progress bars on stderr.

    Raises:
        ValueError: as the single measures.
    """
    methods = read_methods(methods)
    last = max(site.module or 0 for site in net.sites(kind="branch", stage=4))
    names = net.plan.names(sites or net.sites(kind="branch", stage=4, module=last))
    indices = [find_class(net, one) for one in classes]
    game = play_pointing(net, photos, indices, method=methods, sites=names, grid=(2, 2), seed=seed, progress=progress)
    some, goal = list(photos[:curve_photos]), indices[:curve_photos]
    measures = [
        Measure(
            "pointing",
            "share of hits of the pointing game on 2 x 2 mosaics",
            game.chance,
            game.hits.mean(3),
            seed,
        ),
        Measure(
            "energy",
            "share of the positive values that lies in the right photo of a mosaic",
            game.chance,
            game.energy.mean(3),
            seed,
        ),
        *_measure_curves(net, some, goal, methods, names, steps=steps, seed=seed, progress=progress),
        _measure_agreement(net, some, goal, methods, names, seed=seed, progress=progress),
    ]
    sanity = check_sanity(
        net,
        some[:SANITY_PHOTOS],
        list(goal[:SANITY_PHOTOS]),
        method=methods,
        sites=names,
        seed=seed,
        progress=progress,
    )
    provenance: dict[str, str | int] = {
        "net": net.plan.owner,
        "classes": len(net.classes) or net.num_outputs,
        "input": " x ".join(str(side) for side in net.preparation.size),
        "photos": len(photos),
        "photos for curves and ablation": len(some),
        "photos for the sanity check": len(sanity.photos),
        "steps of a curve": steps,
        "seed": seed,
        "torch": torch.__version__.partition("+")[0],
    }
    strides = tuple(net.plan.sites[name].stride for name in names)
    return Faithfulness(methods, names, strides, tuple(measures), sanity, provenance)


def _measure_curves(
    net: HRNet,
    photos: list[Photo],
    goal: list[int],
    methods: tuple[str, ...],
    sites: tuple[str, ...],
    *,
    steps: int,
    seed: int,
    progress: bool,
) -> list[Measure]:
    deletion, insertion, dropping = [], [], []
    maps = cam_in_batches(net, photos, list(goal), method=methods, sites=sites, progress=progress)
    chance: dict[Kind, dict[tuple[int, int], Tensor]] = {"deletion": {}, "insertion": {}}
    for cams in maps.values():
        down, up = (
            delete(net, cams, kind=kind, steps=steps, seed=seed, chance=known, progress=progress)
            for kind, known in chance.items()
        )
        left = drop_average(net, cams, seed=seed, progress=progress)
        deletion.append(torch.stack([down[name].gains for name in sites]))
        insertion.append(torch.stack([up[name].gains for name in sites]))
        dropping.append(torch.stack([left[name].gains for name in sites]))
    return [
        Measure("deletion", "area below the deletion curve, less than in random order", 0, torch.stack(deletion), seed),
        Measure(
            "insertion", "area below the insertion curve, more than in random order", 0, torch.stack(insertion), seed
        ),
        Measure("drop", "average drop, less than with the cells of the map shuffled", 0, torch.stack(dropping), seed),
    ]


def _measure_agreement(
    net: HRNet,
    photos: list[Photo],
    goal: list[int],
    methods: tuple[str, ...],
    sites: tuple[str, ...],
    *,
    seed: int,
    progress: bool,
) -> Measure:
    parts: list[Agreement] = []
    patches = min(PATCHES, *(-(-min(net.preparation.size) // (net.plan.sites[name].stride or 1)) for name in sites))
    for start in range(0, len(photos), AGREEMENT_BATCH):
        part = slice(start, start + AGREEMENT_BATCH)
        parts.append(
            compare_with_ablation(
                net,
                photos[part],
                list(goal[part]),
                method=methods,
                sites=sites,
                patches=patches,
                seed=seed,
                progress=progress,
            )
        )
    per_photo = torch.cat([part.place_correlations for part in parts], 2)
    return Measure("ablation", "rank correlation with what setting a patch to zero takes", 0, per_photo, seed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the tables; the exit status is 2 for something that cannot be measured."""
    from hrnet_viz.analysis.faithfulness_files import read_folder, write_files
    from hrnet_viz.weights.loading import load

    parser = argparse.ArgumentParser(prog="python -m hrnet_viz.analysis.faithfulness", description=__doc__)
    parser.add_argument("weights", help='"teaching", or a file that hv.load reads')
    parser.add_argument("folder", type=Path, help="one folder of photos per class")
    parser.add_argument("--out", type=Path, default=Path("runs/faithfulness"))
    parser.add_argument("--photos", type=int, default=240, help="photos of the pointing game, the same of each class")
    parser.add_argument("--curve-photos", type=int, default=60)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--sites", nargs="*", help="by default the branches of the last module")
    parser.add_argument("--methods", nargs="*", default=ALL_METHODS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", help="cpu or cuda; the first that there is by default")
    given = parser.parse_args(arguments)
    try:
        net = load(given.weights).to(given.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        photos, classes = read_folder(given.folder, net, given.photos, given.seed)
        found = measure_faithfulness(
            net,
            photos,
            classes,
            methods=given.methods,
            sites=given.sites,
            curve_photos=given.curve_photos,
            steps=given.steps,
            seed=given.seed,
            progress=True,
        )
        sys.stdout.write(write_files(found, given.out) + "\n")
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
