"""Forward, trace and a single edit of ``hrnet_w18`` at 224 px against timm's plain forward of the same weights."""

from __future__ import annotations

import timm
import torch

import hrnet_viz as hv
from benchmarks.timing import Row, compare
from hrnet_viz.tracing import evaluating

EDITED = "stage4.2.fuse0<-3"


def measure(rounds: int) -> list[tuple[str, list[Row]]]:
    """Time plain forwards, traces, an edit in a kept trace, and torchlens where it is installed."""
    torch.manual_seed(0)
    theirs = timm.create_model("hrnet_w18").eval()
    ours = hv.hrnet("hrnet_w18").eval()
    ours.load_state_dict(theirs.state_dict())
    photo = torch.randn(1, 3, 224, 224)
    base = hv.trace(ours, photo)

    @torch.no_grad()
    def plain(net: torch.nn.Module) -> torch.Tensor:
        return net(photo)

    @torch.no_grad()
    def edited() -> torch.Tensor:
        with evaluating(ours):
            return hv.run(ours, base=base, edit={EDITED: torch.zeros_like}, keep="logits")["logits"]

    candidates = {
        "timm, plain forward": lambda: plain(theirs),
        "ours, plain forward": lambda: plain(ours),
        "ours, all 190 landmarks traced": lambda: hv.trace(ours, photo),
        "ours, every tensor traced": lambda: hv.trace(ours, photo, sites="all"),
        f"ours, zero {EDITED} in a kept trace, read the logits": edited,
    }
    limits = dict(zip(candidates, (1.0, 1.05, 1.10, 1.30, 0.20), strict=True))
    limits.pop("timm, plain forward")
    tables = [("hrnet_w18, 224 px, batch 1: ratio to timm's plain forward", compare(candidates, rounds, limits))]
    tables += [_trace_of("hrnet_w32", "pose", (256, 192), rounds)]
    tables += [_trace_of("hrnet_w18_small_v2", "segmentation", (256, 512), rounds)]
    try:
        import torchlens
    except ImportError:
        return tables
    rival = {
        "timm, plain forward": lambda: plain(theirs),
        "ours, every tensor traced": lambda: hv.trace(ours, photo, sites="all"),
        "torchlens, every tensor": lambda: torchlens.trace(theirs, photo),
    }
    return [*tables, ("The same with torchlens", compare(rival, min(rounds, 3)))]


def _trace_of(name: str, head: str, size: tuple[int, int], rounds: int) -> tuple[str, list[Row]]:
    """Time a trace of all landmarks of a net with another head against the net's own plain forward."""
    net, photo = hv.hrnet(name, head=head).eval(), torch.randn(1, 3, *size)

    @torch.no_grad()
    def plain() -> torch.Tensor | list[torch.Tensor]:
        return net(photo)  # type: ignore[no-any-return]  # what torch's modules return is Any

    traced = f"all {len(net.plan.landmarks)} landmarks traced"
    candidates = {"plain forward": plain, traced: lambda: hv.trace(net, photo)}
    title = f"{name}, {head}, {size[0]} x {size[1]} px, batch 1: ratio to its own plain forward"
    return title, compare(candidates, rounds, {traced: 1.10})
