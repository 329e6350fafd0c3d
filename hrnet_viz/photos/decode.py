"""Read a picture from anything a person may have (file, bytes, PIL image, array), or say why it can't be used."""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias
from urllib.request import url2pathname

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base as Tag

from hrnet_viz.photos.photo import SAMPLES, Photo, PhotoError, describe_array, printable

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

ImageSource: TypeAlias = (
    "Photo | str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | NDArray[Any] "
    "| torch.Tensor"
)

# Raster formats of photos. Left out on purpose: those that run another program (EPS), those without a signature, as
# which any bytes may pass (TGA), and containers whose inner picture may be larger than declared (ICO, ICNS).
_FORMATS = ("JPEG", "MPO", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "PPM", "JPEG2000")

ENDINGS = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .avif .gif .bmp .tif .tiff .ppm .pgm .jp2 .heic .heif".split()  # noqa: SIM905
)
"""Endings of photos; a file with another one, or with none, is looked into."""

# Below the count at which Pillow begins to warn. Checked on the declared size, before anything is decoded.
PIXEL_LIMIT = 80_000_000
_LONGEST_PATH = 4096  # of bytes that may be the name of a file

_RAW_ENDINGS = tuple(
    ".dng .nef .nrw .cr2 .cr3 .arw .srf .sr2 .pef .srw .orf .rw2 .rwl .raf .3fr .fff .iiq .erf .mos .dcr .kdc".split()  # noqa: SIM905
)

_RAW = "Only a preview in it could be read, as in any raw photo of a camera. Develop it: export it as JPEG."

# First bytes, in lower case, of what is often given in place of a picture; for ISO media files, from the fifth on.
_LOOKALIKES: tuple[tuple[bytes | tuple[bytes, ...], str], ...] = (
    (b"%pdf", "It is a PDF: export the page as PNG."),
    (b"%!ps", "It is PostScript: export it as PNG."),
    (b"version https://git-lfs", "It is a Git LFS pointer: `git lfs pull` fetches the picture itself."),
    (b"<svg", "It is an SVG drawing: export it as PNG."),
    (b"<?xml", "It is XML, perhaps an SVG drawing: export it as PNG."),
    ((b"<!doctype", b"<html"), "It is a web page: save the picture itself, not the page around it."),
    ((b"ftyphe", b"ftypmif", b"ftypmsf"), "It is a HEIC photo: export it as JPEG."),
    (b"ftypcrx", _RAW),
    (b"ftypavi", ""),
    (b"ftyp", "It is a video: export one picture of it as JPEG."),
    ((b"ii", b"mm\0", b"fujifilm"), "If it is a raw photo of a camera, export it as JPEG."),
)

# Half a step of an 8-bit scale: a float this far outside 0..1 still rounds to 0 or 255, so that clipping loses nothing.
_SLACK = 0.5 / 255


def read_image(source: ImageSource, name: str | None = None, credit: str | None = None) -> Photo:
    """Read one picture as RGB, upright (EXIF orientation) and opaque (transparency over white).

    16-bit grey is scaled, not clipped; of an animation or a file with several pictures the first is taken. Colour
    profiles are not applied. Nothing is downloaded.

    Args:
        source: a path, the bytes of a file, a binary file object, a PIL image, a numpy array ((H, W), (H, W, C) or
            (C, H, W); bool, uint8, uint16, or float from 0 to 1), a torch tensor ((C, H, W), (1, C, H, W), (H, W, C) or
            (H, W); same number types), or a Photo.
        name: name of the photo; by default that of the file without its ending, otherwise "photo".
        credit: who made it and under which licence.

    Returns:
        The photo, uint8 (H, W, 3).

    Raises:
        PhotoError: a ValueError, for whatever isn't one whole picture: missing, empty, truncated, of another format,
            with no pixel or more than 80 million, with NaN or numbers out of range.
    """
    if isinstance(source, Photo):
        return Photo(source.pixels, source.name if name is None else name, source.credit if credit is None else credit)
    found_name = "photo"
    if (path := _find_path(source)) is not None:
        found_name = printable(Path(path).stem) or found_name
        pixels = _read_path(path)
    elif isinstance(source, bytes | bytearray | memoryview):
        pixels = _read_stream(io.BytesIO(source), f"The {type(source).__name__} object")
    elif isinstance(source, Image.Image):
        label = f"The PIL image of mode {source.mode}"
        with _explaining(label):
            pixels = _turn_image_into_rgb(source, label)
    elif "torch" in sys.modules and isinstance(source, sys.modules["torch"].Tensor):
        tensor = source.detach().cpu()
        array = np.asarray(tensor.float() if tensor.is_floating_point() else tensor)  # numpy has no bfloat16
        pixels = _turn_array_into_rgb(array, describe_array(source), channels_first=True)
    elif hasattr(source, "read"):
        pixels = _read_stream(_fetch_file(source), "The file object")
    elif hasattr(source, "__array__"):
        pixels = _turn_array_into_rgb(array := np.asarray(source), describe_array(array))
    else:
        raise PhotoError(
            f"A picture can't be read from {describe_array(source)}. Give a path, bytes, a binary file object, "
            "a PIL image, a numpy array or a torch tensor."
        )
    return Photo(pixels, found_name if name is None else name, credit or "")


