"""Receptive fields drawn on the photo: what a cell can depend on at all, and the pixels that it does depend on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from hrnet_viz.canvas.colours import Theme
from hrnet_viz.canvas.panels import Floats, Panel, fit_cells, in_pixels, panel_grid, site_colour, thin_colours
from hrnet_viz.canvas.style import ROOM, Picture
from hrnet_viz.photos.photo import Photo
from hrnet_viz.receptive_fields.fields import SHARE, EffectiveField

PER_ROW = 4
GAP, TALLEST = 0.2, 4.0  # in
HALF = 0.5
FAINT, STRONG = 0.5, 0.95  # opacity of the pixels within the outer and within the inner contour
PALER = 0.35  # share of white in the grey photo, so that colour stands out


def receptive_field_maps(
    fields: Sequence[EffectiveField] | EffectiveField, photo: Photo | None = None, *, theme: Theme | None = None
) -> Picture:
    """Draw receptive fields side by side on the photo, each with the cell that it belongs to.

    The photo is drawn as the net sees it, ``net.preparation.picture(photo)``; without one the page is grey.

    Raises:
        ValueError: no field, or fields and a photo of different sizes.
    """
    fields = [fields] if isinstance(fields, EffectiveField) else list(fields)
    if not fields:
        raise ValueError("No field was given to draw; hv.receptive_fields.effective(net, photo, site) measures one.")
    sizes = {tuple(field.energy.shape) for field in fields} | ({photo.pixels.shape[:2]} if photo else set())
    if len(sizes) > 1:
        given = ", ".join(f"{high} x {wide} px" for high, wide in sorted(sizes))
        raise ValueError(
            f"Fields and photo have different sizes: {given}. Give the photo as the net sees it: "
            "net.preparation.picture(photo)."
        )
    high, wide = fields[0].energy.shape
    across = min(len(fields), PER_ROW)
    room = (ROOM - GAP * (across - 1)) / across
    grey = np.full((high, wide), 0.5) if photo is None else thin_colours(photo.pixels).mean(2) / 255
    panels = [
        Panel(_paint(field, grey), field.site.name, _name_kept(field), below="\n".join(_numbers(field)))
        for field in fields
    ]
    picture, images = panel_grid(
        [panels[start : start + across] for start in range(0, len(panels), across)],
        fit_cells((room, TALLEST), (high, wide)),
        room + GAP,
        row_gap=0.05,
        words=0.42,
        foot=0.05,
        theme=theme,
        title="What a cell sees of the photo",
        caption=f"Coloured: the fewest pixels that hold {SHARE:.0%} (pale) and {HALF:.0%} (strong) of the energy of "
        "the gradient. Frame: what the cell can depend on at all, dashed where the photo ends. Small square: the cell.",
        alt=f"Receptive fields on a photo of {high} by {wide} pixels. {' '.join(map(_describe, fields))}",
    )
    for field, image in zip(fields, images, strict=True):
        axes = in_pixels(image, high, wide)
        _frame(axes, field)
        if field.cell is not None:
            _mark_cell(axes, field.cell, field.site.stride or 1)
    return picture


def _paint(field: EffectiveField, grey: NDArray[np.float64]) -> Floats:
    """Lay the pixels within the contours over the photo in grey."""
    base = np.repeat(grey[:, :, None], 3, axis=2) * (1 - PALER) + PALER
    colour = np.array(to_rgb(site_colour(field.site)))
    for share, opacity in ((SHARE, FAINT), (HALF, (STRONG - FAINT) / (1 - FAINT))):
        mask = field.mask(share).cpu().numpy()[:, :, None]
        base = np.where(mask, (1 - opacity) * base + opacity * colour, base)
    return base


def _frame(axes: Axes, field: EffectiveField) -> None:
    """Frame the theoretical field; a side that the photo cuts off is dashed."""
    rows, columns = field.energy.shape
    left, right, top, bottom = field.box.left, field.box.right + 1, field.box.top, field.box.bottom + 1
    sides = (
        ((left, right), (top, top), top == 0),
        ((left, right), (bottom, bottom), bottom == rows),
        ((left, left), (top, bottom), left == 0),
        ((right, right), (top, bottom), right == columns),
    )
    for xs, ys, cut in sides:
        axes.plot(xs, ys, color="#ffffff", linewidth=3.2, solid_capstyle="butt", clip_on=False)
        colour = site_colour(field.site)
        axes.plot(xs, ys, color=colour, linewidth=2, linestyle="--" if cut else "-", clip_on=False)


def _mark_cell(axes: Axes, cell: tuple[int, int], stride: int) -> None:
    corner = cell[1] * stride, cell[0] * stride
    for colour, width in (("#000000", 2.2), ("#ffffff", 1.0)):
        axes.add_patch(Rectangle(corner, stride, stride, fill=False, edgecolor=colour, linewidth=width))


def _name_kept(field: EffectiveField) -> str:
    kept = len(field.exchanges)
    return f"{kept or 'no'} exchange{'s' * (kept > 1)} kept"


def _numbers(field: EffectiveField) -> list[str]:
    if not field.area():
        return ["no gradient: a ReLU is closed"]
    size, box = field.theory.size, field.box
    here = f"{box.height:,} × {box.width:,} px here" if field.theory.varies else "the whole photo"
    theory = here if size is None else f"{size:,} × {size:,} px"
    return [f"can: {theory}", f"does, {SHARE:.0%}: {field.area():,} px, {field.side():.0f} × {field.side():.0f}"]


def _describe(field: EffectiveField) -> str:
    where = f", cell {field.cell}" if field.cell else ""
    return f"{field.site.name}{where}, {_name_kept(field)}: {'; '.join(_numbers(field))}."
