"""What a net puts out: what each output is called, where it is on the photo, and one number for it.

An output is a class, a joint or a landmark. A classification net gives one logit for each; the others give a map: a
joint *is* at the peak of its heat map, a class of a segmentation where it has the highest logit.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hrnet_viz.sites import quote, read_integer

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.network.plan import Plan


class Named(Protocol):
    """What has outputs with or without names: a net, a prediction."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs, () where they are not known."""

    @property
    def num_outputs(self) -> int:
        """Number of outputs."""


def output_names(owner: Named) -> tuple[str, ...]:
    """Return what each output is called, everywhere; ``find_output`` finds each under this name.

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


def find_output(owner: Named, name: object) -> int:
    """Return the index of a class.

    Args:
        owner: a net or a prediction.
        name: an index (as a text too, if outputs have no names), or a name; case and the difference between "_" and
            " " don't matter.

    Raises:
        ValueError: no such class; the message names the nearest ones.
        TypeError: neither a name nor a number.
    """
    noun = getattr(owner, "noun", "class")
    names = output_names(owner)
    named = len(owner.classes) == len(names)
    # A command line can give a number as a text only; where there are names it would be a guess.
    number = int(name) if isinstance(name, str) and name.isdecimal() and not named else read_integer(name)
    if number is not None:
        if 0 <= number < len(names):
            return number
        raise ValueError(f"There is no {noun} {number}: the net has {len(names)}, 0 to {len(names) - 1}.")
    if not isinstance(name, str):
        raise TypeError(
            f"{quote(name)} was given as a {noun}. Give its name, or its number from 0 to {len(names) - 1}."
        )
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
            f"The {noun} {quote(name)} was asked for by name, but {why}. "
            f"Give an index from 0 to {len(names) - 1}, or set net.classes to {len(names)} names."
        )
    near = difflib.get_close_matches(_plain(name), plain, n=3, cutoff=0.5)
    nearest = " Nearest: " + ", ".join(f"'{names[plain.index(word)]}'" for word in near) + "." if near else ""
    some = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    several = f"{noun}{'es' if noun == 'class' else 's'}"
    raise ValueError(f"The net knows no {noun} {quote(name)}.{nearest} It has {len(names)} {several}: {some}.")


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).replace("_", " ").split()).casefold()


def answer_of(plan: Plan) -> tuple[str, ...]:
    """Return the address of what a net answers with, () for a pyramid, which answers nothing by itself."""
    last = plan.steps[-1].site
    return (last.name,) if last.kind in ("logits", "heatmaps") else ()


def read_answer(plan: Plan, kept: Mapping[str, Tensor], like: Tensor) -> Tensor:
    """Return a net's answer from what a pass kept; of a pyramid nothing, (N, 0), for the photos ``like``."""
    return next((kept[name] for name in answer_of(plan)), like.new_zeros(len(like), 0))


def measure_outputs(plan: Plan, answer: Tensor) -> Tensor:
    """Return one number per photo and output, (N, K), by which outputs are ranked.

    It is the logit of a class; of a heat map its highest value; of a class of a segmentation its share of the cells.
    """
    if answer.dim() == 2:
        return answer
    if answer_of(plan) == ("heatmaps",):
        return answer.amax((2, 3))
    owners = answer.argmax(1).flatten(1)
    return functional.one_hot(owners, answer.shape[1]).to(answer.dtype).mean(1)


def find_cells(net: HRNet, maps: Tensor, output: int) -> tuple[int, ...]:
    """Return where an output is in the maps (K, H, W) of one photo: numbers of cells, counted row by row.

    Raises:
        ValueError: a class that is nowhere.
    """
    if answer_of(net.plan) == ("heatmaps",):
        return (int(maps[output].argmax()),)
    cells = tuple(torch.nonzero(maps.argmax(0).flatten() == output)[:, 0].tolist())
    if not cells:
        raise ValueError(
            f"'{output_names(net)[output]}' is predicted nowhere in this photo, so it has no cells to look at. Ask for "
            "a class that is there, or say where: hv.targets.region('logits', rows, columns, channel)."
        )
    return cells


def value_outputs(net: HRNet, answer: Tensor, indices: Sequence[int], cells: tuple[int, ...] | None) -> Tensor:
    """Return the value of one output per photo, (N,): its logit, or the mean of its map over cells.

    ``cells`` are those of all photos; None for where each output is, see ``find_cells``.
    """
    if answer.dim() == 2:
        return answer.gather(1, torch.tensor(indices, device=answer.device)[:, None])[:, 0]
    each = [cells or find_cells(net, maps, one) for maps, one in zip(answer.detach(), indices, strict=True)]
    where = [torch.tensor(some, device=answer.device) for some in each]
    return torch.stack(
        [maps[one].flatten()[some].mean() for maps, one, some in zip(answer, indices, where, strict=True)]
    )


def average_place(maps: Tensor, axis: str, sharpness: float) -> Tensor:
    """Compute where heat maps (N, H, W) are along "x" or "y", in cells, (N,): a mean weighed by a softmax of the map.

    ``sharpness`` is in units of one over a map's peak.
    """
    peak = maps.detach().amax((1, 2), keepdim=True).abs().clamp(min=torch.finfo(maps.dtype).tiny)
    weights = (sharpness * maps / peak).flatten(1).softmax(1).view_as(maps)
    along = weights.sum(1 if axis == "x" else 2)
    return along @ torch.arange(along.shape[1], dtype=along.dtype, device=along.device)


def read_indices(values: Tensor | np.ndarray) -> list[int] | int:
    """Return the numbers of outputs in an array, one or one per photo; a TypeError for anything else."""
    array = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
    if array.dtype.kind not in "iu" or array.ndim > 1:
        raise TypeError(
            f"An array of shape {array.shape} and type {array.dtype} was given as target; "
            "class indices are whole numbers, one, or one per photo."
        )
    found: list[int] | int = array.tolist()
    return found
