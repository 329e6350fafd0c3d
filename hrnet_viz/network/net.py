"""The whole net: stem, four stages with their transitions, classification head.

Source: arXiv 1908.07919, section 3 and appendix B. ``forward`` is the description to read; ``plan`` is the same
computation as a list in which every tensor has a name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from contextlib import suppress
from functools import cached_property
from itertools import pairwise
from numbers import Integral
from typing import TYPE_CHECKING, Any

import torch
import torch.fx
from torch import Tensor, nn

from hrnet_viz.network.blocks import Bottleneck, ConvNorm, HandOver, chain
from hrnet_viz.network.exchange import HighResolutionModule
from hrnet_viz.network.variants import FINAL_CHANNELS, HEAD_PLANES, STEM_CHANNELS, Variant, find_variant
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.sites import check_whole, quote

if TYPE_CHECKING:
    from hrnet_viz.network.plan import Plan
    from hrnet_viz.sites import Site

SMALLEST_SIDE = 32


class HRNet(nn.Module):
    """HRNet with the published classification head.

    Attributes:
        variant: the numbers that it was built from.
        preparation: how a photo becomes an input: size, normalisation, fit.
        load_report: where the weights come from, None for random ones.
        plan: the forward pass as an ordered list of named steps.
    """

    def __init__(self, variant: Variant, num_outputs: int = 1000) -> None:
        """Build the net with random weights (He initialisation, as published)."""
        super().__init__()
        self.variant = variant
        self._classes: tuple[str, ...] = ()
        self.preparation = Preparation()
        self.load_report: object = None
        widths, stage1 = variant.widths, variant.layer1_channels

        self.conv1 = nn.Conv2d(3, STEM_CHANNELS, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_CHANNELS)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(STEM_CHANNELS, STEM_CHANNELS, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(STEM_CHANNELS)
        self.relu2 = nn.ReLU()

        self.layer1 = chain(Bottleneck, STEM_CHANNELS, variant.layer1_planes, variant.layer1_blocks)
        self.transition1 = transition((stage1,), widths[:2])
        self.stage2 = stage(widths[:2], variant.modules[0], variant.blocks)
        self.transition2 = transition(widths[:2], widths[:3])
        self.stage3 = stage(widths[:3], variant.modules[1], variant.blocks)
        self.transition3 = transition(widths[:3], widths)
        self.stage4 = stage(widths, variant.modules[2], variant.blocks)

        # The head. Its convolutions have a bias, as the published ones do, except inside the bottlenecks.
        heads = [planes * Bottleneck.expansion for planes in HEAD_PLANES]
        self.incre_modules = nn.ModuleList(
            chain(Bottleneck, width, planes, 1) for width, planes in zip(widths, HEAD_PLANES, strict=True)
        )
        self.downsamp_modules = nn.ModuleList(
            ConvNorm(fine, coarse, stride=2, bias=True) for fine, coarse in pairwise(heads)
        )
        self.final_layer = ConvNorm(heads[-1], FINAL_CHANNELS, kernel=1, bias=True)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(FINAL_CHANNELS, num_outputs)
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Map photos (N, 3, H, W) with H, W >= 32 to logits (N, num_outputs)."""
        logits: Tensor = self.classifier(self.pool(self.final_layer(self.merge(self.streams(x)))))
        return logits

    def streams(self, x: Tensor) -> list[Tensor]:
        """Map photos (N, 3, H, W) to the four outputs of stage 4, (N, C * 2**b, H / 2**(b+2), W / 2**(b+2))."""
        check_input(x)
        x = self.relu1(self.bn1(self.conv1(x)))  # (N, 64, H/2, W/2)
        x = self.relu2(self.bn2(self.conv2(x)))  # (N, 64, H/4, W/4)
        streams = [self.layer1(x)]  # (N, 256, H/4, W/4)
        streams = self.stage2(hand_over(self.transition1, streams))  # adds (N, 2C, H/8, W/8)
        streams = self.stage3(hand_over(self.transition2, streams))  # adds (N, 4C, H/16, W/16)
        result: list[Tensor] = self.stage4(hand_over(self.transition3, streams))  # adds (N, 8C, H/32, W/32)
        return result

    def merge(self, streams: Sequence[Tensor]) -> Tensor:
        """Carry the widened streams down into the lowest resolution: (N, 1024, H/32, W/32)."""
        y: Tensor = self.incre_modules[0](streams[0])
        for i, down in enumerate(self.downsamp_modules, start=1):
            y = self.incre_modules[i](streams[i]) + down(y)
        return y

    @cached_property
    def plan(self) -> Plan:
        """The forward pass as an ordered list of named steps; built once, from the modules that ``forward`` calls."""
        from hrnet_viz.network.planning import build_plan

        return build_plan(self, self.variant.name, self.num_outputs)

    def sites(
        self, *, kind: str | None = None, stage: int | None = None, module: int | None = None, branch: int | None = None
    ) -> tuple[Site, ...]:
        """List the landmarks, or those of one kind, stage, module or branch; ``kind="inner"`` lists the inner ones.

        Raises:
            ValueError: no such kind, stage, module or branch.
        """
        return self.plan.select(kind=kind, stage=stage, module=module, branch=branch)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; where it is a part of the net, what is known of the old part is forgotten."""
        super().__setattr__(name, value)
        if isinstance(value, nn.Module):
            vars(self).pop("plan", None)
            if name == "classifier" and self._classes:
                with suppress(ValueError):  # told when it is used
                    self._classes = self._classes if len(self._classes) == self.num_outputs else ()

    @property
    def num_outputs(self) -> int:
        """Number of logits, also of a classifier of one's own; a ValueError where it gives no vector for each photo."""
        last: nn.Module = self.classifier
        if isinstance(last, nn.Linear):
            return last.out_features
        like = next(self.parameters())
        training = [module for module in last.modules() if module.training]
        with torch.no_grad():
            try:
                last.eval()
                logits = last(like.new_zeros(1, FINAL_CHANNELS))
            finally:
                for module in training:
                    module.training = True
        if not isinstance(logits, Tensor) or logits.dim() != 2:
            got = f"shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
            raise ValueError(f"net.classifier gave {got} for a vector of {FINAL_CHANNELS}; (N, outputs) was expected.")
        return int(logits.shape[1])

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs, in their order; () where they are not known."""
        return self._classes

    @classes.setter
    def classes(self, names: Any) -> None:
        known = names is not None and not (isinstance(names, Sized) and not len(names))
        self._classes = read_classes(names, self.num_outputs) if known else ()


def hrnet(name: str, *, head: str = "classification", num_outputs: int = 1000) -> HRNet:
    """Build a member of the published family with random weights.

    Args:
        name: "hrnet_w18_small_v1", "hrnet_w18_small_v2", or "hrnet_w" + 18, 30, 32, 40, 44, 48, 64.
        head: "classification"; the others of the family are not built yet.
        num_outputs: number of logits.

    Raises:
        ValueError: no such variant or head.
    """
    if head != "classification":
        raise ValueError(f"head={quote(head)} was asked for, but only head='classification' is built so far.")
    return HRNet(find_variant(name), check_whole("num_outputs", num_outputs))


def read_classes(names: Any, outputs: int) -> tuple[str, ...]:
    """Return the names of outputs in their order.

    Args:
        names: a sequence or an array of names, or a mapping between names and the numbers of the outputs, either way;
            the numbers may be words, as in JSON.
        outputs: how many there are.

    Raises:
        ValueError: no order, no names, or another number of them.
    """
    if isinstance(names, Mapping):
        pairs = [_split_pair(key, value) for key, value in names.items()]
        if sorted(number for number, _ in pairs) != list(range(len(pairs))):
            raise ValueError(
                f"A mapping of {len(pairs)} classes was given; each name needs its output, 0 to {len(pairs) - 1}."
            )
        names = [name for _, name in sorted(pairs, key=lambda pair: pair[0])]
    if isinstance(names, (str, set, frozenset)) or not hasattr(names, "__len__") or not hasattr(names, "__getitem__"):
        raise ValueError(f"classes is {quote(names)}; a list of names was expected, one per output and in their order.")
    found = tuple(names)
    wrong = [name for name in found if not isinstance(name, str) or not name.strip()]
    if wrong:
        raise ValueError(f"Classes are names, but {wrong[0]!r:.60} was given among them.")
    if len(found) != outputs:
        raise ValueError(f"{len(found)} classes were given, but the net has {outputs} outputs. Give one name for each.")
    return tuple(map(str, found))


def _split_pair(key: Any, value: Any) -> tuple[int, Any]:
    """Return number and name, whichever is the key; -1 where neither is a number. A name may look like one: "7"."""
    both = (key, value), (value, key)
    numbered = [pair for pair in both if isinstance(pair[0], Integral)]
    numbered += [pair for pair in both if isinstance(pair[0], str) and pair[0].isdecimal()]
    number, name = numbered[0] if numbered else (-1, key)
    return int(number), name


def stage(widths: Sequence[int], modules: int, blocks: int) -> nn.Sequential:
    """Make a stage: modules one after the other, all with the same branches."""
    return nn.Sequential(*(HighResolutionModule(widths, blocks) for _ in range(modules)))


def transition(before: Sequence[int], after: Sequence[int]) -> nn.ModuleList:
    """Make what hands the streams of one stage to the next and starts the new branch.

    A branch that exists and keeps its channels is handed over; one that changes them passes a 3x3 convolution; a new
    one is a strided 3x3 convolution of the last stream. (The paper's figure draws it from all of them; the exchange
    just before has mixed them already.) The new branch is nested once more, as in the published keys.
    """
    layers: list[nn.Module] = []
    for i, width in enumerate(after):
        if i >= len(before):
            layers.append(nn.Sequential(ConvNorm(before[-1], width, stride=2)))
        else:
            layers.append(HandOver() if before[i] == width else ConvNorm(before[i], width))
    return nn.ModuleList(layers)


def hand_over(layers: nn.ModuleList, streams: Sequence[Tensor]) -> list[Tensor]:
    """Run a transition: entry i takes stream i, the new branch the last one."""
    return [layer(streams[min(i, len(streams) - 1)]) for i, layer in enumerate(layers)]


def check_input(x: Tensor) -> None:
    """Refuse what is no batch of photos, by a TypeError or a ValueError that says what to do."""
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{quote(x)} was given; a float tensor (N, 3, H, W) was expected. hv.prepare(net, photo) makes one."
        )
    shape = tuple(x.shape)
    if x.dim() != 4 or shape[1] != 3:
        raise ValueError(f"HRNet takes photos of shape (N, 3, H, W); this tensor has shape {shape}.")
    if not x.is_floating_point():
        raise ValueError(
            f"HRNet takes normalised float photos; this tensor is {x.dtype}. hv.prepare(net, photo) makes one."
        )
    if min(shape[2:]) < SMALLEST_SIDE:
        raise ValueError(
            f"This photo is {shape[2]} x {shape[3]} px; HRNet's lowest resolution is 1/32, "
            f"so each side needs at least {SMALLEST_SIDE} px. Enlarge the photo first."
        )


torch.fx.wrap("check_input")  # a tracer need not look into it, and could not


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d) and not module.weight.is_meta:  # random numbers that nobody sees cost seconds
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.BatchNorm2d):
        torch.nn.init.ones_(module.weight)
        torch.nn.init.zeros_(module.bias)
