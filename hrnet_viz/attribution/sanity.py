"""The sanity check: does a map change when the net forgets what it has learnt?

Source: Adebayo et al. 2018, "Sanity checks for saliency maps", section 3, cascading randomisation: layer after layer,
from the logits down to the stem, gets random weights, and the maps are compared with the original ones. A map that
stays the same shows edges of the photo and not what the net knows.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from hrnet_viz.attribution.cam import cam
from hrnet_viz.attribution.intervals import Interval, bootstrap_mean, correlate_ranks
from hrnet_viz.attribution.methods import read_methods
from hrnet_viz.attribution.perturbing import count_off, photo_names
from hrnet_viz.runner import Sites
from hrnet_viz.targets import LOGITS, Wishes, read_target
from hrnet_viz.tracing import trace

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.reading import ImageSource
    from hrnet_viz.sites import Site


@dataclass(frozen=True, eq=False)
class Sanity:
    """How much of the maps is left while the net forgets.

    Attributes:
        methods, sites: whose maps.
        levels: what was randomised, from the first to the last; each includes those before it.
        similarity: rank correlation with the map of the net as it was given, (methods, sites, levels, N); NaN where one
            of the two maps is constant.
        targets, photos: what was asked, of which photos.
        seed: of the random weights.
    """

    methods: tuple[str, ...]
    sites: tuple[str, ...]
    levels: tuple[str, ...]
    similarity: Tensor
    targets: tuple[str, ...]
    photos: tuple[str, ...]
    seed: int

    def curve(self, method: str, site: str | Site) -> tuple[Interval, ...]:
        """Mean similarity after each level, with the interval over photos."""
        if method not in self.methods or str(site) not in self.sites:
            raise ValueError(
                f"'{method}' at '{site}' was not checked. Checked were {', '.join(self.methods)} "
                f"at {', '.join(self.sites)}."
            )
        rows = self.similarity[self.methods.index(method), self.sites.index(str(site))]
        return tuple(bootstrap_mean(row, seed=self.seed) for row in rows)


def check_sanity(
    net: HRNet,
    photo: ImageSource | Sequence[ImageSource],
    target: Wishes = None,
    *,
    method: str | Sequence[str] = "gradcam",
    sites: Sites = "stage4.*.branch?",
    seed: int = 0,
    progress: bool = False,
) -> Sanity:
    """Randomise the net from the logits to the stem and compare its maps with the original ones.

    The net itself is not touched: a copy forgets. Convolutions and the classifier are drawn anew (He et al. 2015), a
    BatchNorm starts from scale 1 and shift 0 and takes the statistics of these photos, so that activations neither
    vanish nor explode. The target stays the class that the net as given was asked for, also for the top class.

    Args:
        net: the net.
        photo: several photos, at least two (BatchNorm takes its statistics from them), or a ready tensor (N, 3, H, W).
        target: see ``cam``.
        method: one or several.
        sites: where the maps are taken.
        seed: of the random weights.
        progress: show a progress bar on stderr.

    Raises:
        ValueError: a single photo, and as ``cam``.
    """
    methods = read_methods(method)
    kept = trace(net, photo, sites=LOGITS)
    goal = read_target(net, target).pin(kept[LOGITS])
    original = cam(net, kept.photos or kept.input, goal, method=methods, sites=sites)
    first = original[methods[0]]
    if len(first.targets) < 2:
        raise ValueError("One photo was given; the random net takes its BatchNorm statistics from at least two.")
    names = tuple(first)
    levels = list_levels(net)
    generator = torch.Generator().manual_seed(seed)
    with torch.inference_mode(mode=False), torch.no_grad():
        forgetful = copy.deepcopy(net).eval()
    rows = []
    for modules in count_off(levels.values(), "sanity check", progress=progress):
        forget([forgetful.get_submodule(name) for name in modules], generator)
        _settle(forgetful, [forgetful.get_submodule(name) for name in modules], first.input)
        now = cam(forgetful, first.input, goal, method=methods, sites=names)
        rows.append(
            torch.stack(
                [torch.stack([_compare(original[one][name], now[one][name]) for name in names]) for one in methods]
            )
        )
    return Sanity(
        methods=methods,
        sites=names,
        levels=tuple(levels),
        similarity=torch.stack(rows, 2),
        targets=first.targets,
        photos=photo_names(first),
        seed=seed,
    )


def list_levels(net: HRNet) -> dict[str, tuple[str, ...]]:
    """Name what forgets together, from the logits to the stem: level -> names of the modules.

    Returns:
        "logits", "head.final", "head", then modules and transitions from the last to the first, "stage1", "stem".
    """
    levels = {"logits": ("classifier",), "head.final": ("final_layer",), "head": ("incre_modules", "downsamp_modules")}
    for stage in (4, 3, 2):
        for number in reversed(range(len(net.get_submodule(f"stage{stage}")))):  # type: ignore[arg-type]  # Sequential
            levels[f"stage{stage}.{number}"] = (f"stage{stage}.{number}",)
        levels[f"transition{stage - 1}"] = (f"transition{stage - 1}",)
    return levels | {"stage1": ("layer1",), "stem": ("conv1", "bn1", "conv2", "bn2")}


@torch.no_grad()
def forget(modules: Iterable[nn.Module], generator: torch.Generator) -> None:
    """Give random weights to everything inside, in place; random numbers come from the generator alone."""
    for module in (inner for outer in modules for inner in outer.modules()):
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            spread = sqrt(2 / module.weight[0].numel())
            drawn = torch.randn(module.weight.shape, generator=generator) * spread
            module.weight.copy_(drawn)
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()  # scale 1, shift 0, no statistics; draws nothing


@torch.no_grad()
def _settle(net: HRNet, modules: Iterable[nn.Module], x: Tensor) -> None:
    """Let the BatchNorms inside the modules take the statistics of these photos; everything else stays in eval mode."""
    norms = [inner for outer in modules for inner in outer.modules() if isinstance(inner, nn.BatchNorm2d)]
    if not norms:
        return
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.train()
    net(x)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
        norm.eval()


def _compare(one: Tensor, other: Tensor) -> Tensor:
    return correlate_ranks(one.flatten(1).cpu(), other.flatten(1).cpu())
