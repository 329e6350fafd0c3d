"""Numbers and places on command lines: what is out of range is a sentence of argparse, before any work begins."""

from __future__ import annotations

import signal
from argparse import ArgumentTypeError
from collections.abc import Callable
from math import inf, isfinite
from pathlib import Path

from hrnet_viz.files import check_place


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
