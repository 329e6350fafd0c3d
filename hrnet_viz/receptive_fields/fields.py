"""Which photo pixels a cell is computed from at all (theoretical), and which it depends on how much (effective).

Theory is arithmetic with intervals along one axis, since rows and columns are alike and independent. It walks the plan
with every landmark opened up and follows for each cell the first and the last pixel that it depends on: a window takes
the first of its first cell and the last of its last, resampling looks up which cells have a weight, a sum or a stack
takes the hull of its parts (Araujo et al. 2019, "Computing receptive fields of convolutional neural networks",
"Arbitrary computation graphs", here without the assumption that all paths have the same stride and centre), and what
weighs all places against one another sees the whole photo.

The effective field is the gradient of one cell with respect to the input (Luo et al. 2016, "Understanding the effective
receptive field in deep convolutional neural networks", section 3); it depends on the photo, since every ReLU does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, reduce
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hrnet_viz.exchanges.shares import cut_paths, kept_exchanges, reaching_sites
from hrnet_viz.network.exchange import Resize
from hrnet_viz.network.ocr import Compare, Mixture, Regions
from hrnet_viz.network.plan import INPUT, Step
from hrnet_viz.photos.preparation import check_size
from hrnet_viz.runner import run
from hrnet_viz.sites import Site, quote, read_integer
from hrnet_viz.tracing import Photos, evaluating, read_input

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet

Interval: TypeAlias = tuple[int, int]
"""First and last pixel along an axis, both included."""
Ends: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
"""First and last pixel of every cell along an axis."""

COARSEST = 32
"""Stride of the lowest stream; fields repeat after as many pixels, or at every cell where cells are larger."""
SHARE = 0.95


class Box(NamedTuple):
    """A rectangle of photo pixels, all four ends included."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top + 1

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left + 1


@dataclass(frozen=True)
class ReceptiveField:
    """The field of a site on an unbounded photo whose sides are multiples of 32 (64 for the pyramid's coarsest level).

    Up-sampled paths make it depend a little on the cell: it repeats every 32 pixels, not at every cell. Where they put
    corners on one another (``align_corners``), it depends on the place and on the size of the photo and repeats never;
    ``box`` has it for one cell of one photo.

    Attributes:
        net: the net.
        site: the site.
        stride: photo pixels from one cell to the next; None where a cell is computed from the whole photo.
        fields: first and last pixel of cells 0, 1, ... of one period, in pixels of the photo as the net sees it; a
            negative number lies in the padding. () where a cell is computed from the whole photo, or the field varies.
        exchanges: modules whose exchange is kept.
        varies: whether the field depends on the place of the cell and on the size of the photo, with no period.
    """

    net: HRNet = field(repr=False)
    site: Site
    stride: int | None
    fields: tuple[Interval, ...]
    exchanges: tuple[str, ...]
    varies: bool = False

    @property
    def whole(self) -> bool:
        """Whether a cell is computed from the whole photo, however large."""
        return not (self.fields or self.varies)

    @property
    def size(self) -> int | None:
        """Pixels along a side, of the cell with the largest field; None for the whole photo, or where it varies."""
        return max((last - first + 1 for first, last in self.fields), default=None)

    @property
    def offset(self) -> float | None:
        """Pixel at the middle of the field of cell 0, counted from the photo's first; None where there is no size."""
        return sum(self.fields[0]) / 2 if self.fields else None

    @property
    def sites(self) -> tuple[str, ...]:
        """The landmarks that reach the site, in plan order, itself left out."""
        return reaching_sites(self.net.plan, self.site.name, len(self.exchanges))

    def interval(self, cell: int) -> Interval | None:
        """Return first and last pixel of a cell along an axis, on an unbounded photo; None where there is no size."""
        if not self.fields:
            return None
        periods, phase = divmod(cell, len(self.fields))
        shift = periods * len(self.fields) * (self.stride or 1)
        first, last = self.fields[phase]
        return first + shift, last + shift

    def box(self, cell: tuple[int, int] | None, size: tuple[int, int]) -> Box:
        """Return the smallest rectangle with all that a cell (row, column), by default the middle one, is made of.

        Raises:
            ValueError: a cell that the site does not have for photos of this size (height, width) as the net sees them,
                or a photo too small for the net.
        """
        size, smallest = check_size(size), self.net.task.smallest
        if min(size) < smallest:
            raise ValueError(f"A photo of {size[0]} x {size[1]} px was given; each side needs at least {smallest} px.")
        if self.stride is None:
            return Box(0, size[0] - 1, 0, size[1] - 1)
        places = zip(_check_cell(self.site, cell, size), size, strict=True)
        ends = [(trace_intervals(self.net, self.site.name, side, len(self.exchanges)), k) for k, side in places]
        return Box(*(int(end[k]) for pair, k in ends for end in pair))

    def __repr__(self) -> str:
        what = "the whole photo" if self.whole else f"{self.size} x {self.size} px every {self.stride} px"
        varying = "it depends on the place of the cell and on the size of the photo: box(cell, size) has it"
        return f"ReceptiveField({self.site.name}: {varying if self.varies else what})"


