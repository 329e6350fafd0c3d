"""Edit one thing after the other and write down what each edit does to each photo.

Photos are traced once. Edits that reach the same part of the net then share a pass: each has rows of the batch of its
own, all start from the same trace, and only what they reach is computed. ``python -m
hrnet_viz.interventions.sweep`` does it from the command line.
"""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from hrnet_viz.interventions.edits import How, describe_photos
from hrnet_viz.interventions.sweep_files import Record, Shard, claim, fingerprint, fingerprint_tensor
from hrnet_viz.interventions.sweep_items import Item, Over, group_items, list_items
from hrnet_viz.interventions.sweep_passes import Task, compute_pass
from hrnet_viz.interventions.sweep_photos import Source, SweepPhotos, list_photos, read_block
from hrnet_viz.interventions.sweep_table import Effect, Sweep
from hrnet_viz.photos.photo import PhotoError
from hrnet_viz.photos.preparation import prepare
from hrnet_viz.sites import quote, read_integer
from hrnet_viz.targets import Wishes, read_target
from hrnet_viz.tracing import Photos, Trace, trace

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet

ROWS = {"cpu": 8, "cuda": 64}
"""Most rows of a pass: for a CPU the best that ``python -m benchmarks ablation`` measured; for a GPU a first guess."""


@dataclass(frozen=True)
class _Unit:
    """What is computed in one pass: some photos, some edits."""

    block: tuple[Source, ...]
    items: tuple[Item, ...]


def sweep(
    net: HRNet,
    photos: SweepPhotos,
    over: Over = "fuse_paths",
    how: How = "zero",
    *,
    target: Wishes = None,
    reference: Photos | None = None,
    donor: Photos | None = None,
    seed: int = 0,
    rows: int | None = None,
    shard: Shard = (1, 1),
    save: str | Path | None = None,
    progress: bool = False,
) -> Sweep:
    """Edit one thing after the other, each alone, and measure what it does to the score of each photo.

    What an edit does is what ``ablate`` computes, up to rounding: a convolution of more rows may add in another order.
    With ``save`` every pass is written to disk at once, and a sweep that was interrupted goes on where it stopped. An
    interruption (Ctrl-C, or the stop button of a notebook) ends it early and gives what is there.

    Args:
        net: the net; it stays as it is.
        photos: a photo or a folder, several of these, a ready tensor (N, 3, H, W), or a trace. A photo that cannot be
            read is told in ``Sweep.unreadable``; the others are done all the same.
        over: "fuse_paths" (every path of every exchange), "branches" (the output of every branch), "modules" (each
            exchange as a whole: all its paths between different branches), a site (each of its channels), or several
            sites or patterns (each of them).
        how: "zero", "mean", "noise", "patch" or a factor; see ``ablate``.
        target: what the score is: None for each photo's own top class, or one target for all photos.
        reference: photos for "mean" and "noise".
        donor: one photo for "patch".
        seed: for "noise".
        rows: most rows of a pass, photos times edits; None for the size measured to be best.
        shard: (k, n) for the k-th of n parts of about the same size; ``merge_sweeps`` puts them together.
        save: a CSV file to write to, and to go on from; one process at a time.
        progress: show a progress bar on stderr.

    Raises:
        SiteError: an address that names no site.
        PhotoError: not a single photo could be read.
        ValueError: no photo, an empty folder, a bad shard, files of another sweep, or a place that can't be written.
        TypeError: a list as target.
    """
    if isinstance(read_target(net, target).wish, list):
        raise TypeError("A list was given as target, but a sweep takes one target for all photos, or None.")
    task = Task(net, list_items(net.plan, over), how, target, reference, donor, seed)
    sites = task.sites()
    sources = list_photos(net, photos)
    rows = _check_rows(net, rows)
    units = _share(_divide(task, sources, rows), shard)

    with claim(save) as path:
        record = None if path is None else Record(path, _describe(task, sources, rows), shard)
        done = record.resume() if record else ()
        effects, todo = _sort_out(units, done, record.unreadable if record else {})
        if record is not None and len(effects) < len(done):
            record.start_over_with(effects)  # the last pass was written in part
        unreadable = dict(record.unreadable) if record else {}
        finished = True
        passes = _compute(task, sites, todo)
        try:
            with closing(passes):
                for new, failed in tqdm(passes, total=len(todo), disable=not progress, unit="pass"):
                    unreadable.update(failed)
                    if record is not None:
                        record.add(new, failed)
                    effects.extend(new)
        except KeyboardInterrupt:
            finished = False
        if finished and unreadable and len(unreadable) == len(sources):
            name, reason = next(iter(unreadable.items()))
            raise PhotoError(f"None of the {len(sources)} photos could be read; the first is '{name}'. {reason}")
        if record is not None:
            record.tell(finished=finished)
        return Sweep(
            tuple(effects),
            record.settings if record else {"variant": net.variant.name},
            tuple(sorted(unreadable.items())),
            finished,
        )


