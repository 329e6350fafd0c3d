"""One exchange for one output: what every branch contributes, the sum as it grows, and what ReLU leaves of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from matplotlib.image import AxesImage

from hrnet_viz.activations.statistics import rank_channels
from hrnet_viz.canvas.panels import (
    WORDS,
    Floats,
    Panel,
    check_channel,
    draw_panel,
    fit_cells,
    name_range,
    name_sample,
    read_maps,
)
from hrnet_viz.canvas.style import (
    LARGE,
    MARGIN,
    SMALL,
    Picture,
    Theme,
    branch_colour,
    colour_bar,
    map_limits,
    new_picture,
    short,
    theme_colours,
)
from hrnet_viz.sites import Site
from hrnet_viz.tracing import Trace

WIDTH = 10  # in
SIGN = 0.3  # in, room for + and = between maps
ARROW = 0.8  # in, room for the arrow of the ReLU
TALLEST = 1.75  # in, of a map
RANGE = 0.24  # in, the line of numbers below a map


@dataclass(frozen=True)
class Unit:
    """One channel on its way through one exchange.

    Attributes:
        total: the fuse sum.
        channel: which channel.
        paths: its maps of path 0, 1, ..., (H, W) each.
        sources: branch that each path comes from.
        running: partial sums, the first one being path 0, the last one the sum.
        out: what ReLU leaves.
        gap: greatest difference between the last partial sum and the sum that the net computed, over all channels.
    """

    total: Site
    channel: int
    paths: tuple[Floats, ...]
    sources: tuple[int, ...]
    running: tuple[Floats, ...]
    out: Floats
    gap: float

    @property
    def removed(self) -> float:
        """Share of cells below 0, which ReLU sets to 0."""
        return float((self.running[-1] < 0).mean())


def exchange_steps(
    trace: Trace, site: str | Site, *, sample: int = 0, channel: int | None = None, theme: Theme | None = None
) -> Picture:
    """Draw one exchange unit: every path, the sum as it grows, the sum before ReLU, and the output after it.

    All maps have the same unit, since they are added up, and share one scale, symmetric about 0.

    Args:
        trace: the trace; it must hold the paths, the sum and the output.
        site: a fuse sum, "stage3.1.sum0"; the output and each of the paths name it too. "stage3.1.sum0[3]" names the
            channel as well.
        sample: number of the photo in the trace.
        channel: which channel; by default the one with the greatest mean square after ReLU.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        SiteError: no such site, or one that the trace did not keep.
        IndexError: the trace has no such photo, or the site no such channel.
        ValueError: the site belongs to no exchange.
    """
    unit = read_unit(trace, site, sample, channel)
    number = len(unit.paths)
    room = (WIDTH - 2 * MARGIN - SIGN * number - ARROW) / (number + 2)
    size = wide, high = fit_cells((min(room, TALLEST), TALLEST), unit.out.shape)
    limits = map_limits([*unit.paths, *unit.running, unit.out], signed=True)
    below = WORDS + high + RANGE + 0.12
    with new_picture(
        max(2 * MARGIN + wide * (number + 2) + SIGN * number + ARROW, 7),
        below + (WORDS + high + RANGE if number > 2 else 0.4),
        theme,
        title=f"{unit.total.name}, channel {unit.channel}: contributions, sum, and what ReLU leaves",
        caption=_caption(unit),
        alt=_describe(unit, name_sample(trace, sample)),
        accent=branch_colour(unit.total.branch),
    ) as picture:
        own = branch_colour(unit.total.branch)
        for place, (values, source) in enumerate(zip(unit.paths, unit.sources, strict=True)):
            left = MARGIN + place * (wide + SIGN)
            panel = Panel(
                values, f"fuse{unit.total.branch}<-{source}", _way(unit, source), True, branch_colour(source), limits
            )
            _draw(picture, panel, (left, 0), size)
            _sign(picture, left + wide + SIGN / 2, high, "=" if place + 1 == number else "+")
            if 0 < place < number - 1:
                panel = Panel(
                    unit.running[place],
                    "paths " + "+".join(map(str, unit.sources[: place + 1])),
                    "the sum so far",
                    True,
                    own,
                    limits,
                )
                _draw(picture, panel, (left, below), size)
        muted = theme_colours(picture.theme).muted
        if number > 2:
            words = "added up\none after\nanother"
            picture.write(MARGIN, below + WORDS, words, fontsize=SMALL, color=muted)
        left = MARGIN + number * (wide + SIGN)
        panel = Panel(unit.running[-1], f"sum{unit.total.branch}", "before ReLU", True, own, limits)
        _draw(picture, panel, (left, 0), size)
        _sign(picture, left + wide + ARROW / 2, high, "→")
        middle = {"ha": "center", "fontsize": SMALL, "color": muted}
        picture.write(left + wide + ARROW / 2, WORDS + high / 2 - 0.42, "ReLU", **middle | {"fontweight": "bold"})
        picture.write(left + wide + ARROW / 2, WORDS + high / 2 + 0.16, f"{unit.removed:.0%}\nbecome 0", **middle)
        out = Panel(unit.out, f"out{unit.total.branch}", "after ReLU", True, own, limits)
        image = _draw(picture, out, (left + wide + ARROW, 0), size)
        bar = picture.inches(left, below + (WORDS if number > 2 else 0), 2 * wide + ARROW, 0.1, label="scale")
        colour_bar(image, bar, orientation="horizontal", label="value, one scale for all maps")
    return picture


def read_unit(trace: Trace, site: str | Site, sample: int = 0, channel: int | None = None) -> Unit:
    """Return one channel's way through an exchange; arguments and errors are those of ``exchange_steps``."""
    total, place = trace.plan.sum_of(site), trace.plan.place(site)
    maps = read_maps(trace, total, sample)
    out = read_maps(trace, total.feeds[0], sample)
    if channel is None:
        channel = place.channel
    if channel is None:
        channel = rank_channels(torch.from_numpy(out.values), "energy")[0]
    check_channel(maps, channel)
    running = trace.running_sums(total)
    return Unit(
        total=total,
        channel=channel,
        paths=tuple(read_maps(trace, path, sample).values[channel] for path in total.inputs),
        sources=tuple(int(path.rpartition("-")[2]) for path in total.inputs),
        running=tuple(one[sample, channel].detach().cpu().double().numpy() for one in running),
        out=out.values[channel],
        gap=float((running[-1] - trace[total]).detach().abs().max()),
    )


