"""The table of a sweep: one row per photo and edit, ready for a DataFrame; and its file, to which rows are appended.

Beside the table, ``effects.csv``, lies ``effects.json``: how it was made, which photos could not be read, and whether
it is finished. A sweep goes on only where both agree with what is asked for.
"""

from __future__ import annotations

import csv
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn

from hrnet_viz.files import write_whole
from hrnet_viz.site_map import ReadOnly


@dataclass(frozen=True, slots=True)
class Effect:
    """What one edit did to one photo.

    Attributes:
        photo: name of the photo.
        item: what was edited, "stage3.1.fuse0<-2", "stage3.1.out0[5]" or "stage3.1".
        stage, module, branch, source: the numbers in it; for a path ``branch`` is the output i and ``source`` is j.
        channel: the channel, where a single one was edited.
        edit: what was done, "zero" or "scaled by 0.5".
        target: what the score is the score of.
        base_score, score: before and after; logits where the target is a class.
        effect: score minus base score.
        base_probability, probability: of the target class; None where the target is none, and of maps.
        base_rank, rank: of the output, 1 being the top: the highest peak, the largest share; None of other targets.
        base_top, top: the output at the top before and after, by name or as "output 3".
    """

    photo: str
    item: str
    stage: int | None
    module: int | None
    branch: int | None
    source: int | None
    channel: int | None
    edit: str
    target: str
    base_score: float
    score: float
    effect: float
    base_probability: float | None
    probability: float | None
    base_rank: int | None
    rank: int | None
    base_top: str
    top: str


COLUMNS = tuple(column.name for column in fields(Effect))
_TYPES = {column.name: str(column.type).partition(" ")[0] for column in fields(Effect)}
_READ = {"int": int, "float": float}
_AVERAGED = (*sorted(name for name, kind in _TYPES.items() if kind == "float"), "rank", "base_rank")
_HEADER = ",".join(COLUMNS) + "\n"


