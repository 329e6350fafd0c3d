"""Published weights as data: where each file is, what is known of its hash, what its outputs are, how photos come in.

The facts on ImageNet weights are timm's public metadata: up to version 0.6 a file on its release page, whose last eight
hexadecimal digits begin its SHA-256; since 0.9 a repository on a hub, without a hash. Those of the other heads are the
addresses in the public model lists of mmpose, mmsegmentation and mmdetection, whose files carry eight digits as well,
and those of the official segmentation code, which carry none. Eight digits tell a broken file from the right one, but
do not keep a forger out; no file is read in a way that could run code. Where no hash is public, a file is accepted if
it holds exactly the tensors of the net. Either way the full SHA-256 of the first accepted file is recorded, and every
later load compares with that. No entry could be tried on the real file (``tried``): there was no network.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hrnet_viz.network.variants import find_variant
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.weights.fetch import Address

RELEASE = "https://github.com/huggingface/pytorch-image-models/releases/download/v0.1-hrnet"
HUB = "https://huggingface.co/timm"
OPENMMLAB = "https://download.openmmlab.com"
OFFICIAL = "https://github.com/hsfzxjy/models.storage/releases/download/HRNet-OCR"


@dataclass(frozen=True, slots=True)
class Published:
    """One set of published weights.

    Attributes:
        name: what ``hv.load`` calls it.
        variant: the net that it fits.
        addresses: where to get it, in the order to try.
        crop_fraction: share of the photo's shorter side that its evaluation looks at; None for the whole photo.
        licence: as stated by who publishes it.
        origin: who trained it.
        task: name of the head.
        outputs: their number, None for a pyramid.
        classes: word for the names of the outputs, see ``load_classes``; "" where they are not listed here.
        size: input, (height, width) in px.
        decoder: how its heat maps become coordinates: "msra", "dark" or "udp"; "" where there are none.
        tried: whether an address could be tried.
    """

    name: str
    variant: str
    addresses: tuple[Address, ...]
    crop_fraction: float | None = 0.875
    licence: str = "MIT"
    origin: str = "Microsoft, HRNet authors"
    task: str = "classification"
    outputs: int | None = 1000
    classes: str = "imagenet"
    size: tuple[int, int] = (224, 224)
    decoder: str = ""
    tried: bool = False

    @property
    def preparation(self) -> Preparation:
        """How a photo becomes an input: bilinear, ImageNet mean and deviation; centre crop or the whole photo."""
        if self.crop_fraction is None:
            return Preparation(size=self.size)
        return Preparation(size=self.size, fit="crop", crop_fraction=self.crop_fraction)

    @property
    def provenance(self) -> dict[str, object]:
        """What a net loaded from here says of its making."""
        decoder = {"decoder": self.decoder} if self.decoder else {}
        return {"origin": self.origin, "licence": self.licence, **decoder}


def _on_hub(repository: str) -> Address:
    return Address(f"{HUB}/{repository}/resolve/main/model.safetensors", f"{repository}.safetensors")


def _imagenet(variant: str, release: str) -> Published:
    file, sha256 = f"{release}.pth", release.rpartition("-")[2]
    on_hub = {"hrnet_w18_small_v1": "hrnet_w18_small"}.get(variant, variant)
    addresses = (Address(f"{RELEASE}/{file}", file, sha256), _on_hub(f"{on_hub}.ms_in1k"))
    return Published(variant, variant, addresses)


def _ssld(variant: str) -> Published:
    origin = "PaddlePaddle, distilled (SSLD), head without biases"
    addresses = (_on_hub(f"{variant}_ssld.paddle_in1k"),)
    return Published(f"{variant}_ssld", variant, addresses, crop_fraction=0.95, origin=origin)


DATA = {
    "coco_256x192": ("pose", 17, "coco", (256, 192)), "coco_384x288": ("pose", 17, "coco", (384, 288)),
    "mpii": ("pose", 16, "", (256, 256)), "ap10k": ("pose", 17, "ap10k", (256, 256)),
    "animalpose": ("pose", 20, "", (256, 256)), "wflw": ("landmarks", 98, "", (256, 256)),
    "300w": ("landmarks", 68, "", (256, 256)), "cofw": ("landmarks", 29, "", (256, 256)),
    "aflw": ("landmarks", 19, "", (256, 256)), "cityscapes": ("segmentation", 19, "cityscapes", (512, 1024)),
    "lip": ("segmentation", 20, "", (473, 473)), "pascal_context": ("segmentation", 59, "", (520, 520)),
    "cocostuff": ("segmentation", 171, "", (520, 520)), "ade20k": ("segmentation", 150, "", (520, 520)),
    "detection": ("pyramid", None, "", (800, 1344)),
}  # fmt: skip
"""Word in a name -> head, number of outputs, word for their names, size of the input."""

COCO_FILES = "mmpose/v1/body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-"
DENSE = {
    f"{OPENMMLAB}/{COCO_FILES}": """
        w32_coco_256x192        w32_8xb64-210e_coco-256x192-81c58e40_20220909
        w32_coco_384x288        w32_8xb64-210e_coco-384x288-ca5956af_20220909
        w48_coco_256x192        w48_8xb32-210e_coco-256x192-0e67c616_20220913
        w48_coco_384x288        w48_8xb32-210e_coco-384x288-c161b7de_20220915
        w32_coco_256x192_dark   w32_dark-8xb64-210e_coco-256x192-0e00bf12_20220914
        w32_coco_384x288_dark   w32_dark-8xb64-210e_coco-384x288-9bab4c9b_20220917
        w48_coco_256x192_dark   w48_dark-8xb32-210e_coco-256x192-e1ebdd6f_20220913
        w48_coco_384x288_dark   w48_dark-8xb32-210e_coco-384x288-39c3c381_20220916
        w32_coco_256x192_udp    w32_udp-8xb64-210e_coco-256x192-73ede547_20220914
        w32_coco_384x288_udp    w32_udp-8xb64-210e_coco-384x288-9a3f7c85_20220914
        w48_coco_256x192_udp    w48_udp-8xb32-210e_coco-256x192-3feaef8f_20220913
        w48_coco_384x288_udp    w48_udp-8xb32-210e_coco-384x288-70d7ab01_20220913""",
    f"{OPENMMLAB}/mmpose/": """
        w32_mpii                top_down/hrnet/hrnet_w32_mpii_256x256-6c4f923f_20200812
        w48_mpii                top_down/hrnet/hrnet_w48_mpii_256x256-92cab7bd_20200812
        w32_mpii_dark           top_down/hrnet/hrnet_w32_mpii_256x256_dark-f1601c5b_20200927
        w48_mpii_dark           top_down/hrnet/hrnet_w48_mpii_256x256_dark-0decd39f_20200927
        w32_ap10k               animal/hrnet/hrnet_w32_ap10k_256x256-18aac840_20211029
        w48_ap10k               animal/hrnet/hrnet_w48_ap10k_256x256-d95ab412_20211029
        w32_animalpose          animal/hrnet/hrnet_w32_animalpose_256x256-1aa7f075_20210426
        w18_wflw                face/hrnetv2/hrnetv2_w18_wflw_256x256-2bf032a6_20210125
        w18_wflw_dark           face/darkpose/hrnetv2_w18_wflw_256x256_dark-3f8e0c2c_20210125
        w18_wflw_awing          face/hrnetv2/hrnetv2_w18_wflw_256x256_awing-5af5055c_20211212
        w18_300w                face/hrnetv2/hrnetv2_w18_300w_256x256-eea53406_20211019
        w18_cofw                face/hrnetv2/hrnetv2_w18_cofw_256x256-49243ab8_20211019
        w18_aflw                face/hrnetv2/hrnetv2_w18_aflw_256x256-f2bbc62b_20210125
        w18_aflw_dark           face/darkpose/hrnetv2_w18_aflw_256x256_dark-219606c0_20210125""",
    f"{OFFICIAL}/": """
        w48_cityscapes          hrnet_cs_8090_torch11
        w48_ocr_cityscapes      hrnet_ocr_cs_8162_torch11
        w48_ocr_cityscapes_trainval hrnet_ocr_cs_trainval_8227_torch11
        w48_lip                 hrnet_lip_5583_torch04
        w48_ocr_lip             hrnet_ocr_lip_5648_torch04
        w48_pascal_context      hrnet_pascal_ctx_5410_torch11
        w48_ocr_pascal_context  hrnet_ocr_pascal_ctx_5618_torch11
        w48_cocostuff           hrnet_cocostuff_3617_torch04
        w48_ocr_cocostuff       hrnet_ocr_cocostuff_3965_torch04
        w48_ade20k              hrnet_ade20k_4312_torch04
        w48_ocr_ade20k          hrnet_ocr_ade20k_4451_torch04""",
    f"{OPENMMLAB}/mmsegmentation/v0.5/": """
        w18_small_v2_cityscapes hrnet/fcn_hr18s_512x1024_160k_cityscapes/@_20200602_190901-4a0797ea
        w18_cityscapes          hrnet/fcn_hr18_512x1024_160k_cityscapes/@_20200602_190822-221e4a4f
        w48_cityscapes_mmseg    hrnet/fcn_hr48_512x1024_160k_cityscapes/@_20200602_190946-59b7973e
        w18_small_v2_ocr_cityscapes ocrnet/ocrnet_hr18s_512x1024_160k_cityscapes/@_20200602_191005-f4a7af28
        w18_ocr_cityscapes      ocrnet/ocrnet_hr18_512x1024_160k_cityscapes/@_20200602_191001-b9172d0c
        w48_ocr_cityscapes_mmseg ocrnet/ocrnet_hr48_512x1024_160k_cityscapes/@_20200602_191037-dfbf1b0c""",
    f"{OPENMMLAB}/mmdetection/v2.0/": """
        w18_detection_1x        hrnet/faster_rcnn_hrnetv2p_w18_1x_coco/@_20200130-56651a6d
        w18_detection_2x        hrnet/faster_rcnn_hrnetv2p_w18_2x_coco/@_20200702_085731-a4ec0611
        w32_detection_1x        hrnet/faster_rcnn_hrnetv2p_w32_1x_coco/@_20200130-6e286425
        w32_detection_2x        hrnet/faster_rcnn_hrnetv2p_w32_2x_coco/@_20200529_015927-976a9c15""",
}
"""Beginning of addresses -> names, without "hrnet_", and the rest of the address; @ repeats the name of the folder."""


def _dense() -> Iterator[Published]:
    """Read variant, head, decoder off the names, and the beginning of the hash off that of the file."""
    words = "|".join(sorted(DATA, reverse=True))  # "cocostuff" before "coco"
    for home, listed in DENSE.items():
        for name, rest in (line.split() for line in listed.split("\n") if line):
            variant, ocr, data = re.findall(rf"^(.+?)_(ocr_)?({words})", name)[0]
            task, outputs, classes, size = DATA[data]
            url = home + re.sub(r"([^/]+)/@", r"\1/\1", rest) + ".pth"
            decoders = [word for word in ("dark", "udp") if name.endswith(word)] or ["msra"]
            digits = re.findall(r"-([0-9a-f]{8})(?:_\d{8})?\.pth$", url)
            yield Published(
                f"hrnet_{name}",
                f"hrnet_{variant}",
                (Address(url, url.rpartition("/")[2], *digits),),
                crop_fraction=None,
                licence="MIT" if home.startswith(OFFICIAL) else "Apache-2.0",
                origin="Microsoft, HRNet authors" if home.startswith(OFFICIAL) else f"OpenMMLab, {home.split('/')[3]}",
                task="ocr" if ocr else task,
                outputs=outputs,
                classes=classes,
                size=size,
                decoder=decoders[0] if task in ("pose", "landmarks") else "",
            )


PUBLISHED: dict[str, Published] = {
    published.name: published
    for published in (
        _imagenet("hrnet_w18_small_v1", "hrnet_w18_small_v1-f460c6bc"),
        _imagenet("hrnet_w18_small_v2", "hrnet_w18_small_v2-4c50a8cb"),
        _imagenet("hrnet_w18", "hrnetv2_w18-8cb57bb9"),
        _imagenet("hrnet_w30", "hrnetv2_w30-8d7f8dab"),
        _imagenet("hrnet_w32", "hrnetv2_w32-90d8c5fb"),
        _imagenet("hrnet_w40", "hrnetv2_w40-7cd397a4"),
        _imagenet("hrnet_w44", "hrnetv2_w44-c9ac8c18"),
        _imagenet("hrnet_w48", "hrnetv2_w48-abd2e6ab"),
        _imagenet("hrnet_w64", "hrnetv2_w64-b47cc881"),
        _ssld("hrnet_w18"),
        _ssld("hrnet_w48"),
        *_dense(),
    )
}


def find_published(name: str) -> Published | None:
    """Look published weights up by name; what ``hv.hrnet`` understands ("w18", "hrnet_w18_small") is understood too."""
    if name in PUBLISHED:
        return PUBLISHED[name]
    try:
        return PUBLISHED[find_variant(name).name]
    except ValueError:
        return None


NAMES = {"imagenet": "ImageNet", "coco": "a COCO person", "ap10k": "AP-10K", "cityscapes": "Cityscapes"}
"""Words for names of outputs -> what they are of."""

COCO = (
    "nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder", "left elbow",
    "right elbow", "left wrist", "right wrist", "left hip", "right hip", "left knee", "right knee", "left ankle",
    "right ankle",
)  # fmt: skip
AP10K = (
    "left eye", "right eye", "nose", "neck", "root of tail", "left shoulder", "left elbow", "left front paw",
    "right shoulder", "right elbow", "right front paw", "left hip", "left knee", "left back paw", "right hip",
    "right knee", "right back paw",
)  # fmt: skip
CITYSCAPES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
    "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip


def load_classes(word: str) -> tuple[str, ...]:
    """Return the names of outputs in their order, by one of the words in ``NAMES``; nothing is downloaded.

    Those of ImageNet are torchvision's metadata. A name that occurs twice there (in some versions a crane is a bird and
    a machine) gets its output number.
    """
    if word != "imagenet":
        return {"coco": COCO, "ap10k": AP10K, "cityscapes": CITYSCAPES}[word]
    from torchvision.models import ResNet18_Weights

    names: list[str] = ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
    return tell_apart(names)


def hint_classes(task: str, outputs: int | None) -> str:
    """Return a sentence on the names that outputs without names may have, by their number; "" where none is likely."""
    usual = {("classification", 1000): "imagenet", ("pose", 17): "coco"}
    street = "cityscapes" if outputs == 19 and task in ("segmentation", "ocr") else ""
    word = usual.get((task, outputs or 0), street)
    told = f'outputs without names; if they are those of {NAMES.get(word)}: hv.load(..., classes="{word}")'
    return told if word else ""


def tell_apart(names: Sequence[str]) -> tuple[str, ...]:
    """Add its number to every name that occurs more than once."""
    return tuple(f"{name} ({i})" if names.count(name) > 1 else name for i, name in enumerate(names))


def name_all(like: str = "") -> str:
    """List names for an error sentence: all for ImageNet, and of other heads those nearest to what was asked for."""
    dense = [name for name, entry in PUBLISHED.items() if entry.task != "classification"]
    near = difflib.get_close_matches(like, dense, 3, cutoff=0.0)
    rest = f"{len(dense)} of other heads, such as {', '.join(near)}"
    return f"{', '.join(name for name in PUBLISHED if name not in dense)}; and {rest}"


def published_table() -> str:
    """Return the published weights as a Markdown table."""
    titles = ["name", "head", "outputs", "first address", "SHA-256 begins with", "other address", "crop", "decoder"]
    titles += ["licence", "made by", "tried"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for entry in PUBLISHED.values():
        first, *others = entry.addresses
        other = others[0].file if others else "none"
        cells = [entry.name, entry.task, str(entry.outputs or ""), first.file, first.sha256 or "not public", other]
        cells += [str(entry.crop_fraction or "none"), entry.decoder, entry.licence, entry.origin]
        lines.append(f"| {' | '.join([*cells, 'yes' if entry.tried else 'no'])} |")
    return "\n".join(lines)
