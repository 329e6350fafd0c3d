"""The classification head step by step: from four resolutions down into one, to the pooled numbers and the classes."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import numpy as np
import torch

from hrnet_viz.activations.statistics import check_sample
from hrnet_viz.canvas.panels import (
    ONE_LINE,
    Floats,
    Panel,
    SiteMaps,
    draw_arrow,
    draw_panel,
    draw_photo,
    fit_cells,
    name_range,
    name_sample,
    read_maps,
    read_photo,
)
from hrnet_viz.canvas.style import (
    HEAD_COLOUR,
    LARGE,
    MARGIN,
    NORMAL,
    SMALL,
    Picture,
    Theme,
    colour_bar,
    map_limits,
    new_picture,
    outline,
    short,
    show_map,
    theme_colours,
    tint,
)
from hrnet_viz.predictions import read_predictions
from hrnet_viz.tracing import Trace

WIDTH = 10  # in
ROOM = 0.9  # in, for a map in each direction
SIGN = 0.24  # in, between maps
ROW_GAP = 0.12  # in
STEP = 0.4  # in, room for an arrow between steps
BAR_ROOM = 0.46  # in, for an upright bar with its numbers
POOL_ROWS = 16
NAMES = 1.5  # in, room for the names of classes


@dataclass(frozen=True)
class Answer:
    """One class as the net sees it: its name, its logit and its share of the softmax, in 0..1."""

    name: str
    logit: float
    probability: float


def head_steps(trace: Trace, *, sample: int = 0, most: int = 5, theme: Theme | None = None) -> Picture:
    """Draw the classification head step by step, to the classes that it answers with.

    Every map shows all channels of a site together (the root of their mean square). What is added up in one row has one
    unit and shares one scale.

    Args:
        trace: the trace; it must hold the sites of the head.
        sample: number of the photo in the trace.
        most: how many classes to list.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        SiteError: a site that the trace did not keep, or a net with another head.
        IndexError: the trace has no such photo.
    """
    sample = check_sample(trace, sample)
    rows: list[tuple[SiteMaps, ...]] = [(read_maps(trace, "head.incre0", sample),)]
    for b in (1, 2, 3):
        names = (f"head.incre{b}", f"head.down{b - 1}", f"head.sum{b}")
        rows.append(tuple(read_maps(trace, name, sample) for name in names))
    final = read_maps(trace, "head.final", sample)
    pool: Floats = trace["head.pool"][sample].detach().cpu().double().numpy()
    answers = _read_answers(trace, sample, most)
    size = wide, high = fit_cells((ROOM, ROOM), rows[0][0].energy.shape)
    column, tall = wide + SIGN, ONE_LINE + high + ROW_GAP
    with new_picture(
        WIDTH,
        4 * tall - ROW_GAP + 0.05,
        theme,
        title="The head: four resolutions become one answer",
        caption=_caption(trace, rows, sample),
        alt=_describe(rows, pool, answers, name_sample(trace, sample)),
    ) as picture:
        draw_photo(picture, read_photo(trace, sample), MARGIN, 0, size, detail=False)
        for b, row in enumerate(rows):
            _draw_row(picture, row, b * tall, size)
            if b < 3:  # the running sum goes down into the next resolution
                start = (MARGIN + 2 * column - 0.02, b * tall + ONE_LINE + high + 0.02)
                draw_arrow(picture, start, (MARGIN + column + wide + 0.03, (b + 1) * tall + ONE_LINE - 0.02))
        left, top = MARGIN + 3 * column + 0.3 + STEP, 3 * tall
        middle = top + ONE_LINE + high / 2
        draw_arrow(picture, (left - STEP + 0.04, middle), (left - 0.06, middle))
        panel = Panel(final.energy, final.site.name, colour=HEAD_COLOUR, limits=map_limits(final.energy, signed=False))
        image = draw_panel(picture, panel, left, top, size, bar=False)
        bar = picture.inches(left + wide + 0.08, top + ONE_LINE, 0.07, high, label="scale of head.final")
        colour_bar(image, bar)
        pooled = left + wide + BAR_ROOM + STEP
        draw_arrow(picture, (pooled - STEP + 0.04, middle), (pooled - 0.06, middle))
        _draw_pool(picture, pool, (pooled, top), (WIDTH - MARGIN - pooled, high))
        draw_arrow(picture, (pooled + 0.5, top - 0.08), (pooled + 0.5, top - 0.36))
        _draw_answers(picture, answers, (left, 0), (WIDTH - MARGIN - left, top - 0.42))
    return picture


def _draw_row(picture: Picture, row: tuple[SiteMaps, ...], top: float, size: tuple[float, float]) -> None:
    """Draw what is added up at one resolution, on one scale; the running sum stands in the third column."""
    wide, high = size
    limits = map_limits([one.energy for one in row], signed=False)
    first = 3 - len(row)
    for place, one in enumerate(row, start=first):
        panel = Panel(one.energy, one.site.name, colour=one.colour, limits=limits)
        left = MARGIN + place * (wide + SIGN)
        image = draw_panel(picture, panel, left, top, size, bar=False)
        if place < 2:
            where = (left + wide + SIGN / 2, top + ONE_LINE + high / 2)
            picture.write(*where, "=" if place else "+", ha="center", va="center", fontsize=LARGE)
    right = MARGIN + 3 * wide + 2 * SIGN + 0.08
    bar = picture.inches(right, top + ONE_LINE, 0.07, high, label=f"scale of row {row[-1].site.branch}")
    colour_bar(image, bar)


def _draw_pool(picture: Picture, pool: Floats, place: tuple[float, float], size: tuple[float, float]) -> None:
    """Draw the pooled numbers as a strip of cells, one per channel."""
    left, top = place
    rows = POOL_ROWS if len(pool) % POOL_ROWS == 0 else 1
    cells = pool.reshape(rows, -1)
    wide, high = fit_cells((size[0] - 0.74, size[0]), cells.shape)
    high = min(high, size[1] * 0.62)
    picture.write(left, top, "head.pool", fontsize=SMALL, fontweight="bold")
    axes = picture.inches(left, top + ONE_LINE, wide, high, label="head.pool")
    image = show_map(axes, cells, vmin=min(float(pool.min()), 0), frame=HEAD_COLOUR)
    bar = picture.inches(left + wide + 0.08, top + ONE_LINE, 0.07, high, label="scale of head.pool")
    colour_bar(image, bar)
    words = f"{len(pool)} numbers: the mean of each map of head.final"
    muted = theme_colours(picture.theme).muted
    picture.write(left, top + ONE_LINE + high + 0.06, words, fontsize=SMALL, color=muted)


def _draw_answers(
    picture: Picture, answers: tuple[Answer, ...], place: tuple[float, float], size: tuple[float, float]
) -> None:
    """Draw the leading classes as bars of probability, with their logits."""
    left, top = place
    colours = theme_colours(picture.theme)
    picture.write(left, top, "logits", fontsize=NORMAL, fontweight="bold")
    picture.write(left + NAMES, top, "probability (softmax over all classes)", fontsize=SMALL, color=colours.muted)
    axes = picture.inches(left + NAMES, top + 0.24, size[0] - NAMES - 0.62, size[1] - 0.24, label="classes")
    places = np.arange(len(answers))
    axes.barh(places, [1.0] * len(answers), height=0.62, color=tint(HEAD_COLOUR, picture.theme, 0.16))
    axes.barh(places, [answer.probability for answer in answers], height=0.62, color=HEAD_COLOUR)
    axes.set(xlim=(0, 1), ylim=(len(answers) - 0.5, -0.5), xticks=[])
    outline(axes, None)
    for answer, where in zip(answers, places, strict=True):
        axes.annotate(f"{answer.probability:.1%}", (1, where), (6, 0), textcoords="offset points", va="center")
    labels = [f"{textwrap.shorten(one.name, 17, placeholder='…')}\nlogit {short(one.logit)}" for one in answers]
    axes.set_yticks(places, labels, fontsize=NORMAL, color=colours.ink)
    axes.tick_params(axis="y", length=0)


def _read_answers(trace: Trace, sample: int, most: int) -> tuple[Answer, ...]:
    prediction = read_predictions(trace)[sample]
    order = torch.sort(prediction.logits, descending=True, stable=True).indices[:most].tolist()
    logits, probabilities = prediction.logits.tolist(), prediction.probabilities.tolist()
    return tuple(Answer(prediction.name(i).replace("_", " "), logits[i], probabilities[i]) for i in order)


def _caption(trace: Trace, rows: list[tuple[SiteMaps, ...]], sample: int) -> str:
    widths = [str(row[0].site.channels) for row in rows]
    parts = [
        f"Each branch is widened to {', '.join(widths[:-1])} or {widths[-1]} channels; each sum meets the next one."
    ]
    parts.append("A map shows all channels together (root of their mean square); the maps of a row share a scale.")
    prediction = read_predictions(trace)[sample]
    if prediction.classes and prediction.photo is not None and not prediction.is_known():
        parts.append(
            f"None of the {len(prediction.classes)} trained classes is called “{prediction.photo.name}”: if the photo "
            "shows something else, the net can only name what looks most like it."
        )
    return " ".join(parts)


def _describe(rows: list[tuple[SiteMaps, ...]], pool: Floats, answers: tuple[Answer, ...], name: str) -> str:
    sums = "; ".join(f"{row[-1].site.name} {row[-1].size}, {name_range(row[-1].energy)}" for row in rows)
    leading = ", ".join(f"{answer.name} {answer.probability:.1%} (logit {short(answer.logit)})" for answer in answers)
    return (
        f"The classification head step by step for {name}. Running sums: {sums}. Pooled: {len(pool)} numbers, "
        f"{name_range(pool)}. Leading classes: {leading}."
    )
