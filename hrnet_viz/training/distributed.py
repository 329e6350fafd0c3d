"""One process, or several that torchrun started: who am I, and how many are we."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class World:
    """The processes of a training.

    Attributes:
        rank: number of this process; 0 writes and speaks.
        size: number of processes.
        device: where this process computes.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def share(self, net: nn.Module) -> nn.Module:
        """Wrap a net so that its gradients are averaged over all processes."""
        if self.size == 1:
            return net
        return DistributedDataParallel(net, gradient_as_bucket_view=True)

    def add_up(self, values: Sequence[float]) -> list[float]:
        """Add numbers over all processes; each gets the sums."""
        if self.size == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(sums)
        return [float(value) for value in sums]

    def leave(self) -> None:
        """Say goodbye to the other processes."""
        if self.size > 1:
            dist.destroy_process_group()


def join_world(device: torch.device) -> World:
    """Join the processes that torchrun started, over nccl on GPUs and gloo on CPUs; alone without torchrun."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World(0, 1, device)
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return World(dist.get_rank(), size, device)
