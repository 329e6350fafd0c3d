"""What is explained, edited for, measured: one score per photo, asked for in the words that people use.

A name or an index is an output of the net: a class's logit; a joint's heat map at its peak; of a class of a
segmentation the mean of its logits where it is predicted. ``None`` is the one at the top. Two of them in a tuple,
``difference`` or "cat rather than dog" is the first minus the second; ``coordinate`` or "x of left wrist" is where a
joint is; ``place`` and ``region`` read any map; ``score`` and any function of what the net answers are whatever they
compute; a list has one of these for each photo.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from hrnet_viz.outputs import (
    answer_of,
    average_place,
    find_cells,
    find_output,
    measure_outputs,
    output_names,
    read_indices,
    value_outputs,
)
from hrnet_viz.sites import Site, quote, read_integer

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet


RATHER = " rather than "

ClassName: TypeAlias = "str | int"
Wish: TypeAlias = (
    "ClassName | tuple[Wish, Wish] | Output | Coordinate | Region | Score | Callable[[Tensor], Tensor] | None"
)
Wishes: TypeAlias = "Wish | Sequence[Wish] | Tensor | np.ndarray | Target"
SHARPNESS = 25.0


@dataclass(frozen=True)
class Output:
    """An output of the net; made by ``output`` and ``joint``.

    Attributes:
        name: its name or number; None for the one at the top.
        cells: where it is looked for, counted row by row; None for where it is in the pass that is looked at.
    """

    name: ClassName | None
    cells: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Coordinate:
    """Where a joint is along an axis; made by ``coordinate``."""

    name: ClassName
    axis: Literal["x", "y"]
    sharpness: float = SHARPNESS


@dataclass(frozen=True)
class Region:
    """The sum over some cells of a spatial output; made by ``place`` and ``region``."""

    site: str
    rows: slice
    columns: slice
    channel: ClassName | None = None

    def __str__(self) -> str:
        channel = "all channels" if self.channel is None else f"channel {self.channel}"
        what = self.site if self.site.endswith("]") else f"{channel} of {self.site}"  # [3] names the channel itself
        if self.rows.stop - self.rows.start == self.columns.stop - self.columns.start == 1:
            return f"{what} at row {self.rows.start}, column {self.columns.start}"
        rows, columns = (f"{part.start} to {part.stop - 1}" for part in (self.rows, self.columns))
        return f"{what} in rows {rows}, columns {columns}"


@dataclass(frozen=True)
class Score:
    """A function of several sites; made by ``score``."""

    function: Callable[[Mapping[str, Tensor]], Tensor]
    sites: tuple[str, ...]
    words: str


def output(name: ClassName | None) -> Output:
    """Return the target that is one output of the net, by name or number, which is the same as the name alone.

    Of a class it is the logit; of a joint or landmark its heat map at the peak; of a class of a segmentation the mean
    of its logits over the cells where it is predicted (Vinogradova et al. 2020, section 3, there the sum). Peak and
    cells are those of the pass without edits, where there are any. None is the output at the top of each photo.
    """
    return Output(name)


def joint(name: ClassName) -> Output:
    """Return the target that is the value of a joint's or landmark's heat map at its peak; see ``output``."""
    return Output(name)


def coordinate(name: ClassName, axis: str = "x", *, sharpness: float = SHARPNESS) -> Coordinate:
    """Return the target that is where a joint or landmark is, in px of the net's input: what moves the wrist left?

    It is the mean place of the cells, weighed by a softmax of the heat map ("soft-argmax", Nibali et al. 2018, arXiv
    1801.07372, section 3.1), which has a gradient where the highest cell has none. "x of left wrist" says the same.

    ``axis`` is "x", to the right, or "y", downwards. Before the softmax the map is multiplied by ``sharpness`` over its
    peak: 25 leaves little beyond the neighbours of the peak.
    """
    if axis not in ("x", "y"):
        raise ValueError(f"axis={quote(axis)} was given; 'x' (to the right) or 'y' (downwards) was expected.")
    return Coordinate(name, "x" if axis == "x" else "y", sharpness)


def difference(wanted: Wish, other: Wish) -> tuple[Wish, Wish]:
    """Return the target that is one score minus another, which is the same as a tuple of the two.

    What both share cancels, so the map shows what tells them apart (compare Prabhushankar et al. 2020, "Contrastive
    explanations in neural networks", there with a loss in place of the difference).
    """
    return wanted, other


def place(site: str | Site, row: int, column: int, channel: ClassName | None = None) -> Region:
    """Return the target that is one cell of a spatial output; a ``region`` of a single row and column."""
    return region(site, (row, row + 1), (column, column + 1), channel)


def region(
    site: str | Site, rows: tuple[int, int], columns: tuple[int, int], channel: ClassName | None = None
) -> Region:
    """Return the target that is the sum over a rectangle of a spatial output (N, C, H, W).

    Source: Vinogradova et al. 2020, "Towards interpretable semantic segmentation via gradient-weighted class activation
    mapping": the logits of a class summed over a set of cells take the place of the class score.

    Args:
        site: which output.
        rows: the first one and the one after the last, counted from 0.
        columns: the same.
        channel: an index, or a class name where the channels are the classes; None sums all channels.
    """
    ends = [read_integer(end) for end in (*rows, *columns)]
    if len(ends) != 4 or None in ends:
        raise TypeError(
            f"rows={rows}, columns={columns}: each is a pair of whole numbers, the first and one after the last."
        )
    return Region(str(site), slice(*ends[:2]), slice(*ends[2:]), channel)


def score(
    function: Callable[[Mapping[str, Tensor]], Tensor], sites: Sequence[str | Site], words: str = "a score of your own"
) -> Score:
    """Return the target that is any score of any sites.

    Args:
        function: from a mapping of these sites to their tensors, to one number per photo, (N,).
        sites: the sites that it reads.
        words: what figures call it.
    """
    return Score(function, tuple(str(site) for site in sites), words)


@dataclass(frozen=True)
class Scores:
    """What a target evaluates to.

    Attributes:
        values: one score per photo, (N,).
        words: what each one is the score of.
        indices: class index of each, None where it is not the score of a single class.
    """

    values: Tensor
    words: tuple[str, ...]
    indices: tuple[int | None, ...]


@dataclass(frozen=True)
class Target:
    """A target that has been checked against a net. Whatever takes a target takes it too.

    Attributes:
        sites: what a trace must have kept to evaluate it.
        evaluate: from these sites to the scores.
        wish: what it was made of.
        net: the net that it was checked against.
    """

    sites: tuple[str, ...]
    evaluate: Callable[[Mapping[str, Tensor]], Scores] = field(repr=False)
    wish: Wishes = None
    net: HRNet | None = field(default=None, repr=False)

    def pin(self, answer: Tensor) -> Target:
        """Return this target with nothing left open, for an answer of the net (N, K) or (N, K, H, W).

        Where it says None, it is the output at the top of each photo; a joint is at its peak and a class of a
        segmentation where it is predicted. Whoever follows a target through edits pins it on the unedited pass;
        otherwise what is asked for would change together with the answer.

        Raises:
            ValueError: a list of another length than there are photos, or a class that is predicted nowhere.
        """
        given = self.wish if isinstance(self.wish, list) else [self.wish] * len(answer)
        _check_one_each(len(given), len(answer))
        if self.net is None:
            return self
        closed = [_close(self.net, _parse(self.net, wish), answer, n) for n, wish in enumerate(given)]
        return self if closed == given else read_target(self.net, closed)


def read_target(net: HRNet, wish: Wishes) -> Target:
    """Check a target against a net, before anything is computed.

    Raises:
        ValueError: an unknown class, cell or site, in a sentence.
        TypeError: nothing that a target can be made of.
    """
    if isinstance(wish, Target):
        return wish
    if isinstance(wish, (Tensor, np.ndarray)):
        wish = read_indices(wish)
    # A sequence that is no list is a tuple: a difference.
    target = _one_each([_read_one(net, one) for one in wish]) if isinstance(wish, list) else _read_one(net, wish)  # type: ignore[arg-type]
    return replace(target, wish=wish, net=net)


def _parse(net: HRNet, wish: Wish) -> Wish:
    """Return what a wish stands for: names become outputs, and words what they say."""
    if isinstance(wish, str) and answer_of(net.plan) and wish not in output_names(net):
        if RATHER in wish:
            wanted, other = wish.split(RATHER, maxsplit=1)
            return _parse(net, (wanted, other))
        found = re.fullmatch(r"([xy]) of (.+)", wish.strip())
        if found and net.noun != "class":
            return coordinate(found[2], found[1])
    if isinstance(wish, tuple):
        if len(wish) != 2:
            raise ValueError(
                f"A tuple of {len(wish)} was given as target; a tuple is (wanted, other), the difference of two. "
                "For one target per photo give a list."
            )
        return _parse(net, wish[0]), _parse(net, wish[1])
    if wish is None or isinstance(wish, str) or read_integer(wish) is not None:
        return Output(wish)  # type: ignore[arg-type]  # a number of any library
    if not (isinstance(wish, (Output, Coordinate, Region, Score)) or callable(wish)):
        raise TypeError(
            f"{quote(wish)} is no target. Give a {net.noun} by name or index, None for the one at the top, a tuple of "
            "two, targets.place, targets.region, targets.score, a function of what the net puts out, or a list with "
            "one per photo."
        )
    return wish


def _read_one(net: HRNet, given: Wish) -> Target:
    wish = _parse(net, given)
    if isinstance(wish, tuple):
        return _subtract(_read_one(net, wish[0]), _read_one(net, wish[1]))
    if isinstance(wish, Region):
        return _sum_region(net, wish)
    if isinstance(wish, Score):
        return _compute(wish.function, tuple(map(net.plan.resolve, wish.sites)), wish.words)
    if not answer_of(net.plan):
        raise ValueError(
            f"{net.owner} answers nothing by itself, so no output of it can be asked for. Ask for a map of it: "
            "hv.targets.place('head.level0', row, column), hv.targets.region, or hv.targets.score(function, sites)."
        )
    if isinstance(wish, Coordinate):
        return _locate(net, wish)
    if isinstance(wish, Output):
        return _pick_output(net, wish)
    (answer,), function = answer_of(net.plan), wish
    name = getattr(function, "__name__", "") or type(function).__name__
    return _compute(lambda kept: function(kept[answer]), (answer,), name.replace("<lambda>", "a function"))  # type: ignore[operator,misc]  # nothing else is left


def _pick_output(net: HRNet, wish: Output) -> Target:
    index = None if wish.name is None else find_output(net, wish.name)
    (site,), plan = answer_of(net.plan), net.plan

    def evaluate(kept: Mapping[str, Tensor]) -> Scores:
        answer, names = kept[site], output_names(net)
        top = measure_outputs(plan, answer).argmax(1).tolist() if index is None else [index] * len(answer)
        return Scores(value_outputs(net, answer, top, wish.cells), tuple(names[one] for one in top), tuple(top))

    return Target((site,), evaluate)


def _locate(net: HRNet, wish: Coordinate) -> Target:
    index, (site,) = find_output(net, wish.name), answer_of(net.plan)
    if site != "heatmaps":
        raise ValueError(
            f"'{wish.axis} of {output_names(net)[index]}' was asked for, but {net.owner} has no joints or landmarks; "
            "a coordinate is that of a heat map's peak."
        )
    words, stride = f"{wish.axis} of {output_names(net)[index]}", net.plan.sites[site].stride or 1

    def evaluate(kept: Mapping[str, Tensor]) -> Scores:
        values = stride * average_place(kept[site][:, index], wish.axis, wish.sharpness)
        return Scores(values, (words,) * len(values), (None,) * len(values))

    return Target((site,), evaluate)


def _subtract(wanted: Target, other: Target) -> Target:
    def evaluate(kept: Mapping[str, Tensor]) -> Scores:
        first, second = wanted.evaluate(kept), other.evaluate(kept)
        words = tuple(f"{one}{RATHER}{two}" for one, two in zip(first.words, second.words, strict=True))
        return Scores(first.values - second.values, words, (None,) * len(words))

    return Target(tuple(dict.fromkeys((*wanted.sites, *other.sites))), evaluate)


def _sum_region(net: HRNet, wish: Region) -> Target:
    place = net.plan.place(wish.site if wish.channel is None else net.plan.resolve(wish.site))
    site = place.site
    if site.stride is None:
        raise ValueError(f"'{site.name}' has no spatial extent, so it has no cells to choose from. Ask for a class.")
    if wish.channel is not None:
        number = read_integer(wish.channel)
        channel = find_output(net, wish.channel) if number is None else number
        if not 0 <= channel < site.channels:
            raise ValueError(f"'{site.name}' has channels 0 to {site.channels - 1}; channel {channel} was asked for.")
        place = replace(place, channels=(channel,))

    def evaluate(kept: Mapping[str, Tensor]) -> Scores:
        maps = kept[site.name]
        height, width = maps.shape[2:]
        for what, part, end in (("rows", wish.rows, height), ("columns", wish.columns, width)):
            if not 0 <= part.start < part.stop <= end:
                raise ValueError(
                    f"'{site.name}' has {height} x {width} cells for this photo; {what} {part.start} to "
                    f"{part.stop - 1} were asked for. Count from 0 and stop at {end - 1}."
                )
        values = place.take(maps[:, :, wish.rows, wish.columns]).flatten(1).sum(1)
        return Scores(values, (str(wish),) * len(maps), (None,) * len(maps))

    return Target((site.name,), evaluate)


def _compute(function: Callable[[Mapping[str, Tensor]], Tensor], sites: tuple[str, ...], words: str) -> Target:
    def evaluate(kept: Mapping[str, Tensor]) -> Scores:
        n = len(kept[sites[0]])
        values: object = function(kept)
        if not isinstance(values, Tensor) or values.shape != (n,) or not values.is_floating_point():
            got = f"a tensor {tuple(values.shape)} of {values.dtype}" if isinstance(values, Tensor) else repr(values)
            raise ValueError(f"The target '{words}' gave {got}; one float per photo was expected, shape ({n},).")
        return Scores(values, (words,) * n, (None,) * n)

    return Target(sites, evaluate)


def _one_each(targets: list[Target]) -> Target:
    def evaluate(kept: Mapping[str, Tensor]) -> Scores:
        _check_one_each(len(targets), len(next(iter(kept.values()))))
        each = [target.evaluate(kept) for target in targets]
        return Scores(
            torch.stack([one.values[i] for i, one in enumerate(each)]),
            tuple(one.words[i] for i, one in enumerate(each)),
            tuple(one.indices[i] for i, one in enumerate(each)),
        )

    if not targets:
        raise ValueError("An empty list was given as target; a list has one target per photo.")
    return Target(tuple(dict.fromkeys(site for target in targets for site in target.sites)), evaluate)


def _check_one_each(targets: int, photos: int) -> None:
    if targets != photos:
        raise ValueError(f"{targets} targets were given for {photos} photos; a list has one target per photo.")


def _close(net: HRNet, wish: Wish, answer: Tensor, photo: int) -> Wish:
    """Return a target with what one photo's answer puts in the place of all that it leaves open."""
    if isinstance(wish, tuple):
        return _close(net, wish[0], answer, photo), _close(net, wish[1], answer, photo)
    if not isinstance(wish, Output) or wish.cells is not None:
        return wish
    one = answer[photo : photo + 1]
    name = int(measure_outputs(net.plan, one).argmax()) if wish.name is None else wish.name
    if answer.dim() == 2:
        return name
    index = find_output(net, name)
    return Output(index, find_cells(net, answer[photo], index))
