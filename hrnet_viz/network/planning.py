"""Write the plan of a net down, in the order of its ``forward``.

Channels and strides are read off the modules, so the plan cannot disagree with the net that it describes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple, cast

from torch import nn

from hrnet_viz.network.blocks import BasicBlock, ConvNorm
from hrnet_viz.network.exchange import Resize, UpPath
from hrnet_viz.network.ocr import Attend, Compare, Gather, Mixture, Regions
from hrnet_viz.network.plan import INPUT, Operation, Plan, Step
from hrnet_viz.network.variants import Task
from hrnet_viz.sites import Site, parse

LAYER_WORDS = ("conv", "bn", "relu")
BLOCK_WORDS = ("conv1", "bn1", "relu1", "conv2", "bn2", "relu2", "conv3", "bn3", "relu3")
STEM_WORDS = ("conv1", "bn1", "relu1", "conv2", "bn2", "relu2")


V2_WORDS = ("conv1", "bn1", "relu1", "conv2")


def build_plan(net: nn.Module, owner: str, task: Task) -> Plan:
    """Write the plan of a net down: one step per landmark, each with its inner steps."""
    plan = _Writer(net)
    stem = plan.single_calls("stem", STEM_WORDS, STEM_WORDS, INPUT)
    streams = [plan.landmark("stem", [INPUT], inner=stem)]
    streams = [plan.landmark("stage1", streams, "layer1", inner=plan.blocks("stage1", "layer1", streams[0]))]
    for stage in (2, 3, 4):
        streams = plan.transition(f"transition{stage - 1}", streams)
        for number in range(len(plan.module(f"stage{stage}"))):
            streams = plan.high_resolution_module(f"stage{stage}.{number}", streams)
    heads = {
        "classification": plan.classification, "pose": plan.pose, "segmentation": plan.segmentation,
        "landmarks": plan.landmarks, "pyramid": plan.pyramid, "ocr": plan.ocr,
    }  # fmt: skip
    heads[task.name](streams)
    return Plan(owner, plan.linked(), task.name, task.align_corners)


class _Shape(NamedTuple):
    """What the photo's size and these make the shape of a tensor; see ``Site``."""

    channels: int
    stride: int | None
    pooled: int = 1
    cells: tuple[int, int] | None = None


