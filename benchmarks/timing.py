"""Time several ways of doing a thing in one process, as ratios to the first of them.

Times on a shared machine are a coin toss, ratios within one process are not, if they are taken with care: one torch
thread, process CPU time rather than the clock on the wall, the candidates interleaved (A B C A B C ...) after two
warm-up rounds, and the median over rounds of each round's ratio.
"""

from __future__ import annotations

import gc
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

PACKAGES = ("torch", "torchvision", "timm", "grad-cam", "captum", "torchlens", "matplotlib", "numpy")


FRESH = """
import importlib, resource, sys, torch
torch.set_num_threads(1)
call = importlib.import_module(sys.argv[1]).build()[sys.argv[2]]
before = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
call()
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) * 1024 - before)  # ru_maxrss would hold the parent's peak
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate.

    Attributes:
        name: what was timed.
        ratio: median over rounds of its CPU time over that of the baseline in the same round.
        low, high: quartiles of that ratio.
        seconds: median time of one call: CPU time, or on a GPU the time between two events.
        limit: the ratio that it must not exceed, None where none was promised.
    """

    name: str
    ratio: float
    low: float
    high: float
    seconds: float
    limit: float | None = None


def compare(
    candidates: Mapping[str, Callable[[], object]],
    rounds: int = 15,
    limits: Mapping[str, float] | None = None,
    device: torch.device | None = None,
) -> list[Row]:
    """Time the candidates; the first one is the baseline.

    Args:
        candidates: name -> what to call.
        rounds: timed rounds after two warm-ups; each calls every candidate once.
        limits: name -> promised ratio.
        device: where they run: on a GPU the time between two events counts, else CPU time.
    """
    time_call = _time_events if device is not None and device.type == "cuda" else _time_cpu
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        times: dict[str, list[float]] = {name: [] for name in candidates}
        for turn in range(rounds + 2):
            for name, call in candidates.items():
                gc.collect()
                seconds = time_call(call)
                if turn >= 2:
                    times[name].append(seconds)
    finally:
        torch.set_num_threads(before)
    baseline = next(iter(times.values()))
    rows = []
    for name, mine in times.items():
        ratios = [a / b for a, b in zip(mine, baseline, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        rows.append(Row(name, middle, low, high, statistics.median(mine), (limits or {}).get(name)))
    return rows


def _time_cpu(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def _time_events(call: Callable[[], object]) -> float:
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize()
    start.record()
    call()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1000


def describe_machine() -> dict[str, str]:
    """Return processor, card where there is one, Python and versions of the packages compared."""
    found = {"processor": _processor(), "python": platform.python_version(), "system": platform.system()}
    if torch.cuda.is_available():
        found["card"] = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def write_markdown(title: str, rows: list[Row]) -> str:
    """Lay rows out as a Markdown table under a heading."""
    lines = [f"### {title}", "", "| what | ratio | quartiles | s | promised |", "| --- | ---: | --- | ---: | ---: |"]
    for row in rows:
        promised = "" if row.limit is None else f"{row.limit:g}{'' if row.ratio <= row.limit else ' (missed)'}"
        lines.append(
            f"| {row.name} | {row.ratio:.3f} | {row.low:.3f} to {row.high:.3f} | {row.seconds:.4f} | {promised} |"
        )
    return "\n".join(lines) + "\n"


def as_data(title: str, rows: list[Row]) -> dict[str, object]:
    """Give a table as plain data for JSON."""
    return {"title": title, "rows": [asdict(row) for row in rows]}


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    lines = known.read_text(encoding="utf8").splitlines() if known.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def measure_peak(module: str, case: str, **environment: str) -> float:
    """Return the peak memory of ``module.build()[case]()`` in bytes, above what a fresh process held before it."""
    command = [sys.executable, "-c", FRESH, module, case]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | environment)
    return float(done.stdout)
