"""The published ImageNet weights as data: where each file is, what is known of its hash, how photos are prepared.

The facts are timm's public metadata: up to version 0.6 a file on its release page, whose last eight hexadecimal digits
begin its SHA-256; since 0.9 a repository on a hub, without a hash. Eight digits tell a broken file from the right one,
but do not keep a forger out; no file is read in a way that could run code. Where no hash is public, a file is accepted
if it holds exactly the tensors of the net. Either way the full SHA-256 of the first accepted file is recorded, and
every later load compares with that. No entry could be tried on the real file (``tried``): there was no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hrnet_viz.network.variants import VARIANTS, find_variant
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.weights.fetch import Address

RELEASE = "https://github.com/huggingface/pytorch-image-models/releases/download/v0.1-hrnet"
HUB = "https://huggingface.co/timm"


@dataclass(frozen=True, slots=True)
class Published:
    """One set of published classification weights with 1000 ImageNet outputs.

    Attributes:
        name: what ``hv.load`` calls it.
        variant: the net that it fits.
        addresses: where to get it, in the order to try.
        crop_fraction: share of the photo's shorter side that its evaluation looks at.
        licence: as stated by timm.
        origin: who trained it.
        tried: whether an address could be tried.
    """

    name: str
    variant: str
    addresses: tuple[Address, ...]
    crop_fraction: float = 0.875
    licence: str = "MIT"
    origin: str = "Microsoft, HRNet authors"
    tried: bool = False

    @property
    def preparation(self) -> Preparation:
        """How a photo becomes an input: 224 px, centre crop, bilinear, ImageNet mean and deviation."""
        return Preparation(fit="crop", crop_fraction=self.crop_fraction)


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


def load_imagenet_classes() -> tuple[str, ...]:
    """Return the 1000 ImageNet class names in output order, from torchvision's metadata; nothing is downloaded.

    A name that occurs twice there (in some versions a crane is a bird and a machine) gets its output number.
    """
    from torchvision.models import ResNet18_Weights

    names: list[str] = ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
    return tell_apart(names)


def tell_apart(names: Sequence[str]) -> tuple[str, ...]:
    """Add its number to every name that occurs more than once."""
    return tuple(f"{name} ({i})" if names.count(name) > 1 else name for i, name in enumerate(names))


def name_all() -> str:
    """List the names for an error sentence."""
    extra = [name for name in PUBLISHED if name not in VARIANTS]
    return ", ".join([*VARIANTS, *extra])


def published_table() -> str:
    """Return the published weights as a Markdown table."""
    lines = [
        "| name | first address | SHA-256 begins with | other address | crop | licence | made by | tried |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for entry in PUBLISHED.values():
        first, *others = entry.addresses
        other = others[0].file if others else "none"
        cells = [entry.name, first.file, first.sha256 or "not public", other, str(entry.crop_fraction), entry.licence]
        lines.append(f"| {' | '.join([*cells, entry.origin, 'yes' if entry.tried else 'no'])} |")
    return "\n".join(lines)
