"""How a training is run, by which processes, how it is interrupted, and what it did."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from recipes.teaching_net.schedule import Position


@dataclass(frozen=True)
class RunOptions:
    """How a training is run; what is trained is the recipe's affair.

    Attributes:
        run: folder for the checkpoint.
        workers: loading processes.
        compile: whether to compile the net first.
        save_every_s: seconds between checkpoints.
        log_every_s: seconds between lines in the log.
        check_every: passes over the photos between checks.
        stop_after: steps after which to stop as if interrupted.
    """

    run: Path
    workers: int = 0
    compile: bool = False
    save_every_s: float = 180.0
    log_every_s: float = 60.0
    check_every: int = 4
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


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of a training: one, or those that torchrun started. Process 0 leads: it writes and logs."""

    rank: int
    size: int
    device: torch.device

    @classmethod
    def join(cls, device: torch.device) -> ProcessGroup:
        """Join the processes that torchrun started, over nccl on GPUs and gloo on CPUs; alone without torchrun."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls(0, 1, device)
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(dist.get_rank(), size, device)

    @property
    def leads(self) -> bool:
        """Whether this process writes files and the log."""
        return self.rank == 0

    def add_up(self, values: Sequence[float]) -> list[float]:
        """Return the sums of numbers over all processes."""
        if self.size == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(sums)
        return [float(value) for value in sums]

    def leave(self) -> None:
        """End the communication with the other processes."""
        if self.size > 1:
            dist.destroy_process_group()


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
    """Let Ctrl-C pass in a loading process; the training process ends it when the step is whole."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
