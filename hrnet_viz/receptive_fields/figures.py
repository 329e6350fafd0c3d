"""Receptive fields drawn on the photo: what a cell can depend on at all, and the pixels that it does depend on."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from hrnet_viz.canvas.panels import Floats, fit_cells, site_colour, thin_colours
from hrnet_viz.canvas.style import MARGIN, NORMAL, SMALL, Picture, Theme, new_picture, outline, theme_colours
from hrnet_viz.photos.photo import Photo
from hrnet_viz.receptive_fields.fields import SHARE, Box, EffectiveField

WIDTH = 10.0  # in
PER_ROW = 4
GAP, WORDS, BELOW = 0.2, 0.42, 0.46  # in
TALLEST = 4.0
HALF = 0.5
FAINT, STRONG = 0.5, 0.95  # opacity of the pixels within the outer and within the inner contour
PALER = 0.35  # share of white in the grey photo, so that colour stands out


def receptive_field_maps(
    fields: Sequence[EffectiveField] | EffectiveField, photo: Photo | None = None, *, theme: Theme | None = None
) -> Picture:
    """Draw receptive fields side by side on the photo, each with the cell that it belongs to.

    Args:
        fields: what ``hv.receptive_fields.effective`` gave, for several sites, cells, or exchanges kept.
        photo: the photo as the net sees it, ``net.preparation.picture(photo)``; a grey page if None.
        theme: "light" or "dark"; the default theme if None.

    Raises:
        ValueError: no field, or fields and a photo of different sizes.
    """
    fields = [fields] if isinstance(fields, EffectiveField) else list(fields)
    pixels = _check(fields, photo)
    high, wide = fields[0].energy.shape
    across = min(len(fields), PER_ROW)
    down = ceil(len(fields) / across)
    room = (WIDTH - 2 * MARGIN - GAP * (across - 1)) / across
    size = fit_cells((room, TALLEST), (high, wide))
    tall = WORDS + size[1] + BELOW
    caption = (
        f"Coloured: the fewest pixels that hold {SHARE:.0%} (pale) and {HALF:.0%} (strong) of the energy of the "
        "gradient. Frame: what the cell can depend on at all, dashed where the photo ends. Small square: the cell."
    )
    alt = f"Receptive fields on a photo of {high} by {wide} pixels. {' '.join(map(_describe, fields))}"
    with new_picture(
        WIDTH, down * tall, theme, title="What a cell sees of the photo", caption=caption, alt=alt
    ) as picture:
        for number, field in enumerate(fields):
            row, column = divmod(number, across)
            _draw(picture, field, pixels, (MARGIN + column * (room + GAP), row * tall), size)
    return picture


def _check(fields: Sequence[EffectiveField], photo: Photo | None) -> NDArray[np.uint8] | None:
    if not fields:
        raise ValueError("No field was given to draw; hv.receptive_fields.effective(net, photo, site) measures one.")
    sizes = {tuple(field.energy.shape) for field in fields}
    if photo is not None:
        sizes.add((photo.height, photo.width))
    if len(sizes) > 1:
        told = ", ".join(f"{high} x {wide} px" for high, wide in sorted(sizes))
        raise ValueError(
            f"Fields and photo have different sizes: {told}. Give the photo as the net sees it: "
            "net.preparation.picture(photo)."
        )
    return None if photo is None else photo.pixels


def _draw(
    picture: Picture,
    field: EffectiveField,
    pixels: NDArray[np.uint8] | None,
    place: tuple[float, float],
    size: tuple[float, float],
) -> None:
    (left, top), (wide, high) = place, size
    muted = theme_colours(picture.theme).muted
    picture.write(left, top, field.site.name, fontsize=NORMAL, fontweight="bold")
    picture.write(left, top + 0.19, _name_kept(field), fontsize=SMALL, color=muted)
    axes = picture.inches(left, top + WORDS, wide, high, label=field.site.name)
    rows, columns = field.energy.shape
    axes.imshow(_paint(field, pixels), interpolation="nearest", aspect="auto", extent=(0, columns, rows, 0))
    axes.set(xticks=[], yticks=[], xlim=(0, columns), ylim=(rows, 0))
    outline(axes, theme_colours(picture.theme).grid, 0.8)
    _frame(axes, field.box, (rows, columns), site_colour(field.site))
    if field.cell is not None:
        _mark_cell(axes, field)
    for number, words in enumerate(_numbers(field)):
        picture.write(left, top + WORDS + high + 0.08 + 0.17 * number, words, fontsize=SMALL)


def _paint(field: EffectiveField, pixels: NDArray[np.uint8] | None) -> Floats:
    """Lay the pixels within the contours over the photo in grey."""
    rows, columns = field.energy.shape
    base: Floats = np.full((rows, columns, 3), 0.5) if pixels is None else thin_colours(pixels) / 255
    base = np.repeat(base.mean(2, keepdims=True), 3, axis=2) * (1 - PALER) + PALER
    colour = np.array(to_rgb(site_colour(field.site)))
    for share, opacity in ((SHARE, FAINT), (HALF, STRONG)):
        mask = field.mask(share).cpu().numpy()[:, :, None]
        opaque = opacity if share == SHARE else (opacity - FAINT) / (1 - FAINT)
        base = np.where(mask, (1 - opaque) * base + opaque * colour, base)
    return base


def _frame(axes: Axes, box: Box, size: tuple[int, int], colour: str) -> None:
    """Frame the theoretical field; a side that the photo cuts off is dashed."""
    rows, columns = size
    left, right, top, bottom = box.left, box.right + 1, box.top, box.bottom + 1
    sides = (
        ((left, right), (top, top), top == 0),
        ((left, right), (bottom, bottom), bottom == rows),
        ((left, left), (top, bottom), left == 0),
        ((right, right), (top, bottom), right == columns),
    )
    for xs, ys, cut in sides:
        axes.plot(xs, ys, color="#ffffff", linewidth=3.2, solid_capstyle="butt", clip_on=False)
        axes.plot(xs, ys, color=colour, linewidth=2, linestyle="--" if cut else "-", clip_on=False)


def _mark_cell(axes: Axes, field: EffectiveField) -> None:
    stride = field.site.stride or 1
    row, column = field.cell or (0, 0)
    for colour, width in (("#000000", 2.2), ("#ffffff", 1.0)):
        square = Rectangle(
            (column * stride, row * stride), stride, stride, fill=False, edgecolor=colour, linewidth=width
        )
        axes.add_patch(square)


def _name_kept(field: EffectiveField) -> str:
    kept = len(field.exchanges)
    names = {0: "no exchange kept", 1: "1 exchange kept"}
    return names.get(kept, f"{kept} exchanges kept")


def _numbers(field: EffectiveField) -> list[str]:
    if not field.area():
        return ["no gradient: a ReLU is closed", ""]
    size = field.theory.size
    theory = "the whole photo" if size is None else f"{size:,} × {size:,} px"
    return [f"can: {theory}", f"does, {SHARE:.0%}: {field.area():,} px, {field.side():.0f} × {field.side():.0f}"]


def _describe(field: EffectiveField) -> str:
    where = f", cell {field.cell}" if field.cell else ""
    return f"{field.site.name}{where}, {_name_kept(field)}: {'; '.join(filter(None, _numbers(field)))}."
