"""Turn the arrays that people have (any usual layout and number type) into RGB bytes (H, W, 3)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from hrnet_viz.photos.photo import PhotoError, describe_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHANNELS = (1, 2, 3, 4)  # grey, grey + alpha, RGB, RGB + alpha
FIRST_CHANNELS = (1, 3, 4)  # in front, 2 is more often a pair of grey pictures than grey + alpha
LAYOUTS = "(H, W), (H, W, 3), (H, W, 4), (3, H, W) or one of these with a leading 1"
# Half a step of an 8-bit scale: a float this far outside 0..1 still rounds to 0 or 255, so that clipping loses nothing.
SLACK = 0.5 / 255


def turn_into_rgb(array: NDArray[Any], label: str, *, channels_first: bool = False) -> NDArray[np.uint8]:
    """Turn one picture in an array into RGB bytes; transparency is laid over white.

    Args:
        array: bool, uint8, uint16 (0..65535), float (0..1) or other integers (0..255); layout (H, W), (H, W, C) or
            (C, H, W) with 1 to 4 channels, or one of the last two with a leading batch axis of 1.
        label: how a sentence names this picture.
        channels_first: which layout to try first; it decides shapes such as (3, 5, 3), which can be read both ways.

    Returns:
        uint8 array (H, W, 3).

    Raises:
        PhotoError: for another shape, an empty array, another number type, NaN, or numbers out of range.
    """
    if array.size == 0:
        raise PhotoError(f"{label} has no pixels: its shape is {array.shape}. Give at least one row and one column.")
    if array.dtype.kind not in "buif":  # before moving axes: arrays of objects have nothing to show
        raise PhotoError(f"{label} doesn't hold plain numbers. A picture is bool, uint8, uint16 or float from 0 to 1.")
    return blend_over_white(scale_to_bytes(put_channels_last(array, label, channels_first=channels_first), label))


def put_channels_last(array: NDArray[Any], label: str, *, channels_first: bool) -> NDArray[Any]:
    """Bring one picture into the layout (H, W, C)."""
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    elif array.ndim == 4:
        raise PhotoError(
            f"{label} is a batch of {array.shape[0]}, but one picture was expected. Give one at a time, as in batch[0]."
        )
    if array.ndim == 2:
        return array[:, :, None]
    if array.ndim == 3:
        first, last = array.shape[0] in FIRST_CHANNELS, array.shape[2] in CHANNELS
        if first and (channels_first or not last):
            return np.moveaxis(array, 0, 2)
        if last:
            return array
    raise PhotoError(f"{label} doesn't have the shape of a picture. Expected {LAYOUTS}.")


def scale_to_bytes(array: NDArray[Any], label: str) -> NDArray[np.uint8]:
    """Scale numbers of any accepted type to 0..255, rounded to the nearest."""
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        warn_of_few_bits(label, int(array.max()))
        return ((array.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    low, high = array.min(), array.max()
    if array.dtype.kind in "ui":
        if low < 0 or high > 255:
            raise PhotoError(
                f"{label} holds whole numbers from {low} to {high}. Expected 0 to 255, or dtype uint16 for 0 to 65535: "
                "convert it with .astype, or scale it first."
            )
        return array.astype(np.uint8)
    if not (np.isfinite(low) and np.isfinite(high)):  # min and max hand on NaN and infinity
        raise PhotoError(f"{label} holds NaN or infinite numbers. Replace them first, for example with np.nan_to_num.")
    if low < -SLACK or high > 1 + SLACK:
        raise PhotoError(
            f"{label} holds numbers from {low:.4g} to {high:.4g}, but floats must lie between 0 and 1. "
            f"{advise(low, high)}"
        )
    scaled: NDArray[np.uint8] = np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)
    return scaled


def warn_of_few_bits(label: str, highest: int) -> None:
    """Warn of a nearly black picture in 16 bits, whose data seem to have 8, 10 or 12."""
    if 0 < highest < 4096:
        bits = next(bits for bits in (8, 10, 12) if highest < 2**bits)
        warnings.warn(
            f"{label} holds 16-bit numbers up to {highest} of 65535: nearly black; {bits}-bit data have to be "
            f"multiplied by {2 ** (16 - bits)} first.",
            stacklevel=2,
        )


def advise(low: float, high: float) -> str:
    """What to do about floats that don't lie between 0 and 1."""
    if low < 0:
        return "If it is a normalised input of a net, Preparation.undo gives the picture back; else shift and scale it."
    if high <= 255.5:
        return "If 255 is its white, divide it by 255."
    return "If it has a high dynamic range, tone-map it or divide it by its white level first."


def blend_over_white(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn (H, W, 1..4) bytes into (H, W, 3): grey is repeated, alpha is blended over white."""
    channels = array.shape[2]
    colour = array[:, :, : 3 if channels >= 3 else 1]
    if channels in (2, 4):
        alpha = array[:, :, -1:].astype(np.uint16)
        # 255 * 255 + 127 is the largest sum, and fits 16 bits
        colour = ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(colour, (*array.shape[:2], 3)))


def describe_picture(array: object) -> str:
    """`describe_array`, as the beginning of a sentence."""
    text = describe_array(array)
    return text[0].upper() + text[1:]
