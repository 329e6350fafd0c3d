"""The six heads: what is made of the streams that leave stage 4. Each is read from top to bottom, and ``hrnet`` builds.

Sources: arXiv 1908.07919, section 3.3 (V1, V2, V2p) and appendix B (classification); arXiv 1909.11065 (OCR). What the
published files name after something else keeps their name: ``final_layer`` is two different things in two heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor, nn

from hrnet_viz.network.blocks import Bottleneck, ConvNorm, chain
from hrnet_viz.network.exchange import Resize
from hrnet_viz.network.net import HRNet
from hrnet_viz.network.ocr import Gather, ObjectContext, Regions
from hrnet_viz.network.variants import (
    FINAL_CHANNELS,
    HEAD_PLANES,
    LEVEL_CHANNELS,
    OBJECT_CHANNELS,
    Task,
    Variant,
    find_task,
    find_variant,
)
from hrnet_viz.sites import check_whole, quote


class ClassificationNet(HRNet):
    """HRNet-C: every stream is widened, and they are carried down into the lowest resolution, pooled and classified."""

    ends = ("classifier",)

    def build_head(self, num_outputs: int) -> None:
        """Make the head. Its convolutions have a bias, as published, except inside the bottlenecks."""
        heads = [planes * Bottleneck.expansion for planes in HEAD_PLANES]
        self.incre_modules = nn.ModuleList(
            chain(Bottleneck, width, planes, 1) for width, planes in zip(self.variant.widths, HEAD_PLANES, strict=True)
        )
        self.downsamp_modules = nn.ModuleList(
            ConvNorm(fine, coarse, stride=2, bias=True) for fine, coarse in pairwise(heads)
        )
        self.final_layer = ConvNorm(heads[-1], FINAL_CHANNELS, kernel=1, bias=True)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(FINAL_CHANNELS, num_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map photos (N, 3, H, W) with H, W >= 32 to logits (N, num_outputs)."""
        y = self.merge(self.streams(x))  # (N, 1024, H/32, W/32)
        y = self.final_layer(y)  # (N, 2048, H/32, W/32)
        logits: Tensor = self.classifier(self.pool(y))
        return logits

    def merge(self, streams: Sequence[Tensor]) -> Tensor:
        """Carry the widened streams down into the lowest resolution: (N, 1024, H/32, W/32)."""
        y: Tensor = self.incre_modules[0](streams[0])
        for i, down in enumerate(self.downsamp_modules, start=1):
            y = self.incre_modules[i](streams[i]) + down(y)
        return y

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


