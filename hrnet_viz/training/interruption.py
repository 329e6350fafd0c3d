"""Ctrl-C, and a request to end, wait until a step is whole."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def catch_interruption() -> Iterator[list[int]]:
    """Collect the numbers of SIGINT and SIGTERM in a list, for the loop to look at; a second Ctrl-C is not caught."""
    caught: list[int] = []

    def remember(number: int, _: object) -> None:
        if caught and number == signal.SIGINT:
            raise KeyboardInterrupt
        caught.append(number)

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_signals_to_the_parent(_: int) -> None:
    """Start a loading process that lets Ctrl-C pass; the training process ends it when the step is whole."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
