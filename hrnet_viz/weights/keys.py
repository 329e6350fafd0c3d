"""Whose key names a file has, and how they become the published ones.

All of the family share the names of stem and streams; they differ in prefixes, in the head, and in how they resample
inside an exchange, which no key tells. None of the maps below, except the project's own, could be tried on a real file
(no network while this was written); ``evidence`` says what each of them rests on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from hrnet_viz.weights.report import WeightsError, list_some

ANCHOR = "layer1.0.conv1.weight"
BILINEAR = "Its exchanges resampled bilinearly in training, those here do not: its features will differ."
PREFIXES = ("module.", "model.", "backbone.")


@dataclass(frozen=True, slots=True)
class Flavour:
    """The key names of one code base.

    Attributes:
        name: how it is called here.
        marks: beginnings of keys (after prefixes are gone) by which it is known.
        renames: (pattern, replacement) for whole keys; the first that fits counts.
        head: whether it has a classification head as published.
        bilinear: whether its exchanges resample bilinearly, so that its streams are not those of this net.
        evidence: what the map rests on.
        tried: whether it could be tried on a real file.
    """

    name: str
    marks: tuple[str, ...]
    renames: tuple[tuple[str, str], ...] = ()
    head: bool = False
    bilinear: bool = False
    evidence: str = "read in the public source"
    tried: bool = False


_MMPRETRAIN = (
    (r"neck\.increase_layers\.(.+)", r"incre_modules.\1"),
    (r"neck\.downsample_layers\.(\d+)\.conv\.(.+)", r"downsamp_modules.\1.0.\2"),
    (r"neck\.downsample_layers\.(\d+)\.bn\.(.+)", r"downsamp_modules.\1.1.\2"),
    (r"neck\.final_layer\.conv\.(.+)", r"final_layer.0.\1"),
    (r"neck\.final_layer\.bn\.(.+)", r"final_layer.1.\1"),
    (r"head\.fc\.(.+)", r"classifier.\1"),
)

FLAVOURS = (
    Flavour("mmpretrain", ("neck.increase_layers.",), _MMPRETRAIN, head=True),
    Flavour(
        "official or timm",
        ("incre_modules.",),
        head=True,
        evidence="the keys of both, in order, equal those of this net; tests compare them with timm's for all variants",
    ),
    Flavour("OCR segmentation", ("conv3x3_ocr.", "ocr_distri_head."), bilinear=True),
    Flavour("segmentation", ("last_layer.",), bilinear=True),
    Flavour("mmsegmentation", ("decode_head.",), bilinear=True),
    Flavour("detection", ("neck.fpn_conv", "neck.reduction_conv", "rpn_head.")),
    Flavour("mmpose", ("keypoint_head.", "head.final_layer.", "head.conv_layers.")),
    Flavour("older ImageNet head, as the pose nets start from", ("head.0.0.", "head.1.0.")),
    Flavour("face landmarks", ("head.",), bilinear=True),
    Flavour("pose", ("final_layer.weight",)),
)
BARE = Flavour("streams without a head", ())
OWN = Flavour("hrnet_viz", (), head=True, evidence="written and read by this project", tried=True)


def canonicalise(tensors: Mapping[str, Tensor], where: str) -> tuple[Flavour, dict[str, Tensor]]:
    """Strip prefixes and rename to the published names.

    Args:
        tensors: name -> tensor, as in the file.
        where: what an error calls the file.

    Returns:
        The flavour, and published name -> tensor. Names that no rule knows stay as they are.

    Raises:
        WeightsError: this is no HRNet; or several nets are in one file; or two names become one.
    """
    prefix = find_prefix(tensors, where)
    outer = prefix.removesuffix("backbone.")  # the neck and head of mm* code bases stand beside the backbone
    bare = {_strip(name, prefix, outer): name for name in tensors}
    flavour = recognise(bare)
    renamed: dict[str, Tensor] = {}
    for name, original in bare.items():
        published = _rename(name, flavour.renames)
        if published in renamed:
            raise WeightsError(f"{where} names '{published}' twice (once as '{original}'). It was not loaded.")
        renamed[published] = tensors[original]
    if len(bare) != len(tensors):
        doubled = sorted(set(tensors) - set(bare.values()))
        raise WeightsError(f"{where} has tensors twice, with and without a prefix: {list_some(doubled)}.")
    return flavour, renamed


def find_prefix(names: Iterable[str], where: str) -> str:
    """Find what stands before the names of the net: "", "module.", "model.backbone." or whatever it is.

    Raises:
        WeightsError: this is no HRNet, or there are several in the file.
    """
    names = list(names)
    found = [name.removesuffix(ANCHOR) for name in names if name == ANCHOR or name.endswith(f".{ANCHOR}")]
    known = [prefix for prefix in found if not re.sub("|".join(map(re.escape, PREFIXES)), "", prefix)]
    if len(found) == 1 or len(known) == 1:
        return found[0] if len(found) == 1 else known[0]
    if not found:
        raise WeightsError(
            f"{where} is no HRNet: it has no '{ANCHOR}'. It holds {len(names)} tensors: {list_some(names)}."
            f"{guess_net(dict.fromkeys(names))}"
        )
    raise WeightsError(f"{where} holds several nets, under {list_some(map(repr, found))}. Save one of them by itself.")


def recognise(names: Iterable[str]) -> Flavour:
    """Return the flavour by its marks."""
    names = list(names)
    for flavour in FLAVOURS:
        if any(name.startswith(flavour.marks) for name in names):
            return flavour
    return BARE


def _strip(name: str, prefix: str, outer: str) -> str:
    return name[len(prefix) :] if name.startswith(prefix) else name.removeprefix(outer)


def _rename(name: str, renames: Iterable[tuple[str, str]]) -> str:
    for pattern, replacement in renames:
        if match := re.fullmatch(pattern, name):
            return match.expand(replacement)
    return name


NETS = (
    ("layer4.", "a ResNet"),
    ("patch_embed.", "a vision transformer"),
    ("conv_stem.", "an EfficientNet"),
    ("features.", "a VGG, DenseNet or MobileNet"),
    ("stages.", "a ConvNeXt"),
    ("encoder.", "a transformer"),
)


def guess_net(content: object) -> str:
    """Return a sentence about which other net a state dict is of, by its names; "" where that can't be told."""
    names = [str(name) for name in content] if isinstance(content, Mapping) else []
    for value in content.values() if isinstance(content, Mapping) else ():
        names += map(str, value) if isinstance(value, Mapping) else ()
    for mark, net in NETS:
        if any(name.startswith(mark) or f".{mark}" in name for name in names):
            return f" By its names it is {net}."
    return ""


def flavours_table() -> str:
    """Return the key maps as a Markdown table."""
    lines = ["| keys of | tried on a real file | rests on | loads |", "|---|---|---|---|"]
    for flavour in (OWN, *FLAVOURS, BARE):
        loads = "whole" if flavour.head else "streams, with partial=True"
        loads += ", trained with bilinear exchanges" if flavour.bilinear else ""
        lines.append(f"| {flavour.name} | {'yes' if flavour.tried else 'no'} | {flavour.evidence} | {loads} |")
    return "\n".join(lines)