def theoretical(net: HRNet, site: str | Site, *, exchanges: int | None = None) -> ReceptiveField:
    """Compute size, stride and place of a site's receptive field over all paths that lead to it.

    Of the exchanges 0, 1 (the last), 3 (the last of each stage) or all are kept. One that is taken away keeps its
    identity paths; transitions and head stay.

    Raises:
        SiteError: an address that names no site.
        ValueError: another number of exchanges.
    """
    found = net.plan.sites[net.plan.resolve(site)]
    kept = kept_exchanges(net.plan, exchanges)
    called = [net.get_submodule(step.target) for step in _find_steps(net, found.name, exchanges) if step.target]
    if found.stride is None or any(isinstance(module, Regions) for module in called):
        return ReceptiveField(net, found, found.stride, (), kept)
    if any(isinstance(module, Resize) and module.align_corners for module in called):
        return ReceptiveField(net, found, found.stride, (), kept, varies=True)
    repeat = max(COARSEST, found.stride)
    period = repeat // found.stride
    side = 16 * repeat
    while True:
        start = side // repeat // 2 * period  # a period in the middle
        first, last = (ends[start : start + period] for ends in trace_intervals(net, found.name, side, exchanges))
        # An end at the border may have been cut off there; one inside has not.
        if first.min() > 0 and last.max() < side - 1:
            break
        side *= 2
    shift = start * found.stride
    ends = zip((first - shift).tolist(), (last - shift).tolist(), strict=True)
    return ReceptiveField(net, found, found.stride, tuple(ends), kept)


def _check_cell(site: Site, cell: tuple[int, int] | None, size: tuple[int, int]) -> tuple[int, int]:
    """Return row and column of a cell, by default of the one in the middle, or refuse one that is not there."""
    rows, columns = site.size(*size)
    if cell is None:
        return rows // 2, columns // 2
    given: object = cell  # a caller without a type checker may give anything
    pair = [read_integer(number) for number in given] if isinstance(given, list | tuple) else []
    if len(pair) != 2 or None in pair:
        raise ValueError(f"cell={quote(cell)} was given; (row, column) was expected, whole numbers counted from 0.")
    row, column = (int(number or 0) for number in pair)
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(
            f"The cell {(row, column)} of '{site.name}' was asked for; for a photo of {size[0]} x {size[1]} px it has "
            f"{rows} x {columns} cells, counted from 0."
        )
    return row, column


