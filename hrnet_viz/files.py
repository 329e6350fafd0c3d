"""Where results go, looked at first and written whole; and numbers on command lines."""

from __future__ import annotations

import os
import signal
from argparse import ArgumentTypeError
from collections.abc import Callable
from math import inf, isfinite
from pathlib import Path


def check_place(path: str | os.PathLike[str], *, folder: bool = False, ending: str = "") -> Path:
    """Return the path of a result that is to be written, "~" being home.

    Args:
        path: of a file, or of a folder that may have to be made.
        folder: whether it is a folder.
        ending: what the name of the file ends in. A checkpoint, a photo or a table that was named by mistake is thus
            never written over.

    Raises:
        ValueError: nothing can be written there; in a sentence.
    """
    place = Path(path).expanduser()
    if not folder and not place.is_dir() and not place.name.lower().endswith(ending):
        raise ValueError(f"'{place}' was given to write to; the name of such a file ends in {ending}.")
    if folder:
        if place.exists() and not place.is_dir():
            raise ValueError(f"'{place}' is a file, but a folder to write into was expected. Give another name.")
        home = next(one for one in (place, *place.absolute().parents) if one.exists())
    else:
        home = place.absolute().parent
        if place.is_dir():
            raise ValueError(
                f"'{place}' is a folder, but a file to write was expected: '{place / 'name'}', for example."
            )
        if not home.is_dir():
            raise ValueError(f"There is no folder '{home}' to write '{place.name}' into. Make it first.")
        if place.exists() and not os.access(place, os.W_OK):
            raise ValueError(f"'{place}' may not be written: it is protected. Give another name.")
    if not os.access(home, os.W_OK | os.X_OK):
        raise ValueError(f"Nothing may be written into '{home}': its rights do not allow it. Give another place.")
    return place


def write_whole(path: Path, data: bytes | str) -> Path:
    """Write a file at once or not at all: whoever reads it finds the old one or the new one."""
    draft = path.with_name(f"{path.name}.part")
    try:
        draft.write_bytes(data.encode("utf8") if isinstance(data, str) else data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def whole(low: int, high: float = inf) -> Callable[[str], int]:
    """Return a type for argparse: a whole number from ``low`` to ``high``."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise ArgumentTypeError(f"'{text}' was given; a whole number {_span(low, high)} was expected.")
        return value

    return read


def number(low: float, high: float = inf) -> Callable[[str], float]:
    """Return a type for argparse: a finite number from ``low`` to ``high``."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = inf
        if not isfinite(value) or not low <= value <= high:
            raise ArgumentTypeError(f"'{text}' was given; a number {_span(low, high)} was expected.")
        return value

    return read


def place(*, folder: bool = False, ending: str = "") -> Callable[[str], Path]:
    """Return a type for argparse: a file, or a folder, that can be written."""

    def read(text: str) -> Path:
        try:
            return check_place(text, folder=folder, ending=ending)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from error

    return read


def _span(low: float, high: float) -> str:
    return f"from {low:g} on" if high == inf else f"from {low:g} to {high:g}"


def end_quietly_in_pipes() -> None:
    """Let ``| head`` end a command without a word, as it ends any other."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
