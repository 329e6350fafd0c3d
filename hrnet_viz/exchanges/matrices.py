"""What each path brings into an exchange: a matrix of shares per module along the depth, or maps of one sum."""

from __future__ import annotations

from hrnet_viz.canvas.colours import Theme, branch_colour
from hrnet_viz.canvas.matrices import average, matrices_picture, whose
from hrnet_viz.canvas.painting import colour_bar, map_limits, short
from hrnet_viz.canvas.panels import Panel, fit_cells, panel_grid
from hrnet_viz.canvas.style import MARGIN, ROOM, Picture
from hrnet_viz.exchanges.contributions import Contributions
from hrnet_viz.exchanges.shares import SIGNED_MEASURES, Shares
from hrnet_viz.sites import Site

GAP, BAR, WORDS, TALLEST = 0.15, 0.75, 0.42, 2.6  # in: between maps, right of them, above them, of a map

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
        words=WORDS,
        theme=theme,
        title=f"{total.site.name}: {TITLES[measure][0].lower()}{TITLES[measure][1:]}",
        caption=f"{CAPTIONS[measure]} Here at each place, over all channels; the numbers are for the whole map. "
        f"{shares.plan.owner}, {whose(shares.photos, every.shape[1], index)}.",
        alt=f"{len(maps)} maps, one per path into {total.site.name}. {TITLES[measure]}, whole map: {each}.",
    )
    with picture:
        colour_bar(images[-1], picture.inches(MARGIN + ROOM - BAR + 0.15, WORDS, 0.1, size[1], label="scale"))
    return picture
