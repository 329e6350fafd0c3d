"""A net whose truth is known: class 0 is "something bright in the top left quarter", class 1 is the rest."""

import torch
from torch import nn

from hrnet_viz.attribution.cams import Cams
from tests.nets.trained_like import trained_like

SIDE = 32


class CornerNet(nn.Module):
    """Logits are 4 * mean of the top left quarter, and 0."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        self.seen.append(len(x))
        corner = x[:, :, : SIDE // 2, : SIDE // 2].mean((1, 2, 3))
        return torch.stack([4 * corner, torch.zeros_like(corner)], 1)


def maps_of(single, n=3, site="stage4.0.branch0", method="hirescam", indices=None):
    """Cams with one map (h, w) for n bright photos."""
    indices = (0,) * n if indices is None else indices
    generator = torch.Generator().manual_seed(0)
    return Cams(
        plan=trained_like().plan,
        maps={site: single.expand(n, -1, -1).clone()},
        method=method,
        targets=tuple("a bright corner" for _ in indices),
        indices=indices,
        scores=torch.zeros(n),
        input=0.5 + torch.rand(n, 3, SIDE, SIDE, generator=generator),
    )


def corner_map(cells=4):
    """The map that tells the truth about this net."""
    truth = torch.zeros(cells, cells)
    truth[: cells // 2, : cells // 2] = 1
    return truth
