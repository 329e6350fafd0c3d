"""A sweep on disk: rows are appended as they come, so what was computed stays.

Beside the table, ``effects.csv``, lies ``effects.json``: how it was made, which photos could not be read, and whether
it is finished. A sweep goes on only where both agree with what is asked for.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn

from hrnet_viz.files import write_whole
from hrnet_viz.interventions.sweep_table import HEADER, Effect, format_rows, read_rows


@contextmanager
def claim(save: str | Path | None) -> Iterator[Path | None]:
    """Check where a table goes, before anything is computed for it, and keep other writers out until it is done.

    Raises:
        ValueError: a name that does not end in .csv, a folder, a place that can't be written, or another writer.
    """
    if save is None:
        yield None
        return
    path = Path(save).expanduser()
    if path.suffix.lower() != ".csv":
        raise ValueError(
            f"'{path.name}' was given to save to; the table's name ends in .csv (its record, in .json, lies beside it)."
        )
    lock = FileLock(path.with_name(f"{path.name}.lock"), timeout=0)
    try:
        for file in (path, path.with_suffix(".json")):
            if file.is_dir():
                raise IsADirectoryError(0, "it is a folder", str(file))
        path.parent.mkdir(parents=True, exist_ok=True)
        for file in [path, Path(lock.lock_file)] if path.exists() else [Path(lock.lock_file)]:
            file.open("a").close()
        lock.acquire()
    except Timeout as error:
        raise ValueError(
            f"'{path.name}' is being written by another process. Wait for it, or save elsewhere."
        ) from error
    except OSError as error:
        raise ValueError(f"'{error.filename or path}' can't be written: {error.strerror}. Save elsewhere.") from error
    try:
        yield path
    finally:
        with suppress(OSError):  # Windows removes no file that is open
            Path(lock.lock_file).unlink()
        lock.release()


@dataclass
class Record:
    """The files of one sweep that is under way.

    Attributes:
        path: the table.
        settings: how the sweep is made.
        unreadable: (name, reason) of photos that could not be read, so far.
    """

    path: Path
    settings: Mapping[str, Any]
    unreadable: dict[str, str] = field(default_factory=dict)

    def resume(self) -> tuple[Effect, ...]:
        """Return the rows that are there already.

        Raises:
            ValueError: files that belong to another sweep; the message says what differs.
        """
        if not self.path.exists():
            if self.path.with_suffix(".json").exists():
                _read_record(self.path)  # what is no record of a sweep is not written over
            return ()
        told = _read_record(self.path)
        differing = _differences(told["settings"], self.settings)
        if differing:
            raise ValueError(
                f"'{self.path.name}' holds another sweep: {'; '.join(differing)}. "
                "Ask for the same again to go on with it, choose another file, or delete this one."
            )
        self.unreadable.update(told["unreadable"])
        text = self.path.read_text(encoding="utf8")
        there = read_rows(text[: text.rfind("\n") + 1], self.path)
        if not text.endswith("\n"):  # a write that was cut off left half a line
            self.start_over_with(there)
        return there

    def start_over_with(self, effects: Sequence[Effect]) -> None:
        """Replace the table by these rows, at once or not at all."""
        write_whole(self.path, HEADER + format_rows(effects))

    def add(self, effects: Sequence[Effect], failed: Mapping[str, str]) -> None:
        """Add the rows of a photo to the table in one write, and what could not be read for it to what is told.

        The files come with the first rows: a sweep that fails at once leaves none.
        """
        self.unreadable.update(failed)
        started = self.path.exists()
        if not effects and not started:
            return
        if failed or not started:  # first, so that a photo whose rows are all there is known to be whole
            self.tell(finished=False)
        if not started:
            self.start_over_with([])
        with self.path.open("a", encoding="utf8", newline="") as file:
            file.write(format_rows(effects))

    def tell(self, *, finished: bool) -> None:
        """Write down how the table was made and how far it is."""
        told = {
            "settings": dict(self.settings),
            "finished": finished,
            "unreadable": dict(sorted(self.unreadable.items())),
        }
        if finished and not self.path.exists():  # not a single row
            self.start_over_with([])
        write_whole(self.path.with_suffix(".json"), json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def fingerprint(net: nn.Module) -> str:
    """Return a short text that changes with any weight or statistic of a net."""
    total = 0
    for value in net.state_dict().values():
        total = _checksum(value, total)
    return f"{total:08x}"


def fingerprint_tensor(value: Tensor) -> str:
    """Return a short text that changes with any number of a tensor."""
    return f"{_checksum(value, 0):08x}"


def _checksum(value: Tensor, before: int) -> int:
    as_bytes = value.detach().cpu().contiguous().flatten().view(torch.uint8)  # numpy has no bfloat16
    return zlib.crc32(as_bytes.numpy().tobytes(), before)


def _read_record(path: Path) -> dict[str, Any]:
    beside = path.with_suffix(".json")
    try:
        told: dict[str, Any] = json.loads(beside.read_text(encoding="utf8"))
        missing = {"settings", "finished", "unreadable"} - told.keys()
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(
            f"'{path.name}' needs '{beside.name}' beside it, which tells how it was made; it can't be read ({error})."
        ) from error
    if missing:
        raise ValueError(f"'{beside.name}' does not tell {', '.join(sorted(missing))}; it is no record of a sweep.")
    return told


def _differences(there: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Say in words what differs between two settings."""
    words = []
    for key in [*asked, *(key for key in there if key not in asked)]:
        old, new = (_short(settings.get(key)) for settings in (there, asked))
        if there.get(key) != asked.get(key):
            words.append(f"{key} is {old} there, {new} here" if old != new else f"{key} differs")
    return words


def _short(value: object) -> str:
    text = f"{len(value)} of them" if isinstance(value, (list, tuple)) and len(value) > 3 else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
