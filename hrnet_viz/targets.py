"""What a class activation map explains: one score per photo, asked for in the words that people use.

``None`` is the class with the highest logit; a name or an index is that class; two of them in a tuple, ``difference``
or "cat rather than dog" is the first minus the second; ``place`` and ``region`` read a spatial output; ``score`` and
any function of the logits are whatever they compute; a list has one of these for each photo.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from hrnet_viz.sites import Site, quote, read_integer

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet


class Named(Protocol):
    """What has outputs with or without names: a net, a prediction."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs, () where they are not known."""

    @property
    def num_outputs(self) -> int:
        """Number of outputs."""


LOGITS = "logits"
RATHER = " rather than "

ClassName: TypeAlias = "str | int"
Wish: TypeAlias = "ClassName | tuple[Wish, Wish] | Region | Score | Callable[[Tensor], Tensor] | None"
Wishes: TypeAlias = "Wish | Sequence[Wish] | Tensor | np.ndarray | Target"


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

    def pin(self, logits: Tensor) -> Target:
        """Return this target with nothing left open: where it says None, the top class of each photo's logits (N, K).

        Whoever follows a target through edits pins it on the unedited pass; otherwise the class in question would
        change together with the logits.

        Raises:
            ValueError: a list of another length than there are photos.
        """
        top: list[int] = logits.argmax(1).tolist()
        given = self.wish if isinstance(self.wish, list) else [self.wish] * len(top)
        _check_one_each(len(given), len(top))
        closed = [_close(wish, best) for wish, best in zip(given, top, strict=True)]
        return self if self.net is None or closed == given else read_target(self.net, closed)


def read_target(net: HRNet, wish: Wishes) -> Target:
    """Check a target against a net, before anything is computed.

    Raises:
        ValueError: an unknown class, cell or site, in a sentence.
        TypeError: nothing that a target can be made of.
    """
    if isinstance(wish, Target):
        return wish
    if isinstance(wish, (Tensor, np.ndarray)):
        wish = _indices(wish)
    # A sequence that is no list is a tuple: a difference.
    target = _one_each([_read_one(net, one) for one in wish]) if isinstance(wish, list) else _read_one(net, wish)  # type: ignore[arg-type]
    return replace(target, wish=wish, net=net)


def output_names(owner: Named) -> tuple[str, ...]:
    """Return what each output is called, everywhere; ``find_class`` finds each under this name.

    It is the name of its class; "crane (output 517)" where several have this name; "output 3" where names are not known
    or belong to another number of outputs.
    """
    return _tell_apart(tuple(owner.classes), owner.num_outputs)


@lru_cache
def _tell_apart(classes: tuple[str, ...], outputs: int) -> tuple[str, ...]:
    if len(classes) != outputs:
        return tuple(f"output {number}" for number in range(outputs))
    uses = Counter(classes)
    return tuple(name if uses[name] == 1 else f"{name} (output {number})" for number, name in enumerate(classes))


def find_class(owner: Named, name: object) -> int:
    """Return the index of a class.

    Args:
        owner: a net or a prediction.
        name: an index (as a text too, if outputs have no names), or a name; case and the difference between "_" and
            " " don't matter.

    Raises:
        ValueError: no such class; the message names the nearest ones.
        TypeError: neither a name nor a number.
    """
    names = output_names(owner)
    named = len(owner.classes) == len(names)
    # A command line can give a number as a text only; where there are names it would be a guess.
    number = int(name) if isinstance(name, str) and name.isdecimal() and not named else read_integer(name)
    if number is not None:
        if 0 <= number < len(names):
            return number
        raise ValueError(f"There is no class {number}: the net has {len(names)}, 0 to {len(names) - 1}.")
    if not isinstance(name, str):
        raise TypeError(f"{quote(name)} was given as a class. Give its name, or its number from 0 to {len(names) - 1}.")
    if name in names:
        return names.index(name)
    plain = [_plain(known) for known in names]
    shared = [_plain(known) for known in owner.classes] if named else plain
    found = [k for k, either in enumerate(zip(plain, shared, strict=True)) if _plain(name) in either]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(f"'{names[k]}'" for k in found)
        raise ValueError(f"'{name}' is the name of several outputs: {several}. Give one of these, or a number.")
    if not named:
        known = f"net.classes names {len(owner.classes)} outputs"
        why = known if owner.classes else "the outputs of this net have no names"
        raise ValueError(
            f"The class {quote(name)} was asked for by name, but {why}. "
            f"Give an index from 0 to {len(names) - 1}, or set net.classes to {len(names)} names."
        )
    near = difflib.get_close_matches(_plain(name), plain, n=3, cutoff=0.5)
    nearest = " Nearest: " + ", ".join(f"'{names[plain.index(word)]}'" for word in near) + "." if near else ""
    some = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    raise ValueError(f"The net knows no class {quote(name)}.{nearest} It has {len(names)} classes: {some}.")


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).replace("_", " ").split()).casefold()


def _read_one(net: HRNet, wish: Wish) -> Target:
    if isinstance(wish, str) and RATHER in wish and wish not in output_names(net):
        wanted, other = wish.split(RATHER, maxsplit=1)
        wish = wanted, other
    if isinstance(wish, tuple):
        if len(wish) != 2:
            raise ValueError(
                f"A tuple of {len(wish)} was given as target; a tuple is (wanted, other), the difference of two. "
                "For one target per photo give a list."
            )
        return _subtract(_read_one(net, wish[0]), _read_one(net, wish[1]))
    if isinstance(wish, Region):
        return _sum_region(net, wish)
    if isinstance(wish, Score):
        return _compute(wish.function, tuple(map(net.plan.resolve, wish.sites)), wish.words)
    if callable(wish):
        name = getattr(wish, "__name__", "") or type(wish).__name__
        return _compute(lambda kept: wish(kept[LOGITS]), (LOGITS,), name.replace("<lambda>", "a function"))
    if wish is not None and not isinstance(wish, str) and read_integer(wish) is None:
        raise TypeError(
            f"{quote(wish)} is no target. Give a class by name or index, None for the top class, a tuple of two, "
            "targets.place, targets.region, targets.score, a function of the logits, or a list with one per photo."
        )
    return _pick_class(net, None if wish is None else find_class(net, wish))


def _pick_class(net: HRNet, index: int | None) -> Target:
    def evaluate(kept: Mapping[str, Tensor]) -> Scores:
        logits = kept[LOGITS]
        chosen = logits.argmax(1) if index is None else torch.full_like(logits[:, 0], index, dtype=torch.long)
        indices, names = tuple(int(one) for one in chosen), output_names(net)
        values = logits.gather(1, chosen[:, None])[:, 0]
        return Scores(values, tuple(names[one] for one in indices), indices)

    return Target((LOGITS,), evaluate)


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
        channel = find_class(net, wish.channel) if number is None else number
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


def _close(wish: Wish, top: int) -> Wish:
    """Return a target with the top class wherever it leaves the class open."""
    if wish is None:
        return top
    if isinstance(wish, tuple) and len(wish) == 2:
        return _close(wish[0], top), _close(wish[1], top)
    return wish


def _indices(values: Tensor | np.ndarray) -> list[Wish] | int:
    array = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
    if array.dtype.kind not in "iu" or array.ndim > 1:
        raise TypeError(
            f"An array of shape {array.shape} and type {array.dtype} was given as target; "
            "class indices are whole numbers, one, or one per photo."
        )
    found: list[Wish] | int = array.tolist()
    return found
