"""How fast it goes, and how long it still takes."""

from __future__ import annotations

import time
from collections import deque
from datetime import datetime, timedelta

WINDOW_S = 240.0
"""Speed is averaged over this many seconds: long enough to even out a shared machine, short enough to follow it."""


class Speed:
    """Work per second of wall clock over the last minutes, everything included that happened meanwhile."""

    def __init__(self) -> None:
        self._marks: deque[tuple[float, float]] = deque([(time.monotonic(), 0.0)])

    def add(self, work: float) -> None:
        """Note that this much work has been done since the last call."""
        now = time.monotonic()
        self._marks.append((now, self._marks[-1][1] + work))
        while len(self._marks) > 2 and now - self._marks[1][0] > WINDOW_S:
            self._marks.popleft()

    @property
    def seconds(self) -> float:
        """How much time the speed is averaged over."""
        return self._marks[-1][0] - self._marks[0][0]

    @property
    def per_second(self) -> float:
        """Work per second; 0 before anything is known."""
        (start, before), (end, after) = self._marks[0], self._marks[-1]
        return (after - before) / (end - start) if after > before else 0.0


def find_deadline(text: str, now: datetime) -> datetime:
    """The next moment at which a clock shows ``HH:MM``.

    Raises:
        ValueError: not a time of day.
    """
    try:
        hour, minute = (int(part) for part in text.split(":"))
        moment = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    except ValueError as error:
        raise ValueError(f"'{text}' is no time of day; write HH:MM, such as 18:30.") from error
    return moment if moment > now else moment + timedelta(days=1)


def spell_duration(seconds: float) -> str:
    """Write a duration as hours, minutes and seconds: 1:02:03."""
    return str(timedelta(seconds=round(max(0.0, seconds))))
