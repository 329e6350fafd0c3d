"""Panels: a map or a picture with its words, rows of them with signs between, and the maps of a trace to fill them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import floor
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import FancyArrowPatch
from numpy.typing import NDArray
from PIL import Image

from hrnet_viz.canvas.colours import HEAD_COLOUR, branch_colour
from hrnet_viz.canvas.painting import colour_bar, map_limits, outline, short, show_map
from hrnet_viz.canvas.style import CSS_PIXELS, LARGE, MARGIN, NORMAL, SHARPNESS, SMALL, WIDTH, Picture
from hrnet_viz.photos.photo import Photo
from hrnet_viz.sites import Site, check_index, quote, read_integer
from hrnet_viz.tracing import Trace

Floats: TypeAlias = NDArray[np.float64]
Order: TypeAlias = Literal["index", "mean", "max", "energy"]
ORDERS: tuple[Order, ...] = ("index", "mean", "max", "energy")
Show: TypeAlias = int | Literal["energy", "strongest"]
SIGNED_KINDS = ("fuse_path", "fuse_sum", "logits")
DEAD = "dead"

WORDS, ONE_LINE = 0.4, 0.21  # in, two lines above a map, and one
LINE = 0.17  # in, of words below it
BAR = 0.36  # in, a bar with its numbers below it
ROW_GAP = 0.16  # in


@dataclass(frozen=True)
class Panel:
    """A map or a picture, and what to say about it.

    Attributes:
        values: (H, W) of a map, (H, W, 3) of a picture, None for a picture that there is not.
        heading, detail, note, below: words above it in bold, on a second line, at the right of the first, below it.
        signed: draw it in the signed colours.
        colour: of its frame; None draws none around a map, a thin grey one around a picture.
        limits: ends of its colours; by default 0 and the greatest value, symmetric if signed.
        bar: where its scale is drawn.
        name: label of its axes; the heading if "".
    """

    values: NDArray[Any] | None
    heading: str = ""
    detail: str = ""
    note: str = ""
    below: str = ""
    signed: bool = False
    colour: str | None = None
    limits: tuple[float, float] | None = None
    bar: Literal["below", "beside", ""] = ""
    name: str = ""

    @property
    def map(self) -> Floats:
        """Values of a map."""
        return np.asarray(self.values)

    @property
    def above(self) -> float:
        """Height of its words, in inches."""
        return WORDS if self.detail else ONE_LINE if self.heading else 0.0

    @property
    def under(self) -> float:
        """Height of what stands below it, in inches."""
        return BAR if self.bar == "below" else 0.07 + LINE * (1 + self.below.count("\n")) if self.below else 0.0

    @property
    def scale(self) -> tuple[float, float]:
        """Ends of the colours of a map."""
        if self.limits is not None:
            return self.limits
        low, high = map_limits(self.map, signed=self.signed)
        return min(low, 0.0), max(high, 0.0)

    def draw(self, picture: Picture, left: float, top: float, size: tuple[float, float], words: float = 0) -> AxesImage:
        """Draw it at a place in inches: its words from ``top`` on, the map of this size below them, then its scale.

        The words are ``words`` inches high, or as high as they need to be if 0.
        """
        (wide, high), words, label = size, words or self.above, self.name or self.heading
        narrow = len(self.heading) > wide * 10 or words < ONE_LINE
        picture.write(left, top, self.heading, fontsize=SMALL if narrow else NORMAL, fontweight="bold")
        picture.note(left, top + 0.18, self.detail)
        if self.note:
            fault = picture.colours.fault if self.note == DEAD else picture.colours.muted
            picture.note(left + wide, top, self.note, ha="right", color=fault)
        picture.note(left, top + words + high + 0.07, self.below)
        axes = picture.inches(left, top + words, wide, high, label=label)
        if self.values is None or self.values.ndim > 2:
            axes.set(xticks=[], yticks=[])
            outline(axes, picture.colours.grid, 0.8)
            if self.values is None:
                middle: dict[str, Any] = {"transform": axes.transAxes, "ha": "center", "va": "center"}
                axes.text(0.5, 0.5, "not a picture", color=picture.colours.muted, **middle)
            shown = np.zeros((1, 1, 4)) if self.values is None else self.values
            return axes.imshow(shown, interpolation="nearest", aspect="auto")
        low, reach = self.scale
        image = show_map(axes, self.values, signed=self.signed, vmin=low, vmax=reach, frame=self.colour)
        if self.bar:
            below = self.bar == "below"
            place = (
                (left, top + words + high + 0.07, wide, 0.07)
                if below
                else (left + wide + 0.08, top + words, 0.07, high)
            )
            cax = picture.inches(*place, label=f"scale of {label}")
            colour_bar(image, cax, orientation="horizontal" if below else "vertical")
        return image


Row: TypeAlias = Sequence["Panel | str | None"]
"""Panels from left to right; a sign between two of them, such as "+", or None for an empty place."""


def panel_grid(
    rows: Sequence[Row],
    size: tuple[float, float],
    pitch: float,
    *,
    width: float = WIDTH,
    row_gap: float = ROW_GAP,
    words: float = 0,
    foot: float = 0,
    **options: Any,
) -> tuple[Picture, list[AxesImage]]:
    """Draw rows of panels, and return the picture and the image of each panel in order.

    All is in inches: ``size`` is that of every map, ``pitch`` the way from one panel to the next, ``words`` the room
    above each map (what its words need if 0), ``foot`` what is left free below the rows. Options are a ``Picture``'s.
    """
    heights = [
        max((words or panel.above) + size[1] + panel.under for panel in row if isinstance(panel, Panel)) for row in rows
    ]
    height = sum(heights) + row_gap * (len(rows) - 1) + foot
    images, top = [], 0.0
    with Picture(width, height, **options) as picture:
        for row, tall in zip(rows, heights, strict=True):
            left, above = MARGIN, words or max(panel.above for panel in row if isinstance(panel, Panel))
            for item in row:
                if isinstance(item, str):
                    draw_sign(picture, left - (pitch - size[0]) / 2, top + above + size[1] / 2, item)
                    continue
                if item is not None:
                    images.append(item.draw(picture, left, top, size, above))
                left += pitch
            top += tall + row_gap
    return picture, images


def draw_sign(picture: Picture, left: float, top: float, sign: str) -> None:
    """Write a sign, such as "+" or an arrow, around a place in inches."""
    picture.write(left, top, sign, ha="center", va="center", fontsize=LARGE)


def draw_arrow(picture: Picture, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow between two places in inches from the top left corner of the drawing."""
    ends = (picture.locate(*start), picture.locate(*end))
    look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 10, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    picture.add_artist(FancyArrowPatch(*ends, transform=picture.transFigure, color=picture.colours.muted, **look))


