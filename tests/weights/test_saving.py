"""hv.save: what comes back is the same to the bit, whatever the head; nothing is written where that can't be."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import hrnet_viz as hv
from hrnet_viz import files
from hrnet_viz.network import TASKS, VARIANTS, build
from hrnet_viz.weights.report import LoadReport

HEADS = {
    "classification": {},
    "pose": {},
    "segmentation": {"align_corners": True},
    "landmarks": {"upsample": "nearest"},
    "pyramid": {},
    "ocr": {"align_corners": False},
}


def make(head, outputs=3, **settings):
    torch.manual_seed(0)
    task = replace(TASKS[head], **settings)
    net = build(VARIANTS["hrnet_w18_small_v1"], task, None if head == "pyramid" else outputs).eval()
    with torch.no_grad():
        for name, value in net.named_buffers():
            value.add_(1 if name.endswith("tracked") else 0.3)
    return net


@pytest.mark.parametrize("head", HEADS)
def test_a_net_comes_back_whole(head, tmp_path, x):
    net = make(head, **HEADS[head])
    net.classes = () if head == "pyramid" else ["left", "räuber", "c"]
    net.preparation = hv.Preparation(
        size=(96, 64), mean=(0.1, 0.2, 0.3), fit="crop", crop_fraction=0.7, interpolation="bicubic"
    )
    net.load_report = LoadReport(
        "/somewhere/of/mine.pth", "", head, "", True, 0, provenance={"decoder": "dark", "n": [1]}
    )
    path = hv.save(net, tmp_path / "mine.safetensors")
    back = hv.load(path)
    for ours, theirs in zip(*(one if isinstance(one, list) else [one] for one in (net(x), back(x))), strict=True):
        assert torch.equal(ours, theirs)
    assert all(torch.equal(value, back.state_dict()[name]) for name, value in net.state_dict().items())
    assert (back.task, back.classes, back.preparation) == (net.task, net.classes, net.preparation)
    report = back.load_report
    assert report.provenance == net.load_report.provenance
    assert (report.missing, report.reinitialised, report.unexpected, report.left_out) == ((), (), (), ())
    assert b"somewhere" not in path.read_bytes()
    told = hv.inspect(path)
    assert (told.task, told.align_corners, told.classes) == (head, net.task.align_corners, net.classes)


def test_a_calibrated_net_is_not_divided_again(tmp_path):
    net = hv.load("teaching")
    back = hv.load(hv.save(net, tmp_path / "again.safetensors"))
    assert torch.equal(back.classifier.weight, net.classifier.weight)
    assert back.load_report.provenance == net.load_report.provenance


def test_what_is_there_is_kept_unless_it_is_said(tmp_path):
    path = tmp_path / "thesis.safetensors"
    path.write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"is there already\. Give another name, or force=True"):
        hv.save(make("pose"), path)
    assert path.read_bytes() == b"mine"
    assert hv.load(hv.save(make("pose"), path, force=True)).num_outputs == 3
    with pytest.raises(ValueError, match=r"ends in \.safetensors"):
        hv.save(make("pose"), tmp_path / "cat.jpg")
    with pytest.raises(ValueError, match="There is no folder"):
        hv.save(make("pose"), tmp_path / "no" / "x.safetensors")
    with pytest.raises(TypeError, match="save takes an HRNet first"):
        hv.save(make("pose").state_dict(), tmp_path / "x.safetensors")


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(tmp_path, monkeypatch):
    path = hv.save(make("pose"), tmp_path / "x.safetensors")
    before = path.read_bytes()

    def full(draft, _):
        draft.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        hv.save(make("pose", outputs=4), path, force=True)
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["x.safetensors"]
    assert path.read_bytes() == before


def spoil(net):
    net.conv1.weight.data[0] = float("nan")


def swap(net):
    net.final_layer = nn.Sequential(nn.Conv2d(16, 8, 1), nn.Conv2d(8, 3, 1))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (spoil, "NaN or infinity in conv1.weight"),
        (swap, r"not hrnet_w18_small_v1 pose as published.*final_layer.weight"),
    ],
)
def test_what_could_not_be_loaded_is_not_written(change, words, tmp_path):
    net = make("pose")
    change(net)
    with pytest.raises(ValueError, match=words):
        hv.save(net, tmp_path / "x.safetensors")
    assert not (tmp_path / "x.safetensors").exists()
    with torch.device("meta"), pytest.raises(ValueError, match="holds no numbers"):
        hv.save(hv.hrnet("hrnet_w18_small_v1"), tmp_path / "x.safetensors")
