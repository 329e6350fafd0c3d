"""A map with its words and its scale: the piece that branches, exchange and head are put together from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from matplotlib.image import AxesImage
from matplotlib.patches import FancyArrowPatch
from numpy.typing import NDArray
from PIL import Image

from hrnet_viz.activations.statistics import rank_channels
from hrnet_viz.canvas.sources import Floats, SiteMaps
from hrnet_viz.canvas.style import (
    NORMAL,
    SMALL,
    Picture,
    colour_bar,
    map_limits,
    outline,
    show_map,
    theme_colours,
)
from hrnet_viz.sites import quote, read_integer

WORDS = 0.4  # in, two lines above a map
ONE_LINE = 0.21  # in, if there is only one
BAR = 0.36  # in, a bar with its numbers below a map
PHOTO_COLOURS = 128

Show = int | Literal["energy", "strongest"]


@dataclass(frozen=True)
class Panel:
    """One map and what to say about it.

    Attributes:
        values: (H, W).
        heading: what it is, usually the address of a site.
        detail: a second line.
        signed: draw it in the signed colours.
        colour: of its frame; None draws none.
        limits: ends of its colours; by default 0 and the greatest value, symmetric if signed.
    """

    values: Floats
    heading: str = ""
    detail: str = ""
    signed: bool = False
    colour: str | None = None
    limits: tuple[float, float] | None = None

    @property
    def scale(self) -> tuple[float, float]:
        """Ends of its colours."""
        if self.limits is not None:
            return self.limits
        low, high = map_limits(self.values, signed=self.signed)
        return min(low, 0.0), max(high, 0.0)

    @property
    def words(self) -> float:
        """Height of the words above the map, in inches."""
        return WORDS if self.detail else ONE_LINE


def choose_map(maps: SiteMaps, show: Show) -> tuple[Floats, str]:
    """Choose one map of a site, and say which: "all channels", "channel 7".

    Args:
        maps: all of them.
        show: "energy" for what all channels do together at each place (root of their mean square), "strongest" for the
            channel with the greatest mean square, or the number of a channel.

    Raises:
        IndexError: the site has no such channel.
        ValueError: another word.
    """
    if show == "energy":
        return maps.energy, "all channels"
    if show == "strongest":
        channel = rank_channels(torch.from_numpy(maps.values), "energy")[0]
        return maps.values[channel], f"channel {channel}"
    number = read_integer(show)
    if number is not None:
        check_channel(maps, number)
        return maps.values[number], f"channel {number}"
    raise ValueError(f"show={quote(show)} was given; show 'energy', 'strongest', or a channel by its number.")


def check_channel(maps: SiteMaps, channel: int) -> None:
    """Refuse the number of a channel that a site does not have.

    Raises:
        IndexError: in a sentence with the numbers that there are.
    """
    number = read_integer(channel)
    if number is None or not 0 <= number < maps.site.channels:
        last = maps.site.channels - 1
        raise IndexError(f"Channel {quote(channel)} was asked for, but '{maps.site.name}' has channels 0 to {last}.")


def make_panel(maps: SiteMaps, show: Show, detail: str = "") -> Panel:
    """Make the panel of a site: its address, the map that was chosen, in the colour of its branch."""
    values, which = choose_map(maps, show)
    if show == "energy":  # never 0 in practice: from the least to the greatest value, or every map would be one green
        return Panel(
            values, maps.site.name, detail or which, colour=maps.colour, limits=map_limits(values, signed=False)
        )
    return Panel(values, maps.site.name, detail or which, signed=maps.signed, colour=maps.colour)


def draw_panel(
    picture: Picture, panel: Panel, left: float, top: float, size: tuple[float, float], *, bar: bool = True
) -> AxesImage:
    """Draw a panel: two lines of words, from ``top`` on, the map below them and, if asked for, its scale below that."""
    wide, high = size
    muted = theme_colours(picture.theme).muted
    size_pt = SMALL if len(panel.heading) > wide * 10 else NORMAL
    picture.write(left, top, panel.heading, fontsize=size_pt, fontweight="bold")
    picture.write(left, top + 0.18, panel.detail, fontsize=SMALL, color=muted)
    axes = picture.inches(left, top + panel.words, wide, high, label=panel.heading)
    low, reach = panel.scale
    image = show_map(axes, panel.values, signed=panel.signed, vmin=low, vmax=reach, frame=panel.colour)
    if bar:
        place = picture.inches(left, top + panel.words + high + 0.07, wide, 0.07, label=f"scale of {panel.heading}")
        colour_bar(image, place, orientation="horizontal")
    return image


def draw_photo(
    picture: Picture,
    pixels: NDArray[np.uint8] | None,
    left: float,
    top: float,
    size: tuple[float, float],
    *,
    detail: bool = True,
) -> None:
    """Draw the photo as the net saw it, with its words, where a panel would stand."""
    muted = theme_colours(picture.theme).muted
    picture.write(left, top, "what the net sees", fontsize=NORMAL, fontweight="bold")
    axes = picture.inches(left, top + (WORDS if detail else ONE_LINE), *size, label="photo")
    axes.set(xticks=[], yticks=[])
    outline(axes, theme_colours(picture.theme).grid, 0.8)
    if pixels is None:
        axes.text(0.5, 0.5, "not a picture", transform=axes.transAxes, ha="center", va="center", color=muted)
        return
    if detail:
        picture.write(left, top + 0.18, f"{pixels.shape[0]} × {pixels.shape[1]} pixels", fontsize=SMALL, color=muted)
    axes.imshow(thin_colours(pixels), interpolation="nearest", aspect="auto")


def thin_colours(pixels: NDArray[np.uint8], colours: int = PHOTO_COLOURS) -> NDArray[np.uint8]:
    """Draw a photo in few colours, dithered, so that a whole picture with a photo in it still fits into one palette."""
    image = Image.fromarray(pixels)
    # The refining rounds keep the green of a small eye, dithering keeps a smooth wall smooth.
    palette = image.quantize(colours, method=Image.Quantize.MEDIANCUT, kmeans=3)
    return np.asarray(image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB"))


def draw_arrow(picture: Picture, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow between two places in inches from the top left corner of the drawing."""
    arrow = FancyArrowPatch(
        picture.locate(*start),
        picture.locate(*end),
        transform=picture.transFigure,
        arrowstyle="-|>",
        mutation_scale=10,
        linewidth=1.2,
        shrinkA=0,
        shrinkB=0,
        color=theme_colours(picture.theme).muted,
    )
    picture.add_artist(arrow)
