"""The body of the net: stem and four stages with their transitions. What a head makes of it stands in ``heads``.

Source: arXiv 1908.07919, section 3 and appendix B. ``streams`` and the head's ``forward`` are the description to read;
``plan`` is the same computation as a list in which every tensor has a name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from contextlib import suppress
from functools import cached_property
from numbers import Integral
from typing import TYPE_CHECKING, Any

import torch
import torch.fx
from torch import Tensor, nn

from hrnet_viz.network.blocks import Bottleneck, ConvNorm, HandOver, chain
from hrnet_viz.network.exchange import HighResolutionModule
from hrnet_viz.network.variants import STEM_CHANNELS, TASKS, Task, Variant
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.sites import quote

if TYPE_CHECKING:
    from hrnet_viz.network.plan import Plan
    from hrnet_viz.sites import Site

SIZES: dict[str, Any] = {"pose": (256, 192), "segmentation": (512, 1024), "landmarks": 256, "ocr": (512, 1024)}
"""Task -> input size (height, width) of the published net, where it is not 224 px."""


class HRNet(nn.Module):
    """The body of every HRNet, and what all heads share; ``hrnet`` builds one with a head.

    Attributes:
        variant: the numbers that it was built from.
        task: what its head is for, and what follows from that.
        preparation: how a photo becomes an input: size, normalisation, fit.
        load_report: where the weights come from, None for random ones.
        plan: the forward pass as an ordered list of named steps.
        outputs: addresses of what ``forward`` returns.
    """

    outputs: tuple[str, ...] = ("logits",)
    ends: tuple[str, ...] = ()
    """Names of the layers with a channel for each output; that of the last one is the answer."""

    def __init__(self, variant: Variant, task: Task, num_outputs: int = 0) -> None:
        """Build the net with random weights (He initialisation; the published pose and dense nets begin near 0)."""
        super().__init__()
        self.variant, self.task = variant, task
        self._classes: tuple[str, ...] = ()
        self.preparation = Preparation(size=SIZES.get(task.name, 224))
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
        self.stage2 = stage(widths[:2], variant.modules[0], variant.blocks, task)
        self.transition2 = transition(widths[:2], widths[:3])
        self.stage3 = stage(widths[:3], variant.modules[1], variant.blocks, task)
        self.transition3 = transition(widths[:3], widths)
        self.stage4 = stage(widths, variant.modules[2], variant.blocks, task, alone=task.alone)
        self.build_head(num_outputs)
        self.apply(self._initialise)

    def build_head(self, num_outputs: int) -> None:
        """Make the modules of the head, under their published names."""
        raise NotImplementedError(f"{type(self).__name__} has no head. hv.hrnet builds a net with one.")

    def streams(self, x: Tensor) -> list[Tensor]:
        """Map photos (N, 3, H, W) to the outputs of stage 4, (N, C * 2**b, H / 2**(b+2), W / 2**(b+2))."""
        check_input(x, self.task.smallest)
        x = self.relu1(self.bn1(self.conv1(x)))  # (N, 64, H/2, W/2)
        x = self.relu2(self.bn2(self.conv2(x)))  # (N, 64, H/4, W/4)
        streams = [self.layer1(x)]  # (N, 256, H/4, W/4)
        streams = self.stage2(hand_over(self.transition1, streams))  # adds (N, 2C, H/8, W/8)
        streams = self.stage3(hand_over(self.transition2, streams))  # adds (N, 4C, H/16, W/16)
        result: list[Tensor] = self.stage4(hand_over(self.transition3, streams))  # adds (N, 8C, H/32, W/32)
        return result

    def _initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d) and not module.weight.is_meta:  # numbers that nobody sees cost seconds
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            module.momentum = self.task.momentum
            torch.nn.init.ones_(module.weight)
            torch.nn.init.zeros_(module.bias)

    @cached_property
    def plan(self) -> Plan:
        """The forward pass as an ordered list of named steps; built once, from the modules that ``forward`` calls."""
        from hrnet_viz.network.planning import build_plan

        return build_plan(self, self.owner, self.task)

    @property
    def owner(self) -> str:
        """What sentences call the net: "hrnet_w18", "hrnet_w32 pose"; with what differs from the published task."""
        usual = TASKS[self.task.name]
        given = ((key, getattr(self.task, key)) for key in ("upsample", "align_corners"))
        other = [f"({key}={value})" for key, value in given if value != getattr(usual, key)]
        return " ".join([self.variant.name, *([self.task.name] if self.task.name != "classification" else []), *other])

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
            if self._classes and name == self.ends[-1].partition(".")[0]:
                with suppress(ValueError):  # told when it is used
                    self._classes = self._classes if len(self._classes) == self.num_outputs else ()

    @property
    def num_outputs(self) -> int:
        """Number of channels that are joints, landmarks, classes; a ValueError where a head has no such thing."""
        name = self.ends[-1].partition(".")[0]  # of which someone may have put another in its place
        last = [layer for layer in self.get_submodule(name).modules() if isinstance(layer, nn.Conv2d)]
        if not last:
            raise ValueError(f"net.{name} has no convolution, so its outputs can't be counted.")
        return last[-1].out_channels

    @property
    def noun(self) -> str:
        """What an output is: "class", "joint", "landmark"."""
        return self.task.noun

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs, in their order; () where they are not known."""
        return self._classes

    @classes.setter
    def classes(self, names: Any) -> None:
        known = names is not None and not (isinstance(names, Sized) and not len(names))
        self._classes = read_classes(names, self.num_outputs) if known else ()


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


def stage(widths: Sequence[int], modules: int, blocks: int, task: Task, *, alone: bool = False) -> nn.Sequential:
    """Make a stage: modules one after the other, all with the same branches; the last may put out branch 0 alone."""
    every = range(1, modules + 1)
    return nn.Sequential(*(HighResolutionModule(widths, blocks, task, alone=alone and n == modules) for n in every))


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


def check_input(x: Tensor, smallest: int) -> None:
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
    if min(shape[2:]) < smallest:
        why = "HRNet's lowest resolution is 1/32" if smallest == 32 else "the pyramid's coarsest level is 1/64"
        raise ValueError(
            f"This photo is {shape[2]} x {shape[3]} px; {why}, so each side needs at least {smallest} px. Enlarge the "
            "photo first."
        )


torch.fx.wrap("check_input")  # a tracer need not look into it, and could not