class PoseNet(HRNet):
    """HRNetV1: the highest resolution alone, which has heard the others in every exchange, and one convolution."""

    outputs = ("heatmaps",)
    ends = ("final_layer",)

    def build_head(self, num_outputs: int) -> None:
        """Make the one convolution."""
        self.final_layer = nn.Conv2d(self.variant.width, num_outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map photos (N, 3, H, W) to heat maps (N, num_outputs, H/4, W/4), one per joint."""
        heatmaps: Tensor = self.final_layer(self.streams(x)[0])
        return heatmaps


class JoinedNet(HRNet):
    """What V2, V2p and OCR begin with: every stream is enlarged to the highest resolution and stacked on the others."""

    def build_ups(self) -> int:
        """Make what enlarges streams 1 to 3; returns the number of channels of the stack, 15 * C."""
        align = self.task.align_corners
        self.ups = nn.ModuleList(Resize("bilinear", align_corners=align) for _ in self.variant.widths[1:])
        return sum(self.variant.widths)

    def merge(self, streams: Sequence[Tensor]) -> Tensor:
        """Stack the streams: (N, 15 * C, H/4, W/4)."""
        finest = streams[0].shape[-2:]
        others = [up(stream, finest) for up, stream in zip(self.ups, streams[1:], strict=True)]
        return torch.cat([streams[0], *others], 1)


def mix(channels: int, num_outputs: int) -> nn.Sequential:
    """Make the V2 head: 1x1 convolution, BatchNorm, ReLU, 1x1 convolution, at stride 4."""
    return nn.Sequential(*ConvNorm(channels, channels, kernel=1, bias=True), nn.Conv2d(channels, num_outputs, 1))


class SegmentationNet(JoinedNet):
    """HRNetV2 for classes of places."""

    ends = ("last_layer.3",)

    def build_head(self, num_outputs: int) -> None:
        """Make the V2 head."""
        self.last_layer = mix(self.build_ups(), num_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map photos (N, 3, H, W) to logits (N, num_outputs, H/4, W/4), one map per class."""
        logits: Tensor = self.last_layer(self.merge(self.streams(x)))
        return logits


class LandmarksNet(JoinedNet):
    """HRNetV2 for the points of a face."""

    outputs = ("heatmaps",)
    ends = ("head.3",)

    def build_head(self, num_outputs: int) -> None:
        """Make the V2 head."""
        self.head = mix(self.build_ups(), num_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map photos (N, 3, H, W) to heat maps (N, num_outputs, H/4, W/4), one per landmark."""
        heatmaps: Tensor = self.head(self.merge(self.streams(x)))
        return heatmaps


class Neck(nn.Module):
    """V2p: one mixture of all streams at stride 4, averaged down to five levels for a detector."""

    def __init__(self, channels: int, levels: int = 5) -> None:
        """Make it for a stack of ``channels``."""
        super().__init__()
        self.reduction_conv = nn.Sequential(nn.Conv2d(channels, LEVEL_CHANNELS, 1))
        self.pools = nn.ModuleList(nn.AvgPool2d(2**level) for level in range(1, levels))
        self.fpn_conv = nn.ModuleList(nn.Conv2d(LEVEL_CHANNELS, LEVEL_CHANNELS, 3, padding=1) for _ in range(levels))

    def forward(self, joined: Tensor) -> list[Tensor]:
        """Map (N, channels, H/4, W/4) to five maps of 256 channels at strides 4 to 64; pools drop what is left over."""
        finest: Tensor = self.reduction_conv(joined)  # (N, 256, H/4, W/4)
        levels = [finest, *(pool(finest) for pool in self.pools)]  # each pooled from the finest, not from the last
        return [convolution(level) for convolution, level in zip(self.fpn_conv, levels, strict=True)]


class PyramidNet(JoinedNet):
    """HRNetV2p: the feature pyramid that a detector reads."""

    outputs = tuple(f"head.level{level}" for level in range(5))

    def build_head(self, num_outputs: int) -> None:  # noqa: ARG002  # a pyramid has levels, not outputs
        """Make the neck."""
        self.neck = Neck(self.build_ups())

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map photos (N, 3, H, W) with H, W >= 61 to five maps (N, 256, h, w), finest first."""
        levels: list[Tensor] = self.neck(self.merge(self.streams(x)))
        return levels

    @property
    def num_outputs(self) -> int:
        """A pyramid has no outputs with a meaning: always a ValueError."""
        raise ValueError(f"{self.owner} puts out five maps of features, whose channels mean nothing by themselves.")


class OCRNet(JoinedNet):
    """Object-contextual representations: every pixel is compared with a summary of each class (arXiv 1909.11065)."""

    outputs = ("head.aux", "logits")
    ends = ("aux_head.3", "cls_head")

    def build_head(self, num_outputs: int) -> None:
        """Make the two heads: a V2 one that guesses, and one that looks again at what was guessed."""
        joined = self.build_ups()
        self.conv3x3_ocr = ConvNorm(joined, OBJECT_CHANNELS, bias=True)
        self.regions, self.gather = Regions(), Gather()
        self.ocr_distri_head = ObjectContext()
        self.cls_head = nn.Conv2d(OBJECT_CHANNELS, num_outputs, 1)
        self.aux_head = mix(joined, num_outputs)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map photos (N, 3, H, W) to [aux, logits], both (N, num_outputs, H/4, W/4)."""
        joined = self.merge(self.streams(x))  # (N, 15 * C, H/4, W/4)
        aux: Tensor = self.aux_head(joined)  # (N, K, H/4, W/4): a first guess
        pixels = self.conv3x3_ocr(joined)  # (N, 512, H/4, W/4)
        objects = self.gather(self.regions(aux), pixels)  # (N, 512, K, 1): the mean pixel of each class
        mixed = self.ocr_distri_head(pixels, objects)  # (N, 512, H/4, W/4): pixels that know of the objects
        return [aux, self.cls_head(mixed)]


NETS: dict[str, type[HRNet]] = {
    "classification": ClassificationNet,
    "pose": PoseNet,
    "segmentation": SegmentationNet,
    "landmarks": LandmarksNet,
    "pyramid": PyramidNet,
    "ocr": OCRNet,
}


def build(variant: Variant, task: Task, num_outputs: int | None = None) -> HRNet:
    """Build a net with random weights; by default with as many outputs as the published one."""
    return NETS[task.name](variant, task, num_outputs or task.outputs or 0)


def hrnet(
    name: str, *, head: str = "classification", num_outputs: int | None = None, align_corners: bool | None = None
) -> HRNet:
    """Build a member of the published family with random weights.

    Args:
        name: "hrnet_w18_small_v1", "hrnet_w18_small_v2", or "hrnet_w" + 18, 30, 32, 40, 44, 48, 64.
        head: "classification"; "pose" (V1); "segmentation" or "landmarks" (V2); "pyramid" (V2p, for a detector); "ocr".
        num_outputs: number of classes, joints, landmarks; by default 1000, 17, 19, 68 or 19. A pyramid takes none.
        align_corners: of bilinear resampling, in "segmentation" (by default False) and "ocr" (True).

    Raises:
        ValueError: no such variant or head, or a setting that the head does not have.
    """
    variant, task = find_variant(name), find_task(head)
    if task.outputs is None and num_outputs is not None:
        raise ValueError(f"num_outputs={quote(num_outputs)} was given; head='{head}' has none to count. Leave it out.")
    if align_corners is not None:
        if head not in ("segmentation", "ocr") or not isinstance(align_corners, bool):
            raise ValueError(
                f"align_corners={quote(align_corners)} was given for head='{head}'; True or False was expected, and "
                "only with head='segmentation' or head='ocr'."
            )
        task = replace(task, align_corners=align_corners)
    return build(variant, task, None if num_outputs is None else check_whole("num_outputs", num_outputs))