def trace_intervals(net: HRNet, site: str, side: int, exchanges: int | None = None) -> Ends:
    """Return the first and the last pixel that every cell of a site depends on, along an axis of ``side`` pixels.

    Pixels that padding stands for don't count, so the ends stay within the photo.
    """
    cut = cut_paths(net.plan, exchanges)
    pixels = np.arange(side)
    ends: dict[str, Ends] = {INPUT: (pixels, pixels)}
    for step in _find_steps(net, site, exchanges):
        sources = [ends[source] for source in step.inputs if source not in cut]
        module = net.get_submodule(step.target) if step.target else None
        if module is None or isinstance(module, (Compare, Mixture)):  # of one source alone this is the source
            firsts, lasts = zip(*sources, strict=True)  # those of objects, one for all cells, are broadcast
            ends[step.name] = reduce(np.minimum, firsts), reduce(np.maximum, lasts)
        else:
            cells = 1 if step.site.stride is None else step.site.size(side, side)[0]
            ends[step.name] = _through(module, step, sources[0], cells)
    return ends[site]


def _find_steps(net: HRNet, site: str, exchanges: int | None) -> list[Step]:
    """Return the single operations that lead to a site, in order, without those behind paths that are cut."""
    cut = cut_paths(net.plan, exchanges)
    needed, steps = {site}, []
    for step in reversed(net.plan.expand(net.plan.sites)):
        if step.name in needed:
            needed.update(source for source in step.inputs if source not in cut)
            steps.append(step)
    return steps[::-1]


def _through(module: nn.Module, step: Step, source: Ends, cells: int) -> Ends:
    """Return the ends of each cell that a module makes of the first of its inputs."""
    first, last = source
    n = len(first)
    if isinstance(module, (nn.Conv2d, nn.AvgPool2d)):
        kernel, stride, padding = (
            number[0] if isinstance(number, tuple) else int(number)
            for number in (module.kernel_size, module.stride, module.padding)
        )
        start = np.arange(cells) * stride - padding
        # Ends grow with the cell, so those of a window are the first of its first cell and the last of its last.
        return first[start.clip(0, n - 1)], last[(start + kernel - 1).clip(0, n - 1)]
    if isinstance(module, Resize):
        low, high = _find_weights(n, cells, module.mode, module.align_corners)
        return first[low], last[high]
    if isinstance(module, Regions):
        return np.full(n, first[0]), np.full(n, last[-1])
    if isinstance(module, (nn.BatchNorm2d, nn.ReLU)) or not list(module.parameters()):
        return (first, last) if n == cells else (first[:1], last[-1:])
    raise TypeError(f"{type(module).__name__} at '{step.name}' is not known to receptive-field arithmetic.")


@cache
def _find_weights(cells: int, wanted: int, mode: str, align_corners: bool | None) -> Ends:
    """Return the first and the last of some cells along an axis that has a weight in each one that is wanted."""
    each = torch.eye(cells, dtype=torch.float64)[None, :, :, None]  # a channel for each cell
    weights = functional.interpolate(each, size=(wanted, 1), mode=mode, align_corners=align_corners)[0, :, :, 0] != 0
    ends = weights.byte().argmax(0), cells - 1 - weights.flip(0).byte().argmax(0)
    return ends[0].numpy(), ends[1].numpy()


