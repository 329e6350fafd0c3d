"""``hrnet_w18`` at 224 px on the device that ``hv.device()`` chooses: a look inside as a ratio to timm's plain forward.

On a GPU times are those between two events, with the device idle before the first; on the CPU they are CPU times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import timm
import torch

import hrnet_viz as hv
from benchmarks.timing import Row, compare

PATHS = 88
PLAIN = "timm, plain forward"
ALL_PATHS = f"all {PATHS} fuse paths to zero, one by one, as a share of {PATHS} plain forwards"
PATH = "stage4.2.fuse0<-3"
BRANCHES_AND_OUTS = ("stage?.*.branch?", "stage?.*.out?")


def build(batch: int) -> dict[str, Callable[[], object]]:
    """Make the candidates: one net's weights in timm's and in ours, and ``batch`` photos of noise."""
    torch.manual_seed(0)
    device = hv.device()
    theirs = timm.create_model("hrnet_w18").eval().to(device)
    ours = hv.hrnet("hrnet_w18").eval().to(device)
    ours.load_state_dict(theirs.state_dict())
    photos = torch.randn(batch, 3, 224, 224).to(device)
    base = hv.trace(ours, photos)

    @torch.no_grad()
    def plain(net: torch.nn.Module) -> torch.Tensor:
        return net(photos)

    return {
        PLAIN: lambda: plain(theirs),
        "ours, plain forward": lambda: plain(ours),
        "a trace of all 190 landmarks": lambda: hv.trace(ours, photos),
        "a trace of every tensor (1,353 sites)": lambda: hv.trace(ours, photos, sites="all"),
        f"{PATH} to zero in a kept trace": lambda: hv.ablate(ours, base, PATH),
        "maps at 52 branch and fuse outputs": lambda: hv.cam(ours, photos, 281, sites=BRANCHES_AND_OUTS),
        "maps at all landmarks": lambda: hv.cam(ours, photos, 281),
        ALL_PATHS: lambda: hv.sweep(ours, photos),
    }


def measure(rounds: int) -> list[tuple[str, list[Row]]]:
    """Time one photo and a batch of 32; on the CPU, where the batch says nothing new, one photo."""
    device = hv.device()
    tables = []
    for batch in (1, 32) if device.type == "cuda" else (1,):
        candidates = build(batch)
        sweep = {name: candidates.pop(name) for name in (ALL_PATHS,)}
        rows = compare(candidates, rounds, device=device)
        rows += [
            replace(row, ratio=row.ratio / PATHS, low=row.low / PATHS, high=row.high / PATHS)
            for row in compare({PLAIN: candidates[PLAIN], **sweep}, max(rounds // 5, 2), device=device)[1:]
        ]
        tables.append((f"hrnet_w18, 224 px, batch {batch}, {device.type}: ratio to timm's plain forward", rows))
    return tables