def _draw(picture: Picture, panel: Panel, place: tuple[float, float], size: tuple[float, float]) -> AxesImage:
    image = draw_panel(picture, panel, *place, size, bar=False)
    left, top = place[0] + size[0] / 2, place[1] + WORDS + size[1] + 0.05
    muted = theme_colours(picture.theme).muted
    picture.write(left, top, name_range(panel.values), ha="center", fontsize=SMALL, color=muted)
    return image


def _sign(picture: Picture, left: float, high: float, sign: str) -> None:
    picture.write(left, WORDS + high / 2, sign, ha="center", va="center", fontsize=LARGE + 5)


def _way(unit: Unit, source: int) -> str:
    to = unit.total.branch or 0
    if source == to:
        return f"branch {source} as it is"
    return f"branch {source}, {2 ** abs(source - to)}× {'up' if source > to else 'down'}"


def _adds_up(unit: Unit) -> str:
    if unit.gap == 0:
        return "The contributions add up to the sum to the bit"
    return f"Added up again, the contributions miss the sum by at most {short(unit.gap)}"


def _caption(unit: Unit) -> str:
    return (
        f"All maps share one scale, because what is added has one unit. {_adds_up(unit)}; ReLU then sets "
        f"{unit.removed:.0%} of the cells to 0. The colour of a frame is that of the branch that a contribution comes "
        "from, or goes to."
    )


def _describe(unit: Unit, name: str) -> str:
    paths = "; ".join(
        f"path {source}, {_way(unit, source)}, {name_range(values)}"
        for source, values in zip(unit.sources, unit.paths, strict=True)
    )
    return (
        f"Exchange into {unit.total.name}, channel {unit.channel}, {name}. {paths}. Sum before ReLU "
        f"{name_range(unit.running[-1])}; after ReLU {name_range(unit.out)}, {unit.removed:.0%} of the cells became 0. "
        f"{_adds_up(unit)}."
    )
