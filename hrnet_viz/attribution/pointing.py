"""The pointing game: with several photos in one picture, does a map for a class point into the photo of that class?

Source: Zhang et al. 2016, "Top-down neural attention by excitation backprop", section 4.1; on mosaics as in Arias-Duart
et al. 2022, "Focus! Rating XAI methods and finding biases". Each photo is put at every position of the grid with the
same companions, so a map that always points to the middle or to one corner scores exactly at chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from hrnet_viz.attribution.cam import cam
from hrnet_viz.attribution.methods import NAMES, read_methods
from hrnet_viz.attribution.truth_table import Interval, TruthTable, count_off
from hrnet_viz.outputs import find_output
from hrnet_viz.photos.scenes import Mosaic, mosaic
from hrnet_viz.runner import Sites
from hrnet_viz.sites import check_whole, quote
from hrnet_viz.targets import ClassName

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.photo import Photo
    from hrnet_viz.sites import Site


@dataclass(frozen=True, eq=False)
class Pointing:
    """What the pointing game gave.

    Attributes:
        methods, sites: what was played with.
        hits: (methods, sites, photos, positions): 1 where the highest cell lies in the photo of the class, 0 where it
            does not, its share where a cell or several equally high ones lie on both sides of a border.
        energy: of the same shape, the share of the positive values that lies in the photo of the class (Wang et al.
            2020, "Score-CAM"); chance where a map has none.
        silent: of the same shape, whether a map has no positive value.
        photos, classes: which photos were searched for, and the index of their class.
        grid: (rows, columns) of the mosaics.
        size: (H, W) of the mosaics in pixels.
        seed: of the choice of companions.
    """

    methods: tuple[str, ...]
    sites: tuple[str, ...]
    hits: Tensor
    energy: Tensor
    silent: Tensor
    photos: tuple[str, ...]
    classes: tuple[int, ...]
    grid: tuple[int, int]
    size: tuple[int, int]
    seed: int

    @property
    def chance(self) -> float:
        """Share that a map without any knowledge of the class scores."""
        return 1 / (self.grid[0] * self.grid[1])

    @property
    def accuracies(self) -> TruthTable:
        """Share of hits of every method, site and photo (the positions of one photo are not independent)."""
        return TruthTable("pointing game", self.chance, self.methods, self.sites, self.hits.mean(3), self.seed)

    @property
    def energies(self) -> TruthTable:
        """Share of the positive values inside the photo of the class."""
        return TruthTable("energy inside", self.chance, self.methods, self.sites, self.energy.mean(3), self.seed)

    def accuracy(self, method: str, site: str | Site) -> Interval:
        """Return the mean share of hits, with the interval over photos."""
        return self.accuracies.at(method, site)

    def energy_inside(self, method: str, site: str | Site) -> Interval:
        """Return the mean share of the positive values inside, with the interval over photos."""
        return self.energies.at(method, site)


def pointing_game(
    net: HRNet,
    photos: Sequence[Photo],
    classes: Sequence[ClassName],
    *,
    method: str | Sequence[str] = "gradcam",
    sites: Sites = "stage4.*.branch?",
    grid: tuple[int, int] = (2, 2),
    size: int | tuple[int, int] | None = None,
    searched: range | None = None,
    seed: int = 0,
    batch: int = 4,
    progress: bool = False,
) -> Pointing:
    """Compute the pointing game.

    Args:
        net: the net.
        photos: photos of at least two classes; each is searched for, and its companions are drawn from the others.
        classes: class of each photo, by name or index.
        method: one or several.
        sites: where the maps are taken.
        grid: (rows, columns) of the mosaics; chance is 1 over the number of cells.
        size: of the mosaics in pixels; by default the size that the net expects.
        searched: numbers of the photos that are searched for, all by default; the others are companions only. Parts
            of a game that are played on their own give together what the whole one gives.
        seed: of the choice of companions.
        batch: photos per pass, each in as many mosaics as the grid has cells.
        progress: show a progress bar on stderr.

    Raises:
        ValueError: another number of classes than photos, too few photos of other classes, a grid of one cell.
    """
    indices = [find_output(net, name) for name in classes]
    methods = read_methods(method, everywhere=True)
    side = net.preparation.size if size is None else size
    given: Any = grid  # a caller without a type checker may give anything
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise ValueError(f"grid={quote(given)} was given; (rows, columns) was expected.")
    cells = check_whole("rows", grid[0]) * check_whole("columns", grid[1])
    _check(photos, indices, cells)
    generator = torch.Generator().manual_seed(seed)
    companions = [_draw_companions(n, indices, cells - 1, generator) for n in range(len(photos))]
    found: list[Tensor] = []
    names: tuple[str, ...] = ()
    pixels = (0, 0)
    chosen = range(len(photos)) if searched is None else searched
    for start in count_off(range(0, len(chosen), batch), "pointing game", progress=progress):
        group = chosen[start : start + batch]
        scenes = [
            mosaic([photos[k] for k in _arrange(n, companions[n], position)], grid, side, fit=net.preparation.fit)
            for n in group
            for position in range(cells)
        ]
        goal = [indices[n] for n in group for _ in range(cells)]
        pixels = (scenes[0].picture.height, scenes[0].picture.width)
        maps = cam(net, _as_input(net, scenes), goal, method=methods, sites=sites)
        names = tuple(maps[methods[0]])
        boxes = torch.stack([_box_mask(scene, n % cells, pixels) for n, scene in enumerate(scenes)])
        rated = torch.stack([torch.stack([rate(maps[one][name].cpu(), boxes) for name in names]) for one in methods])
        found.append(rated.reshape(*rated.shape[:3], len(group), cells))
    hits, energy, silent = torch.cat(found, 3).unbind(2)
    return Pointing(
        methods=methods,
        sites=names,
        hits=hits,
        energy=energy,
        silent=silent.bool(),
        photos=tuple(photos[n].name for n in chosen),
        classes=tuple(indices[n] for n in chosen),
        grid=grid,
        size=pixels,
        seed=seed,
    )


def rate(maps: Tensor, boxes: Tensor) -> Tensor:
    """Compute how maps do against the boxes that they should point into.

    Args:
        maps: raw signed maps, (N, h, w).
        boxes: True inside the box, (N, H, W).

    Returns:
        (3, N): hits, share of the positive values inside, and 1 for a map without positive values. The value of a cell
        that lies on both sides of a border counts with the share of its area that is inside.
    """
    inside = functional.adaptive_avg_pool2d(boxes[:, None].float(), (maps.shape[1], maps.shape[2]))[:, 0].flatten(1)
    flat = maps.flatten(1).float()
    highest = (flat == flat.amax(1, keepdim=True)).float()
    hits = (highest * inside).sum(1) / highest.sum(1)
    positive = flat.clamp(min=0)
    total = positive.sum(1)
    chance = boxes.flatten(1).float().mean(1)
    energy = torch.where(total > 0, (positive * inside).sum(1) / total.clamp(min=1e-30), chance)
    return torch.stack([hits, energy, (total == 0).float()])


def write_verdict(pointing: Pointing) -> str:
    """Return a sentence: which method and site point best, and whether that is better than chance."""
    method, site = pointing.accuracies.ranking()[0]
    best = pointing.accuracy(method, site)
    verdict = "better than" if best.is_above(pointing.chance) else "not clearly better than"
    return (
        f"{NAMES[method]} at {site} points best: {best.value:.0%} hits (95% interval {best.low:.0%} to "
        f"{best.high:.0%}), {verdict} the {pointing.chance:.0%} of chance."
    )


def _check(photos: Sequence[Photo], indices: Sequence[int], cells: int) -> None:
    if isinstance(photos, Mapping | str):
        raise TypeError(f"{quote(photos)} was given; a list of photos was expected, each with its class.")
    if len(indices) != len(photos):
        raise ValueError(f"{len(indices)} classes were given for {len(photos)} photos; each photo needs its class.")
    if cells < 2:
        raise ValueError("A grid of one cell leaves nothing to point away from; give at least (1, 2).")
    for index in set(indices):
        others = sum(other != index for other in indices)
        if others < cells - 1:
            raise ValueError(
                f"A mosaic of {cells} needs {cells - 1} photos of other classes beside one of class {index}, "
                f"but there are {others}. Give more photos, or a smaller grid."
            )


def _draw_companions(n: int, indices: Sequence[int], count: int, generator: torch.Generator) -> list[int]:
    others = [k for k, index in enumerate(indices) if index != indices[n]]
    return [others[k] for k in torch.randperm(len(others), generator=generator)[:count].tolist()]


def _arrange(n: int, companions: Sequence[int], position: int) -> list[int]:
    return [*companions[:position], n, *companions[position:]]


def _as_input(net: HRNet, scenes: Sequence[Mosaic]) -> Tensor:
    """Return the input without cropping: the preparation of the net may cut the rim of a photo away."""
    pictures = [scene.picture for scene in scenes]
    whole = replace(net.preparation, fit="squash", size=(pictures[0].height, pictures[0].width))
    like = next(net.parameters())
    return whole.tensor(pictures).to(device=like.device, dtype=like.dtype)


def _box_mask(scene: Mosaic, position: int, size: tuple[int, int]) -> Tensor:
    left, top, right, bottom = scene.boxes[position]
    mask = torch.zeros(size, dtype=torch.bool)
    mask[top:bottom, left:right] = True
    return mask
