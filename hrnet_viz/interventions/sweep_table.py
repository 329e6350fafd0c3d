"""The table of a sweep: one row per photo and edit, ready for a DataFrame, and the same as a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from hrnet_viz.site_map import ReadOnly
from hrnet_viz.sites import Place

NUMBERS = ("stage", "module", "branch", "source")


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
        base_probability, probability: of the target class, None where the target is not a class; so are the ranks.
        base_rank, rank: of the target class, 1 being the top.
        base_top, top: the class at the top before and after, by name or as "output 3".
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
_WHOLE = {column.name for column in fields(Effect) if str(column.type).startswith("int")}
_REAL = {column.name for column in fields(Effect) if str(column.type).startswith("float")}


@dataclass(frozen=True, repr=False)
class Sweep:
    """All effects of a sweep.

    Attributes:
        effects: one per photo and item; block by block of photos, in plan order.
        settings: how it was made: variant, what was edited and how, target, seed, photos, fingerprint of the weights.
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
        """Load the table of a sweep from a CSV file.

        Raises:
            ValueError: no file, or one that is no such table.
        """
        path = Path(path).expanduser()
        try:
            text = path.read_text(encoding="utf8")
        except OSError as error:
            raise ValueError(
                f"'{path}' can't be read: {error.strerror}. Give the table that a sweep was saved to."
            ) from error
        except UnicodeDecodeError as error:
            raise ValueError(f"'{path.name}' is no table of a sweep: it is no text.") from error
        return cls(read_rows(text, path))

    def __repr__(self) -> str:
        n = len(self.photos)
        photos = "1 photo" if n == 1 else f"{n} photos"
        failed = f", {len(self.unreadable)} unreadable" if self.unreadable else ""
        rest = "" if self.finished else ", not finished"
        return f"Sweep({len(self.items)} edits of {photos}{failed}{rest})"

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
        """Average a column of numbers over the photos: item -> mean.

        Raises:
            ValueError: no such column, or one without numbers.
        """
        if column not in _WHOLE | _REAL - {*NUMBERS, "channel"}:
            raise ValueError(f"'{column}' is no column to average. Those are: {', '.join(sorted(_REAL))}, rank.")
        found: dict[str, list[float]] = {}
        for effect in self.effects:
            value = getattr(effect, column)
            if value is not None:
                found.setdefault(effect.item, []).append(value)
        return {item: sum(values) / len(values) for item, values in found.items()}

    def matrices(self, column: str = "effect") -> dict[str, Tensor]:
        """Return a sweep over fuse paths as one matrix (I, J) per module; row i is the output, column j the branch.

        Raises:
            ValueError: a sweep over something else.
        """
        paths = {effect.item: effect for effect in self.effects if effect.source is not None and "[" not in effect.item}
        means = self.mean(column)
        if not paths:
            raise ValueError(f"This is a sweep over {self.items[:1] or 'nothing'}; matrices need over='fuse_paths'.")
        found: dict[str, Tensor] = {}
        for item, effect in paths.items():
            module = f"stage{effect.stage}.{effect.module}"
            size = int(effect.stage or 0)  # stage s has s branches
            matrix = found.setdefault(module, torch.full((size, size), torch.nan, dtype=torch.float64))
            matrix[effect.branch or 0, effect.source or 0] = means.get(item, torch.nan)
        return found

    def save(self, path: str | Path) -> Path:
        """Write the table as CSV and give its path.

        Raises:
            ValueError: a place that can't be written.
        """
        path = Path(path).expanduser()
        try:
            path.write_text(HEADER + format_rows(self.effects), encoding="utf8", newline="")
        except OSError as error:
            raise ValueError(f"'{path}' can't be written: {error.strerror}. Save elsewhere.") from error
        return path


def format_rows(effects: Iterable[Effect]) -> str:
    """Return effects as CSV lines. Numbers have the digits that bring the same number back."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(
        ["" if value is None else value for value in asdict(effect).values()] for effect in effects
    )
    return text.getvalue()


HEADER = ",".join(COLUMNS) + "\n"


def read_rows(text: str, path: Path) -> tuple[Effect, ...]:
    """Return the effects that CSV text tells.

    Raises:
        ValueError: text that is no table of a sweep, a row that can't be read, or one that is there twice.
    """
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


def shortest(values: Tensor) -> list[float]:
    """Return numbers as floats that are written with no more digits than their type holds: 0.1, not 0.10000000149."""
    digits = 17 if values.dtype == torch.float64 else 9
    return [float(f"{value:.{digits}g}") for value in values.tolist()]


def numbers_in(places: Sequence[Place]) -> dict[str, int | None]:
    """Return the numbers that tell where an item lies: those that all its places share, and a single channel."""
    found: dict[str, int | None] = {}
    for name in NUMBERS:
        values = {getattr(place.site, name) for place in places}
        found[name] = values.pop() if len(values) == 1 else None
    channels = places[0].channels or ()
    return {**found, "channel": channels[0] if len(places) == len(channels) == 1 else None}


def _read(name: str, cell: str) -> object:
    if name in _WHOLE:
        return int(cell) if cell else None
    if name in _REAL:
        return float(cell) if cell else None
    return cell
