"""What each path brings into an exchange: matrices along the depth, maps of one sum, and the sum step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hrnet_viz.canvas.colours import Theme, branch_colour
from hrnet_viz.canvas.matrices import average, matrices_picture, whose
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
from hrnet_viz.exchanges.contributions import Contributions
from hrnet_viz.exchanges.shares import SIGNED_MEASURES, Shares
from hrnet_viz.sites import Site
from hrnet_viz.tracing import Trace

GAP, BAR, ABOVE, TALLEST = 0.15, 0.75, 0.42, 2.6  # in: between maps, right of them, above them, of a map

TITLES = {
    "energy": "Share of the energy that each path brings",
    "projection": "How much of the sum each path accounts for",
    "cosine": "Does each path point along the sum?",
    "decided": "Where each path decides at the ReLU",
    "opened": "Where each path opens the ReLU",
    "closed": "Where each path closes the ReLU",
}
CAPTIONS = {
    "energy": "|P_j|² / Σ|P|²: how loud path i<-j is. Over j it adds up to 1. Two loud paths may cancel.",
    "projection": "⟨P_j, S⟩ / ⟨S, S⟩ for the sum S before the ReLU. Over j it adds up to 1; a negative path works "
    "against the sum.",
    "cosine": "Cosine of the angle between path i<-j and the sum S before the ReLU: direction, whatever the size.",
    "decided": "Share of the positions that the ReLU would treat the other way without path i<-j. Over j it need not "
    "add up to 1.",
    "opened": "Share of the positions that are above 0, and would not be without path i<-j.",
    "closed": "Share of the positions that are not above 0, and would be without path i<-j.",
}


def share_matrices(
    shares: Shares, measure: str = "energy", *, index: int | None = None, theme: Theme | None = None
) -> Picture:
    """Draw a measure of every path of every exchange, for one photo or the mean over all of them.

    Raises:
        ValueError: no such measure; there are "energy", "projection", "cosine", "decided", "opened" and "closed".
        IndexError: no such photo.
    """
    every = shares.matrices(measure)
    n = len(next(iter(every.values())))
    return matrices_picture(
        {module: average(matrix.cpu().numpy(), index) for module, matrix in every.items()},
        signed=measure in SIGNED_MEASURES,
        limit=1.0 if measure in {"energy", "cosine"} else None,
        title=TITLES[measure],
        caption=f"{CAPTIONS[measure]} {shares.plan.owner}, {whose(shares.photos, n, index)}.",
        label={"cosine": "cosine", "projection": "share of the sum"}.get(measure, "share"),
        theme=theme,
    )


def contribution_matrices(
    contributions: Contributions, *, index: int | None = None, theme: Theme | None = None
) -> Picture:
    """Draw what every path of every exchange contributes to the score, for one photo or the mean over all of them.

    Raises:
        ValueError: a path of a module is missing.
        IndexError: no such photo.
    """
    modules = map(str, contributions.plan.modules)
    score = average(contributions.score.double().cpu().numpy(), index)
    words = ", ".join(dict.fromkeys(contributions.words if index is None else (contributions.words[index],)))
    return matrices_picture(
        {module: average(contributions.matrix(module).cpu().numpy(), index) for module in modules},
        signed=True,
        title=f"What each path contributes to “{words}”",
        caption=f"Gradient × path, in units of the score, which is {short(float(score), 3)}. To first order, a path "
        f"that is cut takes this away. {contributions.plan.owner}, "
        f"{whose(contributions.photos, len(contributions.score), index)}.",
        label="contribution to the score",
        theme=theme,
    )


def share_maps(
    shares: Shares, site: str | Site, measure: str = "decided", *, index: int = 0, theme: Theme | None = None
) -> Picture:
    """Draw a measure of every path into one fuse sum, place by place over all channels, on one scale.

    Raises:
        SiteError: a site that is none of the sums.
        ValueError: no such measure; see ``share_matrices``.
        IndexError: no such photo.
    """
    total, signed = shares[site], measure in SIGNED_MEASURES
    every = total.measure(measure, per="place").cpu().numpy()
    maps = [average(path, index) for path in every]
    means = [short(value) for value in total.measure(measure)[:, index].tolist()]
    low, high = map_limits(maps, signed=signed)
    room = (ROOM - BAR - GAP * (len(maps) - 1)) / len(maps)
    panels = [
        Panel(
            values,
            path.name.rpartition(".")[2],
            mean,
            signed=signed,
            colour=branch_colour(path.source),
            limits=(low if signed else min(low, 0), high),
            name=path.name,
        )
        for path, values, mean in zip(total.paths, maps, means, strict=True)
    ]
    each = ", ".join(f"{path.name} {mean}" for path, mean in zip(total.paths, means, strict=True))
    size = fit_cells((room, TALLEST), maps[0].shape)
    picture, images = panel_grid(
        [panels],
        size,
        room + GAP,
        words=ABOVE,
        theme=theme,
        title=f"{total.site.name}: {TITLES[measure][0].lower()}{TITLES[measure][1:]}",
        caption=f"{CAPTIONS[measure]} Here at each place, over all channels; the numbers are for the whole map. "
        f"{shares.plan.owner}, {whose(shares.photos, every.shape[1], index)}.",
        alt=f"{len(maps)} maps, one per path into {total.site.name}. {TITLES[measure]}, whole map: {each}.",
    )
    with picture:
        colour_bar(images[-1], picture.inches(MARGIN + ROOM - BAR + 0.15, ABOVE, 0.1, size[1], label="scale"))
    return picture


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
