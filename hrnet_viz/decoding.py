"""From heat maps to places: the peak, moved a quarter of a cell towards its higher neighbour.

Source: the published pose code; Sun et al. 2019 (arXiv 1902.09212), section 4.1, "Testing", says "a quarter offset in
the direction from the highest response to the second highest response"; what is computed is a sign per axis.
"""

from __future__ import annotations

import torch
from torch import Tensor


def decode(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Return where the peaks of heat maps (N, J, H, W) are.

    Returns:
        (N, J, 2), x and y in cells from 0; 0 where no value is above 0. And the highest values, (N, J).
    """
    height, width = heatmaps.shape[-2:]
    score, flat = heatmaps.flatten(2).max(2)
    column, row = flat % width, flat // width
    inside = (column > 1) & (column < width - 1) & (row > 1) & (row < height - 1)

    def at(rows: Tensor, columns: Tensor) -> Tensor:
        places = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
        return heatmaps.flatten(2).gather(2, places[..., None])[..., 0]

    right = (at(row, column + 1) - at(row, column - 1)).sign()
    down = (at(row + 1, column) - at(row - 1, column)).sign()
    cells = torch.stack([column, row], -1) + 0.25 * torch.stack([right, down], -1) * inside[..., None]
    return cells * (score > 0)[..., None], score
