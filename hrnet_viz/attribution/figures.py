"""Class activation maps: modules x branches for one class, one class against another, one class through the depth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from textwrap import wrap
from typing import Literal

from hrnet_viz.activations.maps import find_stream
from hrnet_viz.attribution.cams import SCORE_PER_PHOTO, Cams, Enlarge
from hrnet_viz.attribution.methods import NAMES
from hrnet_viz.attribution.tiles import (
    RANGE_WORDS,
    TALLEST,
    Tile,
    caption_flags,
    caption_scale,
    describe,
    draw_legend,
    draw_plain,
    draw_tile,
    fit_tile,
    read_picture,
    read_tile,
    share_limit,
    title_of,
)
from hrnet_viz.canvas.colours import Theme, theme_colours
from hrnet_viz.canvas.painting import short
from hrnet_viz.canvas.panels import draw_arrow
from hrnet_viz.canvas.style import LARGE, MARGIN, NORMAL, SMALL, WIDTH, Picture
from hrnet_viz.sites import Site, check_index, quote

LABELS = 0.95  # in, left of the rows
LABELS_LETTERS = 13
TITLE_LETTERS = 70
GAP = 0.12  # in, between columns
ROW_GAP = 0.14
HEAD = 0.24  # in, above the columns
LEGEND = 0.55
PER_ROW = 6
OFTEN_EMPTY = 2  # the first row that stage 2 has no map for

Scale = Literal["own", "shared", "misleading"]
CHAIN_LABELS = 1.15
SIGN = 0.34  # in, between the maps of a row
CHAIN_HEAD = 0.22  # in, above each map
CHAIN_ROW_GAP = 0.12
CHAIN_TALLEST = 1.4  # in, of a map
ADDITIVE = ("gradcam", "hirescam")
"""Methods whose maps of the parts of a sum add up to the map of the sum: one gradient belongs to all of them."""


def cam_grid(
    cams: Cams,
    *,
    kind: Literal["branch", "fuse_sum", "fuse_out"] = "branch",
    index: int = 0,
    scale: Scale = "own",
    enlarge: Enlarge = "cells",
    theme: Theme | None = None,
) -> Picture:
    """Draw the maps of every module (columns) and branch (rows) for one class.

    Args:
        cams: the maps; they must hold all sites of the kind.
        kind: "branch" for what the branches put out, "fuse_sum" and "fuse_out" for the exchange before and after ReLU.
        index: number of the photo.
        scale: "own" colours each map up to its own largest absolute value; "shared" gives all of them one scale in
            score per photo area, which HiResCAM alone has; "misleading" gives all raw maps one scale, to show what that
            does, and says so.
        enlarge: "cells" as they are, or "bilinear".
        theme: "light" or "dark"; the default theme if None.

    Raises:
        SiteError: a site that there is no map of.
        IndexError: no such photo.
        ValueError: another kind or scale, or a shared scale for another method than HiResCAM.
    """
    if kind not in ("branch", "fuse_sum", "fuse_out"):
        raise ValueError(f"kind={quote(kind)} was given; the grid has 'branch', 'fuse_sum' or 'fuse_out' sites.")
    cams = scaled(cams, scale)
    sites = cams.plan.select(kind=kind)
    tiles = share_limit([read_tile(cams, site, index) for site in sites], wanted=scale != "own")
    modules = list(dict.fromkeys(cams.plan.module(site).address for site in sites))
    pitch = (WIDTH - 2 * MARGIN - LABELS) / len(modules)
    pixels = read_picture(cams, index)
    size = fit_tile(cams, min(pitch - GAP, TALLEST))
    high = size[1]
    tall = high + RANGE_WORDS + ROW_GAP
    rows = 1 + max(site.branch or 0 for site in sites)
    words = {"branch": "after the branches", "fuse_sum": "before the ReLU", "fuse_out": "after the exchange"}[kind]
    with Picture(
        WIDTH,
        HEAD + rows * tall - ROW_GAP,
        theme,
        title=f"{'Misleading: ' * (scale == 'misleading')}{title_of(cams, index)} {words} of every module",
        caption=f"{caption_flags(tiles)}{caption_scale(cams, scale)}",
        alt=describe(cams, tiles, index, f"{words} of every module"),
    ) as picture:
        for column, module in enumerate(modules):
            picture.write(MARGIN + LABELS + column * pitch, 0, module, fontsize=NORMAL, fontweight="bold")
        for tile in tiles:
            column, row = modules.index(cams.plan.module(tile.site).address), tile.site.branch or 0
            left, top = MARGIN + LABELS + column * pitch, HEAD + row * tall
            draw_tile(picture, tile, pixels, (left, top), size, enlarge=enlarge)
            if column == max(k for k, module in enumerate(modules) if f"{module}." in f"{tile.site.name}."):
                label = f"branch {row}\nstride {tile.site.stride}\n{tile.size}\ncells"
                if column == len(modules) - 1:
                    picture.write(MARGIN, top, label, fontsize=SMALL, linespacing=1.35)
        top = HEAD + OFTEN_EMPTY * tall
        draw_plain(picture, pixels, (MARGIN + LABELS, top), size)
        free = sum(module.startswith(("stage2", "stage3")) for module in modules)
        draw_legend(
            picture,
            (MARGIN + LABELS, HEAD + (rows - 1) * tall + max(high - 0.5, 0.1)),
            min(free * pitch - GAP - 0.2, 3.4),
            reach=None if scale == "own" else tiles[0].reach,
            label=cams.unit if cams.unit == SCORE_PER_PHOTO else "raw value, not comparable",
        )
    return picture


def cam_classes(
    several: Sequence[Cams],
    sites: Iterable[str | Site] | None = None,
    *,
    index: int = 0,
    enlarge: Enlarge = "cells",
    theme: Theme | None = None,
) -> Picture:
    """Draw one class against another: a row per target, a column per site.

    The maps of one column are of the same tensor of the same photo, so they have a unit in common and share a scale.

    Args:
        several: maps of the same net and photo, of one method, for different targets, such as "cat", "dog" and the
            difference of the two.
        sites: the columns; by default the branches of the last module and the last map of the head.
        index: number of the photo.
        enlarge: "cells" as they are, or "bilinear".
        theme: "light" or "dark"; the default theme if None.

    Raises:
        SiteError: a site that there is no map of.
        IndexError: no such photo.
        ValueError: no maps, or maps of different nets or methods.
    """
    if not several or len({(cams.plan.owner, cams.method) for cams in several}) > 1:
        raise ValueError("cam_classes compares maps of one net and one method; give at least one of them.")
    for cams in several:
        check_index(index, len(cams.targets))
    first = several[0]
    plan = first.plan
    last = plan.select(kind="branch")[-1]
    chosen = sites if sites is not None else (*plan.select(kind="branch", stage=4, module=last.module), "head.final")
    names = [str(plan.place(site)) for site in chosen]
    columns = [share_limit([read_tile(cams, name, index) for cams in several], wanted=True) for name in names]
    pixels = read_picture(first, index)
    pitch = (WIDTH - 2 * MARGIN - LABELS - 0.35) / (len(names) + 1)
    size = wide, high = fit_tile(first, min(pitch - GAP, TALLEST))
    tall = high + RANGE_WORDS + ROW_GAP
    targets = [cams.targets[index] for cams in several]
    title = " · ".join(f"“{target}”" for target in targets)
    with Picture(
        WIDTH,
        HEAD + len(several) * tall - ROW_GAP + LEGEND,
        theme,
        title=f"{NAMES[first.method]}: {title if len(title) <= TITLE_LETTERS else f'{len(targets)} targets compared'}",
        caption=(
            f"{caption_flags([tile for column in columns for tile in column])}The maps of a column are of one tensor: "
            "they share a scale, given by the raw numbers, and can be compared. Columns cannot."
        ),
        alt="; ".join(
            f"“{target}”: " + ", ".join(column[row].describe() for column in columns)
            for row, target in enumerate(targets)
        )
        + ".",
    ) as picture:
        start = MARGIN + LABELS + 0.35
        draw_plain(picture, pixels, (start, HEAD), size)
        draw_legend(picture, (MARGIN, HEAD + len(several) * tall - ROW_GAP + 0.1), 3.4)
        for column, tiles in enumerate(columns, start=1):
            left = start + column * pitch
            size_pt = SMALL if len(tiles[0].site.name) > wide * 10 else NORMAL
            picture.write(left, 0, tiles[0].site.name, fontsize=size_pt, fontweight="bold")
            for row, tile in enumerate(tiles):
                draw_tile(picture, tile, pixels, (left, HEAD + row * tall), size, enlarge=enlarge)
        for row, cams in enumerate(several):
            words = "\n".join(wrap(cams.targets[index], LABELS_LETTERS))
            score = short(float(cams.scores[index]), 3)
            picture.write(MARGIN, HEAD + row * tall, words, fontsize=NORMAL, fontweight="bold", linespacing=1.25)
            lines = words.count("\n") + 1
            picture.note(MARGIN, HEAD + row * tall + 0.19 * lines + 0.04, f"score {score}")
    return picture


def cam_depth(
    cams: Cams,
    branch: int = 0,
    *,
    index: int = 0,
    scale: Scale = "own",
    enlarge: Enlarge = "cells",
    theme: Theme | None = None,
) -> Picture:
    """Draw one class through the depth: from where a branch starts over every module to where the class is decided.

    Args:
        cams: the maps.
        branch: 0 to 3, 0 is the highest resolution.
        index: number of the photo.
        scale: see ``cam_grid``.
        enlarge: "cells" as they are, or "bilinear".
        theme: "light" or "dark"; the default theme if None.

    Raises:
        SiteError: a site that there is no map of.
        IndexError: no such photo.
        ValueError: no such branch, or a shared scale for another method than HiResCAM.
    """
    cams = scaled(cams, scale)
    names = dict.fromkeys([*(site.name for site in find_stream(cams.plan, branch)), "head.final"])
    tiles = share_limit([read_tile(cams, name, index) for name in names], wanted=scale != "own")
    pixels = read_picture(cams, index)
    down = ceil((len(tiles) + 1) / PER_ROW)
    across = ceil((len(tiles) + 1) / down)
    arrow = 0.26
    size = wide, high = fit_tile(cams, min((WIDTH - 2 * MARGIN) / across - arrow, TALLEST))
    pitch = (WIDTH - 2 * MARGIN - wide) / max(across - 1, 1)
    tall = HEAD + high + RANGE_WORDS + ROW_GAP
    with Picture(
        WIDTH,
        down * tall - ROW_GAP + LEGEND,
        theme,
        title=f"{title_of(cams, index)} through branch {branch} to the end",
        caption=f"{caption_flags(tiles)}{caption_scale(cams, scale)}",
        alt=describe(cams, tiles, index, f"in order through branch {branch}"),
    ) as picture:
        muted = theme_colours(picture.theme).muted
        draw_plain(picture, pixels, (MARGIN, HEAD), size)
        for number, tile in enumerate(tiles, start=1):
            row, column = divmod(number, across)
            left, top = MARGIN + column * pitch, row * tall
            size_pt = SMALL if len(tile.site.name) > wide * 10 else NORMAL
            picture.write(left, top, tile.site.name, fontsize=size_pt, fontweight="bold")
            draw_tile(picture, tile, pixels, (left, top + HEAD), size, enlarge=enlarge)
            if column:
                middle = (left - (pitch - wide) / 2, top + HEAD + high / 2)
                picture.write(*middle, "→", ha="center", va="center", fontsize=LARGE, color=muted)
        draw_legend(
            picture,
            (MARGIN, down * tall - ROW_GAP + 0.1),
            3.4,
            reach=None if scale == "own" else tiles[0].reach,
            label=cams.unit if cams.unit == SCORE_PER_PHOTO else "raw value, not comparable",
        )
    return picture


def scaled(cams: Cams, scale: Scale) -> Cams:
    """Bring maps to the unit that a scale needs.

    Raises:
        ValueError: no such scale, or a shared one for maps that have no common unit.
    """
    if scale not in ("own", "shared", "misleading"):
        raise ValueError(
            f"scale={quote(scale)} was given; maps are drawn on their 'own', a 'shared' or a 'misleading' scale."
        )
    return cams.per_area() if scale == "shared" else cams


def cam_chain(cams: Cams, *, index: int = 0, enlarge: Enlarge = "cells", theme: Theme | None = None) -> Picture:
    """Draw the maps of the head: widened (incre), carried down, added up, at one resolution per row, then the last one.

    Args:
        cams: the maps; they must hold the sites of the head.
        index: number of the photo.
        enlarge: "cells" as they are, or "bilinear".
        theme: "light" or "dark"; the default theme if None.

    Raises:
        SiteError: a site that there is no map of.
        IndexError: no such photo.
    """
    adds = cams.method in ADDITIVE
    rows = [[read_tile(cams, "head.incre0", index)]]
    for b in (1, 2, 3):
        tiles = [read_tile(cams, name, index) for name in (f"head.incre{b}", f"head.down{b - 1}", f"head.sum{b}")]
        rows.append(share_limit(tiles, wanted=adds))
    final = read_tile(cams, "head.final", index)
    pixels = read_picture(cams, index)
    size = wide, high = fit_tile(cams, CHAIN_TALLEST)
    tall = CHAIN_HEAD + high + RANGE_WORDS + CHAIN_ROW_GAP
    start = MARGIN + CHAIN_LABELS
    column = wide + SIGN
    with Picture(
        WIDTH,
        4 * tall - CHAIN_ROW_GAP,
        theme,
        title=f"{title_of(cams, index)}: the head gives resolution up, step by step",
        caption=_caption(cams, rows, final, adds=adds),
        alt=describe(cams, [*(tile for row in rows for tile in row), final], index, "through the head"),
    ) as picture:
        muted = theme_colours(picture.theme).muted

        def place(tile: Tile, left: float, top: float) -> None:
            picture.write(left, top, tile.site.name, fontsize=NORMAL, fontweight="bold")
            draw_tile(picture, tile, pixels, (left, top + CHAIN_HEAD), size, enlarge=enlarge)

        for b, row in enumerate(rows):
            top = b * tall
            words = f"stride {row[0].site.stride}\n{row[0].size} cells\n{row[0].site.channels} channels"
            picture.note(MARGIN, top + CHAIN_HEAD, words, linespacing=1.35)
            for k, tile in enumerate(row):
                place(tile, start + k * column, top)
                if k:
                    between = (start + k * column - SIGN / 2, top + CHAIN_HEAD + high / 2)
                    picture.write(*between, "+="[k - 1], ha="center", va="center", fontsize=LARGE, color=muted)
            if b < 3:  # the running sum goes down into the next resolution
                last = start + (len(row) - 1) * column
                below = (b + 1) * tall
                if b:
                    draw_arrow(
                        picture,
                        (last - 0.04, top + CHAIN_HEAD + high + 0.1),
                        (start + column + wide + 0.06, below + CHAIN_HEAD),
                    )
                else:
                    draw_arrow(
                        picture, (last + wide + 0.04, top + CHAIN_HEAD + high), (start + column + 0.25, below - 0.02)
                    )
        right, bottom = start + 3 * column + 0.3, 3 * tall
        middle = bottom + CHAIN_HEAD + high / 2
        draw_arrow(picture, (right - SIGN - 0.26, middle), (right - 0.06, middle))
        place(final, right, bottom)
        score = f"mean over all cells,\none linear layer:\nscore {short(float(cams.scores[index]), 3)}"
        picture.write(right + wide + 0.2, middle, score, fontsize=NORMAL, va="center", linespacing=1.4)
        draw_plain(picture, pixels, (right, CHAIN_HEAD), size)
        draw_legend(picture, (right, CHAIN_HEAD + high + RANGE_WORDS + 0.3), min(2.6, WIDTH - MARGIN - right))
    return picture


def _caption(cams: Cams, rows: list[list[Tile]], final: Tile, *, adds: bool) -> str:
    silent = caption_flags([tile for row in rows for tile in row] + [final])
    if adds:
        return (
            f"{silent}{NAMES[cams.method]} maps of a row are in one unit, since one gradient belongs to a sum and to "
            "its parts: they share a scale, and the first two add up to the third. Rows cannot be compared."
        )
    return (
        f"{silent}Each map is coloured up to its own largest absolute value; with {NAMES[cams.method]} the maps of the "
        "parts do not add up to that of the sum."
    )
