"""What the faithfulness table says, in sentences that are computed from its numbers, whatever they are.

Two rules. A score is above or below chance where its 95 % interval is. Two resolutions or methods are told apart where
the 99 % interval of their difference, photo by photo, leaves 0 out: stricter, since the best of several is compared
with all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from torch import Tensor

from hrnet_viz.attribution.intervals import Interval, bootstrap_mean
from hrnet_viz.attribution.methods import NAMES

if TYPE_CHECKING:
    from recipes.faithfulness.study import Faithfulness, Measure

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
    """Say where a score stands: "above chance", "below chance", "not told apart from chance" or "not defined"."""
    if not isfinite(interval.value):
        return "not defined"
    if interval.low > chance + SMALL:
        return "above chance"
    if interval.high < chance - SMALL:
        return "below chance"
    return "not told apart from chance"


def conclude(found: Faithfulness) -> list[str]:
    """Answer in sentences: which resolution and which method is best at each measure, and is it better than chance?"""
    sentences = []
    for measure in found.measures:
        photos = int((~measure.per_photo.isnan()).any(0).any(0).sum())
        if photos < ENOUGH:
            sentences.append(f"{measure.name}: {photos} photos are too few for a conclusion.")
            continue
        sentences += [
            f"{measure.name} (chance {measure.chance:g}): {sentence}"
            for sentence in (
                _rank_sites(found, measure),
                _rank_methods(found, measure),
                _count_cells(found, measure),
            )
        ]
    return [*sentences, *_conclude_sanity(found)]


def _rank_sites(found: Faithfulness, measure: Measure) -> str:
    names = [
        site if stride is None else f"{site} (stride {stride})"
        for site, stride in zip(found.sites, found.strides, strict=True)
    ]
    return _rank("resolution", names, measure.per_photo.nanmean(0), measure, measure.over_methods)


def _rank_methods(found: Faithfulness, measure: Measure) -> str:
    names = [NAMES[method] for method in found.methods]
    return _rank("method", names, measure.per_photo.nanmean(1), measure, measure.over_sites)


def _rank(what: str, names: Sequence[str], scores: Tensor, measure: Measure, score: Callable[[int], Interval]) -> str:
    ranking = find_best(scores, seed=measure.seed)
    if ranking.best is None:
        return f"no {what} has a score."
    name, best = names[ranking.best], score(ranking.best)
    stands = f"{write(best)}, {compare(best, measure.chance)}"
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


def _count_cells(found: Faithfulness, measure: Measure) -> str:
    stands: dict[str, list[str]] = {}
    for m, method in enumerate(found.methods):
        for s, site in enumerate(found.sites):
            stands.setdefault(compare(measure.at(m, s), measure.chance), []).append(f"{NAMES[method]} at {site}")
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
        groups.setdefault(compare(interval, 0.0), []).append(f"{name} {write(interval)}")
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


def write(interval: Interval) -> str:
    """Write a score with its interval, or that there is none."""
    if not isfinite(interval.value):
        return "not defined"
    value, low, high = (f"{number:.3f}" for number in (interval.value, interval.low, interval.high))
    return f"{value} ({low} to {high})"


def _list(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
