"""What ``import hrnet_viz`` and building a net cost over importing torch, in fresh processes."""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks.timing import Row

SCRIPT = """
import time, torch
start = time.process_time()
import hrnet_viz as hv
{more}
print(time.process_time() - start)
"""


def measure(rounds: int) -> list[tuple[str, list[Row]]]:
    """Take CPU seconds in fresh processes; here the ratio is to the promised 0.3 s."""
    rows = []
    for name, more in (("import hrnet_viz", ""), ("and touch hrnet, trace, photo", "hv.hrnet; hv.trace; hv.photo")):
        times = []
        for _ in range(min(rounds, 7)):
            script = [sys.executable, "-c", SCRIPT.format(more=more)]
            times.append(float(subprocess.run(script, check=True, capture_output=True, text=True).stdout))
        low, middle, high = (value / 0.3 for value in statistics.quantiles(times, n=4))
        rows.append(Row(name, middle, low, high, statistics.median(times), 1.0))
    return [("CPU time over importing torch, as a share of the promised 0.3 s", rows)]