class _Writer:
    """Collects steps and remembers the shapes of everything written so far."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self.steps: list[Step] = []
        self.shapes: dict[str, _Shape] = {INPUT: _Shape(3, 1)}

    def module(self, target: str) -> nn.Sequential:
        """Return a module of the net; typed as the container that most callers ask for."""
        return self.net.get_submodule(target)  # type: ignore[return-value]  # it promises only a Module

    def write(
        self,
        name: str,
        inputs: Sequence[str],
        target: str = "",
        operation: Operation = "call",
        stride: int | None = None,
    ) -> Step:
        """Make a step; its shape follows from its inputs and the module that it calls."""
        module = self.net.get_submodule(target) if operation == "call" else None
        given = [self.shapes[one] for one in inputs]
        if operation == "concat":
            shape = given[0]._replace(channels=sum(one.channels for one in given))
        else:
            shape = self.after(module, target, *given)
        shape = self.shapes[name] = _Shape(shape.channels, stride) if stride else shape
        own = isinstance(module, (nn.ReLU, Resize, nn.AvgPool2d, Regions, Gather, Compare, Attend, Mixture))
        site = _site(name, shape, "" if own or target == "pool" else target, inputs)
        return Step(site, operation, target, sized=isinstance(module, (Resize, UpPath)))

    def after(self, module: nn.Module | None, target: str, first: _Shape, *others: _Shape) -> _Shape:
        """Return the shape that a module makes of its inputs' shapes."""
        if isinstance(module, nn.Conv2d):
            stride = first.stride and first.stride * module.stride[0]
            return first._replace(channels=module.out_channels, stride=stride)
        if isinstance(module, nn.AvgPool2d):
            side = cast("int", module.kernel_size)
            return first._replace(stride=(first.stride or 1) * side, pooled=side)
        if isinstance(module, Gather):
            return _Shape(others[0].channels, None, cells=(first.channels, 1))
        if isinstance(module, (Compare, Mixture)):
            asked = others[0].channels if isinstance(module, Mixture) else (others[0].cells or (1, 1))[0]
            return first._replace(channels=asked)
        outputs = cast("int", self.net.num_outputs) if target == "classifier" else first.channels
        return _Shape(outputs, None) if target in ("pool", "classifier") else first

    def landmark(
        self,
        name: str,
        inputs: Sequence[str],
        target: str = "",
        operation: Operation = "call",
        inner: Iterable[Step] = (),
        *,
        stride: int | None = None,
    ) -> str:
        """Append a landmark and give its address; one with inner steps has their last shape."""
        inner = tuple(inner)
        if not inner:
            self.steps.append(self.write(name, inputs, target, operation, stride))
            return name
        self.shapes[name] = self.shapes[inner[-1].name]
        sized = bool(target) and isinstance(self.net.get_submodule(target), UpPath)
        site = _site(name, self.shapes[name], target, inputs)
        self.steps.append(Step(site, "call" if target else "view", target, sized, inner))
        return name

    def single_calls(self, scope: str, words: Iterable[str], targets: Iterable[str], source: str) -> list[Step]:
        """Call modules one after the other, each under its word."""
        steps = []
        for word, target in zip(words, targets, strict=True):
            steps.append(self.write(f"{scope}.{word}", [source], target))
            source = steps[-1].name
        return steps

    def layers(self, scope: str, target: str, source: str) -> list[Step]:
        """Open up a convolution with BatchNorm and, where it has one, ReLU."""
        steps = []
        for child, layer in enumerate(self.module(target)):
            if not isinstance(layer, Resize):
                steps.append(self.write(f"{scope}.{LAYER_WORDS[child]}", [source], f"{target}.{child}"))
                source = steps[-1].name
        return steps

    def block(self, scope: str, target: str, source: str) -> list[Step]:
        """Open up a residual block: its layers, the shortcut, their sum and what ReLU leaves of it."""
        block = self.net.get_submodule(target)
        layers = BLOCK_WORDS[: 3 * (2 if isinstance(block, BasicBlock) else 3)]
        steps = self.single_calls(scope, layers[:-1], [f"{target}.{word}" for word in layers[:-1]], source)
        if isinstance(block.downsample, ConvNorm):
            steps += self.layers(f"{scope}.shortcut", f"{target}.downsample", source)
            steps.append(self.write(f"{scope}.shortcut", [steps[-1].name], operation="view"))
        else:
            steps.append(self.write(f"{scope}.shortcut", [source], operation="view"))
        steps.append(self.write(f"{scope}.sum", [f"{scope}.{layers[-2]}", f"{scope}.shortcut"], operation="add"))
        steps.append(self.write(f"{scope}.out", [f"{scope}.sum"], f"{target}.{layers[-1]}"))
        return steps

    def blocks(self, scope: str, target: str, source: str) -> list[Step]:
        """Open up a chain of blocks."""
        steps: list[Step] = []
        for number in range(len(self.module(target))):
            steps += self.block(f"{scope}.block{number}", f"{target}.{number}", source)
            source = steps[-1].name
        return steps

    def transition(self, name: str, streams: list[str]) -> list[str]:
        """Hand the streams to the next stage and start the new branch from the last one."""
        after = []
        for i, layer in enumerate(self.module(name)):
            source, site, target = streams[min(i, len(streams) - 1)], f"{name}.branch{i}", f"{name}.{i}"
            inside = "" if isinstance(layer, ConvNorm) else ".0"
            inner = [] if not list(layer.children()) else self.layers(site, target + inside, source)
            after.append(self.landmark(site, [source], target, inner=inner))
        return after

    def high_resolution_module(self, name: str, streams: list[str]) -> list[str]:
        """Parallel branches, then for every output its paths, their sum and what ReLU leaves of it."""
        branches = []
        for b, source in enumerate(streams):
            site, target = f"{name}.branch{b}", f"{name}.branches.{b}"
            branches.append(self.landmark(site, [source], target, inner=self.blocks(site, target, source)))
        outputs = []
        for i in range(len(self.module(f"{name}.fuse_layers"))):
            paths = [self.fuse_path(name, i, j, source, branches[i]) for j, source in enumerate(branches)]
            total = self.landmark(f"{name}.sum{i}", paths, operation="add")
            outputs.append(self.landmark(f"{name}.out{i}", [total], f"{name}.relus.{i}"))
        return outputs

    def fuse_path(self, name: str, i: int, j: int, source: str, joined: str) -> str:
        """Write the contribution of branch j to output i."""
        site, target = f"{name}.fuse{i}<-{j}", f"{name}.fuse_layers.{i}.{j}"
        inner: list[Step] = []
        if j > i:
            inner = self.layers(site, target, source)
            stride = self.shapes[joined].stride
            inner.append(self.write(f"{site}.resize", [inner[-1].name], f"{target}.2", stride=stride))
        for step in range(i - j):
            inner += self.layers(f"{site}.step{step + 1}", f"{target}.{step}", inner[-1].name if inner else source)
        return self.landmark(site, [source], target, inner=inner)

    def classification(self, streams: list[str]) -> None:
        """Widen every stream, carry them down into the lowest resolution, pool and classify."""
        site = y = ""
        for i, source in enumerate(streams):
            site, target = f"head.incre{i}", f"incre_modules.{i}"
            if i:
                down, down_target = f"head.down{i - 1}", f"downsamp_modules.{i - 1}"
                y = self.landmark(down, [y], down_target, inner=self.layers(down, down_target, y))
            wide = self.landmark(site, [source], target, inner=self.block(site, f"{target}.0", source))
            y = self.landmark(f"head.sum{i}", [wide, y], operation="add") if i else wide
        y = self.landmark("head.final", [y], "final_layer", inner=self.layers("head.final", "final_layer", y))
        self.landmark("logits", [self.landmark("head.pool", [y], "pool")], "classifier")

    def pose(self, streams: list[str]) -> None:
        """One convolution of the highest resolution."""
        self.landmark("heatmaps", streams, "final_layer")

    def joined(self, streams: list[str]) -> str:
        """Enlarge every stream to the highest resolution and stack them."""
        stride = self.shapes[streams[0]].stride
        ups = [
            self.landmark(f"head.up{i}", [source], f"ups.{i - 1}", stride=stride)
            for i, source in enumerate(streams[1:], start=1)
        ]
        return self.landmark("head.concat", [streams[0], *ups], operation="concat")

    def mixed(self, streams: list[str], target: str, output: str) -> None:
        """Mix the stack, and read the outputs off the mixture."""
        joined = self.joined(streams)
        layers = self.single_calls("head.mix", LAYER_WORDS, [f"{target}.{child}" for child in range(3)], joined)
        self.landmark(output, [self.landmark("head.mix", [joined], inner=layers)], f"{target}.3")

    def segmentation(self, streams: list[str]) -> None:
        """The V2 head."""
        self.mixed(streams, "last_layer", "logits")

    def landmarks(self, streams: list[str]) -> None:
        """The V2 head."""
        self.mixed(streams, "head", "heatmaps")

    def pyramid(self, streams: list[str]) -> None:
        """Mix the stack, average it down to every level, and smooth each."""
        finest = self.landmark("head.reduce", [self.joined(streams)], "neck.reduction_conv.0")
        pools = [
            self.landmark(f"head.pool{level}", [finest], f"neck.pools.{level - 1}")
            for level in range(1, len(self.module("neck.fpn_conv")))
        ]
        for level, source in enumerate([finest, *pools]):
            self.landmark(f"head.level{level}", [source], f"neck.fpn_conv.{level}")

    def ocr(self, streams: list[str]) -> None:
        """Guess, describe each class by the mean of its pixels, and let every pixel ask these objects."""
        block, mixture = "ocr_distri_head.object_context_block", "ocr_distri_head.conv_bn_dropout"
        joined = self.joined(streams)
        parts = [f"aux_head.{child}" for child in range(4)]
        inner = self.single_calls("head.aux", V2_WORDS, parts, joined)
        aux = self.landmark("head.aux", [joined], "aux_head", inner=inner)
        regions = self.landmark("head.regions", [aux], "regions")
        inner = self.layers("head.pixels", "conv3x3_ocr", joined)
        pixels = self.landmark("head.pixels", [joined], "conv3x3_ocr", inner=inner)
        objects = self.landmark("head.objects", [regions, pixels], "gather")
        asks = self.projection("head.attention.pixel", f"{block}.f_pixel", pixels)
        answers = self.projection("head.attention.object", f"{block}.f_object", objects)
        likeness = self.write("head.attention.likeness", [asks[-1].name, answers[-1].name], f"{block}.compare")
        weights = self.write("head.attention.softmax", [likeness.name], f"{block}.attend")
        attention = self.landmark("head.attention", [pixels, objects], inner=[*asks, *answers, likeness, weights])
        values = self.projection("head.context.object", f"{block}.f_down", objects)
        told = self.write("head.context.mixture", [attention, values[-1].name], f"{block}.mixture")
        up = self.projection("head.context.up", f"{block}.f_up", told.name)
        context = self.landmark("head.context", [attention, objects], inner=[*values, told, *up])
        both = self.write("head.mix.concat", [context, pixels], operation="concat")
        inner = self.projection("head.mix", mixture, both.name)
        inner.append(self.write("head.mix.dropout", [inner[-1].name], f"{mixture}.2"))
        self.landmark("logits", [self.landmark("head.mix", [context, pixels], inner=[both, *inner])], "cls_head")

    def projection(self, scope: str, target: str, source: str) -> list[Step]:
        """Open up 1x1 convolutions, each with BatchNorm and ReLU nested once more."""
        pairs = [place for place, layer in enumerate(self.module(target)) if isinstance(layer, nn.Conv2d)]
        calls = [part for at in pairs for part in (f"{target}.{at}", f"{target}.{at + 1}.0", f"{target}.{at + 1}.1")]
        words = BLOCK_WORDS[: len(calls)] if len(pairs) > 1 else LAYER_WORDS
        return self.single_calls(scope, words, calls, source)

    def linked(self) -> tuple[Step, ...]:
        """Return the steps with ``feeds`` filled in: landmarks among landmarks, inner sites in the opened-up list."""
        feeds = _feeds(self.steps)
        single = _feeds(single for step in self.steps for single in step.expand())
        return tuple(
            replace(
                step,
                site=replace(step.site, feeds=feeds.get(step.name, ())),
                inner=tuple(replace(s, site=replace(s.site, feeds=single.get(s.name, ()))) for s in step.inner),
            )
            for step in self.steps
        )


def _feeds(steps: Iterable[Step]) -> dict[str, tuple[str, ...]]:
    feeds: dict[str, tuple[str, ...]] = {}
    for step in steps:
        for source in step.inputs:
            feeds[source] = (*feeds.get(source, ()), step.name)
    return feeds


def _site(name: str, shape: _Shape, published: str, inputs: Sequence[str]) -> Site:
    return replace(parse(name), **shape._asdict(), published=published, inputs=tuple(inputs))