def _find_path(source: object) -> str | None:
    """Return the path that was given, as text, in bytes or as the address of a file; None for anything else."""
    if isinstance(source, bytes):
        if len(source) > _LONGEST_PATH or b"\0" in source:
            return None
        if not source.lower().endswith(tuple(map(str.encode, ENDINGS))) and not os.path.lexists(source):
            return None
    elif not isinstance(source, str | os.PathLike):
        return None
    given = os.fsdecode(source)
    address = re.match(r"file:(//(localhost)?(?=/))?", given, re.IGNORECASE)
    return url2pathname(given[address.end() :]) if address else given


def _read_path(given: str) -> NDArray[np.uint8]:
    text = printable(given)
    label = f'"{text}"' if len(text) <= 200 else f'"{text[:200]}..."'
    if re.match(r"(https?|ftps?|s3|gs|data):", given, re.IGNORECASE):
        raise PhotoError(f"{label} is an address, and nothing is downloaded here. Save the picture and give its path.")
    try:
        path = Path(given).expanduser()
        if path.is_dir():
            raise PhotoError(f"{label} is a folder, but one picture was expected. Give the path of a file in it.")
        if path.is_symlink() and not path.exists():
            raise PhotoError(f"{label} is a link to '{path.readlink()}', which is not there. Give the picture itself.")
        if not path.exists():
            raise PhotoError(f"There is no file {label}. {_suggest(given)}")
        if not path.is_file():  # a device or a pipe may never end
            raise PhotoError(f"{label} is neither a file nor a folder. Give the path of a picture.")
        with path.open("rb") as stream:
            return _read_stream(stream, label)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PhotoError(f"{label} can't be opened ({reason}). Check the path, and who may read it.") from error


def _suggest(given: str) -> str:
    """What to do about a missing file: a sample of that name, or files of the same folder with nearly that name."""
    if given in SAMPLES:
        return f'The sample of that name is photo("{given}").'
    path = Path(given).expanduser()
    if not path.parent.is_dir():
        return f'There is no folder "{path.parent}" either: check the path.'
    nearest = difflib.get_close_matches(path.name, [entry.name for entry in path.parent.iterdir()], n=3)
    nearest = [name for name in nearest if (path.parent / name).is_file()]
    if nearest:
        return "Its folder has " + ", ".join(f'"{entry}"' for entry in nearest) + ": is it one of these?"
    return "Check the path" + ("." if path.is_absolute() else f'; it is looked for in "{Path.cwd()}".')


def _fetch_file(source: Any) -> io.BytesIO:
    try:
        content = source.read()
    except UnicodeDecodeError:
        content = ""
    except (OSError, ValueError) as error:
        raise PhotoError(f"The file object can't be read ({error}). Open it again.") from error
    if not isinstance(content, bytes):
        raise PhotoError(
            'The file object gives text, but bytes were expected. Open it in binary mode: open(path, "rb").'
        )
    return io.BytesIO(content)


