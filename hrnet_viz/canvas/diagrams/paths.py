"""What happens on a fuse path, operation by operation, read off its inner sites."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from hrnet_viz.canvas.diagrams.marks import inner_sites

if TYPE_CHECKING:
    from hrnet_viz.network.plan import Plan
    from hrnet_viz.sites import Site


@dataclass(frozen=True, slots=True)
class Operation:
    """A box on a path.

    Attributes:
        name: address of what it gives, an inner site of the path; the path itself for an identity.
        site: the site of that name.
        words: what it does.
    """

    name: str
    site: Site
    words: str


def path_operations(plan: Plan, path: Site) -> tuple[Operation, ...]:
    """Give what a fuse path does, step by step: convolution with BatchNorm and perhaps ReLU, or resampling."""
    inner = inner_sites(plan, path.name)
    if not inner:
        return (Operation(path.name, path, "identity"),)
    finer = (path.source or 0) > (path.branch or 0)
    if finer:
        *convolution, resize = inner
        factor = (convolution[-1].stride or 1) // (path.stride or 1)
        return (
            Operation(convolution[-1].name, convolution[-1], "1×1, BN"),
            Operation(resize.name, resize, f"nearest ×{factor}"),
        )
    steps = [list(step) for _, step in groupby(inner, key=lambda site: site.inner.split(".")[0])]
    return tuple(
        Operation(step[-1].name, step[-1], "3×3 /2, BN, ReLU" if step[-1].part == "relu" else "3×3 /2, BN")
        for step in steps
    )
