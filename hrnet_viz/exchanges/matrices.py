"""What each path brings into an exchange: a matrix of shares per module along the depth, or maps of one sum."""

from __future__ import annotations

from hrnet_viz.canvas.matrices import average, matrices_picture
from hrnet_viz.canvas.panels import count, fit_cells
from hrnet_viz.canvas.style import (
    MARGIN,
    NORMAL,
    SMALL,
    Picture,
    Theme,
    branch_colour,
    colour_bar,
    map_limits,
    new_picture,
    short,
    show_map,
    theme_colours,
)
from hrnet_viz.exchanges.contributions import Contributions
from hrnet_viz.exchanges.shares import SIGNED_MEASURES, Shares
from hrnet_viz.sites import Site

WIDTH = 10.0  # in
GAP, WORDS, BAR = 0.15, 0.42, 0.75  # in: between maps, above them, right of them
TALLEST = 2.6

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
    shares: Shares, measure: str = "energy", *, sample: int | None = None, theme: Theme | None = None
) -> Picture:
    """Draw a measure of every path of every exchange.

    Args:
        shares: what ``hv.exchanges.shares`` gave.
        measure: "energy", "projection", "cosine", "decided", "opened" or "closed".
        sample: number of the photo; the mean over all of them if None.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        ValueError: no such measure.
        IndexError: no such photo.
    """
    matrices = {module: average(matrix.cpu().numpy(), sample) for module, matrix in shares.matrices(measure).items()}
    signed = measure in SIGNED_MEASURES
    limit = 1.0 if measure in {"energy", "cosine"} else None
    n = next(iter(shares.matrices(measure).values())).shape[0]
    return matrices_picture(
        matrices,
        signed=signed,
        limit=limit,
        title=TITLES[measure],
        caption=f"{CAPTIONS[measure]} {shares.plan.owner}, {whose(shares.photos, n, sample)}.",
        label={"cosine": "cosine", "projection": "share of the sum"}.get(measure, "share"),
        theme=theme,
    )


def contribution_matrices(
    contributions: Contributions, *, sample: int | None = None, theme: Theme | None = None
) -> Picture:
    """Draw what every path of every exchange contributes to the score.

    Args:
        contributions: what ``hv.exchanges.contributions`` gave, for all paths.
        sample: number of the photo; the mean over all of them if None.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        ValueError: a path of a module is missing.
        IndexError: no such photo.
    """
    matrices = {
        module: average(contributions.matrix(module).cpu().numpy(), sample)
        for module in map(str, contributions.plan.modules)
    }
    n = len(contributions.score)
    score = average(contributions.score.double().cpu().numpy(), sample)
    words = ", ".join(dict.fromkeys(contributions.words if sample is None else (contributions.words[sample],)))
    return matrices_picture(
        matrices,
        signed=True,
        title=f"What each path contributes to “{words}”",
        caption=f"Gradient × path, in units of the score, which is {short(float(score), 3)}. To first order, a path "
        f"that is cut takes this away. {contributions.plan.owner}, {whose(contributions.photos, n, sample)}.",
        label="contribution to the score",
        theme=theme,
    )


def share_maps(
    shares: Shares, site: str | Site, measure: str = "decided", *, sample: int = 0, theme: Theme | None = None
) -> Picture:
    """Draw a measure of every path into one sum, place by place over all channels, on one scale.

    Args:
        shares: what ``hv.exchanges.shares`` gave.
        site: the fuse sum.
        measure: "energy", "projection", "cosine", "decided", "opened" or "closed".
        sample: number of the photo.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        SiteError: a site that is none of the sums.
        ValueError: no such measure.
        IndexError: no such photo.
    """
    total = shares[site]
    every = total.measure(measure, per="place").cpu().numpy()
    maps = [average(path, sample) for path in every]
    means = average(total.measure(measure).T.cpu().numpy(), sample)
    signed = measure in SIGNED_MEASURES
    low, high = map_limits(maps, signed=signed)
    room = (WIDTH - 2 * MARGIN - BAR - GAP * (len(maps) - 1)) / len(maps)
    wide, tall = fit_cells((room, TALLEST), (maps[0].shape[0], maps[0].shape[1]))
    told = [f"{path.name} {short(float(mean))}" for path, mean in zip(total.paths, means, strict=True)]
    with new_picture(
        WIDTH,
        WORDS + tall,
        theme,
        title=f"{total.site.name}: {TITLES[measure][0].lower()}{TITLES[measure][1:]}",
        caption=f"{CAPTIONS[measure]} Here at each place, over all channels; the numbers are for the whole map. "
        f"{shares.plan.owner}, {whose(shares.photos, every.shape[1], sample)}.",
        alt=f"{len(maps)} maps, one per path into {total.site.name}. {TITLES[measure]}, whole map: {', '.join(told)}.",
    ) as picture:
        for number, (path, values, mean) in enumerate(zip(total.paths, maps, means, strict=True)):
            left = MARGIN + number * (room + GAP)
            picture.write(left, 0, path.name.rpartition(".")[2], fontsize=NORMAL, fontweight="bold")
            picture.write(left, 0.19, short(float(mean)), fontsize=SMALL, color=theme_colours(picture.theme).muted)
            axes = picture.inches(left, WORDS, wide, tall, label=path.name)
            colour = branch_colour(path.source)
            image = show_map(axes, values, signed=signed, vmin=low if signed else min(low, 0), vmax=high, frame=colour)
        colour_bar(image, picture.inches(WIDTH - MARGIN - BAR + 0.15, WORDS, 0.1, tall, label="scale"))
    return picture


def whose(photos: tuple[str, ...], n: int, sample: int | None) -> str:
    """Tell which photos a picture is of."""
    if sample is None and n > 1:
        return f"mean over {count(n, 'photo')}"
    number = sample or 0
    return f"photo “{photos[number]}”" if photos else f"sample {number}"
