"""Write the plan of a net down, in the order of ``HRNet.forward``.

Channels and strides are read off the modules, so the plan cannot disagree with the net that it describes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from torch import nn

from hrnet_viz.network.blocks import BasicBlock, ConvNorm
from hrnet_viz.network.exchange import Resize, UpPath
from hrnet_viz.network.plan import INPUT, Plan, Step
from hrnet_viz.sites import Site, parse

LAYER_WORDS = ("conv", "bn", "relu")
BLOCK_WORDS = ("conv1", "bn1", "relu1", "conv2", "bn2", "relu2", "conv3", "bn3", "relu3")
STEM_WORDS = ("conv1", "bn1", "relu1", "conv2", "bn2", "relu2")


def build_plan(net: nn.Module, owner: str, num_outputs: int) -> Plan:
    """Write the plan of a net down: one step per landmark, each with its inner steps."""
    plan = _Writer(net, num_outputs)
    stem = plan.single_calls("stem", "", STEM_WORDS, INPUT)
    streams = [plan.landmark("stem", [INPUT], inner=stem)]
    streams = [plan.landmark("stage1", streams, "layer1", inner=plan.blocks("stage1", "layer1", streams[0]))]
    for stage in (2, 3, 4):
        streams = plan.transition(f"transition{stage - 1}", streams)
        for number in range(len(plan.module(f"stage{stage}"))):
            streams = plan.high_resolution_module(f"stage{stage}.{number}", streams)
    plan.head(streams)
    return Plan(owner, plan.linked())


class _Writer:
    """Collects steps and remembers (channels, stride) of everything written so far."""

    def __init__(self, net: nn.Module, num_outputs: int) -> None:
        self.net, self.num_outputs = net, num_outputs
        self.steps: list[Step] = []
        self.facts: dict[str, tuple[int, int | None]] = {INPUT: (3, 1)}

    def module(self, target: str) -> nn.Sequential:
        """Return a module of the net; typed as the container that most callers ask for."""
        return self.net.get_submodule(target)  # type: ignore[return-value]  # it promises only a Module

    def write(
        self,
        name: str,
        inputs: Sequence[str],
        target: str = "",
        operation: Literal["call", "add", "view"] = "call",
        stride: int | None = None,
    ) -> Step:
        """Make a step; channels and stride follow from its first input and the module that it calls."""
        channels, at = self.facts[inputs[0]]
        module = self.net.get_submodule(target) if operation == "call" else None
        if isinstance(module, nn.Conv2d):
            channels, at = module.out_channels, (at or 1) * module.stride[0]
        elif target == "classifier":
            channels, at = self.num_outputs, None
        elif target == "pool":
            at = None
        at = stride or at
        self.facts[name] = (channels, at)
        unpublished = isinstance(module, (nn.ReLU, Resize)) or target == "pool"
        site = _site(name, channels, at, "" if unpublished else target, inputs)
        return Step(site, operation, target, sized=isinstance(module, (Resize, UpPath)))

    def landmark(
        self,
        name: str,
        inputs: Sequence[str],
        target: str = "",
        operation: Literal["call", "add", "view"] = "call",
        inner: Iterable[Step] = (),
    ) -> str:
        """Append a landmark and give its address; one with inner steps has their last shape."""
        inner = tuple(inner)
        if not inner:
            self.steps.append(self.write(name, inputs, target, operation))
            return name
        channels, stride = self.facts[name] = self.facts[inner[-1].name]
        sized = bool(target) and isinstance(self.net.get_submodule(target), UpPath)
        site = _site(name, channels, stride, target, inputs)
        self.steps.append(Step(site, "call" if target else "view", target, sized, inner))
        return name

    def single_calls(self, scope: str, prefix: str, words: Iterable[str], source: str) -> list[Step]:
        """Call the modules ``prefix + word`` one after the other."""
        steps = []
        for word in words:
            steps.append(self.write(f"{scope}.{word}", [source], f"{prefix}{word}"))
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
        steps = self.single_calls(scope, f"{target}.", layers[:-1], source)
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
        for i in range(len(branches)):
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
            stride = self.facts[joined][1]
            inner.append(self.write(f"{site}.resize", [inner[-1].name], f"{target}.2", stride=stride))
        for step in range(i - j):
            inner += self.layers(f"{site}.step{step + 1}", f"{target}.{step}", inner[-1].name if inner else source)
        return self.landmark(site, [source], target, inner=inner)

    def head(self, streams: list[str]) -> None:
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


def _site(name: str, channels: int, stride: int | None, published: str, inputs: Sequence[str]) -> Site:
    return replace(parse(name), channels=channels, stride=stride, published=published, inputs=tuple(inputs))
