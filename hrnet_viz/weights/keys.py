"""Whose key names a file has, and how they become the published ones.

All of the family share the names of stem and streams; they differ in prefixes, in the head, and in how they resample
inside an exchange, which no key tells. None of the maps below, except the project's own, could be tried on a real file
(no network while this was written); ``evidence`` says what each of them rests on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from hrnet_viz.weights.report import WeightsError, list_some

ANCHOR = "layer1.0.conv1.weight"
PREFIXES = ("module.", "model.", "backbone.")


@dataclass(frozen=True, slots=True)
class Flavour:
    """The key names of one code base.

    Attributes:
        name: how it is called here.
        marks: beginnings of keys (after prefixes are gone) by which it is known.
        task: name of the head that it holds; "" where it is none of this family.
        renames: (pattern, replacement) for whole keys; the first that fits counts.
        companions: beginnings of keys of what stands beside the net (a loss, a detector's rest): left out, and told.
        align_corners: of its bilinear resampling, where that is not the published code's.
        evidence: what the map rests on.
        tried: whether it could be tried on a real file.
    """

    name: str
    marks: tuple[str, ...]
    task: str = ""
    renames: tuple[tuple[str, str], ...] = ()
    companions: tuple[str, ...] = ()
    align_corners: bool | None = None
    evidence: str = "read in the public source"
    tried: bool = False


def _conv_norm(theirs: str, ours: str, conv: str = "0", norm: str = "1") -> tuple[tuple[str, str], ...]:
    """Return the renames of one convolution with its BatchNorm, as mm* code bases call them."""
    return (rf"{theirs}\.conv\.(\w+)", rf"{ours}.{conv}.\1"), (rf"{theirs}\.bn\.(\w+)", rf"{ours}.{norm}.\1")


_MMPRETRAIN = (
    (r"neck\.increase_layers\.(.+)", r"incre_modules.\1"),
    *(rule for i in range(3) for rule in _conv_norm(rf"neck\.downsample_layers\.{i}", f"downsamp_modules.{i}")),
    *_conv_norm(r"neck\.final_layer", "final_layer"),
    (r"head\.fc\.(.+)", r"classifier.\1"),
)
_MMSEG_FCN = (*_conv_norm(r"decode_head\.convs\.0", "last_layer"), (r"decode_head\.conv_seg\.(.+)", r"last_layer.3.\1"))
_OBJECTS = r"decode_head\.1\.object_context_block"
_MMSEG_OCR = (
    *_conv_norm(r"decode_head\.0\.convs\.0", "aux_head"),
    (r"decode_head\.0\.conv_seg\.(.+)", r"aux_head.3.\1"),
    *_conv_norm(r"decode_head\.1\.bottleneck", "conv3x3_ocr"),
    *_conv_norm(rf"{_OBJECTS}\.bottleneck", "ocr_distri_head.conv_bn_dropout", norm="1.0"),
    *(
        rule
        for theirs, ours, conv, norm in (
            (r"query_project\.0", "f_pixel", "0", "1.0"),
            (r"query_project\.1", "f_pixel", "2", "3.0"),
            (r"key_project\.0", "f_object", "0", "1.0"),
            (r"key_project\.1", "f_object", "2", "3.0"),
            (r"value_project(?:\.0)?", "f_down", "0", "1.0"),
            (r"out_project(?:\.0)?", "f_up", "0", "1.0"),
        )
        for rule in _conv_norm(rf"{_OBJECTS}\.{theirs}", f"ocr_distri_head.object_context_block.{ours}", conv, norm)
    ),
    (r"decode_head\.1\.conv_seg\.(.+)", r"cls_head.\1"),
)
_MMPOSE = ((r"(?:keypoint_)?head\.final_layer\.(\w+)", r"final_layer.\1"),)
_MMPOSE_FACE = (
    (r"head\.conv_layers\.(.+)", r"head.\1"),
    (r"head\.final_layer\.(\w+)", r"head.3.\1"),
    (r"keypoint_head\.final_layer\.(\d+\..+)", r"head.\1"),
)
_NECK = (
    (r"neck\.reduction_conv\.conv\.(.+)", r"neck.reduction_conv.0.\1"),
    (r"neck\.fpn_convs?\.(\d+)\.(?:conv\.)?(.+)", r"neck.fpn_conv.\1.\2"),
)
_DETECTOR = ("rpn_head.", "roi_head.", "bbox_head.", "mask_head.", "semantic_head.")
_LOSS = ("loss.", "criterion.")

FLAVOURS = (
    Flavour("mmpretrain", ("neck.increase_layers.",), "classification", _MMPRETRAIN),
    Flavour(
        "official or timm",
        ("incre_modules.",),
        "classification",
        evidence="the keys of both, in order, equal those of this net; tests compare them with timm's for all variants",
    ),
    Flavour("official OCR", ("conv3x3_ocr.", "ocr_distri_head."), "ocr", companions=_LOSS),
    Flavour("official segmentation", ("last_layer.",), "segmentation", companions=_LOSS),
    Flavour("mmsegmentation OCR", ("decode_head.1.",), "ocr", _MMSEG_OCR, ("auxiliary_head.",), align_corners=False),
    Flavour("mmsegmentation", ("decode_head.",), "segmentation", _MMSEG_FCN, ("auxiliary_head.",)),
    Flavour("detection", ("neck.fpn_conv", "neck.reduction_conv."), "pyramid", _NECK, _DETECTOR),
    Flavour("mmpose face", ("keypoint_head.final_layer.0.", "head.conv_layers."), "landmarks", _MMPOSE_FACE),
    Flavour("mmpose", ("keypoint_head.final_layer.", "head.final_layer."), "pose", _MMPOSE),
    Flavour("official face landmarks", ("head.0.weight",), "landmarks", companions=_LOSS),
    Flavour("older ImageNet head, as the pose nets start from", ("head.",), companions=("head.", "classifier.", "fc.")),
    Flavour("HigherHRNet", ("final_layers.", "deconv_layers."), companions=("final_layers.", "deconv_layers.")),
    Flavour("official pose", ("final_layer.weight",), "pose"),
)
BARE = Flavour("streams without a head", ())
OWN = Flavour("hrnet_viz", (), evidence="written and read by this project", tried=True)
"""A file with a card; the card tells the task."""


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
    bare = {name.removeprefix(prefix if name.startswith(prefix) else outer): name for name in tensors}
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
    found, known = _find_prefixes(names)
    if len(found) == 1 or len(known) == 1:
        return found[0] if len(found) == 1 else known[0]
    if not found:
        raise WeightsError(
            f"{where} is no HRNet: it has no '{ANCHOR}'. It holds {len(names)} tensors: {list_some(names)}."
            f"{guess_net(dict.fromkeys(names))}"
        )
    raise WeightsError(f"{where} holds several nets, under {list_some(map(repr, found))}. Save one of them by itself.")


def _find_prefixes(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return what stands before the names of each net, and those of these that are usual."""
    found = [name.removesuffix(ANCHOR) for name in names if name == ANCHOR or name.endswith(f".{ANCHOR}")]
    return found, [prefix for prefix in found if not re.sub("|".join(map(re.escape, PREFIXES)), "", prefix)]


def recognise(names: Iterable[str]) -> Flavour:
    """Return the flavour by its marks."""
    names = list(names)
    for flavour in FLAVOURS:
        if any(name.startswith(flavour.marks) for name in names):
            return flavour
    return BARE


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
        loads = flavour.task or (
            "what its card says" if flavour is OWN else "the streams, into the head of your choice"
        )
        loads += "; align_corners is False" if flavour.align_corners is False else ""
        lines.append(f"| {flavour.name} | {'yes' if flavour.tried else 'no'} | {flavour.evidence} | {loads} |")
    return "\n".join(lines)


DEEPEST = 4  # mappings inside mappings that are looked into
INSIDE = re.compile(r"(?:(?<=\.)|^)(?:_orig_mod|module)\.")
"""What torch.compile and DataParallel put into names, also in the middle of them."""

COUNTER = "n_averaged"
"""A number that torch.optim.swa_utils.AveragedModel keeps beside the weights that it averages."""

FIRST = ("", "state_dict", "model_state_dict", "model", "net", "params", "weights", "state_dict.model")
SECOND = re.compile(r"ema|average|swa|teacher|shadow|target|best", re.IGNORECASE)
"""Words that tell a second set of weights of the same net."""

Parts = dict[str, dict[str, Tensor]]


def find_parts(content: object) -> Parts:
    """Return every net in a checkpoint: the place where it lies -> its tensors; "" is the checkpoint itself."""
    parts: Parts = {}
    for place, tensors in _mappings(content):
        found, known = _find_prefixes(tensors)
        if len(found) < 2:
            if found:
                parts[place] = tensors
            continue
        for prefix in found:
            outer = prefix.removesuffix("backbone.")
            label = ".".join(filter(None, (place, outer.rstrip("."))))
            if len(known) == 1 and prefix == known[0]:
                others = tuple(one.removesuffix("backbone.") for one in found if one != prefix and one)
                parts[label] = {name: value for name, value in tensors.items() if not name.startswith(others)}
            else:
                parts[label] = {name: value for name, value in tensors.items() if name.startswith(outer)}
    return parts


def find_tensors(content: object) -> dict[str, Tensor]:
    """Return the largest mapping of tensors in a checkpoint that holds no HRNet, {} where there is none."""
    return max((tensors for _, tensors in _mappings(content)), key=len, default={})


def choose_part(parts: Parts, part: str | None, where: str) -> str:
    """Return the place of the net that was asked for, or of the first one where that is clear.

    Raises:
        WeightsError: it is not there, or nobody can tell which is meant; the message names them.
    """
    if part is not None:
        if part in parts:
            return part
        raise WeightsError(f"{where} has no part '{part}'. It holds {_list(parts)}.")
    for candidates in (list(parts), [one for one in parts if not SECOND.search(one)]):
        if len(candidates) == 1:
            return candidates[0]
    clear = [one for one in FIRST if one in parts]
    if clear:
        return clear[0]
    raise WeightsError(f"{where} holds several nets: {_list(parts)}. Say which: part={next(iter(parts))!r}.")


def _list(parts: Parts) -> str:
    return list_some([repr(one) if one else "the tensors beside them (part='')" for one in parts], 8)


def _mappings(content: object, place: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield the tensors of every mapping in a checkpoint that has some, the outer ones first."""
    if not isinstance(content, Mapping) or depth > DEEPEST:
        return
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    tensors.pop(COUNTER, None)
    plain = {INSIDE.sub("", name): value for name, value in tensors.items()}
    if tensors:
        yield place, plain if len(plain) == len(tensors) else tensors
    for name, value in content.items():
        yield from _mappings(value, f"{place}.{name}" if place else str(name), depth + 1)
