"""Ablations and sweeps of ``hrnet_w18`` at 224 px as ratios to plain forwards, the best batch, and peak memory.

Memory is the peak above what the process held before the call, one fresh process per case.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

import hrnet_viz as hv
from benchmarks.timing import Row, compare, measure_peak
from hrnet_viz.interventions.ablation import ablate
from hrnet_viz.interventions.sweep import sweep

PATHS = 88
SEVERAL = 4
"""Plain forwards per round that a whole sweep is compared with."""
SIZES = (1, 2, 4, 8, 16, 32)
SLIDER_SECONDS = 1 / 20
CHANNELS = "stage3.2.out1"
PLAIN = "plain forward"
ALL = "all 88 fuse paths to zero, one by one"


def build() -> dict[str, Callable[[], object]]:
    """Make what is timed at 224 px; all of it shares one net and one photo."""
    torch.manual_seed(0)
    net = hv.hrnet("hrnet_w18").eval()
    photo = torch.randn(1, 3, 224, 224)
    base = hv.trace(net, photo)

    @torch.no_grad()
    def plain() -> object:
        return net(photo)

    calls: dict[str, Callable[[], object]] = {PLAIN: plain, ALL: lambda: sweep(net, photo)}
    for path in ("stage4.2.fuse0<-3", "stage4.2.fuse3<-0", "stage3.1.fuse0<-2", "stage2.0.fuse0<-1"):
        calls[f"zero {path} in a kept trace"] = lambda path=path: ablate(net, base, path)
    return calls


def measure(rounds: int) -> list[tuple[str, list[Row]]]:
    """Time single edits, sweeps and a slider step, and measure memory."""
    return [
        _time_edits(rounds),
        _time_sweeps(min(rounds, 5)),
        _time_batches(min(rounds, 2)),
        _time_slider(rounds),
        _weigh(),
    ]


def _time_edits(rounds: int) -> tuple[str, list[Row]]:
    calls = build()
    del calls[ALL]
    limits = {name: 0.20 for name in calls if "stage4.2" in name}
    return "hrnet_w18, 224 px, batch 1: one edit, ratio to a plain forward", compare(calls, rounds, limits)


def _time_sweeps(rounds: int) -> tuple[str, list[Row]]:
    calls = build()
    plain = calls[PLAIN]
    several = f"{PLAIN}, {SEVERAL} of them, as a share of {PATHS}"
    rows = compare({several: lambda: [plain() for _ in range(SEVERAL)], ALL: calls[ALL]}, rounds)
    share = SEVERAL / PATHS
    rows = [replace(row, ratio=row.ratio * share, low=row.low * share, high=row.high * share) for row in rows]
    return f"Sweep of all {PATHS} paths: ratio to {PATHS} plain forwards", [rows[0], replace(rows[1], limit=0.26)]


def _time_batches(rounds: int) -> tuple[str, list[Row]]:
    torch.manual_seed(0)
    net = hv.hrnet("hrnet_w18").eval()
    photos = torch.randn(8, 3, 224, 224)
    paths = "stage4.0.fuse*<-*"
    calls: dict[str, Callable[[], object]] = {}
    for rows in SIZES:
        calls[f"16 paths of 8 photos, {rows} rows a pass"] = lambda rows=rows: sweep(net, photos, paths, batch=rows)
    for rows in SIZES:
        name = f"all {net.plan.sites[CHANNELS].channels} channels of {CHANNELS}, 1 photo, {rows} rows a pass"
        calls[name] = lambda rows=rows: sweep(net, photos[:1], CHANNELS, batch=rows)
    return "Rows of a pass: ratio to the first line", compare(calls, rounds)


def _time_slider(rounds: int) -> tuple[str, list[Row]]:
    torch.manual_seed(0)
    net = hv.hrnet("hrnet_w18_small_v2", num_outputs=12).eval()
    base = hv.trace(net, torch.randn(1, 3, 160, 160))
    calls = {
        path: lambda path=path: ablate(net, base, path, 0.5)
        for path in ("stage2.0.fuse0<-1", "stage3.1.fuse0<-2", "stage4.1.fuse0<-3")
    }
    rows = []
    for row in compare(calls, rounds):
        ratio = row.seconds / SLIDER_SECONDS
        name = f"scale {row.name}, net of the teaching size, 160 px"
        rows.append(replace(row, name=name, ratio=ratio, low=ratio, high=ratio, limit=1.0))
    return "A slider step, as a share of 1/20 s on one thread", rows


def _weigh() -> tuple[str, list[Row]]:
    peaks = {name: measure_peak("benchmarks.ablation", name) / 2**30 for name in (PLAIN, ALL)}
    above = peaks[ALL] - peaks[PLAIN]
    row = Row(f"{ALL}: {above:.2f} GiB above the {PLAIN}'s peak", above / 1.5, above / 1.5, above / 1.5, 0.0, 1.0)
    return "Peak memory above that of a plain forward, as a share of 1.5 GiB", [row]
