"""A moving average of weights and statistics: steadier, and better in testing, than the weights of the last step."""

from __future__ import annotations

import copy

import torch
from torch import nn


class MovingAverage:
    """An exponential moving average of everything in a net's state, BatchNorm statistics included.

    Args:
        net: what to average; a copy of it holds the average.
        decay: share of the old average that a step keeps. In the first steps it is smaller, (1 + t) / (10 + t), so that
            the random weights of the start are forgotten.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.net = copy.deepcopy(net).eval().requires_grad_(False)
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, net: nn.Module, *, still: bool = False) -> None:
        """Take one step towards the net; where its statistics stand still, take them over as they are."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        averages, state = dict(self.net.state_dict()), net.state_dict()
        copied = {name for name, value in state.items() if not value.is_floating_point()}
        if still:
            copied |= {name for name, _ in net.named_buffers()}
        followed = [name for name in state if name not in copied]
        torch._foreach_lerp_([averages[name] for name in followed], [state[name] for name in followed], 1 - decay)
        for name in copied:
            averages[name].copy_(state[name])
