"""What the truth tests share: taking parts of a photo away, and asking the net again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from hrnet_viz.sites import quote
from hrnet_viz.tracing import evaluating

if TYPE_CHECKING:
    from hrnet_viz.attribution.cams import Cams
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.sites import Site

Item = TypeVar("Item")
Blank = Literal["mean", "blur"]
BLUR = 0.05
"""Standard deviation of the blur as a share of the photo's shorter side: shapes are gone, colours stay."""


@dataclass(frozen=True, eq=False)
class Covered:
    """Photos of which parts can be covered, and the net that is asked about what is left.

    Attributes:
        net: the net.
        x: the photos as the net sees them, (N, 3, H, W).
        filler: what stands in the place of a covered part, of the same shape.
        indices: class that each photo is asked for, (N,).
        blank: how the filler was made.
        batch: photos per pass.
    """

    net: HRNet
    x: Tensor
    filler: Tensor
    indices: Tensor
    blank: Blank
    batch: int

    @classmethod
    def prepare(cls, net: HRNet, cams: Cams, *, blank: Blank, batch: int) -> Covered:
        """Take the photos and classes of some maps.

        Raises:
            ValueError: no such blank, maps whose target is not a class, or a net that has changed since they were made.
        """
        cams.check(net)
        return cls(net, cams.input, make_blank(cams.input, blank), class_indices(cams), blank, batch)

    def ask(self, kept: Tensor) -> Tensor:
        """Give the probability of each photo's class, (N,) on the CPU.

        Args:
            kept: share of each pixel that is left of the photo, (N, H, W) or (N, 1, 1); the filler shows for the rest.
        """
        mixed = torch.lerp(self.filler, self.x, kept[:, None].to(self.x))
        return probabilities(self.net, mixed, self.indices, self.batch).cpu()

    def ask_whole(self) -> Tensor:
        """Give the probabilities for the whole photos."""
        return self.ask(torch.ones(len(self.x), 1, 1))

    def ask_filler(self) -> Tensor:
        """Give the probabilities when nothing of the photos is left."""
        return self.ask(torch.zeros(len(self.x), 1, 1))


def choose_maps(
    cams: Cams, sites: Iterable[str | Site] | None, words: str, *, progress: bool
) -> Iterator[tuple[str, Tensor]]:
    """Go through the maps at some sites, or at all, in plan order: (site, maps), with a progress bar if asked for."""
    wanted = set(cams) if sites is None else {str(cams.plan.place(site)) for site in sites}
    for name in count_off([name for name in cams if name in wanted], f"{words}, {cams.method}", progress=progress):
        yield name, cams[name]


def make_blank(x: Tensor, how: Blank) -> Tensor:
    """Give what stands in the place of a part that is taken away, (N, 3, H, W).

    Args:
        x: photos as the net sees them.
        how: "mean", the mean colour of the training photos (0 after normalisation); or "blur", the blurred photo, which
            leaves no new edges where a part is taken away (Petsiuk et al. 2018, "RISE", section 4.3).

    Raises:
        ValueError: neither of them.
    """
    if how == "mean":
        return torch.zeros_like(x)
    if how != "blur":
        raise ValueError(f"blank={quote(how)} was given; parts are replaced by their 'mean' or by a 'blur'.")
    sigma = BLUR * min(x.shape[2:])
    reach = min(round(3 * sigma), min(x.shape[2:]) - 1)
    steps = torch.arange(-reach, reach + 1, device=x.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (steps / sigma) ** 2)
    kernel = (kernel / kernel.sum()).to(x.dtype).expand(3, 1, 1, -1)
    padded = functional.pad(x, (reach, reach, reach, reach), mode="reflect")
    return functional.conv2d(functional.conv2d(padded, kernel, groups=3), kernel.transpose(2, 3), groups=3)


def rank_cells(maps: Tensor, seed: int) -> Tensor:
    """Give each cell's place in the order from the highest value down, (N, h, w), 0 first; ties in random order.

    Without the last a map of zeros would be taken away from the top left corner, which is not chance.
    """
    flat = maps.flatten(1)
    shuffled = shuffle(flat.shape, seed).to(flat.device)
    order = shuffled.gather(1, flat.gather(1, shuffled).argsort(stable=True, dim=1, descending=True))
    return order.argsort(1).view(maps.shape)


def shuffle(shape: tuple[int, ...] | torch.Size, seed: int) -> Tensor:
    """Give a random order of the second axis for each of the first, (N, cells)."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)).argsort(1)


@torch.no_grad()
def probabilities(net: HRNet, x: Tensor, indices: Tensor, batch: int = 64) -> Tensor:
    """Give the softmax probability of a class for each photo, (N,) float32.

    Args:
        net: the net; run in eval mode.
        x: photos (N, 3, H, W).
        indices: class of each, (N,).
        batch: photos per pass.
    """
    found = []
    with evaluating(net):
        for start in range(0, len(x), batch):
            shares = net(x[start : start + batch]).float().softmax(1)
            found.append(shares.gather(1, indices[start : start + batch, None].to(shares.device))[:, 0])
    return torch.cat(found)


def class_indices(cams: Cams) -> Tensor:
    """Give the class of each photo's target, (N,).

    Raises:
        ValueError: a target that is not a single class, which has no probability.
    """
    if any(index is None for index in cams.indices):
        first = next(words for words, index in zip(cams.targets, cams.indices, strict=True) if index is None)
        raise ValueError(
            f"This test follows the probability of a class, but the target of these maps is '{first}'. "
            "Make the maps for a class, by name or index."
        )
    return torch.tensor([index for index in cams.indices if index is not None])


def photo_names(cams: Cams) -> tuple[str, ...]:
    """Give the names of the photos, or numbers where they are not known."""
    if cams.photos:
        return tuple(photo.name for photo in cams.photos)
    return tuple(f"photo {n}" for n in range(len(cams.targets)))


def count_off(items: Iterable[Item], words: str, *, progress: bool) -> Iterator[Item]:
    """Go through items, with a progress bar on stderr if one is asked for."""
    if not progress:
        yield from items
        return
    from tqdm import tqdm

    yield from tqdm(list(items), desc=words)
