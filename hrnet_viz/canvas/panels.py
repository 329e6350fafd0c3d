"""Panels of maps: what is taken out of a trace, and how one map with its words is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import floor
from typing import Literal

import numpy as np
import torch
from matplotlib.image import AxesImage
from matplotlib.patches import FancyArrowPatch
from numpy.typing import NDArray
from PIL import Image

from hrnet_viz.activations.statistics import check_sample, energy_map, rank_channels
from hrnet_viz.canvas.colours import HEAD_COLOUR, branch_colour
from hrnet_viz.canvas.style import (
    CSS_PIXELS,
    NORMAL,
    SHARPNESS,
    SMALL,
    Picture,
    colour_bar,
    map_limits,
    outline,
    short,
    show_map,
    theme_colours,
)
from hrnet_viz.sites import Site, quote, read_integer
from hrnet_viz.tracing import Trace

Floats = NDArray[np.float64]
SIGNED_KINDS = ("fuse_path", "fuse_sum", "logits")


@dataclass(frozen=True)
class SiteMaps:
    """The maps of one site for one photo.

    Attributes:
        site: the site.
        values: (C, H, W).
        channels: numbers of its channels in the net, 0 to C - 1 unless only some of them are meant.
    """

    site: Site
    values: Floats
    channels: Sequence[int]

    @cached_property
    def signed(self) -> bool:
        """Whether negative values belong here: before a ReLU, or wherever there are some."""
        return self.site.kind in SIGNED_KINDS or bool((self.values < 0).any())

    @cached_property
    def energy(self) -> Floats:
        """Root of the mean square over the channels, (H, W)."""
        import torch

        return energy_map(torch.from_numpy(self.values)).numpy()

    @property
    def size(self) -> str:
        """Rows and columns of cells, "40 × 40"."""
        return f"{self.values.shape[1]} × {self.values.shape[2]}"

    @property
    def cell(self) -> str:
        """What one cell covers, for a caption."""
        stride = self.site.stride
        return "one cell per photo pixel" if stride == 1 else f"one cell per {stride} × {stride} photo pixels"

    @property
    def colour(self) -> str:
        """Colour of the branch that the site belongs to."""
        return site_colour(self.site)


def site_colour(site: Site) -> str:
    """Give the colour of a site: that of its resolution, or of what comes before or after all branches."""
    if site.branch is not None and site.stride is not None:  # head.down0 is as coarse as branch 1, whatever its number
        return branch_colour(site.stride.bit_length() - 3)
    if site.kind == "logits" or site.landmark.startswith("head."):
        return HEAD_COLOUR
    return branch_colour(site.branch)


def read_maps(trace: Trace, site: str | Site, sample: int = 0) -> SiteMaps:
    """Take the maps of one site for one photo out of a trace.

    Raises:
        SiteError: no such site, or one that the trace did not keep.
        IndexError: the trace has no such photo.
        ValueError: the site has no spatial extent.
    """
    sample = check_sample(trace, sample)
    place = trace.plan.place(site)
    known = place.narrowed
    if known.stride is None:
        raise ValueError(
            f"'{known.name}' has no spatial extent: it is {known.channels} numbers per photo, not maps. "
            "head_steps(trace) shows them; the last site with maps is 'head.final'."
        )
    values = trace[known][sample].detach().cpu().double().numpy()
    return SiteMaps(known, values, place.channels or range(known.channels))


def read_photo(trace: Trace, sample: int = 0) -> NDArray[np.uint8] | None:
    """Give the photo as the net saw it, (H, W, 3) uint8; None if the input was no picture.

    A tensor that was handed in ready is taken for a photo that was normalised as the net's preparation says.
    """
    sample = check_sample(trace, sample)
    seen = trace.input[sample].detach()
    if not bool(seen.isfinite().all()):
        return None
    one = trace.preparation.undo(seen[None])
    return one[0].pixels if isinstance(one, tuple) else one.pixels


def fit_cells(room_in: tuple[float, float], cells: tuple[int, int]) -> tuple[float, float]:
    """Give the largest (width, height) in inches in a room at which each cell is the same whole number of file pixels.

    Args:
        room_in: (width, height) in inches.
        cells: (rows, columns), as in an array's shape.
    """
    pixels = CSS_PIXELS * SHARPNESS
    rows, columns = cells
    each = min(room_in[0] * pixels / columns, room_in[1] * pixels / rows)
    each = floor(each + 1e-6) if each >= 1 else each
    return columns * each / pixels, rows * each / pixels


def name_range(values: Floats) -> str:
    """Write the extreme values of a map: "−1.2 to 3.4"."""
    return f"{short(float(values.min()))} to {short(float(values.max()))}"


def find_peak(values: Floats) -> tuple[int, int]:
    """Give (row, column) of the largest value of a map."""
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    return int(row), int(column)


def count(number: int, noun: str) -> str:
    """Write a count with its noun: "1 map", "18 maps"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def name_sample(trace: Trace, sample: int) -> str:
    """Name the photo: its name where it is known, else its number in the batch."""
    if trace.photos:
        return f"photo “{trace.photos[sample].name}”"
    return f"sample {sample}"


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
