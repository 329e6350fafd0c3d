"""What a figure takes from a trace: the maps of a site for one photo, the photo as the net saw it, words for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import floor

import numpy as np
from numpy.typing import NDArray

from hrnet_viz.activations.statistics import check_sample, energy_map
from hrnet_viz.canvas.colours import HEAD_COLOUR, branch_colour
from hrnet_viz.canvas.style import CSS_PIXELS, SHARPNESS, short
from hrnet_viz.sites import Site
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
