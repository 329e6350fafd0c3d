"""Edit one thing after the other and write down what each edit does to each photo.

A photo is traced once. Edits that reach the same part of the net then share a pass: each has a row of the batch of its
own, all start from the same trace, and only what they reach is computed. On CUDA, where starting a pass costs more than
running it, several photos share both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hrnet_viz.interventions.ablation import rank_of
from hrnet_viz.interventions.edits import (
    Change,
    Edit,
    Replacement,
    describe_photos,
    make_changes,
    read_edit,
    read_places,
)
from hrnet_viz.interventions.sweep_photos import Source, SweepPhotos, list_sources
from hrnet_viz.interventions.sweep_table import Effect, Record, Sweep, checksum, claim, fingerprint
from hrnet_viz.long_work import run_tasks
from hrnet_viz.outputs import answer_of, measure_outputs, output_names, read_answer
from hrnet_viz.photos.photo import PhotoError
from hrnet_viz.runner import Sites, run
from hrnet_viz.sites import Place, Site, check_whole, is_pattern
from hrnet_viz.targets import Wishes, read_target
from hrnet_viz.tracing import Trace, evaluating, read_input, trace

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.network.plan import Plan

ROWS = {"cpu": 8, "cuda": 64}
"""Most rows of a pass: for a CPU the best that ``python -m benchmarks ablation`` measured; for a GPU a first guess."""
PHOTOS = {"cpu": 1, "cuda": 16}
"""Photos that share a trace and its passes."""

NUMBERS = ("stage", "module", "branch", "source")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a sweep edits: its label, which ``ablate`` understands, and the places edited together."""

    label: str
    places: tuple[Place, ...]


@dataclass(frozen=True, eq=False)
class _Study:
    """What is asked of every photo; a worker keeps it."""

    net: HRNet
    items: tuple[Item, ...]
    changes: Mapping[Place, Change]
    target: Wishes
    rows: int

    @property
    def sites(self) -> tuple[str, ...]:
        """What a trace must keep, so that every pass can start from it."""
        needed = {*answer_of(self.net.plan), *read_target(self.net, self.target).sites}
        for item in self.items:
            needed.update(_sites_to_start_from(self.net.plan, [item]))
        return tuple(needed)


def sweep(
    net: HRNet,
    photos: SweepPhotos,
    over: Sites = "fuse_paths",
    edit: Edit = "zero",
    *,
    target: Wishes = None,
    batch: int | None = None,
    save: str | Path | None = None,
    executor: Executor | None = None,
    progress: bool = False,
) -> Sweep:
    """Run one edit after the other, each alone, and measure what it does to the score of each photo.

    What an edit does is what ``ablate`` computes, up to rounding: a convolution of more rows may add in another order.
    With ``save`` every photo's rows are written to disk at once, and a sweep that was interrupted goes on where it
    stopped. An interruption (Ctrl-C, or the stop button of a notebook) ends it early and gives what is there.

    Args:
        net: the net; it stays as it is.
        photos: a photo or a folder, several of these, a ready tensor (N, 3, H, W), or a trace. A photo that cannot be
            read is told in ``Sweep.unreadable``; the others are done all the same.
        over: "fuse_paths" (every path of every exchange, the identity paths too), "branches" (the output of every
            branch), "modules" (each exchange as a whole: all its paths between different branches, which leaves each
            stream to go on alone), a site (each of its channels), or several sites or patterns (each of them).
        edit: what is done, as in ``ablate``.
        target: what the score is: None for each photo's own top class, or one target for all photos.
        batch: most rows of a pass; None for the number measured to be best.
        save: a CSV file to write to, and to go on from; one process at a time.
        executor: who computes; None for this process, else any executor as in ``concurrent.futures``, also a cluster's.
            The table is the same, byte for byte.
        progress: show a progress bar on stderr.

    Raises:
        SiteError: an address that names no site.
        PhotoError: not a single photo could be read.
        ValueError: no photo, an empty folder, files of another sweep, or a place that can't be written.
        TypeError: a list as target, or an executor that is none.
        OSError: a worker that ended before its photo was done.
    """
    if isinstance(read_target(net, target).wish, list):
        raise TypeError("A list was given as target, but a sweep takes one target for all photos, or None.")
    device = next(net.parameters()).device.type
    rows = ROWS.get(device, ROWS["cpu"]) if batch is None else check_whole("batch", batch)
    edit = read_edit(edit)
    items, sources = list_items(net.plan, over), list_sources(net, photos)
    places = [place for item in items for place in item.places]
    size = photos.input.shape[2:] if isinstance(photos, Trace) else getattr(photos, "shape", ())[2:]
    like = torch.empty(1, 3, *(size if isinstance(photos, (Trace, Tensor)) else net.preparation.size), device="meta")
    changes = {one.place: one for one in make_changes(net, Trace(net.plan, like, {}), places, edit)}
    study = _Study(deepcopy(net).to(memory_format=torch.channels_last), items, changes, target, rows)
    block = min(rows, PHOTOS.get(device, 1))
    tasks = [sources[start : start + block] for start in range(0, len(sources), block)]
    with claim(save) as path:
        record = None if path is None else Record(path, _describe(net, study, edit, sources))
        effects, todo = _sort_out(record, tasks, len(items))
        unreadable = dict(record.unreadable) if record else {}
        finished = True
        results = run_tasks(_sweep_photos, study, todo, executor=executor, progress=progress)
        try:
            with closing(results):
                for task, found in zip(todo, results, strict=True):
                    for source, told in zip(task, found, strict=True):
                        rows_of, failed = ([], {source.name: told}) if isinstance(told, str) else (told, {})
                        unreadable.update(failed)
                        if record is not None:
                            record.add(rows_of, failed)
                        effects.extend(rows_of)
        except KeyboardInterrupt:
            finished = False
        if finished and unreadable and len(unreadable) == len(sources):
            name, reason = next(iter(unreadable.items()))
            raise PhotoError(f"None of the {len(sources)} photos could be read; the first is '{name}'. {reason}")
        if record is not None:
            record.tell(finished=finished)
        settings = record.settings if record else {"variant": net.owner}
        return Sweep(tuple(effects), settings, tuple(sorted(unreadable.items())), finished)