@dataclass(frozen=True, eq=False, repr=False)
class EffectiveField:
    """How strongly each pixel moves one cell of a site.

    Attributes:
        site: the site.
        cell: row and column of the cell, None where the site has no places.
        channel: the channel, None for the strength of all of them.
        exchanges: modules whose exchange was kept.
        photos: names of the photos, () if a tensor was given.
        energy: squared gradient summed over the colours, (H, W) float64, as a share of its sum, averaged over the
            photos. All 0 where no gradient comes through, because a ReLU is closed.
        theory: the theoretical field, on an unbounded photo.
        box: what of this photo the cell can depend on at all.
    """

    site: Site
    cell: tuple[int, int] | None
    channel: int | None
    exchanges: tuple[str, ...]
    photos: tuple[str, ...]
    energy: Tensor
    theory: ReceptiveField
    box: Box

    def __repr__(self) -> str:
        where = f"cell {self.cell}" if self.cell else "the photo"
        return (
            f"EffectiveField({self.site.name}, {where}: 95 % of the energy on {self.area()} of "
            f"{self.box.height * self.box.width} px)"
        )

    def level(self, share: float = SHARE) -> float:
        """Return the energy at which the strongest pixels down to it hold a share of all: where the contour lies.

        Raises:
            ValueError: a share that is not above 0 and at most 1.
        """
        if not 0 < share <= 1:
            raise ValueError(f"share={share} was given; a contour holds a share above 0 and at most 1, such as 0.95.")
        ordered = self.energy.flatten().sort(descending=True).values
        total = ordered.cumsum(0)
        enough = int((total < share * total[-1] * (1 - 1e-12)).sum())  # rounding must not ask for one pixel more
        return float(ordered[min(enough, len(ordered) - 1)])

    def mask(self, share: float = SHARE) -> Tensor:
        """Return the pixels within the contour, (H, W) bool: the fewest that hold a share of the energy."""
        return (self.energy >= self.level(share)) & (self.energy > 0)

    def area(self, share: float = SHARE) -> int:
        """Return the number of pixels within the contour."""
        return int(self.mask(share).sum())

    def side(self, share: float = SHARE) -> float:
        """Return the side of a square as large as what lies within the contour, in pixels."""
        return float(self.area(share) ** 0.5)


def effective(
    net: HRNet,
    photos: Photos,
    site: str | Site,
    *,
    cell: tuple[int, int] | None = None,
    channel: int | None = None,
    exchanges: int | None = None,
) -> EffectiveField:
    """Compute how strongly each pixel of a photo moves one cell of a site; shares of several photos are averaged.

    The cell (row, column) is by default the one in the middle. Without a channel its strength is meant, the Euclidean
    norm over its channels: a mere sum would let channels cancel. The objects of OCR lie at no place, and are taken
    together in the same way. Exchanges are kept as in ``theoretical``.

    Raises:
        SiteError: an address that names no site.
        ValueError: a cell or channel that is not there, or another number of exchanges.
    """
    asked = net.plan.place(site)
    found, channel = asked.site, asked.channel if channel is None else channel
    cut = sorted(cut_paths(net.plan, exchanges) - {found.landmark})  # a path that is asked for is looked at whole
    x, names = read_input(net, photos)
    size = (x.shape[-2], x.shape[-1])
    place = _check_cell(found, cell, size) if found.stride is not None else None
    if place is None and cell is not None:
        raise ValueError(f"'{found.name}' has no places, so it has no cell {cell}. Leave cell out.")
    number = read_integer(channel)
    if channel is not None and (number is None or not 0 <= number < found.channels):
        raise ValueError(
            f"'{found.name}' has channels 0 to {found.channels - 1}; channel {quote(channel)} was asked for."
        )
    with evaluating(net), torch.inference_mode(mode=False), torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        value = run(net, x, keep=found.name, edit=dict.fromkeys(cut, torch.zeros_like))[found.name]
        at_cell = value.reshape(*value.shape[:2], -1).norm(dim=2) if found.cells else value
        at_cell = at_cell if place is None else at_cell[:, :, place[0], place[1]]
        strength = at_cell.norm(dim=1) if channel is None else at_cell[:, channel]
        (gradient,) = torch.autograd.grad(strength.sum(), x, materialize_grads=True)
    energy = gradient.double().square().sum(1)
    totals = energy.sum((1, 2), keepdim=True)
    shares = torch.where(totals > 0, energy / torch.where(totals > 0, totals, 1), 0)
    theory = theoretical(net, found, exchanges=exchanges)
    box = theory.box(place, size)
    return EffectiveField(found, place, channel, theory.exchanges, names, shares.mean(0), theory, box)
