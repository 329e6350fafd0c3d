"""Where results go, looked at first and written whole; and numbers on command lines."""

from __future__ import annotations

import os
import signal
from argparse import ArgumentTypeError
from collections.abc import Callable
from math import inf, isfinite
from pathlib import Path
from typing import TypeVar

Number = TypeVar("Number", int, float)


def check_place(path: str | os.PathLike[str], *, folder: bool = False, ending: str = "") -> Path:
    """Return the path of a result that is to be written, "~" being home: a file, or a folder that may have to be made.

    The name of the file has this ending, so that what was named by mistake, such as a photo, is never written over.

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
    return _read_number(int, "a whole number", low, high)


def number(low: float, high: float = inf) -> Callable[[str], float]:
    """Return a type for argparse: a finite number from ``low`` to ``high``."""
    return _read_number(float, "a number", low, high)


def _read_number(kind: Callable[[str], Number], noun: str, low: float, high: float) -> Callable[[str], Number]:
    def read(text: str) -> Number:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not isfinite(value) or not low <= value <= high:
            span = f"from {low:g} on" if high == inf else f"from {low:g} to {high:g}"
            raise ArgumentTypeError(f"'{text}' was given; {noun} {span} was expected.")
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


def end_quietly_in_pipes() -> None:
    """Make ``| head`` end a command without a word, as it ends any other."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
