"""The one engine of long work: small tasks, done here or by the workers of an executor, results in order as they come.

An executor is anything with ``submit`` as in ``concurrent.futures``: a ``ProcessPoolExecutor``, or what a cluster gives
(``dask.distributed.Client().get_executor()``). Tasks are cut before anyone knows who runs them and each computes with
the caller's number of threads, so the results are the same, bit for bit, whoever does.
"""

from __future__ import annotations

import hashlib
import pickle
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import torch
from tqdm import tqdm

from hrnet_viz.sites import quote

Task = TypeVar("Task")
Result = TypeVar("Result")

AHEAD = 32  # tasks that are handed out at a time
KEPT = 2  # things that tasks share, which a worker keeps

_kept: OrderedDict[str, Any] = OrderedDict()
LACKING = "hrnet_viz: this worker does not have what the tasks share"


def run_tasks(
    function: Callable[[Any, Task], Result],
    shared: Any,
    tasks: Sequence[Task],
    *,
    executor: Executor | None = None,
    progress: bool = False,
    unit: str = "photo",
) -> Generator[Result]:
    """Run ``function(shared, task)`` for every task and yield the results in the order of the tasks.

    Args:
        function: of a module, so that it can be pickled.
        shared: what all tasks need, a net for instance. A worker keeps it by its hash: it travels once (by a file,
            where the worker sees the caller's).
        tasks: small and picklable.
        executor: who runs them; None for this process.
        progress: show a progress bar on stderr.
        unit: what a task is, for the bar.

    Raises:
        TypeError: an executor that is none.
        OSError: a worker that ended before its task was done.
    """
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise TypeError(
            f"executor={quote(executor)} was given; an executor was expected, such as "
            "concurrent.futures.ProcessPoolExecutor(4), or None for this process."
        )
    results = (
        (function(shared, task) for task in tasks) if executor is None else _hand_out(function, shared, tasks, executor)
    )
    yield from tqdm(results, total=len(tasks), disable=not progress, unit=unit)


def _hand_out(
    function: Callable[[Any, Task], Result], shared: Any, tasks: Sequence[Task], executor: Executor
) -> Iterator[Result]:
    packed = pickle.dumps(shared)
    key, threads, coming = hashlib.sha256(packed).hexdigest(), torch.get_num_threads(), iter(tasks)
    with TemporaryDirectory() as folder:
        path = Path(folder) / key
        path.write_bytes(packed)

        def submit(task: Task, *given: bytes) -> tuple[Task, Future[Any]]:
            return task, executor.submit(_work, (key, str(path), threads), function, task, *given)

        waiting = deque(submit(task) for task in islice(coming, AHEAD))
        try:
            while waiting:
                result = waiting[0][1].result()
                if _is_lacking(result):  # workers that cannot read the file get its bytes
                    for number, (task, future) in enumerate(waiting):
                        if future.done() and _is_lacking(future.result()):
                            waiting[number] = submit(task, packed)
                    continue
                waiting.popleft()
                waiting.extend(submit(task) for task in islice(coming, 1))
                yield result
        except Exception as error:
            if isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker":
                raise OSError(
                    "A worker ended before its task was done, perhaps for want of memory. What was written to a file "
                    "is kept: the same call goes on from there. Give fewer workers."
                ) from error
            raise
        finally:
            for _, future in waiting:
                future.cancel()


def _is_lacking(result: object) -> bool:
    return isinstance(result, str) and result == LACKING


def _work(
    about: tuple[str, str, int], function: Callable[[Any, Any], Any], task: Any, packed: bytes | None = None
) -> Any:
    """Run one task in a worker, which reads what the tasks share once."""
    key, path, threads = about
    if key not in _kept:
        if packed is None and Path(path).is_file():
            packed = Path(path).read_bytes()
        if packed is None:
            return LACKING
        _kept[key] = pickle.loads(packed)  # noqa: S301  # packed by the caller of run_tasks
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    torch.set_num_threads(threads)
    return function(_kept[key], task)
