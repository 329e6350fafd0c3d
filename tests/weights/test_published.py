"""The table against timm's metadata, and hv.load of published weights through a server on this machine."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from hrnet_viz.network import TASKS, hrnet
from hrnet_viz.network.variants import VARIANTS
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.weights import published
from hrnet_viz.weights.fetch import Address
from hrnet_viz.weights.keys import flavours_table
from hrnet_viz.weights.loading import load
from hrnet_viz.weights.published import (
    HUB,
    PUBLISHED,
    RELEASE,
    find_published,
    load_classes,
    published_table,
    tell_apart,
)
from hrnet_viz.weights.report import LoadWarning, WeightsError

CLASSIFICATION = [name for name, entry in PUBLISHED.items() if entry.task == "classification"]


def test_every_variant_and_the_distilled_two_are_there():
    assert set(CLASSIFICATION) == {*VARIANTS, "hrnet_w18_ssld", "hrnet_w48_ssld"}
    assert find_published("w18").name == find_published("hrnet_w18").name == "hrnet_w18"
    assert find_published("hrnet_w18_small").name == "hrnet_w18_small_v1"
    assert find_published("resnet50") is None


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_the_hub_repository_licence_and_preparation_are_timms(name):
    timm = pytest.importorskip("timm")
    entry = PUBLISHED[name]
    theirs = {"hrnet_w18_small_v1": "hrnet_w18_small"}.get(name, name)
    theirs += ".paddle_in1k" if name.endswith("_ssld") else ".ms_in1k"
    config = timm.models.get_pretrained_cfg(theirs)
    assert entry.addresses[-1] == Address(f"{HUB}/{theirs}/resolve/main/model.safetensors", f"{theirs}.safetensors")
    assert config.hf_hub_id == f"timm/{theirs}"
    assert entry.licence.lower() == config.license
    assert entry.preparation == Preparation(
        size=config.input_size[1:],
        mean=config.mean,
        std=config.std,
        fit="crop",
        crop_fraction=config.crop_pct,
        interpolation=config.interpolation,
    )


@pytest.mark.parametrize("name", VARIANTS)
def test_a_release_file_is_named_after_its_hash(name):
    release = PUBLISHED[name].addresses[0]
    assert release.url == f"{RELEASE}/{release.file}"
    assert len(release.sha256) == 8
    assert int(release.sha256, 16) >= 0
    assert release.file.endswith(f"-{release.sha256}.pth")
    assert str(VARIANTS[name].width if "small" not in name else "_small_v") in release.file


DENSE = [entry for entry in PUBLISHED.values() if entry.task != "classification"]

# What the public lists say of some of them: beginning of the hash, outputs.
LISTED = {
    "hrnet_w32_coco_256x192": ("81c58e40", 17),
    "hrnet_w48_coco_384x288_dark": ("39c3c381", 17),
    "hrnet_w32_coco_384x288_udp": ("9a3f7c85", 17),
    "hrnet_w48_mpii_dark": ("0decd39f", 16),
    "hrnet_w48_ap10k": ("d95ab412", 17),
    "hrnet_w32_animalpose": ("1aa7f075", 20),
    "hrnet_w18_wflw": ("2bf032a6", 98),
    "hrnet_w18_300w": ("eea53406", 68),
    "hrnet_w18_cofw": ("49243ab8", 29),
    "hrnet_w18_aflw_dark": ("219606c0", 19),
    "hrnet_w18_small_v2_cityscapes": ("4a0797ea", 19),
    "hrnet_w48_ocr_cityscapes_mmseg": ("dfbf1b0c", 19),
    "hrnet_w48_ocr_cocostuff": ("", 171),
    "hrnet_w32_detection_2x": ("976a9c15", None),
}


@pytest.mark.parametrize("entry", DENSE, ids=lambda entry: entry.name)
def test_an_entry_of_another_head_is_all_there(entry):
    (address,) = entry.addresses
    assert address.url.startswith("https://")
    assert address.url.endswith(f"/{address.file}")
    assert address.file.endswith(".pth")
    assert "@" not in address.url
    assert address.sha256 in address.file
    assert (len(address.sha256) == 8) == ("openmmlab" in address.url)
    assert entry.variant in VARIANTS
    assert entry.task in TASKS
    assert entry.name.startswith(f"{entry.variant}_")
    assert bool(entry.decoder) == (entry.task in ("pose", "landmarks"))
    assert not entry.tried
    if entry.classes:
        assert len(set(load_classes(entry.classes))) == entry.outputs
    assert ("ocr" in address.file) == (entry.task == "ocr")


def test_hashes_and_outputs_are_those_of_the_public_lists():
    assert {name: (PUBLISHED[name].addresses[0].sha256, PUBLISHED[name].outputs) for name in LISTED} == LISTED
    assert len({entry.addresses[0].url for entry in DENSE}) == len(DENSE) == 47


def test_a_published_pose_net_brings_joints_size_and_decoder_and_another_head_is_refused(site, monkeypatch, tmp_path):
    net = hrnet("hrnet_w18_small_v1", head="pose").eval()
    theirs = {f"{'head' if 'final' in name else 'backbone'}.{name}": value for name, value in net.state_dict().items()}
    entry = replace(
        PUBLISHED["hrnet_w48_coco_384x288_dark"],
        variant="hrnet_w18_small_v1",
        addresses=(Address(f"{site.url}/pose.pth", "pose.pth"),),
    )
    monkeypatch.setitem(published.PUBLISHED, entry.name, entry)
    torch.save({"state_dict": theirs}, tmp_path / "x.pth")
    site.content = (tmp_path / "x.pth").read_bytes()
    loaded = load(entry.name, progress=False)
    assert all(torch.equal(value, net.state_dict()[name]) for name, value in loaded.state_dict().items())
    assert loaded.classes[9] == "left wrist"
    assert loaded.preparation == Preparation(size=(384, 288))
    assert loaded.load_report.provenance["decoder"] == "dark"
    assert loaded.load_report.flavour == "mmpose"
    monkeypatch.setitem(published.PUBLISHED, entry.name, replace(entry, task="segmentation"))
    with pytest.raises(WeightsError, match=r"is of pose by its keys \(mmpose\), but was published for segmentation"):
        load(entry.name, progress=False)
    with pytest.raises(WeightsError, match="such as hrnet_w48_coco_384x288_dark"):
        load("hrnet_w48_coco_384x288_drk")


def test_imagenet_classes_are_a_thousand_different_names_in_output_order():
    classes = load_classes("imagenet")
    assert len(set(classes)) == len(classes) == 1000
    assert (classes[0], classes[281], classes[999]) == ("tench", "tabby", "toilet tissue")
    assert tell_apart(["crane", "tench", "crane"]) == ("crane (0)", "tench", "crane (2)")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The published file as .pth and .safetensors, made up: small_v1 with 1000 outputs."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("published")
    net = hrnet("hrnet_w18_small_v1").eval()
    torch.save(net.state_dict(), folder / "a.pth")
    save_file(net.state_dict(), folder / "b.safetensors")
    return net, (folder / "a.pth").read_bytes(), (folder / "b.safetensors").read_bytes()


@pytest.fixture
def offer(site, monkeypatch):
    def offer(content, sha256=""):
        site.content = content
        address = Address(f"{site.url}/some.file", "some.file", sha256)
        entry = replace(PUBLISHED["hrnet_w18_small_v1"], addresses=(address,))
        monkeypatch.setitem(published.PUBLISHED, "hrnet_w18_small_v1", entry)

    return offer


def check(net, expected):
    assert all(torch.equal(value, expected.state_dict()[name]) for name, value in net.state_dict().items())
    assert net.classes[281] == "tabby"
    assert net.preparation == Preparation(fit="crop", crop_fraction=0.875)
    assert not net.training
    assert net.load_report.provenance["licence"] == "MIT"


@pytest.mark.parametrize("kind", [1, 2])
def test_published_weights_are_loaded_once_downloaded_and_come_with_names_and_preparation(offer, site, files, kind):
    hashed = hashlib.sha256(files[kind]).hexdigest()
    offer(files[kind], hashed[:8])
    for _ in range(2):
        net = load("w18_small", progress=False)
        check(net, files[0])
        assert net.load_report.sha256 == hashed
    assert len(site.asked) == 1


def test_without_a_hash_the_right_file_is_recorded_and_another_net_is_not_cached(offer, site, files, cache, tmp_path):
    other = dict(files[0].state_dict())
    other |= {name: value[:7] for name, value in other.items() if name.startswith("classifier.")}
    torch.save(other, tmp_path / "other.pth")
    offer((tmp_path / "other.pth").read_bytes())
    with pytest.raises(WeightsError, match="has 7 outputs, but 'hrnet_w18_small_v1' has 1000"):
        load("hrnet_w18_small_v1", progress=False)
    assert not (cache / "some.file").exists()
    offer(files[2])
    check(load("hrnet_w18_small_v1", progress=False), files[0])
    assert (cache / "some.file.sha256").exists()


def test_published_weights_with_another_head(offer, files):
    offer(files[1])
    with pytest.warns(LoadWarning, match="classifier starts at random"):
        net = load("hrnet_w18_small_v1", num_outputs=2, progress=False)
    assert net.num_outputs == 2
    assert net.classes == ()


def test_a_damaged_cache_is_mended_and_the_warning_points_at_the_caller(offer, files, cache):
    offer(files[2])
    load("hrnet_w18_small_v1", progress=False)
    (cache / "some.file").write_bytes(files[2][:-9])
    with pytest.warns(LoadWarning, match="downloaded again") as caught:
        check(load("hrnet_w18_small_v1", progress=False), files[0])
    assert caught[0].filename == __file__


def test_a_name_that_contradicts_the_weights():
    with pytest.raises(WeightsError, match="'hrnet_w48' are the weights of hrnet_w48; leave name='w32' out"):
        load("hrnet_w48", name="w32")


def test_the_tables_in_the_weights_folder_are_these():
    told = (Path(__file__).parents[2] / "assets" / "weights" / "README.md").read_text()
    assert published_table() in told
    assert flavours_table() in told