def list_items(plan: Plan, over: Sites) -> tuple[Item, ...]:
    """Return what a sweep goes through, in plan order; a SiteError tells of an address that names no site."""
    if isinstance(over, str) and over == "modules":
        return tuple(Item(module.address, plan.places(module.crossings)) for module in plan.modules if module.crossings)
    kind = {"fuse_paths": "fuse_path", "branches": "branch"}.get(over) if isinstance(over, str) else None
    places: Iterable[Place]
    if kind is not None:
        places = plan.places([site.name for site in plan.select(kind=kind)])
    elif isinstance(over, (str, Site)) and not is_pattern(str(over)):
        whole = plan.place(over)
        channels = range(whole.site.channels) if whole.channels is None else whole.channels
        places = [Place(whole.site, (channel,)) for channel in channels]
    else:
        places = read_places(plan, over)
    return tuple(Item(str(place), (place,)) for place in places)


def _group_items(plan: Plan, items: Sequence[Item], most: int) -> list[list[Item]]:
    """Return neighbours that can share a pass, at most ``most`` of them.

    A pass over several edits computes for each of them all that any of them reaches, so only those are put together
    that reach the same: the paths into one output, the channels of one site.
    """
    groups: list[list[Item]] = []
    reached: set[str] | None = None
    for item in items:
        reaches = plan.downstream([place.site.name for place in item.places])
        if reaches != reached or len(groups[-1]) == most:
            groups.append([])
            reached = reaches
        groups[-1].append(item)
    return groups


def _sites_to_start_from(plan: Plan, items: Iterable[Item]) -> tuple[str, ...]:
    """Return the landmarks that a pass with these edits takes from the base: what stale steps read and is not stale."""
    edited = {place.site for item in items for place in item.places}
    stale = {site.landmark for site in edited if site.inner} | plan.downstream([site.name for site in edited])
    needed = {source for step in plan.steps if step.name in stale for source in step.inputs}
    needed |= {site.name for site in edited if not site.inner}
    return tuple(name for name in plan.landmarks if name in needed - stale)


