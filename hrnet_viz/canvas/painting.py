"""One map on its axes, numbers written shortly, a bar with raw numbers; and small PNGs."""

from __future__ import annotations

import io
from math import floor, isfinite, log10
from typing import Any, Literal, SupportsFloat

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.image import AxesImage
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from hrnet_viz.canvas.colours import SEQUENTIAL, SIGNED, Theme, lookup_table, theme_colours

_PALETTE = 256
_INVISIBLE = 6  # of 255: a colour may move so far; two steps of a colour map with 256 colours are about as large
_EDGES = 0.01  # share of pixels that may move further: those on the slopes of lines and letters,
_STRAY = 24  # but no pixel further than this


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode pixels (H, W, 3) uint8, with a palette of 256 colours where nothing changes visibly by that.

    A palette makes a figure of maps and text two to four times smaller. A picture with too many colours is stored as it
    is.
    """
    image = Image.fromarray(pixels)
    # Maximum coverage serves rare colours too; a median cut would give most of the palette to the greys of the text.
    small = image.quantize(_PALETTE, method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
    palette = np.array(small.getpalette(), np.uint8).reshape(-1, 3)
    indices = np.asarray(small)
    palette[indices[0, 0]] = pixels[0, 0]  # the page meets the notebook's own: not even one step off
    small.putpalette(palette.tobytes())
    off = np.abs(palette[indices].astype(np.int16) - pixels).max(axis=2)
    fits = (off > _INVISIBLE).mean() <= _EDGES and off.max() <= _STRAY
    buffer = io.BytesIO()
    (small if fits else image).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


_NOTHING = 1e-200  # range of a scale of which only the 0 is ever used


def short(value: float, digits: int = 2) -> str:
    """Write a number shortly: 1.2, 0.034, 340, 3.4e+06, with a real minus sign."""
    if not isfinite(value):
        return {"inf": "∞", "-inf": "−∞"}.get(str(float(value)), "not a number")
    if value == 0:
        return "0"
    size = abs(float(f"{value:.{digits - 1}e}"))
    if size >= 1e-3 and abs(value) < 1e4:
        text = f"{value:.{max(digits - 1 - floor(log10(size)), 0)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        text = f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{exponent}"
    return text.replace("-", "−", 1) if value < 0 else text


def map_limits(values: ArrayLike, *, signed: bool) -> tuple[float, float]:
    """Return the limits of a colour scale: least and greatest finite value, made symmetric about 0 if signed."""
    array = np.asarray(values, dtype=float)
    finite = array[np.isfinite(array)]
    if finite.size == 0:
        return (-1.0, 1.0) if signed else (0.0, 1.0)
    low, high = float(finite.min()), float(finite.max())
    reach = max(abs(low), abs(high))
    return (-reach, reach) if signed else (low, high)


def show_map(
    axes: Axes,
    values: ArrayLike,
    *,
    signed: bool = False,
    vmin: float | None = None,
    vmax: float | None = None,
    frame: str | None = None,
) -> AxesImage:
    """Draw one map with square-edged cells and no ticks; return what ``colour_bar`` needs.

    A value that is not finite is drawn in the fault colour.

    Args:
        axes: where.
        values: (H, W).
        signed: use the signed colours, symmetric about 0; the larger of the two limits counts for both.
        vmin: lower end of the colours; the least value if None.
        vmax: upper end of the colours; the greatest value if None.
        frame: colour of the frame; none if None.

    Raises:
        ValueError: not one map.
    """
    array = np.asarray(values, dtype=float)
    if array.ndim != 2:
        raise ValueError(f"show_map draws one map (H, W); this array has shape {array.shape}. Choose a channel first.")
    low, high = map_limits(array, signed=False)
    low, high = low if vmin is None else vmin, high if vmax is None else vmax
    if signed:
        low, high = map_limits([low, high], signed=True)
    if low == high:  # a constant map; matplotlib would make up a range around it
        low, high = min(low, 0.0), max(high, 0.0) or _NOTHING
    colours = (SIGNED if signed else SEQUENTIAL).with_extremes(bad=theme_colours(theme_of(axes)).fault)
    image = axes.imshow(array, cmap=colours, vmin=low, vmax=high, interpolation="nearest", aspect="auto")
    axes.set(xticks=[], yticks=[])
    outline(axes, frame)
    return image


def colour_map(values: Any, reach: SupportsFloat | None = None) -> NDArray[np.uint8]:
    """Return a map (H, W), array or tensor, in the signed colours, (H, W, 3) uint8.

    ``reach``, by default the largest absolute value, is the darkest brown, minus that the darkest blue; 0 is white.
    """
    array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, dtype=float)
    ends = (float(reach) if reach is not None else float(np.abs(array).max())) or 1.0
    pixels: NDArray[np.uint8] = lookup_table(SIGNED)[np.rint((np.clip(array / ends, -1, 1) + 1) * 127.5).astype(int)]
    return pixels


def theme_of(axes: Axes) -> Theme:
    """Return the theme of the picture that axes are in."""
    theme: Theme = getattr(axes.figure.canvas.figure, "theme", "light")
    return theme


def outline(axes: Axes, colour: str | None, width: float = 1.5) -> None:
    """Frame axes in a colour, or take their frame away."""
    for spine in axes.spines.values():
        spine.set_visible(colour is not None)
        if colour is not None:
            spine.set(color=colour, linewidth=width)


def colour_bar(
    image: AxesImage,
    cax: Axes | None = None,
    *,
    beside: Axes | None = None,
    label: str = "",
    orientation: Literal["vertical", "horizontal"] = "vertical",
    digits: int = 2,
) -> Colorbar:
    """Draw a colour bar with the raw numbers of its ends, and 0 where it lies between them.

    Args:
        image: what ``show_map`` returned.
        cax: axes to draw it in; or
        beside: axes to take the room for it from.
        label: what the numbers are.
        orientation: "vertical" or "horizontal".
        digits: significant digits of the numbers.
    """
    beside = beside or image.axes
    bar: Colorbar = beside.figure.canvas.figure.colorbar(
        image, cax=cax, ax=None if cax else beside, orientation=orientation
    )
    low, high = (end or 0.0 for end in image.get_clim())
    room = max(bar.ax.bbox.width, bar.ax.bbox.height) / beside.figure.dpi
    close = (high - low) * (0.5 if orientation == "horizontal" else 0.17) / room  # nearer than this, numbers collide
    numbers = [low] if high - low <= 2 * _NOTHING else [low, *([0.0] if low + close < 0 < high - close else []), high]
    axis = bar.ax.xaxis if orientation == "horizontal" else bar.ax.yaxis
    axis.set_major_locator(FixedLocator(numbers))
    axis.set_minor_locator(NullLocator())
    bar.set_ticks(numbers, labels=[short(number, digits) for number in numbers])
    if orientation == "horizontal":  # numbers at the ends stay within the bar, so that neighbours don't collide
        labels = axis.get_ticklabels()
        labels[-1].set_horizontalalignment("right")
        labels[0].set_horizontalalignment("left")
    axis.set_tick_params(length=2, pad=2)
    if label:
        bar.set_label(label)
    bar.outline.set_visible(False)
    return bar
