"""What a photo is here: RGB bytes with a name and a credit. Only numpy is imported with this module."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray
    from PIL import Image

# A notebook stores the picture of every photo that it shows: at full size one phone photo would be 20 MB of it.
SHOWN_SIDE = 480


class PhotoError(ValueError):
    """A picture that can't be used, told in a sentence: what was given, what was expected, what to do."""


@dataclass(frozen=True, eq=False, repr=False)
class Photo:
    """An RGB picture with its name and credit; the pixels can't be changed.

    Args:
        pixels: uint8 array (H, W, 3); copied unless it is read-only already.
        name: a short name, for titles and file names.
        credit: who made it and under which licence; empty where that isn't known.

    Raises:
        PhotoError: if `pixels` is anything else (`read_image` turns other pictures into this form).
    """

    pixels: NDArray[np.uint8]
    name: str = "photo"
    credit: str = ""

    def __post_init__(self) -> None:
        """Check the pixels and keep a copy that nobody can write to."""
        pixels: Any = self.pixels  # a caller without a type checker may give anything
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise PhotoError(
                f"A Photo holds a uint8 array (H, W, 3), but {describe_array(pixels)} was given. "
                "read_image turns other arrays, files and PIL images into a Photo."
            )
        if 0 in pixels.shape:
            raise PhotoError(f"A Photo needs at least one pixel, but the array has the shape {pixels.shape}.")
        if pixels.flags.writeable or not (pixels.flags.owndata and pixels.flags.c_contiguous):
            pixels = np.array(pixels, order="C", copy=True, subok=False)
            pixels.flags.writeable = False
            object.__setattr__(self, "pixels", pixels)

    @property
    def height(self) -> int:
        """Number of pixel rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Number of pixel columns."""
        return int(self.pixels.shape[1])

    def image(self) -> Image.Image:
        """Return the same picture as a PIL image of mode RGB."""
        from PIL import Image

        return Image.fromarray(self.pixels)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """The pixels for numpy and matplotlib, so that `imshow(photo)` and `np.asarray(photo)` work."""
        if dtype is not None and np.dtype(dtype) != self.pixels.dtype:
            return self.pixels.astype(dtype)
        return self.pixels.copy() if copy else self.pixels

    def __eq__(self, other: object) -> bool:
        """Equal pixels, name and credit."""
        if not isinstance(other, Photo):
            return NotImplemented
        same = (self.name, self.credit) == (other.name, other.credit)
        return same and np.array_equal(self.pixels, other.pixels)

    def __hash__(self) -> int:
        """A hash of the content, so that photos can be keys of a cache."""
        return hash((self.name, self.credit, self.pixels.shape, zlib.crc32(self.pixels.data)))

    def __reduce__(self) -> tuple[type[Photo], tuple[Any, ...]]:
        """Copy and unpickle through the constructor: numpy alone would bring back writeable pixels."""
        return type(self), (self.pixels, self.name, self.credit)

    def __repr__(self) -> str:
        """Name and size; the pixels are shown by the notebook."""
        return f"Photo({self.name!r}, {self.width} x {self.height} pixels)"

    def _repr_png_(self) -> bytes:
        """PNG for notebooks, at most `SHOWN_SIDE` pixels on its longer side; the pixels themselves stay as they are."""
        image = self.image()
        if max(image.size) > SHOWN_SIDE:
            image.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
        buffer = io.BytesIO()
        image.save(buffer, format="PNG", compress_level=9)
        return buffer.getvalue()

    def _repr_mimebundle_(
        self,
        include: object = None,  # noqa: ARG002 - Jupyter gives both by name
        exclude: object = None,  # noqa: ARG002
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The PNG with its text alternative, in the form that Jupyter asks for."""
        text = repr(self) + (f", {self.credit}" if self.credit else "")
        return {"image/png": self._repr_png_(), "text/plain": text}, {"image/png": {"alt": text}}


def describe_array(value: object) -> str:
    """Return what an array (or something in its place) is: 'an array of shape (2, 3) and dtype int64'."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if shape is None or dtype is None:
        kind = type(value).__name__
        return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
    noun = "an array" if isinstance(value, np.ndarray) else "a tensor"
    return f"{noun} of shape {tuple(shape)} and dtype {str(dtype).removeprefix('torch.')}"


def printable(name: str) -> str:
    """Return the name of a file as a text that can be written anywhere: a name may hold bytes that are no text."""
    return name.encode("utf8", "replace").decode()


@dataclass(frozen=True)
class Sample:
    """A sample photo: its file in `skimage/data`, what it shows, who made it, and under which licence."""

    file: str
    shows: str
    author: str
    licence: str

    @property
    def credit(self) -> str:
        """One line for below a picture."""
        return f"{self.shows}. {self.author}. {self.licence}; distributed with scikit-image."


SAMPLES = {
    "cat": Sample("chelsea.png", "Chelsea the cat", "Photo: Stefan van der Walt", "CC0"),
    "coffee": Sample("coffee.png", "Cup of coffee", "Photo: Rachel Michetti, courtesy of Pikolo Espresso Bar", "CC0"),
    "astronaut": Sample(
        "astronaut.png", "Eileen Collins", "Photo: NASA, Great Images database", "Public domain, no known restrictions"
    ),
    "rocket": Sample("rocket.jpg", "Falcon 9 with DSCOVR before its launch", "Photo: SpaceX", "Public domain"),
    "galaxies": Sample(
        "hubble_deep_field.jpg", "Hubble eXtreme Deep Field", "Picture: NASA, from HubbleSite", "Public domain"
    ),
    "retina": Sample("retina.jpg", "Retina of a left eye", "Photo: Mikael Häggström, from Wikimedia Commons", "CC0"),
    "cameraman": Sample("camera.png", "Cameraman (grey)", "Photo: Lav Varshney", "CC0"),
    "coins": Sample(
        "coins.png", "Greek coins from Pompeii (grey)", "Photo: Brooklyn Museum", "No known copyright restrictions"
    ),
}
