"""Logits of many photos."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def normalise(pixels: Tensor, mean: Sequence[float], std: Sequence[float], *, channels_last: bool = False) -> Tensor:
    """Turn uint8 (N, 3, H, W) into what a net takes: (pixels / 255 - mean) / std, float32."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    values = pixels.contiguous(memory_format=layout).float()
    scale = 1 / (255 * values.new_tensor(std).view(3, 1, 1))
    shift = values.new_tensor(mean).view(3, 1, 1) * 255 * scale
    return values.mul_(scale).sub_(shift)


@torch.no_grad()
def predict(
    net: nn.Module,
    pixels: Tensor,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    batch: int = 64,
    bf16: bool = False,
) -> Tensor:
    """Run a net over photos and collect its logits.

    Args:
        net: in the mode that it should be run in; ``eval()`` for a test.
        pixels: uint8 (N, 3, H, W).
        mean: of each colour, on the scale 0..1.
        std: of each colour, on the scale 0..1.
        batch: photos per pass.
        bf16: whether to run in bfloat16 where autocast finds it safe; twice as fast, a little less exact.

    Returns:
        Float32 (number of photos, number of classes), on the CPU.
    """
    device = next(net.parameters()).device
    logits: list[Tensor] = []
    for start in range(0, len(pixels), batch):
        x = pixels[start : start + batch].to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            out = net(normalise(x, mean, std, channels_last=True))
        logits.append(out.float().cpu())
    return torch.cat(logits)
