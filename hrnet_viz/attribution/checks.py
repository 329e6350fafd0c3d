"""Two questions that cover no part of a photo: do maps agree with ablation, and do they know what was learnt?

Ablation agreement asks by rank correlations, which need no common unit: over the patches of one site, the sum of the
map against what setting the patch to zero takes from the score. All sites have the same patches, so a patch is the same
area of the photo everywhere. A HiResCAM map adds up to the first-order estimate of it (Molchanov et al. 2017, arXiv
1611.06440, section 2.2), so it must agree as long as the net is about linear in the part; for the other methods it is
an open question.

The sanity check (Adebayo et al. 2018, "Sanity checks for saliency maps", section 3, cascading randomisation): layer
after layer, from the logits down to the stem, gets random weights, and the maps are compared with the original ones. A
map that stays the same shows edges of the photo and not what the net knows.
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
from hrnet_viz.attribution.methods import read_methods
from hrnet_viz.attribution.truth_table import Interval, TruthTable, bootstrap_mean, correlate_ranks, count_off
from hrnet_viz.outputs import answer_of, read_answer
from hrnet_viz.runner import Sites, run
from hrnet_viz.sites import check_whole
from hrnet_viz.targets import Target, Wishes, read_target
from hrnet_viz.tracing import Trace, evaluating, exact, trace

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.decode import ImageSource
    from hrnet_viz.sites import Site


@dataclass(frozen=True, eq=False)
class Agreement:
    """What maps say and what ablation says, per patch.

    Attributes:
        methods, sites: whose maps.
        sums: sum of the map over each patch, (methods, sites, N, patches).
        losses: what setting the patch to zero takes from the score, (sites, N, patches).
        patches: number of patches per side.
        targets, photos: what was asked, of which photos.
        seed: of the intervals.
    """

    methods: tuple[str, ...]
    sites: tuple[str, ...]
    sums: Tensor
    losses: Tensor
    patches: int
    targets: tuple[str, ...]
    photos: tuple[str, ...]
    seed: int

    def places(self, method: str, site: str | Site) -> Interval:
        """Mean over photos of the rank correlation over patches: 1 agrees, 0 is chance."""
        return self.table.at(method, site)

    @property
    def table(self) -> TruthTable:
        """Rank correlation over patches of every method, site and photo; 0 is chance."""
        return TruthTable("ablation agreement", 0, self.methods, self.sites, self.place_correlations, self.seed)

    @property
    def place_correlations(self) -> Tensor:
        """Rank correlation over patches, (methods, sites, N); NaN where map or loss is the same for all patches."""
        return correlate_ranks(self.sums, self.losses.expand_as(self.sums))


def ablation_agreement(
    net: HRNet,
    photos: ImageSource | Sequence[ImageSource],
    target: Wishes = None,
    *,
    method: str | Sequence[str] = "gradcam",
    sites: Sites = "stage4.*.branch?",
    patches: int = 5,
    seed: int = 0,
    progress: bool = False,
) -> Agreement:
    """Compute how maps agree with what setting parts of their tensors to zero does to the score.

    Costs one forward and backward pass, and ``patches`` squared + 1 runs from each site to the target.

    Args:
        net: the net.
        photos: a photo, several, or a ready tensor (N, 3, H, W); all of them go through the net together.
        target: see ``cam``; the top class stays the one of the whole net.
        method: one or several.
        sites: where.
        patches: number of patches per side; at most the number of cells of the coarsest site.
        seed: of the intervals.
        progress: show a progress bar on stderr.

    Raises:
        ValueError: more patches than cells, and as ``cam``.
    """
    methods, patches = read_methods(method, everywhere=True), check_whole("patches", patches)
    whole = trace(net, photos, sites=answer_of(net.plan))
    goal = read_target(net, target).pin(read_answer(net.plan, whole.tensors, whole.input))
    maps = cam(net, whole.photos or whole.input, goal, method=methods, sites=sites)
    first = maps[methods[0]]
    names = tuple(first)
    for name in names:
        cells = min(first[name].shape[1:])
        if patches > cells:
            raise ValueError(
                f"patches={patches} was given, but '{name}' has {cells} cells on its shorter side for this photo. "
                f"Give 1 to {cells}, leave the site out, or use a larger photo."
            )
    base = exact(net, trace(net, first.input, sites=["landmarks", *goal.sites]))
    losses = []
    for name in count_off(names, "ablation", progress=progress):
        owner = assign_patches((first[name].shape[1], first[name].shape[2]), patches).to(first.input.device)
        rows = [_lose(net, base, goal, name, owner == patch) for patch in range(patches**2)]
        losses.append(torch.stack(rows, 1))
    return Agreement(
        methods=methods,
        sites=names,
        sums=torch.stack(
            [torch.stack([add_up_patches(maps[one][name], patches).cpu() for name in names]) for one in methods]
        ),
        losses=torch.stack(losses),
        patches=patches,
        targets=first.targets,
        photos=first.names,
        seed=seed,
    )


def assign_patches(size: tuple[int, int], patches: int) -> Tensor:
    """Return the number of the patch that each cell belongs to, (h, w), counted row by row."""
    row, column = (torch.arange(side) * patches // side for side in size)
    return row[:, None] * patches + column


def add_up_patches(maps: Tensor, patches: int) -> Tensor:
    """Add maps (N, h, w) up over patches, (N, patches * patches)."""
    owner = assign_patches((maps.shape[1], maps.shape[2]), patches).flatten().to(maps.device)
    sums = torch.zeros(len(maps), patches**2, dtype=maps.dtype, device=maps.device)
    return sums.index_add(1, owner, maps.flatten(1))


@torch.no_grad()
def _lose(net: HRNet, base: Trace, goal: Target, site: str, part: Tensor) -> Tensor:
    """Return what setting a part (h, w) of a site to zero takes from each photo's score, (N,)."""
    with evaluating(net):
        edited = run(net, base=base, edit={site: lambda value: value.masked_fill(part, 0)}, keep=goal.sites)
    before = goal.evaluate({name: base[name] for name in goal.sites}).values
    return (before - goal.evaluate(edited).values).float().cpu()