def _sweep_photos(study: _Study, sources: Sequence[Source]) -> list[list[Effect] | str]:
    """Return the rows of each photo, or why it can't be read."""
    found: list[list[Effect] | str] = []
    inputs: list[Tensor] = []
    readable: list[tuple[str, list[Effect]]] = []
    for source in sources:
        try:
            inputs.append(source.read(study.net))
        except (PhotoError, OSError) as error:
            found.append(str(error))
        else:
            readable.append((source.name, []))
            found.append(readable[-1][1])
    if inputs:
        base = trace(study.net, torch.cat(inputs), sites=study.sites)
        for group in _group_items(study.net.plan, study.items, max(1, study.rows // len(inputs))):
            _add_effects(study, base, group, readable)
    return found


def _add_effects(study: _Study, base: Trace, items: Sequence[Item], photos: Sequence[tuple[str, list[Effect]]]) -> None:
    """Make each edit of a group in the photos of a trace: row ``item * photos + photo`` of the batch."""
    net, k, n, plan = study.net, len(items), len(photos), study.net.plan
    answer = read_answer(plan, base.tensors, base.input)
    goal = read_target(net, study.target).pin(answer)
    wanted = read_target(net, study.target).pin(torch.cat([answer] * k))
    with evaluating(net), torch.inference_mode(mode=False), torch.no_grad():
        start = _repeat(base, _sites_to_start_from(net.plan, items), k)
        after = run(net, base=start, keep=(*answer_of(plan), *wanted.sites), edit=_edit_rows(items, study.changes, n))
    old, new = goal.evaluate(base.tensors), wanted.evaluate(after)
    before = measure_outputs(plan, answer)
    numbers = measure_outputs(plan, read_answer(plan, after, start.input))
    base_score, score, effect = map(_shortest, (old.values, new.values, new.values - old.values.repeat(k)))
    base_probability, probability = _probabilities(net, before, old.indices), _probabilities(net, numbers, new.indices)
    base_rank, rank = rank_of(before, old.indices), rank_of(numbers, new.indices)
    base_top, top = _list_tops(net, before), _list_tops(net, numbers)
    for number, item in enumerate(items):
        for photo, (name, effects) in enumerate(photos):
            row = number * n + photo
            effects.append(
                Effect(
                    photo=name,
                    item=item.label,
                    **_numbers_in(item.places),
                    edit=study.changes[item.places[0]].label,
                    target=old.words[photo],
                    base_score=base_score[photo],
                    score=score[row],
                    effect=effect[row],
                    base_probability=base_probability[photo],
                    probability=probability[row],
                    base_rank=base_rank[photo],
                    rank=rank[row],
                    base_top=base_top[photo],
                    top=top[row],
                )
            )


def _repeat(base: Trace, sites: Sequence[str], times: int) -> Trace:
    """Return a trace of its photos ``times`` times, a view of a single one, with the sites that the pass reads."""

    def repeated(value: Tensor) -> Tensor:
        return value.expand(times, *value.shape[1:]) if len(value) == 1 else torch.cat([value] * times)

    tensors = {name: repeated(base[name]) for name in sites}
    return replace(base, input=repeated(base.input), tensors=tensors, photos=(), fingerprint=None)


def _edit_rows(items: Sequence[Item], changes: Mapping[Place, Change], photos: int) -> dict[str, Replacement]:
    """Return for each edited site a function that changes the rows of its own items."""
    parts: dict[str, list[tuple[slice, Change]]] = {}
    for number, item in enumerate(items):
        for place in item.places:
            rows = slice(number * photos, (number + 1) * photos)
            parts.setdefault(place.site.name, []).append((rows, changes[place]))
    return {name: partial(_change_rows, tuple(part)) for name, part in parts.items()}


def _change_rows(parts: Sequence[tuple[slice, Change]], value: Tensor) -> Tensor:
    for rows, change in parts:
        value[rows] = change(value[rows])  # the runner gives a copy that may be written to
    return value


def _shortest(values: Tensor) -> list[float]:
    """Return numbers as floats that are written with no more digits than their type holds: 0.1, not 0.10000000149."""
    digits = 17 if values.dtype == torch.float64 else 9
    return [float(f"{value:.{digits}g}") for value in values.tolist()]


def _list_tops(net: HRNet, numbers: Tensor) -> list[str]:
    """Return the name of the output at the top of each photo; "" where a net has none."""
    names = output_names(net) if numbers.shape[1] else ()
    return [names[one] for one in numbers.argmax(1).tolist()] if names else [""] * len(numbers)


def _probabilities(net: HRNet, numbers: Tensor, targets: Sequence[int | None]) -> list[float | None]:
    if net.task.name != "classification":
        return [None] * len(targets)
    rows = zip(numbers.softmax(1), targets, strict=True)
    return [None if index is None else _shortest(row[index : index + 1])[0] for row, index in rows]


def _numbers_in(places: Sequence[Place]) -> dict[str, int | None]:
    """Return the numbers that tell where an item lies: those that all its places share, and a single channel."""
    shared = {name: {getattr(place.site, name) for place in places} for name in NUMBERS}
    channels = places[0].channels or ()
    return {
        **{name: values.pop() if len(values) == 1 else None for name, values in shared.items()},
        "channel": channels[0] if len(places) == len(channels) == 1 else None,
    }


def _sort_out(
    record: Record | None, tasks: Sequence[Sequence[Source]], items: int
) -> tuple[list[Effect], list[Sequence[Source]]]:
    """Return the rows that are there for whole tasks, and the tasks that are still to do."""
    if record is None:
        return [], list(tasks)
    done = record.resume()
    there: dict[str, list[Effect]] = {}
    for effect in done:
        there.setdefault(effect.photo, []).append(effect)
    whole: list[Effect] = []
    for number, task in enumerate(tasks):
        if any(one.name not in record.unreadable and len(there.get(one.name, ())) < items for one in task):
            if len(whole) < len(done):
                record.start_over_with(whole)  # the last task was written in part
            return whole, list(tasks[number:])
        whole += [effect for one in task for effect in there.get(one.name, ())]
    return list(done), []


def _describe(net: HRNet, study: _Study, edit: Edit, sources: Sequence[Source]) -> dict[str, Any]:
    """Return how a sweep is made, so that its file tells, and no other sweep goes on in it."""
    taken = getattr(edit, "of", None)
    photos = None if taken is None else f"{describe_photos(taken)} ({checksum(read_input(net, taken)[0])})"
    return {
        "variant": net.owner,
        "weights": fingerprint(net),
        "preparation": str(net.preparation),
        "edit": repr(edit),
        "edit's photos": photos,
        "target": re.sub(r" at 0x\w+", "", repr(read_target(net, study.target).wish)),
        "batch": study.rows,
        "items": [item.label for item in study.items],
        "photos": [source.name for source in sources],
    }
