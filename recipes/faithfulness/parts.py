"""The work behind the faithfulness table, cut into parts: each a few photos, kept when done, spread over processes.

A part depends on the net, the photos and the protocol and on nothing else, least of all on who computes it and when:
so an interrupted run goes on where it stopped, and two processes give the same numbers as one.
"""

from __future__ import annotations

import io
import os
import pickle
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hrnet_viz.attribution.sanity import list_levels
from recipes.faithfulness.work import GRID, Numbers, Part, PartKind, Protocol, Work

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.photo import Photo

PHOTOS_OF_PART: Mapping[PartKind, int] = {"curves": 4, "sanity": 12, "pointing": 4}


@dataclass(frozen=True, eq=False)
class Found:
    """What all parts gave together.

    Attributes:
        numbers: name -> (methods, sites, photos); "sanity" has (methods, sites, levels, photos), "right" has (photos,).
        levels: of the sanity check.
        checked: number of photos of the sanity check.
    """

    numbers: Numbers
    levels: tuple[str, ...]
    checked: int


def run_parts(
    net: HRNet,
    photos: Sequence[Photo],
    indices: Sequence[int],
    protocol: Protocol,
    *,
    workers: int = 1,
    keep: Path | None = None,
    progress: bool = False,
) -> Found:
    """Compute all parts, but those that are kept already, and put them together; see ``measure_faithfulness``.

    Raises:
        ValueError: fewer than one worker, several for a net that is not on the CPU, fewer than two photos for the
            sanity check, or as the single measures.
        OSError: a process that ended before its part was done.
    """
    if workers < 1 or protocol.sanity_photos < 2:
        raise ValueError(
            f"workers={workers} and {protocol.sanity_photos} photos for the sanity check were asked for; at least one "
            "worker and two photos were expected."
        )
    if workers > 1 and (place := next(net.parameters()).device.type) != "cpu":
        raise ValueError(f"workers={workers} share the cores of a CPU, but the net is on {place}. Give workers=1.")
    work = Work(net, photos, indices, protocol)
    parts = list_parts(len(photos), protocol, net)
    done: dict[Part, Numbers] = {}
    if keep is not None:
        done = {part: numbers for part in parts if (numbers := _read(keep / work.name(part))) is not None}
    missing = [part for part in parts if part not in done]
    cost = sum(part.cost for part in parts)
    for part, packed in _count_costs(_compute(work, missing, workers), cost, sum(p.cost for p in done), show=progress):
        if keep is not None:
            _write(keep / work.name(part), packed)
        done[part] = torch.load(io.BytesIO(packed), weights_only=True)
    gathered: dict[str, list[Tensor]] = {}
    for part in parts:
        for name, values in done[part].items():
            gathered.setdefault(name, []).append(values)
    numbers = {name: torch.cat(several, -1) for name, several in gathered.items()}
    return Found(numbers, tuple(list_levels(net)), protocol.sanity_photos)


def list_parts(count: int, protocol: Protocol, net: HRNet) -> list[Part]:
    """Cut the work up, long parts first, so that no process waits long for another at the end."""
    methods, sites = len(protocol.methods), len(protocol.sites)
    orders = 2 * (methods + protocol.draws) * sites
    share = protocol.mosaic[0] * protocol.mosaic[1] / (protocol.size[0] * protocol.size[1])
    costs: Mapping[PartKind, tuple[int, float]] = {
        "curves": (
            protocol.curve_photos,
            orders * (protocol.steps - 1) + methods * (2 * sites + 5) + 0.3 * sites * (protocol.patches**2 + 1),
        ),
        "sanity": (protocol.sanity_photos, 3 * len(list_levels(net))),
        "pointing": (count, 1 + 1.5 * GRID[0] * GRID[1] * share),
    }
    return [
        Part(kind, photos, round(cost * len(photos)))
        for kind, (several, cost) in costs.items()
        for photos in _split(several, PHOTOS_OF_PART[kind])
    ]


def _split(count: int, size: int) -> list[range]:
    """Cut numbers into ranges of about equal size: no rest of one, which has no BatchNorm statistics."""
    parts = max(count // size, 1)
    cuts = [count * k // parts for k in range(parts + 1)]
    return [range(start, stop) for start, stop in pairwise(cuts)]


def _compute(work: Work, parts: Sequence[Part], workers: int) -> Iterator[tuple[Part, bytes]]:
    if workers == 1 or len(parts) < 2:
        yield from ((part, work.measure(part)) for part in parts)
        return
    # Fresh processes: a copy of one whose torch has threads may hang. Plain bytes: torch would need shared memory.
    packed = pickle.dumps(work)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start, initargs=(packed,)) as pool:
        waiting = {pool.submit(_measure, part): part for part in parts}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        except BrokenProcessPool as error:
            raise OSError(
                "A process ended before its part was done, perhaps for want of memory. Parts that are done are kept; "
                "the same command goes on, with --workers 1 in less memory."
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_given: list[Work] = []
"""What a process of the pool works on: a pool hands something over once, and not with each part, in no other way."""


def _start(packed: bytes) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback
    torch.set_num_threads(1)
    _given[:] = [pickle.loads(packed)]  # noqa: S301  # made above


def _measure(part: Part) -> bytes:
    return _given[0].measure(part)


def _count_costs(
    results: Iterator[tuple[Part, bytes]], total: int, before: int, *, show: bool
) -> Iterator[tuple[Part, bytes]]:
    if not show:
        yield from results
        return
    from tqdm import tqdm

    with tqdm(total=total, initial=before, desc="faithfulness", unit="pass", smoothing=0) as bar:
        for part, packed in results:
            yield part, packed
            bar.update(part.cost)


def _read(path: Path) -> Numbers | None:
    """Give a part that is kept, or None where there is none that can be read."""
    if not path.exists():
        return None
    try:
        numbers: Numbers = torch.load(path, weights_only=True)
    except Exception:  # noqa: BLE001  # half a file is read as anything, and a part can always be computed again
        return None
    return numbers


def _write(path: Path, packed: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    draft.write_bytes(packed)
    os.replace(draft, path)  # noqa: PTH105  # one word for "atomically"