@dataclass(frozen=True, eq=False)
class Sanity:
    """How much of the maps is left while the net is randomised.

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
        rows = TruthTable("sanity check", None, self.methods, self.sites, self.similarity).of(method, site)
        return tuple(bootstrap_mean(row, seed=self.seed) for row in rows)


def sanity_check(
    net: HRNet,
    photos: ImageSource | Sequence[ImageSource],
    target: Wishes = None,
    *,
    method: str | Sequence[str] = "gradcam",
    sites: Sites = "stage4.*.branch?",
    seed: int = 0,
    progress: bool = False,
) -> Sanity:
    """Compute how much of the maps is left when the net is randomised from the logits to the stem.

    The net itself is not touched, a copy is. Convolutions and the classifier are drawn anew (He et al. 2015), a
    BatchNorm starts from scale 1 and shift 0 and takes the statistics of these photos, so that activations neither
    vanish nor explode. The target stays the class that the net as given was asked for, also for the top class.

    Args:
        net: the net.
        photos: several, at least two (BatchNorm takes its statistics from them), or a ready tensor (N, 3, H, W).
        target: see ``cam``.
        method: one or several.
        sites: where the maps are taken.
        seed: of the random weights.
        progress: show a progress bar on stderr.

    Raises:
        ValueError: a single photo, and as ``cam``.
    """
    methods = read_methods(method, everywhere=True)
    kept = trace(net, photos, sites=answer_of(net.plan))
    goal = read_target(net, target).pin(read_answer(net.plan, kept.tensors, kept.input))
    original = cam(net, kept.photos or kept.input, goal, method=methods, sites=sites)
    first = original[methods[0]]
    if len(first.targets) < 2:
        raise ValueError("One photo was given; the random net takes its BatchNorm statistics from at least two.")
    names = tuple(first)
    levels = list_levels(net)
    generator = torch.Generator().manual_seed(seed)
    with torch.inference_mode(mode=False), torch.no_grad():
        randomised = copy.deepcopy(net).eval()
    rows = []
    for modules in count_off(levels.values(), "sanity check", progress=progress):
        _randomise([randomised.get_submodule(name) for name in modules], generator)
        _settle(randomised, [randomised.get_submodule(name) for name in modules], first.input)
        now = cam(randomised, first.input, goal, method=methods, sites=names)
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
        photos=first.names,
        seed=seed,
    )


def list_levels(net: HRNet) -> dict[str, tuple[str, ...]]:
    """Return what is randomised together, from the logits to the stem: level -> names of the modules.

    Returns:
        The parts of the head from the last to the first (of a classification net "logits", "head.final", "head"),
        then modules and transitions, "stage1", "stem".
    """
    levels: dict[str, tuple[str, ...]]
    if net.task.name == "classification":
        levels = {"logits": ("classifier",), "head.final": ("final_layer",)}
        levels["head"] = ("incre_modules", "downsamp_modules")
    else:
        ends = [step for step in reversed(net.plan.steps) if step.site.kind in ("head", "logits", "heatmaps")]
        called = {step.name: tuple(one.target for one in step.expand() if one.target) for step in ends}
        weighted = {name for name, module in net.named_modules() if list(module.parameters())}
        levels = {name: modules for name, modules in called.items() if not weighted.isdisjoint(modules)}
    for stage in (4, 3, 2):
        for number in reversed(range(len(net.get_submodule(f"stage{stage}")))):  # type: ignore[arg-type]  # Sequential
            levels[f"stage{stage}.{number}"] = (f"stage{stage}.{number}",)
        levels[f"transition{stage - 1}"] = (f"transition{stage - 1}",)
    return levels | {"stage1": ("layer1",), "stem": ("conv1", "bn1", "conv2", "bn2")}


@torch.no_grad()
def _randomise(modules: Iterable[nn.Module], generator: torch.Generator) -> None:
    """Draw the weights of everything inside anew, in place; random numbers come from the generator alone."""
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
    """Set the BatchNorms inside the modules to the statistics of these photos; everything else stays in eval mode."""
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
