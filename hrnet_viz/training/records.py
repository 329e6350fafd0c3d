"""How a training is run, what it did, and how it ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from hrnet_viz.training.course import Position


@dataclass(frozen=True)
class Habits:
    """How a training is run. What is trained is the recipe's affair, except that a deadline stretches its plan.

    Attributes:
        run: folder for the checkpoint.
        workers: loading processes.
        compile: whether to compile the net first.
        global_norm: with several processes, whether BatchNorm sees the photos of all of them, as one process would;
            otherwise each process' own, which spares hundreds of exchanges in every step.
        save_every_s: seconds between checkpoints.
        say_every_s: seconds between lines in the log.
        check_every: passes over the photos between checks.
        deadline: moment (``time.time()``) by which the rate has to reach zero.
        stop_after: steps after which to stop as if interrupted.
    """

    run: Path
    workers: int = 0
    compile: bool = False
    global_norm: bool = True
    save_every_s: float = 180.0
    say_every_s: float = 60.0
    check_every: int = 4
    deadline: float | None = None
    stop_after: int | None = None


@dataclass
class History:
    """What was really done: provenance and model card quote it.

    Attributes:
        photos: photos seen at each size.
        seconds: wall clock spent in steps, over all sessions.
        checks: results on the check photos.
        sessions: how often the training was started.
        settings: what each session ran on, in words.
        folder_photos: number of training photos; an exact continuation needs the same.
        before: recipe, history and progress of the training whose weights this one began with; None for random ones.
    """

    photos: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0
    checks: list[dict[str, float]] = field(default_factory=list)
    sessions: int = 0
    settings: list[str] = field(default_factory=list)
    folder_photos: int | None = None
    before: dict[str, Any] | None = None

    def plain(self) -> dict[str, Any]:
        """As plain values, for a checkpoint."""
        return asdict(self)


@dataclass(frozen=True)
class Outcome:
    """How a training ended.

    Attributes:
        net: the moving average, in eval mode; it is up to date in the leading process only.
        position: where the training stands.
        history: what was done.
        signal: number of the signal that interrupted it, 0 for none.
    """

    net: nn.Module
    position: Position
    history: History
    signal: int = 0

    @property
    def finished(self) -> bool:
        """Whether the schedule is done; otherwise the training can be resumed."""
        return self.position.progress >= 1