def _check_rows(net: HRNet, rows: int | None) -> int:
    if rows is None:
        return ROWS.get(next(net.parameters()).device.type, ROWS["cpu"])
    number = read_integer(rows)
    if number is None or number < 1:
        raise ValueError(f"rows={quote(rows)} was given; a pass has at least one row, in whole numbers.")
    return number


def _divide(task: Task, sources: Sequence[Source], rows: int) -> list[_Unit]:
    """Divide photos times edits into passes, block of photos by block of photos."""
    plan, items = task.net.plan, task.items
    widest = max(map(len, group_items(plan, items, len(items))))
    together = max(1, rows // widest)
    groups = group_items(plan, items, max(1, rows // together))
    blocks = [tuple(sources[start : start + together]) for start in range(0, len(sources), together)]
    return [_Unit(block, group) for block in blocks for group in groups]


def _share(units: list[_Unit], shard: Shard) -> list[_Unit]:
    """Give the k-th of n parts. Neighbours stay together, so that a photo is rarely traced in two shards."""
    k, n = shard
    if not 1 <= k <= n:
        raise ValueError(f"shard={k}/{n} was given; the parts of n are counted from 1/n to n/n.")
    return units[len(units) * (k - 1) // n : len(units) * k // n]


def _sort_out(
    units: Sequence[_Unit], done: Sequence[Effect], unreadable: Mapping[str, str]
) -> tuple[list[Effect], list[_Unit]]:
    """Tell what is there in full from what is still to do."""
    there = {(effect.photo, effect.item): effect for effect in done}
    effects: list[Effect] = []
    for number, unit in enumerate(units):
        readable = [source.name for source in unit.block if source.name not in unreadable]
        wanted = [(name, item.label) for item in unit.items for name in readable]
        if not done or any(row not in there for row in wanted):
            return effects, list(units[number:])
        effects += [there[row] for row in wanted]
    return effects, []


def _compute(
    task: Task, sites: Sequence[str], units: Sequence[_Unit]
) -> Generator[tuple[list[Effect], dict[str, str]]]:
    """Compute pass after pass: its rows, and what could not be read for it."""
    block: tuple[Source, ...] | None = None
    base: Trace | None = None
    names: list[str] = []
    changes = None
    for unit in units:
        failed: dict[str, str] = {}
        if unit.block is not block:
            block, base = unit.block, None
            names, x, failed = read_block(block)
            base = None if x is None else trace(task.net, x, sites=sites)
        if base is not None and changes is None:
            changes = task.changes(base)
        yield (compute_pass(task, base, names, unit.items, changes) if base and changes else []), failed


def _describe(task: Task, sources: Sequence[Source], rows: int) -> dict[str, Any]:
    """Say how a sweep is made, so that its file tells, and no other sweep goes on in it."""
    net = task.net
    return {
        "variant": net.variant.name,
        "weights": fingerprint(net),
        "preparation": str(net.preparation),
        "how": task.how,
        "target": re.sub(r" at 0x\w+", "", repr(read_target(net, task.target).wish)),
        "reference": _describe_reference(net, task.reference),
        "donor": _describe_reference(net, task.donor),
        "seed": task.seed,
        "rows": rows,
        "items": [item.label for item in task.items],
        "photos": [source.name for source in sources],
    }


def _describe_reference(net: HRNet, photos: Photos | None) -> str | None:
    if photos is None:
        return None
    x = photos.input if isinstance(photos, Trace) else prepare(net, photos)
    return f"{describe_photos(photos)} ({fingerprint_tensor(x)})"


if __name__ == "__main__":
    from hrnet_viz.interventions.sweep_command import main

    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it without a word, as any command
    sys.exit(main())
