"""Read a folder of photos per class, and write the faithfulness table as Markdown and JSON."""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from hrnet_viz.analysis.cam_methods import NAMES
from hrnet_viz.analysis.intervals import Interval
from hrnet_viz.analysis.targets import find_class
from hrnet_viz.data.reading import read_image

if TYPE_CHECKING:
    from hrnet_viz.analysis.faithfulness import Faithfulness, Measure
    from hrnet_viz.data.photo import Photo
    from hrnet_viz.network.net import HRNet

ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


def read_folder(folder: Path, net: HRNet, count: int, seed: int) -> tuple[list[Photo], list[int]]:
    """Draw photos from a folder with one folder per class, as many of each class, in random order.

    Args:
        folder: the folder.
        net: its classes give the folder names a meaning.
        count: how many photos in all.
        seed: of the choice.

    Returns:
        photos, and the class index of each.

    Raises:
        ValueError: no folders, a folder that is no class, or one without photos.
    """
    if not folder.is_dir():
        raise ValueError(f"There is no folder '{folder}'. Give one that holds a folder of photos per class.")
    homes = sorted(path for path in folder.iterdir() if path.is_dir())
    if not homes:
        raise ValueError(f"'{folder}' holds no folders; one folder of photos per class was expected.")
    generator = torch.Generator().manual_seed(seed)
    drawn: list[tuple[Path, int]] = []
    for home in homes:
        index = find_class(net, home.name)
        files = sorted(path for path in home.iterdir() if path.suffix.lower() in ENDINGS)
        if not files:
            raise ValueError(f"'{home}' holds no photos ({', '.join(sorted(ENDINGS))}).")
        order = torch.randperm(len(files), generator=generator).tolist()
        drawn += [(files[k], index) for k in order[: max(count // len(homes), 1)]]
    chosen = [drawn[k] for k in torch.randperm(len(drawn), generator=generator).tolist()]
    return [read_image(path) for path, _ in chosen], [index for _, index in chosen]


def write_files(found: Faithfulness, out: Path) -> str:
    """Write ``faithfulness.md`` and ``faithfulness.json`` and give the Markdown."""
    text = write_markdown(found)
    out.mkdir(parents=True, exist_ok=True)
    (out / "faithfulness.md").write_text(text, encoding="utf8")
    (out / "faithfulness.json").write_text(json.dumps(as_data(found), indent=1) + "\n", encoding="utf8")
    return text


def write_markdown(found: Faithfulness) -> str:
    """Lay everything out as Markdown: the verdicts, then one table per measure, then the sanity check."""
    lines = [
        "# Do the maps tell the truth?",
        "",
        ", ".join(f"{key} {value}" for key, value in found.provenance.items()),
    ]
    lines += ["", *(f"* {sentence}" for sentence in judge(found)), ""]
    for measure in found.measures:
        lines += _table(found, measure)
    lines += ["## sanity check: mean rank correlation with the map of the trained net", ""]
    lines += ["| method | site | " + " | ".join(found.sanity.levels) + " |"]
    lines += ["| --- | --- |" + " ---: |" * len(found.sanity.levels)]
    for method in found.methods:
        for site in found.sites:
            values = " | ".join(_two(step.value) for step in found.sanity.curve(method, site))
            lines.append(f"| {NAMES[method]} | {site} | {values} |")
    return "\n".join(lines) + "\n"


def judge(found: Faithfulness) -> list[str]:
    """Answer in sentences: which resolution and which method is best at each measure, and is it better than chance?"""
    sentences = []
    for measure in found.measures:
        branches = [measure.over_methods(k) for k in range(len(found.sites))]
        methods = [measure.over_sites(k) for k in range(len(found.methods))]
        site, method = _highest(branches), _highest(methods)
        cells = [(m, s) for m in range(len(found.methods)) for s in range(len(found.sites))]
        above = sum(measure.at(m, s).is_above(measure.chance) for m, s in cells)
        sentences.append(
            f"{measure.name} (chance {measure.chance:g}): best resolution {found.sites[site]} (stride "
            f"{found.strides[site]}), {branches[site]}; best method {NAMES[found.methods[method]]}, {methods[method]}; "
            f"{above} of {len(cells)} combinations are better than chance."
        )
    return sentences


def as_data(found: Faithfulness) -> dict[str, object]:
    """Give the table as plain data for JSON; what is not defined is null."""
    return {
        "provenance": dict(found.provenance),
        "verdicts": judge(found),
        "measures": [
            {
                "name": measure.name,
                "words": measure.words,
                "chance": measure.chance,
                "cells": [
                    {"method": method, "site": site, **_plain(measure.at(m, s))}
                    for m, method in enumerate(found.methods)
                    for s, site in enumerate(found.sites)
                ],
            }
            for measure in found.measures
        ],
        "sanity": [
            {"method": method, "site": site, "level": level, **_plain(step)}
            for method in found.methods
            for site in found.sites
            for level, step in zip(found.sanity.levels, found.sanity.curve(method, site), strict=True)
        ],
    }


def _table(found: Faithfulness, measure: Measure) -> list[str]:
    heads = [f"{site}, stride {stride}" for site, stride in zip(found.sites, found.strides, strict=True)]
    lines = [f"## {measure.name}: {measure.words}; chance {measure.chance:g}", ""]
    lines += ["| method | " + " | ".join(heads) + " | mean |", "| --- |" + " ---: |" * (len(heads) + 1)]
    for m, method in enumerate(found.methods):
        cells = [measure.at(m, s) for s in range(len(found.sites))]
        lines.append(f"| {NAMES[method]} | " + " | ".join(map(_cell, [*cells, measure.over_sites(m)])) + " |")
    means = [measure.over_methods(s) for s in range(len(found.sites))]
    return [*lines, "| mean | " + " | ".join(map(_cell, means)) + " | |", ""]


def _highest(intervals: list[Interval]) -> int:
    return max(range(len(intervals)), key=lambda k: intervals[k].value if isfinite(intervals[k].value) else -1e9)


def _cell(interval: Interval) -> str:
    return f"{_two(interval.value)} ({_two(interval.low)} to {_two(interval.high)})"


def _two(value: float) -> str:
    return f"{value:.2f}" if isfinite(value) else "not defined"


def _plain(interval: Interval) -> dict[str, float | int | None]:
    numbers = {"value": interval.value, "low": interval.low, "high": interval.high}
    return {key: value if isfinite(value) else None for key, value in numbers.items()} | {"n": interval.n}