def in_pixels(image: AxesImage, height: int, width: int) -> Axes:
    """Make the axes of a panel count the pixels of a photo, whose corner is (0, 0), and return them."""
    image.set_extent((0, width, height, 0))
    image.axes.autoscale(enable=False)
    return image.axes


def fit_cells(room_in: tuple[float, float], cells: tuple[int, ...]) -> tuple[float, float]:
    """Return the largest (width, height) in a room, in inches, at which all cells are as many whole file pixels."""
    pixels = CSS_PIXELS * SHARPNESS
    rows, columns = cells[:2]
    each = min(room_in[0] * pixels / columns, room_in[1] * pixels / rows)
    each = floor(each + 1e-6) if each >= 1 else each
    return columns * each / pixels, rows * each / pixels


# ---- what is taken out of a trace ------------------------------------------------------------------------------------


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
        """Root of the mean square over the channels, (H, W): how much is going on at a place, not what."""
        root: Floats = np.sqrt(np.square(self.values).mean(0))
        return root

    @property
    def size(self) -> str:
        """Rows and columns of cells, "40 × 40"."""
        return f"{self.values.shape[1]} × {self.values.shape[2]}"

    @property
    def cell(self) -> str:
        """What one cell covers, "one cell per 4 × 4 photo pixels"."""
        stride = self.site.stride
        return f"one cell per {'photo pixel' if stride == 1 else f'{stride} × {stride} photo pixels'}"

    @property
    def colour(self) -> str:
        """Colour of the branch that the site belongs to."""
        return site_colour(self.site)

    def rank(self, by: Order = "index") -> tuple[int, ...]:
        """Return the places of the channels in order: by number, or the greatest mean, maximum or energy first.

        Energy is the mean square. Equal channels stay in the order of their numbers.

        Raises:
            ValueError: no such order.
        """
        if by not in ORDERS:
            raise ValueError(f"Channels can be ordered by {', '.join(ORDERS)}; {quote(by)} was given.")
        flat = self.values.reshape(len(self.values), -1)
        if by == "index":
            return tuple(range(len(flat)))
        score = {"mean": flat.mean(1), "max": flat.max(1), "energy": np.square(flat).mean(1)}[by]
        return tuple(np.argsort(-score, kind="stable").tolist())

    def check_channel(self, channel: object) -> int:
        """Return the number of a channel as a plain integer.

        Raises:
            IndexError: the site has no such channel; the sentence has the numbers that there are.
        """
        number, last = read_integer(channel), self.site.channels - 1
        if number is None or not 0 <= number <= last:
            raise IndexError(
                f"Channel {quote(channel)} was asked for, but '{self.site.name}' has channels 0 to {last}."
            )
        return number

    def choose(self, show: Show) -> tuple[Floats, str]:
        """Return the energy, the strongest channel (greatest mean square) or one by its number, and which it is.

        Raises:
            IndexError: the site has no such channel.
            ValueError: another word.
        """
        if show == "energy":
            return self.energy, "all channels"
        if show != "strongest" and read_integer(show) is None:
            raise ValueError(f"show={quote(show)} was given; show 'energy', 'strongest', or a channel by its number.")
        number = self.rank("energy")[0] if show == "strongest" else self.check_channel(show)
        return self.values[number], f"channel {number}"

    def panel(self, show: Show, detail: str = "", **options: Any) -> Panel:
        """Return the panel of the map that was chosen: headed by its address, in the colour of its branch."""
        values, which = self.choose(show)
        # Energy is never 0 in practice: from the least to the greatest value, or every map would be one green.
        limits = map_limits(values, signed=False) if show == "energy" else None
        look: dict[str, Any] = {"signed": self.signed and show != "energy", "colour": self.colour, "limits": limits}
        return Panel(values, self.site.name, detail or which, **look | options)


