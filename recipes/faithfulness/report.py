"""The faithfulness table as Markdown, JSON and CSV, and what it says, in sentences computed from its numbers.

Two rules. A score is above or below chance where its 95 % interval is. Two resolutions or methods are told apart where
the 99 % interval of their difference, photo by photo, leaves 0 out: stricter, since the best of several is compared
with all of them.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from torch import Tensor

from hrnet_viz.attribution.methods import NAMES
from hrnet_viz.attribution.truth_table import Interval, TruthTable, bootstrap_mean
from recipes.faithfulness.study import QUESTIONS, Faithfulness

LEVEL = 0.99
ENOUGH = 10
"""Photos: with fewer an interval by resampling is too narrow, with one it has no width at all."""
SMALL = 1e-6  # float32 means of equal numbers differ by less
RULE = (
    "Intervals are 95 % bootstrap intervals over photos (2,000 resamples). A score is above or below chance where its "
    "interval is. Resolutions (mean over methods) and methods (mean over resolutions) are told apart where the 99 % "
    "bootstrap interval of their difference over the same photos leaves 0 out."
)


@dataclass(frozen=True)
class Ranking:
    """The best of several, and who cannot be told apart from it.

    Attributes:
        best: number of the one with the highest mean, None where nothing is defined.
        tied: those whose difference to it may be 0.
        behind: those that are clearly lower.
        undefined: those without a number.
    """

    best: int | None
    tied: tuple[int, ...]
    behind: tuple[int, ...]
    undefined: tuple[int, ...]


def find_best(scores: Tensor, *, seed: int = 0) -> Ranking:
    """Find the highest of several scores of the same photos.

    Args:
        scores: (K, N), higher is better; NaN where a photo has none.
        seed: of the intervals.
    """
    means = scores.double().nanmean(1)
    undefined = tuple(k for k in range(len(scores)) if means[k].isnan())
    known = [k for k in range(len(scores)) if k not in undefined]
    if not known:
        return Ranking(None, (), (), undefined)
    best = max(known, key=lambda k: float(means[k]))
    differences = {k: bootstrap_mean(scores[best] - scores[k], seed=seed, level=LEVEL) for k in known if k != best}
    behind = tuple(k for k, difference in differences.items() if difference.low > SMALL)
    return Ranking(best, tuple(k for k in differences if k not in behind), behind, undefined)


def compare(interval: Interval, chance: float) -> str:
    """Return where a score stands: "above chance", "below chance", "not told apart from chance" or "not defined"."""
    if not isfinite(interval.value):
        return "not defined"
    if interval.low > chance + SMALL:
        return "above chance"
    if interval.high < chance - SMALL:
        return "below chance"
    return "not told apart from chance"


def conclude(found: Faithfulness) -> list[str]:
    """Return in sentences: which resolution and which method is best at each measure, and is it better than chance?"""
    sentences = []
    for measure in found.measures:
        photos = int((~measure.values.isnan()).any(0).any(0).sum())
        if photos < ENOUGH:
            sentences.append(f"{measure.name}: {photos} photos are too few for a conclusion.")
            continue
        sentences += [
            f"{measure.name} (chance {measure.chance:g}): {sentence}"
            for sentence in (_rank_sites(found, measure), _rank_methods(found, measure), _count_cells(found, measure))
        ]
    return [*sentences, *_conclude_sanity(found)]


def _rank_sites(found: Faithfulness, measure: TruthTable) -> str:
    names = [
        site if stride is None else f"{site} (stride {stride})"
        for site, stride in zip(found.sites, found.strides, strict=True)
    ]
    return _rank("resolution", names, measure.values.nanmean(0), measure, measure.over_methods)


def _rank_methods(found: Faithfulness, measure: TruthTable) -> str:
    names = [NAMES[method] for method in found.methods]
    return _rank("method", names, measure.values.nanmean(1), measure, measure.over_sites)


def _rank(
    what: str, names: Sequence[str], scores: Tensor, measure: TruthTable, score: Callable[[int], Interval]
) -> str:
    ranking = find_best(scores, seed=measure.seed)
    if ranking.best is None:
        return f"no {what} has a score."
    name, best = names[ranking.best], score(ranking.best)
    stands = f"{_write(best)}, {compare(best, measure.chance or 0)}"
    if not ranking.tied and not ranking.behind:
        words = f"the only {what} with a score is {name}: {stands}"
    elif not ranking.behind:
        words = f"the {what}s cannot be told apart; the highest mean is that of {name}: {stands}"
    else:
        behind = f"clearly ahead of {_list([names[k] for k in ranking.behind])}"
        words = f"the best {what} is {name}: {stands}; it is {behind}"
        if ranking.tied:
            words = (
                f"the highest mean of a {what} is that of {name}: {stands}; it is {behind}, "
                f"but cannot be told apart from {_list([names[k] for k in ranking.tied])}"
            )
    if ranking.undefined:
        words += f"; not defined: {_list([names[k] for k in ranking.undefined])}"
    return words + "."


def _count_cells(found: Faithfulness, measure: TruthTable) -> str:
    stands: dict[str, list[str]] = {}
    for method in found.methods:
        for site in found.sites:
            stands.setdefault(compare(measure.at(method, site), measure.chance or 0), []).append(
                f"{NAMES[method]} at {site}"
            )
    total = len(found.methods) * len(found.sites)
    words = [f"{len(stands.pop('above chance', []))} of {total} combinations are above chance"]
    words += [f"{len(cells)} {name} ({', '.join(cells)})" for name, cells in sorted(stands.items())]
    return "; ".join(words) + "."


def _conclude_sanity(found: Faithfulness) -> list[str]:
    rows = found.sanity.similarity[:, :, -1]
    photos = rows.shape[-1]
    if photos < ENOUGH:
        return [f"sanity check: {photos} photos are too few for a conclusion."]
    left = {NAMES[method]: bootstrap_mean(rows[m].nanmean(0)) for m, method in enumerate(found.methods)}
    groups: dict[str, list[str]] = {}
    for name, interval in left.items():
        groups.setdefault(compare(interval, 0.0), []).append(f"{name} {_write(interval)}")
    meaning = {
        "above chance": "above 0: something is left that shows the photo and not what was learnt",
        "not told apart from chance": "nothing is left that can be told apart from 0",
        "below chance": "below 0: the maps are turned over rather than kept",
        "not defined": "the maps have no rank correlation",
    }
    return [
        "sanity check, rank correlation with the maps of the net as given when all weights are random: of "
        f"{_list(groups[key])}, {words}."
        for key, words in meaning.items()
        if key in groups
    ]


def _write(interval: Interval) -> str:
    """Write a score with its interval, or that there is none."""
    if not isfinite(interval.value):
        return "not defined"
    value, low, high = (f"{number:.3f}" for number in (interval.value, interval.low, interval.high))
    return f"{value} ({low} to {high})"


def _list(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def write_files(found: Faithfulness, out: Path) -> str:
    """Write ``table.md``, ``results.json``, ``results.csv`` and ``per_photo.csv``; return the Markdown."""
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
    """Return everything as Markdown: the conclusions, then one table per measure, the sanity check, and how."""
    lines = [
        "# Do the maps tell the truth?",
        "",
        "Class activation maps, methods x branches, over photos: numbers only.",
    ]
    lines += ["", "## What the numbers say", "", *(f"* {sentence}" for sentence in conclude(found)), "", RULE, ""]
    for measure in found.measures:
        lines += _table(
            found,
            f"{measure.name}: {QUESTIONS[measure.name][0]}; chance {measure.chance:g}",
            [[measure.at(method, site) for site in found.sites] for method in found.methods],
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
    """Return the table as plain data for JSON; what is not defined is null."""
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
    """Return the cells of all tables, one a row; what is not defined is empty."""
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
    most = max(measure.values.shape[-1] for measure in found.measures)
    table.writerow(["measure", "method", "site", "random down to", *(f"photo {n}" for n in range(1, most + 1))])
    several = [(measure.name, "", measure.values) for measure in found.measures]
    several += [("sanity", level, found.sanity.similarity[:, :, k]) for k, level in enumerate(found.sanity.levels)]
    for name, level, values in several:
        for m, method in enumerate(found.methods):
            for s, site in enumerate(found.sites):
                row = [f"{value:.6g}" if isfinite(value) else "" for value in values[m, s].tolist()]
                table.writerow([name, method, site, level, *row])
    return file.getvalue()


def _cells(found: Faithfulness) -> Iterator[tuple[dict[str, str | float | None], dict[str, float], int]]:
    """Yield all cells: what each is of, its numbers, and how many photos are behind them."""
    for method in found.methods:
        for site, stride in zip(found.sites, found.strides, strict=True):
            several = [(measure.name, "", measure.chance, measure.at(method, site)) for measure in found.measures]
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
        lines.append(f"| {NAMES[method]} | " + " | ".join(map(_write, [*line, mean])) + " |")
    return [*lines, "| mean | " + " | ".join(map(_write, columns)) + " | |", ""]
