"""The nets in a checkpoint: found wherever they lie in it, and one of them chosen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from torch import Tensor

from hrnet_viz.weights.keys import ANCHOR, PREFIXES
from hrnet_viz.weights.report import WeightsError, list_some

DEEPEST = 4  # mappings inside mappings that are looked into
INSIDE = re.compile(r"(?:(?<=\.)|^)(?:_orig_mod|module)\.")
"""What torch.compile and DataParallel put into names, also in the middle of them."""

COUNTER = "n_averaged"
"""A number that torch.optim.swa_utils.AveragedModel keeps beside the weights that it averages."""

FIRST = ("", "state_dict", "model_state_dict", "model", "net", "params", "weights", "state_dict.model")
SECOND = re.compile(r"ema|average|swa|teacher|shadow|target|best", re.IGNORECASE)
"""Words that tell a second set of weights of the same net."""

Parts = dict[str, dict[str, Tensor]]


def find_parts(content: object) -> Parts:
    """Return every net in a checkpoint: the place where it lies -> its tensors; "" is the checkpoint itself."""
    parts: Parts = {}
    for place, tensors in _mappings(content):
        found = [name.removesuffix(ANCHOR) for name in tensors if name == ANCHOR or name.endswith(f".{ANCHOR}")]
        known = [prefix for prefix in found if not re.sub("|".join(map(re.escape, PREFIXES)), "", prefix)]
        if len(found) < 2:
            if found:
                parts[place] = tensors
            continue
        for prefix in found:
            outer = prefix.removesuffix("backbone.")
            label = ".".join(filter(None, (place, outer.rstrip("."))))
            if len(known) == 1 and prefix == known[0]:
                others = tuple(one.removesuffix("backbone.") for one in found if one != prefix and one)
                parts[label] = {name: value for name, value in tensors.items() if not name.startswith(others)}
            else:
                parts[label] = {name: value for name, value in tensors.items() if name.startswith(outer)}
    return parts


def find_tensors(content: object) -> dict[str, Tensor]:
    """Return the largest mapping of tensors in a checkpoint that holds no HRNet, {} where there is none."""
    return max((tensors for _, tensors in _mappings(content)), key=len, default={})


def choose_part(parts: Parts, part: str | None, where: str) -> str:
    """Return the place of the net that was asked for, or of the first one where that is clear.

    Raises:
        WeightsError: it is not there, or nobody can tell which is meant; the message names them.
    """
    if part is not None:
        if part in parts:
            return part
        raise WeightsError(f"{where} has no part '{part}'. It holds {_list(parts)}.")
    for candidates in (list(parts), [one for one in parts if not SECOND.search(one)]):
        if len(candidates) == 1:
            return candidates[0]
    clear = [one for one in FIRST if one in parts]
    if clear:
        return clear[0]
    raise WeightsError(f"{where} holds several nets: {_list(parts)}. Say which: part={next(iter(parts))!r}.")


def _list(parts: Parts) -> str:
    return list_some([repr(one) if one else "the tensors beside them (part='')" for one in parts], 8)


def _mappings(content: object, place: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield the tensors of every mapping in a checkpoint that has some, the outer ones first."""
    if not isinstance(content, Mapping) or depth > DEEPEST:
        return
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    tensors.pop(COUNTER, None)
    plain = {INSIDE.sub("", name): value for name, value in tensors.items()}
    if tensors:
        yield place, plain if len(plain) == len(tensors) else tensors
    for name, value in content.items():
        yield from _mappings(value, f"{place}.{name}" if place else str(name), depth + 1)