def site_colour(site: Site) -> str:
    """Return the colour of a site: that of its resolution, or of what comes before or after all branches."""
    if site.branch is not None and site.stride is not None:  # head.down0 is as coarse as branch 1, whatever its number
        return branch_colour(site.stride.bit_length() - 3)
    if site.kind == "logits" or site.landmark.startswith("head."):
        return HEAD_COLOUR
    return branch_colour(site.branch)


def read_maps(trace: Trace, site: str | Site, index: int = 0) -> SiteMaps:
    """Return the maps of one site for one photo of a trace.

    Raises:
        SiteError: no such site, or one that the trace did not keep.
        IndexError: the trace has no such photo.
        ValueError: the site has no spatial extent.
    """
    index = check_index(index, len(trace.input))
    place = trace.plan.place(site)
    known = place.narrowed
    if known.stride is None:
        raise ValueError(
            f"'{known.name}' has no spatial extent: it is {known.channels} numbers per photo, not maps. "
            "head_steps(trace) shows them; the last site with maps is 'head.final'."
        )
    values = trace[known][index].detach().cpu().double().numpy()
    return SiteMaps(known, values, place.channels or range(known.channels))


def photo_panel(trace: Trace, index: int = 0, *, sized: bool = True) -> Panel:
    """Return the panel of the photo as the net saw it; without a picture if the input was none.

    A tensor that was handed in ready is taken for a photo that was normalised as the net's preparation says.
    """
    seen = trace.input[check_index(index, len(trace.input))].detach()
    if not bool(seen.isfinite().all()):
        return Panel(None, "what the net sees", " " * sized, name="photo")
    one = trace.preparation.undo(seen[None])
    pixels = one[0].pixels if isinstance(one, tuple) else one.pixels
    detail = f"{pixels.shape[0]} × {pixels.shape[1]} pixels" if sized else ""
    return Panel(thin_colours(pixels), "what the net sees", detail, name="photo")


def thin_colours(pixels: NDArray[np.uint8], colours: int = 128) -> NDArray[np.uint8]:
    """Draw a photo in few colours, dithered, so that a whole picture with a photo in it still fits into one palette."""
    image = Image.fromarray(pixels)
    # The refining rounds keep the green of a small eye, dithering keeps a smooth wall smooth.
    palette = image.quantize(colours, method=Image.Quantize.MEDIANCUT, kmeans=3)
    return np.asarray(image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB"))


# ---- words -----------------------------------------------------------------------------------------------------------


def name_range(values: Floats) -> str:
    """Write the extreme values of a map: "−1.2 to 3.4"."""
    return f"{short(float(values.min()))} to {short(float(values.max()))}"


def name_peak(values: Floats) -> str:
    """Write where the largest value of a map is: "row 3, column 4"."""
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    return f"row {row}, column {column}"


def count(number: int, noun: str) -> str:
    """Write a count with its noun: "1 map", "18 maps"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def name_photo(photos: Sequence[Photo | str], index: int) -> str:
    """Write which photo is meant: its name where it is known, else its number."""
    if not photos:
        return f"photo {index}"
    one = photos[index]
    return f"photo “{one if isinstance(one, str) else one.name}”"
