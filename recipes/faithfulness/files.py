"""Read a folder of photos per class, and write the faithfulness table as Markdown, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from hrnet_viz.attribution.intervals import Interval, bootstrap_mean
from hrnet_viz.attribution.methods import NAMES
from hrnet_viz.photos.folder import PhotoFiles, list_classes
from hrnet_viz.photos.photo import PhotoError
from hrnet_viz.photos.reading import read_image
from recipes.faithfulness.class_folders import match_classes
from recipes.faithfulness.words import RULE, conclude, write

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.photo import Photo
    from recipes.faithfulness.study import Faithfulness


def read_folder(folder: Path, net: HRNet, count: int, seed: int) -> tuple[Sequence[Photo], list[int]]:
    """Draw photos from a folder with one folder per class: the same number of each, in rounds of one of each.

    So the first photos are as evenly spread over the classes as all of them.

    Args:
        folder: the folder.
        net: its classes give the folder names a meaning.
        count: how many photos in all; rounded down to the same number of each class, at least one.
        seed: of the choice.

    Returns:
        photos, which are read when they are asked for, and the class index of each.

    Raises:
        ValueError: no folders, a folder that is no class, or not a single photo that can be read.
    """
    listed = list_classes(folder, _say)
    indices = match_classes(net, listed.classes, _say)
    generator = torch.Generator().manual_seed(seed)
    drawn: dict[int, list[Path]] = {}
    each = max(count // len(listed.classes), 1)
    for label, name in enumerate(listed.classes):
        files = [path for path, own in zip(listed.paths, listed.labels, strict=True) if own == label]
        order = torch.randperm(len(files), generator=generator).tolist()
        readable: list[Path] = []
        for path in (files[k] for k in order):
            if len(readable) == each:
                break
            try:
                read_image(path)
                readable.append(path)
            except PhotoError as error:
                _say(f"Left out: {error}")
        if readable:
            drawn[label] = readable
        elif files:
            _say(f"The class folder '{name}' holds no photo that can be read.")
    if not drawn:
        raise ValueError(f"Not one of the {len(listed)} photos in '{folder}' could be read.")
    if (fewest := min(map(len, drawn.values()))) < each:
        _say(f"{fewest} photos of each class are taken and not {each}: the smallest class has no more.")
    labels = list(drawn)
    turns = [
        (turn, labels[k]) for turn in range(fewest) for k in torch.randperm(len(labels), generator=generator).tolist()
    ]
    return PhotoFiles(tuple(drawn[label][turn] for turn, label in turns)), [indices[label] for _, label in turns]


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def write_files(found: Faithfulness, out: Path) -> str:
    """Write ``table.md``, ``results.json``, ``results.csv`` and ``per_photo.csv``, and give the Markdown."""
    text = write_markdown(found)
    out.mkdir(parents=True, exist_ok=True)
    (out / "table.md").write_text(text, encoding="utf8")
    (out / "results.json").write_text(
        json.dumps(as_data(found), indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf8"
    )
    (out / "results.csv").write_text(write_csv(found), encoding="utf8", newline="")
    (out / "per_photo.csv").write_text(write_photos(found), encoding="utf8", newline="")
    return text


def write_markdown(found: Faithfulness) -> str:
    """Lay everything out as Markdown: the conclusions, then one table per measure, the sanity check, and how."""
    lines = [
        "# Do the maps tell the truth?",
        "",
        "Class activation maps, methods x branches, over photos: numbers only.",
    ]
    lines += ["", "## What the numbers say", "", *(f"* {sentence}" for sentence in conclude(found)), "", RULE, ""]
    for measure in found.measures:
        lines += _table(
            found,
            f"{measure.name}: {measure.words}; chance {measure.chance:g}",
            [[measure.at(m, s) for s in range(len(found.sites))] for m in range(len(found.methods))],
            [measure.over_sites(m) for m in range(len(found.methods))],
            [measure.over_methods(s) for s in range(len(found.sites))],
        )
    for level in dict.fromkeys((0, len(found.sanity.levels) - 1)):
        rows = found.sanity.similarity[:, :, level]
        forgotten = "everything" if level else f"the {found.sanity.levels[0]} alone"
        lines += _table(
            found,
            f"sanity check: rank correlation with the map of the net as given, {forgotten} random; less is better",
            [[bootstrap_mean(row) for row in method] for method in rows],
            [bootstrap_mean(method.nanmean(0)) for method in rows],
            [bootstrap_mean(rows[:, s].nanmean(0)) for s in range(len(found.sites))],
        )
    lines += ["## How it was measured", "", "| what | value |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {key} | {value} |" for key, value in found.provenance.items())]) + "\n"


def as_data(found: Faithfulness) -> dict[str, object]:
    """Give the table as plain data for JSON; what is not defined is null."""
    return {
        "provenance": dict(found.provenance),
        "conclusions": conclude(found),
        "rule": RULE,
        "cells": [
            {**told, **{key: value if isfinite(value) else None for key, value in numbers.items()}, "n": n}
            for told, numbers, n in _cells(found)
        ],
    }


def write_csv(found: Faithfulness) -> str:
    """Give the cells of all tables, one a row; what is not defined is empty."""
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    rows = list(_cells(found))
    table.writerow([*rows[0][0], *rows[0][1], "n"])
    for told, numbers, n in rows:
        table.writerow([*told.values(), *(f"{value:.6g}" if isfinite(value) else "" for value in numbers.values()), n])
    return file.getvalue()


def write_photos(found: Faithfulness) -> str:
    """Return the value of every photo, a row a cell: what intervals are computed from; what is not defined is empty."""
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    most = max(measure.per_photo.shape[-1] for measure in found.measures)
    table.writerow(["measure", "method", "site", "random down to", *(f"photo {n}" for n in range(1, most + 1))])
    several = [(measure.name, "", measure.per_photo) for measure in found.measures]
    several += [("sanity", level, found.sanity.similarity[:, :, k]) for k, level in enumerate(found.sanity.levels)]
    for name, level, values in several:
        for m, method in enumerate(found.methods):
            for s, site in enumerate(found.sites):
                row = [f"{value:.6g}" if isfinite(value) else "" for value in values[m, s].tolist()]
                table.writerow([name, method, site, level, *row])
    return file.getvalue()


def _cells(found: Faithfulness) -> Iterator[tuple[dict[str, str | float | None], dict[str, float], int]]:
    """Go through all cells: what each is of, its numbers, and how many photos are behind them."""
    for m, method in enumerate(found.methods):
        for s, (site, stride) in enumerate(zip(found.sites, found.strides, strict=True)):
            several = [(measure.name, "", measure.chance, measure.at(m, s)) for measure in found.measures]
            several += [
                ("sanity", level, 0.0, step)
                for level, step in zip(found.sanity.levels, found.sanity.curve(method, site), strict=True)
            ]
            for measure, level, chance, one in several:
                told = {"measure": measure, "method": method, "site": site, "stride": stride}
                yield (
                    {**told, "random down to": level, "chance": chance},
                    {"value": one.value, "low": one.low, "high": one.high},
                    one.n,
                )


def _table(
    found: Faithfulness, title: str, cells: list[list[Interval]], rows: list[Interval], columns: list[Interval]
) -> list[str]:
    heads = [f"{site}, stride {stride}" for site, stride in zip(found.sites, found.strides, strict=True)]
    lines = [f"## {title}", "", "| method | " + " | ".join(heads) + " | mean |"]
    lines += ["| --- |" + " ---: |" * (len(heads) + 1)]
    for method, line, mean in zip(found.methods, cells, rows, strict=True):
        lines.append(f"| {NAMES[method]} | " + " | ".join(map(write, [*line, mean])) + " |")
    return [*lines, "| mean | " + " | ".join(map(write, columns)) + " | |", ""]
