"""Read a picture from anything a person may have, or say in a sentence why it can't be used."""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias
from urllib.request import url2pathname

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base as Tag

from hrnet_viz.photos.arrays import describe_picture, turn_into_rgb, warn_of_few_bits
from hrnet_viz.photos.folder import ENDINGS, FORMATS, printable
from hrnet_viz.photos.photo import Photo, PhotoError, describe_array

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    Buffer: TypeAlias = bytes | bytearray | memoryview

ImageSource: TypeAlias = (
    "Photo | str | os.PathLike[str] | Buffer | IO[bytes] | Image.Image | NDArray[Any] | torch.Tensor"
)

# Below the count at which Pillow begins to warn. Checked on the declared size, before anything is decoded.
PIXEL_LIMIT = 80_000_000
LONGEST_PATH = 4096  # of bytes that may be the name of a file

FORMAT_WORDS = "JPEG, PNG, GIF, BMP, TIFF, WebP, AVIF, PPM or JPEG 2000"

RAW_ENDINGS = tuple(
    ".dng .nef .nrw .cr2 .cr3 .arw .srf .sr2 .pef .srw .orf .rw2 .rwl .raf .3fr .fff .iiq .erf .mos .dcr .kdc".split()  # noqa: SIM905
)

RAW = "Only a preview in it could be read, as in any raw photo of a camera. Develop it: export it as JPEG."
PERHAPS_RAW = "If it is a raw photo of a camera, export it as JPEG."
HEIC = "It is a HEIC photo: export it as JPEG."
VIDEO = "It is a video: export one picture of it as JPEG."
WEB_PAGE = "It is a web page: save the picture itself, not the page around it."

# First bytes of things that are often given in place of a picture; for ISO media files, those from the fifth on.
LOOKALIKES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "It is a PDF: export the page as PNG."),
    (b"%!PS", "It is PostScript: export it as PNG."),
    (b"version https://git-lfs", "It is a Git LFS pointer: `git lfs pull` fetches the picture itself."),
    (b"<svg", "It is an SVG drawing: export it as PNG."),
    (b"<?xml", "It is XML, perhaps an SVG drawing: export it as PNG."),
    (b"<!doctype", WEB_PAGE),
    (b"<html", WEB_PAGE),
    (b"ftyphe", HEIC),
    (b"ftypmif", HEIC),
    (b"ftypmsf", HEIC),
    (b"ftypcrx", RAW),
    (b"ftypavi", ""),
    (b"ftyp", VIDEO),
    (b"II", PERHAPS_RAW),
    (b"MM\0", PERHAPS_RAW),
    (b"FUJIFILM", PERHAPS_RAW),
)


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
    found_name, pixels = "photo", None
    if (path := _find_path(source)) is not None:
        found_name = printable(Path(path).stem) or found_name
        pixels = _read_path(path)
    elif isinstance(source, bytes | bytearray | memoryview):
        pixels = _read_stream(io.BytesIO(source), f"The {type(source).__name__} object")
    elif isinstance(source, Image.Image):
        label = f"The PIL image of mode {source.mode}"
        with _explaining(label):
            pixels = _turn_image_into_rgb(source, label)
    elif _is_tensor(source):
        pixels = turn_into_rgb(_fetch_tensor(source), describe_picture(source), channels_first=True)
    elif isinstance(source, np.ndarray):
        pixels = turn_into_rgb(source, describe_picture(source))
    elif hasattr(source, "read"):
        pixels = _read_stream(_fetch_file(source), "The file object")
    elif hasattr(source, "__array__"):
        array = np.asarray(source)
        pixels = turn_into_rgb(array, describe_picture(array))
    else:
        raise PhotoError(
            f"A picture can't be read from {describe_array(source)}. Give a path, bytes, a binary file object, "
            "a PIL image, a numpy array or a torch tensor."
        )
    return Photo(pixels, found_name if name is None else name, credit or "")