@dataclass(frozen=True, repr=False)
class Sweep:
    """All effects of a sweep.

    Attributes:
        effects: one per photo and item, photo by photo, in plan order.
        settings: how it was made: variant, what was edited and how, target, photos, fingerprint of the weights.
        unreadable: (name, reason) of the photos that could not be read.
        finished: False if it was interrupted.
    """

    effects: tuple[Effect, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    unreadable: tuple[tuple[str, str], ...] = ()
    finished: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", ReadOnly(self.settings))

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Load the table of a sweep from a CSV file; a ValueError tells of a file that is none."""
        path = Path(path).expanduser()
        try:
            text = path.read_text(encoding="utf8")
        except OSError as error:
            raise ValueError(
                f"'{path}' can't be read: {error.strerror}. Give the table that a sweep was saved to."
            ) from error
        except UnicodeDecodeError as error:
            raise ValueError(f"'{path.name}' is no table of a sweep: it is no text.") from error
        return cls(_read_rows(text, path))

    def __repr__(self) -> str:
        n, failed = len(self.photos), len(self.unreadable)
        more = (f", {failed} unreadable" if failed else "") + ("" if self.finished else ", not finished")
        return f"Sweep({len(self.items)} edits of {'1 photo' if n == 1 else f'{n} photos'}{more})"

    @property
    def photos(self) -> tuple[str, ...]:
        """Names of the photos, in the order in which they come."""
        return tuple(dict.fromkeys(effect.photo for effect in self.effects))

    @property
    def items(self) -> tuple[str, ...]:
        """What was edited, in plan order."""
        return tuple(dict.fromkeys(effect.item for effect in self.effects))

    def columns(self) -> dict[str, list[Any]]:
        """Return the table as columns: ``pandas.DataFrame(sweep.columns())``."""
        return {name: [getattr(effect, name) for effect in self.effects] for name in COLUMNS}

    def mean(self, column: str = "effect") -> dict[str, float]:
        """Compute the mean of a column of numbers over the photos: item -> mean; a ValueError names the columns."""
        if column not in _AVERAGED:
            raise ValueError(f"'{column}' is no column to average. Those are: {', '.join(_AVERAGED[:-1])}.")
        found: dict[str, list[float]] = {}
        for effect in self.effects:
            value = getattr(effect, column)
            if value is not None:
                found.setdefault(effect.item, []).append(value)
        return {item: sum(values) / len(values) for item, values in found.items()}

    def matrices(self, column: str = "effect") -> dict[str, Tensor]:
        """Return a sweep over fuse paths as one matrix (I, J) per module: row i is the output, column j the branch.

        Raises:
            ValueError: a sweep over something else.
        """
        paths = {effect.item: effect for effect in self.effects if effect.source is not None and "[" not in effect.item}
        if not paths:
            raise ValueError(f"This is a sweep over {self.items[:1] or 'nothing'}; matrices need over='fuse_paths'.")
        means, found = self.mean(column), dict[str, Tensor]()
        for item, effect in paths.items():
            size = int(effect.stage or 0)  # stage s has s branches
            matrix = found.setdefault(
                f"stage{effect.stage}.{effect.module}", torch.full((size, size), torch.nan).double()
            )
            matrix[effect.branch or 0, effect.source or 0] = means.get(item, torch.nan)
        return found

    def save(self, path: str | Path) -> Path:
        """Write the table as CSV and return its path; a ValueError tells of a place that can't be written."""
        path = Path(path).expanduser()
        try:
            path.write_text(_HEADER + _format_rows(self.effects), encoding="utf8", newline="")
        except OSError as error:
            raise ValueError(f"'{path}' can't be written: {error.strerror}. Save elsewhere.") from error
        return path


def _format_rows(effects: Iterable[Effect]) -> str:
    """Return effects as CSV lines. Numbers have the digits that bring the same number back."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        ["" if value is None else value for value in astuple(effect)] for effect in effects
    )
    return text.getvalue()


def _read_rows(text: str, path: Path) -> tuple[Effect, ...]:
    """Return the effects that CSV text tells; a ValueError says which line can't be read or is there twice."""
    where = f"'{path.name}' is no table of a sweep, or is damaged"
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or tuple(rows[0]) != COLUMNS:
        raise ValueError(f"{where}: its first line is not the names of the columns.")
    effects: dict[tuple[str, str], Effect] = {}
    for number, row in enumerate(rows[1:], start=2):
        try:
            values: dict[str, Any] = {name: _read(name, cell) for name, cell in zip(COLUMNS, row, strict=True)}
        except ValueError as error:
            raise ValueError(f"{where}: line {number} can't be read.") from error
        effect = Effect(**values)
        if effects.setdefault((effect.photo, effect.item), effect) is not effect:
            raise ValueError(f"{where}: {effect.item} of {effect.photo} is there twice (line {number}).")
    return tuple(effects.values())


def _read(name: str, cell: str) -> object:
    read = _READ.get(_TYPES[name])
    return cell if read is None else read(cell) if cell else None


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
    """The files of a sweep under way: where the table is, how it is made, what could not be read so far."""

    path: Path
    settings: Mapping[str, Any]
    unreadable: dict[str, str] = field(default_factory=dict)

    def resume(self) -> tuple[Effect, ...]:
        """Return the rows that are there already; a ValueError says what differs in files of another sweep."""
        if not self.path.exists():
            if self.path.with_suffix(".json").exists():
                self._read()  # what is no record of a sweep is not written over
            return ()
        told = self._read()
        differing = _differences(told["settings"], self.settings)
        if differing:
            raise ValueError(
                f"'{self.path.name}' holds another sweep: {'; '.join(differing)}. "
                "Ask for the same again to go on with it, choose another file, or delete this one."
            )
        self.unreadable.update(told["unreadable"])
        text = self.path.read_text(encoding="utf8")
        there = _read_rows(text[: text.rfind("\n") + 1], self.path)
        if not text.endswith("\n"):  # a write that was cut off left half a line
            self.start_over_with(there)
        return there

    def start_over_with(self, effects: Sequence[Effect]) -> None:
        """Write these rows in the place of the table, at once or not at all."""
        write_whole(self.path, _HEADER + _format_rows(effects))

    def add(self, effects: Sequence[Effect], failed: Mapping[str, str]) -> None:
        """Write the rows of a photo, in one go, or why there are none; a sweep that fails at once leaves no file."""
        self.unreadable.update(failed)
        started = self.path.exists()
        if not effects and not started:
            return
        if failed or not started:  # first, so that a photo whose rows are all there is known to be whole
            self.tell(finished=False)
        if not started:
            self.start_over_with([])
        with self.path.open("a", encoding="utf8", newline="") as file:
            file.write(_format_rows(effects))

    def tell(self, *, finished: bool) -> None:
        """Write down how the table was made and how far it is."""
        told = {"settings": dict(self.settings), "finished": finished}
        if finished and not self.path.exists():  # not a single row
            self.start_over_with([])
        text = json.dumps(told | {"unreadable": dict(sorted(self.unreadable.items()))}, indent=1, ensure_ascii=False)
        write_whole(self.path.with_suffix(".json"), text + "\n")

    def _read(self) -> dict[str, Any]:
        beside = self.path.with_suffix(".json")
        try:
            told: dict[str, Any] = json.loads(beside.read_text(encoding="utf8"))
            missing = {"settings", "finished", "unreadable"} - told.keys()
        except (OSError, ValueError, AttributeError) as error:
            raise ValueError(
                f"'{self.path.name}' needs '{beside.name}' beside it, which tells how it was made; it can't be read "
                f"({error})."
            ) from error
        if missing:
            raise ValueError(f"'{beside.name}' does not tell {', '.join(sorted(missing))}; it is no record of a sweep.")
        return told


def checksum(*values: Tensor) -> str:
    """Return a short text that changes with any number of some tensors."""
    total = 0
    for value in values:
        as_bytes = value.detach().cpu().contiguous().flatten().view(torch.uint8)  # numpy has no bfloat16
        total = zlib.crc32(as_bytes.numpy().tobytes(), total)
    return f"{total:08x}"


def fingerprint(net: nn.Module) -> str:
    """Return a short text that changes with any weight or statistic of a net."""
    return checksum(*net.state_dict().values())


def _differences(there: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    words = []
    for key in dict.fromkeys([*asked, *there]):
        old, new = _short(there.get(key)), _short(asked.get(key))
        if there.get(key) != asked.get(key):
            words.append(f"{key} is {old} there, {new} here" if old != new else f"{key} differs")
    return words


def _short(value: object) -> str:
    text = f"{len(value)} of them" if isinstance(value, (list, tuple)) and len(value) > 3 else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