def _read_stream(stream: IO[bytes], label: str) -> NDArray[np.uint8]:
    beginning = stream.read(64)
    if not beginning:
        raise PhotoError(
            f"{label} is empty (no bytes from where reading starts). Give the whole content of a picture file."
        )
    stream.seek(0)
    if beginning[8:11] == b"CR\x02":
        raise PhotoError(f"{label} can't be used. {_RAW}")
    with _explaining(label, beginning), _open(stream) as image:
        return _turn_image_into_rgb(image, label)


def _open(stream: IO[bytes]) -> Image.Image:
    Image.init()
    return Image.open(stream, formats=[one for one in _FORMATS if one in Image.OPEN])


def looks_like_photo(path: Path) -> bool:
    """Whether a file, whatever its ending, begins as a photo."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with path.open("rb") as file, _open(file):
            return True
    except Exception:  # noqa: BLE001  # reading other people's files, plugins raise whatever comes: it is no photo
        return False


@contextlib.contextmanager
def _explaining(label: str, beginning: bytes = b"") -> Iterator[None]:
    """Turn whatever Pillow and its plugins raise into a sentence; ``beginning`` are the first bytes of the file."""
    try:
        yield
    except PhotoError:
        raise
    except UnidentifiedImageError as error:
        start = beginning[4:] if beginning[4:8] == b"ftyp" else beginning.lstrip()
        hint = next((text for begins, text in _LOOKALIKES if start.lower().startswith(begins)), "")
        raise PhotoError(
            f"{label} isn't a picture that can be read here, or its header is damaged. Expected JPEG, PNG, "
            f"GIF, BMP, TIFF, WebP, AVIF, PPM or JPEG 2000. {hint}".rstrip()
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PhotoError(
            f"{label} declares more pixels than Pillow accepts (Image.MAX_IMAGE_PIXELS = {Image.MAX_IMAGE_PIXELS}). "
            "Give a smaller copy of the picture."
        ) from error
    except Exception as error:
        if isinstance(error, AssertionError) or "closed" in str(error):
            raise PhotoError(
                f"{label} is closed: its file was let go before its pixels were read. Call image.load() before that."
            ) from error
        raise PhotoError(
            f"{label} is truncated or damaged ({str(error).rstrip('.') or type(error).__name__}). "
            "Expected a whole picture file: copy or download it again."
        ) from error


def _turn_image_into_rgb(image: Image.Image, label: str) -> NDArray[np.uint8]:
    if _is_preview(image):
        raise PhotoError(f"{label} can't be used. {_RAW}")
    width, height = image.size
    if width < 1 or height < 1:
        raise PhotoError(f"{label} has no pixels: it is {width} x {height}. Give at least one row and one column.")
    if width * height > PIXEL_LIMIT:
        raise PhotoError(
            f"{label} declares {width} x {height} pixels, {width * height / 1e6:,.0f} million; at most "
            f"{PIXEL_LIMIT / 1e6:.0f} million are read, to spare the memory. Give a smaller copy of the picture."
        )
    deep = re.search(";16[BLNR]", str(getattr(image, "tile", "")))
    negative = getattr(image, "tag_v2", {}).get(Tag.PhotometricInterpretation) == 0  # undone by Pillow for 8 bits only
    image.load()
    with contextlib.suppress(Exception):  # damaged EXIF data, of whatever kind: the pixels are whole
        image = ImageOps.exif_transpose(image)
    if image.mode == "F" or image.mode.startswith("I"):
        array = np.asarray(image)
        if image.mode == "I":  # how Pillow holds most 16-bit files, in 32 bits
            low, high = int(array.min()), int(array.max())
            if low < 0 or high > 65535:
                raise PhotoError(
                    f"{label} holds whole numbers from {low} to {high}, but 16 bits go from 0 to 65535. Scale it first."
                )
            array = array.astype(np.uint16)
        return _turn_array_into_rgb(~array if negative and array.dtype == np.uint16 else array, label)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    try:
        array = np.asarray(image.convert(mode))
    except ValueError as error:
        raise PhotoError(
            f"{label} has the colour mode {image.mode}, which can't become RGB here. Save it as RGB."
        ) from error
    pixels = _turn_array_into_rgb(array, label)
    if deep:  # Pillow keeps the upper eight of sixteen bits
        _warn_of_few_bits(label, int(pixels.max()) * 256 + 255)
    return pixels


def _is_preview(image: Image.Image) -> bool:
    """Whether the first picture of a TIFF is a preview of another in it, as raw photos of cameras begin."""
    tags = getattr(image, "tag_v2", None) if image.format == "TIFF" and image.tell() == 0 else None
    if tags is None:
        return False
    name = str(getattr(image, "filename", "") or getattr(getattr(image, "fp", None), "name", ""))
    reduced = tags.get(Tag.NewSubfileType, 0) & 1 or tags.get(Tag.SubfileType) == 2
    return (
        name.lower().endswith(_RAW_ENDINGS)
        or Tag.DNGVersion in tags
        or bool(reduced and (Tag.SubIFDs in tags or getattr(image, "n_frames", 1) > 1))
    )


def _turn_array_into_rgb(array: NDArray[Any], label: str, *, channels_first: bool = False) -> NDArray[np.uint8]:
    """Turn one picture in any usual layout and number type into RGB bytes (H, W, 3).

    ``channels_first`` is the layout that is tried first; it decides shapes such as (3, 5, 3), which can be read both
    ways. ``label`` names the picture in a sentence.
    """
    label = label[0].upper() + label[1:]
    if array.size == 0:
        raise PhotoError(f"{label} has no pixels: its shape is {array.shape}. Give at least one row and one column.")
    if array.dtype.kind not in "buif":  # before moving axes: arrays of objects have nothing to show
        raise PhotoError(f"{label} doesn't hold plain numbers. A picture is bool, uint8, uint16 or float from 0 to 1.")
    return _blend_over_white(_scale_to_bytes(_put_channels_last(array, label, channels_first=channels_first), label))


def _put_channels_last(array: NDArray[Any], label: str, *, channels_first: bool) -> NDArray[Any]:
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    elif array.ndim == 4:
        raise PhotoError(
            f"{label} is a batch of {array.shape[0]}, but one picture was expected. Give one at a time, as in batch[0]."
        )
    if array.ndim == 2:
        return array[:, :, None]
    if array.ndim == 3:
        # Grey, grey + alpha, RGB, RGB + alpha; in front, 2 is more often a pair of grey pictures than grey + alpha.
        first, last = array.shape[0] in (1, 3, 4), array.shape[2] in (1, 2, 3, 4)
        if first and (channels_first or not last):
            return np.moveaxis(array, 0, 2)
        if last:
            return array
    raise PhotoError(
        f"{label} doesn't have the shape of a picture. Expected (H, W), (H, W, 3), (H, W, 4), (3, H, W) or one of "
        "these with a leading 1."
    )


def _scale_to_bytes(array: NDArray[Any], label: str) -> NDArray[np.uint8]:
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        _warn_of_few_bits(label, int(array.max()))
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
    if low < -_SLACK or high > 1 + _SLACK:
        advice = "If it has a high dynamic range, tone-map it or divide it by its white level first."
        if low < 0:
            advice = "If it is the input of a net, Preparation.undo gives the picture back; else shift and scale it."
        elif high <= 255.5:
            advice = "If 255 is its white, divide it by 255."
        raise PhotoError(
            f"{label} holds numbers from {low:.4g} to {high:.4g}, but floats must lie between 0 and 1. {advice}"
        )
    return np.asarray(np.rint(np.clip(array, 0, 1) * 255), np.uint8)


def _warn_of_few_bits(label: str, highest: int) -> None:
    if 0 < highest < 4096:  # nearly black, so that the data seem to have 8, 10 or 12 bits
        bits = next(bits for bits in (8, 10, 12) if highest < 2**bits)
        warnings.warn(
            f"{label} holds 16-bit numbers up to {highest} of 65535: nearly black; {bits}-bit data have to be "
            f"multiplied by {2 ** (16 - bits)} first.",
            stacklevel=2,
        )


def _blend_over_white(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn (H, W, 1..4) bytes into (H, W, 3): grey is repeated, alpha is blended over white."""
    channels = array.shape[2]
    colour = array[:, :, : 3 if channels >= 3 else 1]
    if channels in (2, 4):
        alpha = array[:, :, -1:].astype(np.uint16)
        # 255 * 255 + 127 is the largest sum, and fits 16 bits
        colour = ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(colour, (*array.shape[:2], 3)))
