"""One exchange for one output: what every branch contributes, the sum as it grows, and what ReLU leaves of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hrnet_viz.canvas.colours import Theme, branch_colour
from hrnet_viz.canvas.painting import colour_bar, map_limits, short
from hrnet_viz.canvas.panels import (
    WORDS,
    Floats,
    Panel,
    Row,
    draw_sign,
    fit_cells,
    name_photo,
    name_range,
    panel_grid,
    read_maps,
)
from hrnet_viz.canvas.style import MARGIN, ROOM, Picture
from hrnet_viz.sites import Site
from hrnet_viz.tracing import Trace

SIGN = 0.3  # in, room for + and = between maps
ARROW = 0.8  # in, room for the arrow of the ReLU
TALLEST = 1.75  # in, of a map
ROW_GAP = 0.12  # in


@dataclass(frozen=True)
class Unit:
    """One channel on its way through one exchange.

    Attributes:
        total: the fuse sum.
        channel: which channel.
        paths: its maps of path 0, 1, ..., (H, W) each.
        running: partial sums, the first one being path 0, the last one the sum.
        out: what ReLU leaves.
        gap: greatest difference between the last partial sum and the sum that the net computed, over all channels.
    """

    total: Site
    channel: int
    paths: tuple[Floats, ...]
    running: tuple[Floats, ...]
    out: Floats
    gap: float

    @property
    def removed(self) -> float:
        """Share of cells below 0, which ReLU sets to 0."""
        return float((self.running[-1] < 0).mean())


def exchange_steps(
    trace: Trace, site: str | Site, *, index: int = 0, channel: int | None = None, theme: Theme | None = None
) -> Picture:
    """Draw one exchange unit: every path, the sum as it grows, the sum before ReLU, and the output after it.

    All maps have the same unit, since they are added up, and share one scale, symmetric about 0. The output and each of
    the paths name the sum "stage3.1.sum0", too; "stage3.1.sum0[3]" names the channel as well, which is by default the
    one with the greatest mean square after ReLU.

    Raises:
        SiteError: no such site, or one that the trace did not keep.
        IndexError: the trace has no such photo, or the site no such channel.
        ValueError: the site belongs to no exchange.
    """
    unit = read_unit(trace, site, index, channel)
    number, own = len(unit.paths), unit.total.branch or 0
    size = wide, high = fit_cells(((ROOM - SIGN * number - ARROW) / (number + 2), TALLEST), unit.out.shape)
    limits = map_limits([*unit.paths, *unit.running, unit.out], signed=True)

    def panel(values: Floats, heading: str, detail: str, branch: int = own) -> Panel:
        look: dict[str, Any] = {"signed": True, "colour": branch_colour(branch), "limits": limits}
        return Panel(values, heading, detail, below=name_range(values), **look)

    added: list[Panel | str | None] = []
    for j, values in enumerate(unit.paths):
        added += [panel(values, f"fuse{own}<-{j}", _way(unit, j), j), "=" if j + 1 == number else "+"]
    added.append(panel(unit.running[-1], f"sum{own}", "before ReLU"))
    growing = [
        panel(unit.running[j], f"paths {'+'.join(map(str, range(j + 1)))}", "the sum so far")
        for j in range(1, number - 1)
    ]
    rows: list[Row] = [added, [None, *growing]] if growing else [added]
    out = panel(unit.out, f"out{own}", "after ReLU")
    below = WORDS + high + out.under + ROW_GAP
    picture, _ = panel_grid(
        rows,
        size,
        wide + SIGN,
        width=max(2 * MARGIN + wide * (number + 2) + SIGN * number + ARROW, 7),
        row_gap=ROW_GAP,
        foot=0 if growing else ROW_GAP + 0.4,
        theme=theme,
        title=f"{unit.total.name}, channel {unit.channel}: contributions, sum, and what ReLU leaves",
        caption=f"All maps share one scale, because what is added has one unit. {_adds_up(unit)}; ReLU then sets "
        f"{unit.removed:.0%} of the cells to 0. The colour of a frame is that of the branch that a contribution comes "
        "from, or goes to.",
        alt=_describe(unit, name_photo(trace.photos, index)),
        accent=branch_colour(own),
    )
    with picture:
        if growing:
            picture.note(MARGIN, below + WORDS, "added up\none after\nanother")
        left = MARGIN + number * (wide + SIGN)
        middle, down = left + wide + ARROW / 2, WORDS + high / 2
        draw_sign(picture, middle, down, "→")
        picture.note(middle, down - 0.42, "ReLU", ha="center", fontweight="bold")
        picture.note(middle, down + 0.16, f"{unit.removed:.0%}\nbecome 0", ha="center")
        image = out.draw(picture, left + wide + ARROW, 0, size)
        bar = picture.inches(left, below + (WORDS if growing else 0), 2 * wide + ARROW, 0.1, label="scale")
        colour_bar(image, bar, orientation="horizontal", label="value, one scale for all maps")
    return picture


def read_unit(trace: Trace, site: str | Site, index: int = 0, channel: int | None = None) -> Unit:
    """Return one channel's way through an exchange; arguments and errors are those of ``exchange_steps``."""
    total, named = trace.plan.sum_of(site), trace.plan.place(site).channel
    maps, out = (read_maps(trace, one, index) for one in (total, total.feeds[0]))
    if channel is None:
        channel = out.rank("energy")[0] if named is None else named
    channel = maps.check_channel(channel)
    running = trace.running_sums(total)
    return Unit(
        total=total,
        channel=channel,
        paths=tuple(read_maps(trace, path, index).values[channel] for path in total.inputs),
        running=tuple(one[index, channel].detach().cpu().double().numpy() for one in running),
        out=out.values[channel],
        gap=float((running[-1] - trace[total]).detach().abs().max()),
    )


def _way(unit: Unit, source: int) -> str:
    to = unit.total.branch or 0
    if source == to:
        return f"branch {source} as it is"
    return f"branch {source}, {2 ** abs(source - to)}× {'up' if source > to else 'down'}"


def _adds_up(unit: Unit) -> str:
    if unit.gap == 0:
        return "The contributions add up to the sum to the bit"
    return f"Added up again, the contributions miss the sum by at most {short(unit.gap)}"


def _describe(unit: Unit, photo: str) -> str:
    paths = [f"path {j}, {_way(unit, j)}, {name_range(values)}" for j, values in enumerate(unit.paths)]
    return (
        f"Exchange into {unit.total.name}, channel {unit.channel}, {photo}. {'; '.join(paths)}. Sum before ReLU "
        f"{name_range(unit.running[-1])}; after ReLU {name_range(unit.out)}, {unit.removed:.0%} of the cells became 0. "
        f"{_adds_up(unit)}."
    )
