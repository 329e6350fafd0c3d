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
    def update(self, net: nn.Module) -> None:
        """Take one step towards the net."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        averages = dict(self.net.state_dict())
        floats = [(averages[name], value) for name, value in net.state_dict().items() if value.is_floating_point()]
        torch._foreach_lerp_([average for average, _ in floats], [value for _, value in floats], 1 - decay)
        for name, value in net.state_dict().items():
            if not value.is_floating_point():
                averages[name].copy_(value)