def _find_path(source: object) -> str | None:
    """Return the path that was given, as text, in bytes or as the address of a file; None for anything else."""
    if isinstance(source, bytes):
        if len(source) > LONGEST_PATH or b"\0" in source:
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
    from hrnet_viz.photos.samples import names as photo_names

    if given in photo_names():
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


def _is_tensor(source: object) -> bool:
    # torch isn't imported for a question whose answer is no where nobody else has imported it
    return any(f"{kind.__module__}.{kind.__name__}" == "torch.Tensor" for kind in type(source).__mro__)


def _fetch_tensor(source: Any) -> NDArray[Any]:
    tensor = source.detach().cpu()
    array: NDArray[Any] = (tensor.float() if tensor.is_floating_point() else tensor).numpy()  # numpy has no bfloat16
    return array


def _read_stream(stream: IO[bytes], label: str) -> NDArray[np.uint8]:
    beginning = stream.read(64)
    if not beginning:
        raise PhotoError(
            f"{label} is empty (no bytes from where reading starts). Give the whole content of a picture file."
        )
    stream.seek(0)
    if beginning[8:11] == b"CR\x02":
        raise PhotoError(f"{label} can't be used. {RAW}")
    Image.init()
    formats = [entry for entry in FORMATS if entry in Image.OPEN]
    with _explaining(label, beginning), Image.open(stream, formats=formats) as image:
        return _turn_image_into_rgb(image, label)


@contextlib.contextmanager
def _explaining(label: str, beginning: bytes = b"") -> Iterator[None]:
    """Turn whatever Pillow and its plugins raise into a sentence; ``beginning`` are the first bytes of the file."""
    try:
        yield
    except PhotoError:
        raise
    except UnidentifiedImageError as error:
        start = beginning[4:] if beginning[4:8] == b"ftyp" else beginning.lstrip()
        hint = next((text for begin, text in LOOKALIKES if start.lower().startswith(begin.lower())), "")
        raise PhotoError(
            f"{label} isn't a picture that can be read here, or its header is damaged. Expected {FORMAT_WORDS}. "
            f"{hint}".rstrip()
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
        raise PhotoError(f"{label} can't be used. {RAW}")
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
    image = _turn_upright(image)
    if image.mode == "F" or image.mode.startswith("I"):
        array = _widen(image, label)
        return turn_into_rgb(~array if negative and array.dtype == np.uint16 else array, label)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    try:
        pixels = turn_into_rgb(np.asarray(image.convert(mode)), label)
    except ValueError as error:
        if isinstance(error, PhotoError):
            raise
        raise PhotoError(
            f"{label} has the colour mode {image.mode}, which can't become RGB here. Save it as RGB."
        ) from error
    if deep:  # Pillow keeps the upper eight of sixteen bits
        warn_of_few_bits(label, int(pixels.max()) * 256 + 255)
    return pixels


def _is_preview(image: Image.Image) -> bool:
    """Whether the first picture of a TIFF is a preview of another in it, as raw photos of cameras begin."""
    tags = getattr(image, "tag_v2", None) if image.format == "TIFF" and image.tell() == 0 else None
    if tags is None:
        return False
    name = str(getattr(image, "filename", "") or getattr(getattr(image, "fp", None), "name", ""))
    reduced = tags.get(Tag.NewSubfileType, 0) & 1 or tags.get(Tag.SubfileType) == 2
    return (
        name.lower().endswith(RAW_ENDINGS)
        or Tag.DNGVersion in tags
        or bool(reduced and (Tag.SubIFDs in tags or getattr(image, "n_frames", 1) > 1))
    )


def _turn_upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - damaged EXIF data, of whatever kind: the pixels are whole
        return image


def _widen(image: Image.Image, label: str) -> NDArray[Any]:
    """Numbers of a 16-bit or float image; Pillow's 32-bit mode I is how it holds most 16-bit files."""
    array = np.asarray(image)
    if image.mode != "I":
        return array
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 65535:
        raise PhotoError(
            f"{label} holds whole numbers from {low} to {high}, but 16 bits go from 0 to 65535. Scale it first."
        )
    return array.astype(np.uint16)
