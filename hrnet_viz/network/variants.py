"""The published family as data: nine variants times six tasks, each told by a handful of numbers.

Source: "Deep High-Resolution Representation Learning for Visual Recognition" (arXiv 1908.07919), section 3 and
appendix B, "Object-Contextual Representations" (arXiv 1909.11065), and the configuration files published with them.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from hrnet_viz.sites import quote

STEM_CHANNELS = 64
HEAD_PLANES = (32, 64, 128, 256)
FINAL_CHANNELS = 2048
LEVEL_CHANNELS = 256  # of each level of the pyramid
OBJECT_CHANNELS, KEY_CHANNELS = 512, 256  # of OCR's pixels and objects, and of what compares them


@dataclass(frozen=True, slots=True)
class Variant:
    """One member of the family.

    Attributes:
        name: "hrnet_w18".
        width: channels C of branch 0; branch b has C * 2**b.
        modules: number of modules in stages 2, 3 and 4.
        blocks: basic blocks per branch and module.
        layer1_blocks: bottlenecks of stage 1.
        layer1_planes: their inner width; they put out four times as many channels.
    """

    name: str
    width: int
    modules: tuple[int, int, int] = (1, 4, 3)
    blocks: int = 4
    layer1_blocks: int = 4
    layer1_planes: int = 64

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """Channels of branches 0 to 3: C, 2C, 4C, 8C."""
        return (self.width, 2 * self.width, 4 * self.width, 8 * self.width)

    @property
    def layer1_channels(self) -> int:
        """Channels that stage 1 puts out."""
        return 4 * self.layer1_planes


VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        # "small v1" is called W18 but its branch 0 has 16 channels.
        Variant("hrnet_w18_small_v1", 16, modules=(1, 1, 1), blocks=2, layer1_blocks=1, layer1_planes=32),
        Variant("hrnet_w18_small_v2", 18, modules=(1, 3, 2), blocks=2, layer1_blocks=2),
        *(Variant(f"hrnet_w{width}", width) for width in (18, 30, 32, 40, 44, 48, 64)),
    )
}


def find_variant(name: str) -> Variant:
    """Look a variant up by name; ``w32`` and timm's ``hrnet_w18_small`` are understood too.

    Raises:
        TypeError: no name.
        ValueError: no such variant; the message names the nearest ones.
    """
    if not isinstance(name, str):
        raise TypeError(f"{quote(name)} was given as a variant; a name was expected, one of {', '.join(VARIANTS)}.")
    canonical = name if name.startswith("hrnet_") else f"hrnet_{name}"
    canonical = {"hrnet_w18_small": "hrnet_w18_small_v1"}.get(canonical, canonical)
    if canonical in VARIANTS:
        return VARIANTS[canonical]
    near = difflib.get_close_matches(canonical, VARIANTS, n=3, cutoff=0.5) or list(VARIANTS)
    raise ValueError(f"There is no HRNet variant '{name}'. Did you mean {', '.join(near)}?")


@dataclass(frozen=True, slots=True)
class Task:
    """What a head is for, and in what else the published nets for it differ.

    The body has the same parameters for every task, but not the same features: weights that were trained with one way
    of up-sampling need that way.

    Attributes:
        name: "pose".
        outputs: how many the published net has; None where a head has no outputs to count.
        upsample: how a path of an exchange is enlarged to the stream that it joins.
        align_corners: whether bilinear resampling, in exchange and head, puts the corner cells on one another. In the
            published segmentation code this is a setting of the whole process; here it belongs to the net.
        alone: whether the last module puts out branch 0 alone (HRNetV1).
        momentum: of BatchNorm, which matters in training only.
        smallest: shortest side of a photo in px. The coarsest level of the pyramid pools 16 x 16 cells of stride 4.
        noun: what an output is.
    """

    name: str
    outputs: int | None
    upsample: Literal["nearest", "bilinear"] = "nearest"
    align_corners: bool = False
    alone: bool = False
    momentum: float = 0.1
    smallest: int = 32
    noun: str = "class"


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("classification", 1000),
        Task("pose", 17, alone=True, noun="joint"),  # joints of a COCO person
        Task("segmentation", 19, upsample="bilinear", momentum=0.01),  # classes of Cityscapes
        Task("landmarks", 68, upsample="bilinear", momentum=0.01, noun="landmark"),  # points of a 300W face
        Task("pyramid", None, smallest=61),
        Task("ocr", 19, upsample="bilinear", align_corners=True),
    )
}


def find_task(name: str) -> Task:
    """Look a task up by the name of its head; a ValueError lists them."""
    if name in TASKS:
        return TASKS[name]
    raise ValueError(f"head={quote(name)} was asked for; the heads of the family are {', '.join(TASKS)}.")
