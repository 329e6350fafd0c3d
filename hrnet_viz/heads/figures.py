"""Maps of a head: classification step by step, the levels of a pyramid, and what OCR makes of a class."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import torch

from hrnet_viz.canvas.colours import HEAD_COLOUR, Theme, tint
from hrnet_viz.canvas.painting import map_limits, outline, short
from hrnet_viz.canvas.panels import (
    ONE_LINE,
    Floats,
    Panel,
    Row,
    Show,
    SiteMaps,
    draw_arrow,
    fit_cells,
    in_pixels,
    name_peak,
    name_photo,
    name_range,
    panel_grid,
    photo_panel,
    read_maps,
)
from hrnet_viz.canvas.style import MARGIN, NORMAL, ROOM, WIDTH, Picture
from hrnet_viz.outputs import find_output, output_names
from hrnet_viz.predictions import Prediction, read_predictions
from hrnet_viz.sites import SiteError, check_index
from hrnet_viz.targets import ClassName
from hrnet_viz.tracing import Trace

LARGEST = 0.9  # in, of a map in each direction
SIGN = 0.24  # in, between maps
ROW_GAP = 0.12  # in
STEP = 0.4  # in, room for an arrow between steps
BAR_ROOM = 0.46  # in, for an upright bar with its numbers
POOL_ROWS = 16
NAMES = 1.5  # in, room for the names of classes


def head_steps(trace: Trace, *, index: int = 0, most: int = 5, theme: Theme | None = None) -> Picture:
    """Draw the classification head step by step, to the ``most`` leading classes that it answers with.

    Every map shows all channels of a site together (the root of their mean square). What is added up in one row has one
    unit and shares one scale.

    Raises:
        SiteError: a site that the trace did not keep, or a net with another head.
        IndexError: the trace has no such photo.
    """
    _check_head(trace, "head.incre0", "head_steps draws the head of a classification net")
    index = check_index(index, len(trace.input))
    added = [[read_maps(trace, "head.incre0", index)]]
    for b in (1, 2, 3):
        names = (f"head.incre{b}", f"head.down{b - 1}", f"head.sum{b}")
        added.append([read_maps(trace, name, index) for name in names])
    final = read_maps(trace, "head.final", index)
    pool: Floats = trace["head.pool"][index].detach().cpu().double().numpy()
    prediction = read_predictions(trace)[index]
    answers = _read_answers(prediction, most)
    size = wide, high = fit_cells((LARGEST, LARGEST), added[0][0].energy.shape)
    column, tall = wide + SIGN, ONE_LINE + high + ROW_GAP
    rows: list[Row] = [[photo_panel(trace, index, sized=False), None, *_row(added[0])], *map(_row, added[1:])]
    picture, _ = panel_grid(
        rows,
        size,
        column,
        row_gap=ROW_GAP,
        words=ONE_LINE,
        foot=0.05,
        theme=theme,
        title="The head: four resolutions become one answer",
        caption=_caption(prediction, added),
        alt=_describe_steps(added, pool, answers, name_photo(trace.photos, index)),
    )
    with picture:
        for b in range(3):  # the running sum goes down into the next resolution
            start = (MARGIN + 2 * column - 0.02, b * tall + ONE_LINE + high + 0.02)
            draw_arrow(picture, start, (MARGIN + column + wide + 0.03, (b + 1) * tall + ONE_LINE - 0.02))
        left, top = MARGIN + 3 * column + 0.3 + STEP, 3 * tall
        middle = top + ONE_LINE + high / 2
        draw_arrow(picture, (left - STEP + 0.04, middle), (left - 0.06, middle))
        _panel(final, map_limits(final.energy, signed=False), scaled=True).draw(picture, left, top, size)
        pooled = left + wide + BAR_ROOM + STEP
        draw_arrow(picture, (pooled - STEP + 0.04, middle), (pooled - 0.06, middle))
        _draw_pool(picture, pool, (pooled, top), (WIDTH - MARGIN - pooled, high))
        draw_arrow(picture, (pooled + 0.5, top - 0.08), (pooled + 0.5, top - 0.36))
        _draw_answers(picture, answers, left, (WIDTH - MARGIN - left, top - 0.42))
    return picture


def _panel(maps: SiteMaps, limits: tuple[float, float], *, scaled: bool) -> Panel:
    bar: Literal["beside", ""] = "beside" if scaled else ""
    return Panel(maps.energy, maps.site.name, colour=maps.colour, limits=limits, bar=bar)


def _row(row: Sequence[SiteMaps]) -> list[Panel | str | None]:
    """Return the panels of what is added up at one resolution, on one scale, with the signs between them."""
    limits = map_limits([one.energy for one in row], signed=False)
    panels = [_panel(one, limits, scaled=one is row[-1]) for one in row]
    return [panels[0], "+", panels[1], "=", panels[2]] if len(row) > 1 else [*panels]


def _draw_pool(picture: Picture, pool: Floats, place: tuple[float, float], size: tuple[float, float]) -> None:
    """Draw the pooled numbers as a strip of cells, one per channel."""
    cells = pool.reshape(POOL_ROWS if len(pool) % POOL_ROWS == 0 else 1, -1)
    wide, high = fit_cells((size[0] - 0.74, size[0]), cells.shape)
    words = f"{len(pool)} numbers: the mean of each map of head.final"
    panel = Panel(
        cells, "head.pool", below=words, colour=HEAD_COLOUR, limits=(min(pool.min(), 0), pool.max()), bar="beside"
    )
    panel.draw(picture, *place, (wide, min(high, size[1] * 0.62)))


def _draw_answers(
    picture: Picture, answers: Sequence[tuple[str, float, float]], left: float, size: tuple[float, float]
) -> None:
    """Draw the leading classes, (name, logit, probability), as bars of probability."""
    picture.write(left, 0, "logits", fontsize=NORMAL, fontweight="bold")
    picture.note(left + NAMES, 0, "probability (softmax over all classes)")
    axes = picture.inches(left + NAMES, 0.24, size[0] - NAMES - 0.62, size[1] - 0.24, label="classes")
    places = range(len(answers))
    axes.barh(places, [1.0] * len(answers), height=0.62, color=tint(HEAD_COLOUR, picture.theme, 0.16))
    axes.barh(places, [probability for _, _, probability in answers], height=0.62, color=HEAD_COLOUR)
    axes.set(xlim=(0, 1), ylim=(len(answers) - 0.5, -0.5), xticks=[])
    outline(axes, None)
    for place, (_, _, probability) in enumerate(answers):
        axes.annotate(f"{probability:.1%}", (1, place), (6, 0), textcoords="offset points", va="center")
    labels = [f"{textwrap.shorten(name, 17, placeholder='…')}\nlogit {short(logit)}" for name, logit, _ in answers]
    axes.set_yticks(places, labels, fontsize=NORMAL, color=picture.colours.ink)
    axes.tick_params(axis="y", length=0)


def _read_answers(prediction: Prediction, most: int) -> list[tuple[str, float, float]]:
    order = torch.sort(prediction.logits, descending=True, stable=True).indices[:most].tolist()
    logits, probabilities = prediction.logits.tolist(), prediction.probabilities.tolist()
    return [(prediction.name(i).replace("_", " "), logits[i], probabilities[i]) for i in order]


def _caption(prediction: Prediction, added: Sequence[Sequence[SiteMaps]]) -> str:
    *most, last = (str(row[0].site.channels) for row in added)
    caption = (
        f"Each branch is widened to {', '.join(most)} or {last} channels; each sum meets the next one. A map shows all "
        "channels together (root of their mean square); the maps of a row share a scale."
    )
    if prediction.classes and prediction.photo is not None and not prediction.is_known():
        caption += (
            f" None of the {len(prediction.classes)} trained classes is called “{prediction.photo.name}”: if the photo "
            "shows something else, the net can only name what looks most like it."
        )
    return caption


def _describe_steps(
    added: Sequence[Sequence[SiteMaps]], pool: Floats, answers: Sequence[tuple[str, float, float]], photo: str
) -> str:
    sums = "; ".join(f"{row[-1].site.name} {row[-1].size}, {name_range(row[-1].energy)}" for row in added)
    leading = ", ".join(f"{name} {probability:.1%} (logit {short(logit)})" for name, logit, probability in answers)
    return (
        f"The classification head step by step for {photo}. Running sums: {sums}. Pooled: {len(pool)} numbers, "
        f"{name_range(pool)}. Leading classes: {leading}."
    )


def _check_head(trace: Trace, site: str, what: str) -> None:
    """Refuse the trace of a net with another head, which a site that only one kind has tells."""
    if site not in trace.plan.sites:
        outputs = ", ".join(step.name for step in trace.plan.steps if not step.site.feeds)
        raise SiteError(
            f"{what}; this trace is of {trace.plan.owner}, whose head gives {outputs}. hv.figures.channel_grid(trace, "
            "site) shows the maps of any head, hv.heads.table(net) its parts."
        )


LEVEL_GAP = 0.16  # in, between levels
TALLEST = 2.4  # in, of a level and of a map of a class


def pyramid_levels(trace: Trace, *, index: int = 0, show: Show = "energy", theme: Theme | None = None) -> Picture:
    """Draw the levels that a detector reads side by side, finest first, each where it lies on the photo.

    ``show`` is "energy" for what all channels do together at each place, "strongest" for the channel with the greatest
    mean square, or the number of a channel, as in ``branch_maps``.

    Raises:
        SiteError: a site that the trace did not keep, or a net with another head.
        IndexError: the trace has no such photo, or a level no such channel.
        ValueError: another word for ``show``.
    """
    _check_head(trace, "head.level0", "pyramid_levels draws the head of a pyramid net")
    sites = [step.site for step in trace.plan.steps if step.name.startswith("head.level")]
    levels = [read_maps(trace, site, index) for site in sites]
    panels = [one.panel(show, f"{one.size}, stride {one.site.stride}", bar="below") for one in levels]
    high, wide = trace.input.shape[-2:]
    room = (ROOM - LEVEL_GAP * len(panels)) / (len(panels) + 1)
    size = fit_cells((room, TALLEST), levels[0].values.shape[1:])
    which = "all channels together: the root of their mean square at each place"
    if show != "energy":
        which = "the channel with the greatest mean square" if show == "strongest" else f"channel {show}"
    ends = {one.site.name: [cells * (one.site.stride or 1) for cells in one.values.shape[1:]] for one in levels}
    short_of = [name for name, (down, across) in ends.items() if down < high or across < wide]
    rest = f" What is left over at the right and below is dropped (blank): {', '.join(short_of)}." if short_of else ""
    picture, images = panel_grid(
        [[photo_panel(trace, index), *panels]],
        size,
        (ROOM - size[0]) / len(panels),
        theme=theme,
        title=f"The pyramid: one mixture of all streams at {len(panels)} resolutions",
        caption=f"Each map shows {which}. All are averaged from one map of stride 4 and smoothed once, so they differ "
        "in resolution, not in depth. Every map has its own scale: compare colours within a map, not between maps."
        + rest,
        alt=f"Levels of the pyramid for {name_photo(trace.photos, index)}. "
        + "; ".join(
            f"{panel.heading}, stride {one.site.stride}, {one.site.channels} channels of {one.size} cells, "
            f"{name_range(panel.map)}, greatest at {name_peak(panel.map)}"
            for one, panel in zip(levels, panels, strict=True)
        )
        + f".{rest}",
    )
    for image, (down, across) in zip(images[1:], ends.values(), strict=True):
        in_pixels(image, high, wide)
        image.set_extent((0, across, down, 0))
    return picture


class _Outputs(NamedTuple):
    """What has the outputs of a traced net, named or not."""

    classes: tuple[str, ...]
    num_outputs: int


OCR_STEPS = {
    "head.aux": "the first guess",
    "head.regions": "adds up to 1 over the photo",
    "head.attention": "of each cell, 0 to 1",
    "logits": "the answer",
}
SIGNED = ("head.aux", "logits")
LONGEST_NAME = 19


def region_maps(
    trace: Trace, classes: ClassName | Sequence[ClassName], *, index: int = 0, theme: Theme | None = None
) -> Picture:
    """Draw what OCR makes of some classes, a row for each: first guess, soft region, attention to the object, answer.

    Classes are names, or numbers of outputs.

    Raises:
        SiteError: a site that the trace did not keep, or a net with another head.
        IndexError: the trace has no such photo.
        TypeError, ValueError: no such class, or none at all.
    """
    _check_head(trace, "head.regions", "region_maps draws the head of an OCR net")
    maps = {name: read_maps(trace, name, index) for name in OCR_STEPS}
    outputs = _Outputs(trace.classes, maps["logits"].site.channels)
    given = [classes] if isinstance(classes, str | int) else list(classes)
    chosen = [find_output(outputs, one) for one in given]
    if not chosen:
        raise ValueError("No class was given to draw; give names or numbers of outputs, region_maps(trace, [0, 1]).")
    photo, names = photo_panel(trace, index), output_names(outputs)
    size = fit_cells(((ROOM - LEVEL_GAP * len(maps)) / (len(maps) + 1), TALLEST), maps["logits"].values.shape[1:])
    rows: list[Row] = []
    for number in dict.fromkeys(chosen):
        values = {site: one.values[number] for site, one in maps.items()}
        limits = dict.fromkeys(OCR_STEPS, map_limits([values["head.aux"], values["logits"]], signed=True))
        limits |= {"head.regions": (0.0, float(values["head.regions"].max())), "head.attention": (0.0, 1.0)}
        called = textwrap.shorten(names[number], LONGEST_NAME, placeholder="…")
        row = [replace(photo, heading=called, name=f"photo, {called}")]
        for site, words in OCR_STEPS.items():
            look: dict[str, Any] = {
                "signed": site in SIGNED,
                "colour": HEAD_COLOUR,
                "limits": limits[site],
                "bar": "below",
            }
            row.append(Panel(values[site], site, words, name=f"{site}, {called}", **look))
        rows.append(row)
    cells = maps["logits"].values[0].size
    picture, _ = panel_grid(
        rows,
        size,
        (ROOM - size[0]) / len(maps),
        theme=theme,
        title="From a guess to an answer by way of objects",
        caption=f"A soft region is the softmax of the first guess over all {cells:,} cells, each class by itself. It "
        f"adds up to 1 over the photo, so a class that is everywhere alike has 1/{cells:,} in each cell, and one "
        "strong cell makes all others look faint: it weighs cells against one another and does not say how sure the "
        f"net is. Its scale is its own. The attention of a cell adds up to 1 over the {len(names)} objects. Guess and "
        "answer of a class share a scale.",
        alt=f"What the OCR head makes of {len(rows)} of {len(names)} classes for {name_photo(trace.photos, index)}. "
        + " ".join(
            f"{names[number]}: "
            + "; ".join(
                f"{site} {name_range(one.values[number])}, greatest at {name_peak(one.values[number])}"
                for site, one in maps.items()
            )
            + "."
            for number in dict.fromkeys(chosen)
        ),
    )
    return picture
