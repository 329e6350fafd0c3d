"""Files as people have them: wrapped by training programs, with companions, of other kinds, a little off."""

import argparse
import collections
import datetime as dt
import io
import os
import pathlib
import tarfile
import types
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

import hrnet_viz as hv

OUTPUTS = 3


@pytest.fixture(scope="module")
def weights():
    torch.manual_seed(0)
    return hv.hrnet("hrnet_w18_small_v1", num_outputs=OUTPUTS).state_dict()


@pytest.fixture(scope="module")
def others(weights):
    return {name: value + 1 for name, value in weights.items()}


def stored(folder, content):
    torch.save(content, folder / "x.pth")
    return folder / "x.pth"


def prefixed(weights, prefix):
    return {prefix + name: value for name, value in weights.items()}


def same(net, weights):
    return torch.equal(net.conv1.weight, weights["conv1.weight"])


WRAPPED = {
    "model_state_dict": lambda w: {"model_state_dict": w, "epoch": 5, "loss": torch.tensor(0.4)},
    "net": lambda w: {"net": w, "acc": torch.tensor(0.9), "optimizer": {"state": {0: {"momentum": torch.zeros(3)}}}},
    "deep": lambda w: {"checkpoint": {"ema_model": {"weights": w}}},
    "compiled": lambda w: prefixed(w, "_orig_mod."),
    "compiled inside": lambda w: {name.replace("stage4.", "stage4._orig_mod."): value for name, value in w.items()},
    "parallel inside": lambda w: {name.replace("stage2.", "stage2.module."): value for name, value in w.items()},
    "averaged by torch": lambda w: {"n_averaged": torch.tensor(3), **prefixed(w, "module.")},
    "lightning": lambda w: {"state_dict": prefixed(w, "model."), "hyper_parameters": {"lr": 0.1}},
}


@pytest.mark.parametrize("how", WRAPPED)
def test_the_net_is_found_wherever_it_lies(tmp_path, weights, how):
    assert same(hv.load(stored(tmp_path, WRAPPED[how](weights))), weights)


SEVERAL = {
    "timm": (lambda w, o: {"state_dict": w, "state_dict_ema": o}, "state_dict", "state_dict_ema"),
    "prefixes": (lambda w, o: prefixed(w, "net.") | prefixed(o, "ema."), "net", "ema"),
    "model and ema_model": (lambda w, o: prefixed(w, "model.") | prefixed(o, "ema_model."), "model", "ema_model"),
    "two entries": (lambda w, o: {"model": w, "model_ema": o, "epoch": 1}, "model", "model_ema"),
}


@pytest.mark.parametrize("how", SEVERAL)
def test_a_second_set_of_weights_is_told_and_can_be_taken(tmp_path, weights, others, how):
    make, first, second = SEVERAL[how]
    path = stored(tmp_path, make(weights, others))
    net = hv.load(path)
    assert same(net, weights)
    assert (net.load_report.part, net.load_report.others, net.load_report.unexpected) == (first, (second,), ())
    assert f"part='{second}'" in str(net.load_report)
    assert same(hv.load(path, part=second), others)
    with pytest.raises(hv.WeightsError, match=rf"no part 'nothing'\. It holds '{first}', '{second}'"):
        hv.load(path, part="nothing")


def test_where_nobody_can_tell_they_are_named(tmp_path, weights, others):
    path = stored(tmp_path, {"student": weights, "twin": others})
    with pytest.raises(hv.WeightsError, match=r"holds several nets: 'student', 'twin'\. Say which: part='student'"):
        hv.load(path)
    assert same(hv.load(path, part="twin"), others)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda value: value.to("meta"), "without numbers"),
        (lambda value: value.to_sparse(), "sparse_coo instead of dense"),
    ],
)
def test_tensors_of_a_strange_kind_are_told(tmp_path, weights, change, words):
    strange = {name: change(value) if value.dim() == 4 else value for name, value in weights.items()}
    with pytest.raises(hv.WeightsError, match=f"conv1.weight is {words}"):
        hv.load(stored(tmp_path, strange))


def test_a_preparation_that_is_none_is_refused(tmp_path, weights):
    with pytest.raises(hv.WeightsError, match="preparation=3 was given"):
        hv.load(stored(tmp_path, weights), preparation=3)


COMPANIONS = {
    "args": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("a")),
    "config": types.SimpleNamespace(a=[1]),
    "array": np.arange(5.0),
    "number": np.int32(3),
    "flag": np.bool_(True),
    "path": pathlib.Path("here"),
    "when": dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC),
    "length": dt.timedelta(seconds=3),
    "counts": collections.defaultdict(int, a=2),
    "ordered": collections.OrderedDict(a=1),
    "slice": slice(1, 2),
    "range": range(3),
    "set": {1, 2},
    "complex": 1 + 2j,
    "size": torch.Size([1, 2]),
    "dtype": torch.float16,
    "device": torch.device("cpu"),
}


@pytest.mark.parametrize("name", COMPANIONS)
def test_harmless_companions_do_not_matter(tmp_path, weights, name):
    assert same(hv.load(stored(tmp_path, {"state_dict": weights, name: COMPANIONS[name]})), weights)


class Bad:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("bad", [Bad(os.system, "touch pwned"), Bad(eval, "1"), Bad(open, "pwned", "w")])
def test_code_never_runs(tmp_path, weights, bad, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for content in ({"state_dict": weights, "x": bad}, {"state_dict": weights, "x": argparse.Namespace(x=bad)}):
        with pytest.raises(hv.WeightsError, match="code would have to run"):
            hv.load(stored(tmp_path, content))
    assert not (tmp_path / "pwned").exists()


def scripted():
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.trace(nn.Linear(1, 1), torch.zeros(1, 1)), buffer)
    return buffer.getvalue()


def archived(name, content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def tarred():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("x.pth"))
    return buffer.getvalue()


KINDS = {
    "TorchScript": (scripted, "a TorchScript program"),
    "packed": (lambda: archived("deep/hrnet.pth", b"x"), "a zip archive. Unpack it, and give deep/hrnet.pth"),
    "npz": (lambda: archived("arr_0.npy", b"x"), "a numpy archive"),
    "export": (lambda: archived("x/models/model.json", b"x"), "a program of torch.export"),
    "text": (lambda: b"hello world, this is text", "a text file"),
    "h5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(90), "an HDF5 file"),
    "gzip": (lambda: b"\x1f\x8b\x08" + bytes(90), "packed with gzip"),
    "tar": (tarred, "a tar archive"),
    "ONNX": (lambda: b"\x08\x07\x12\x07pytorch\x1a\x05" + bytes(90), "an ONNX model"),
    "picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(90), "a picture"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_file_is_instead_is_told(tmp_path, kind):
    make, words = KINDS[kind]
    (tmp_path / "x.pth").write_bytes(make())
    with pytest.raises(hv.WeightsError, match=f"is no checkpoint: it is {words}") as told:
        hv.load(tmp_path / "x.pth")
    assert "cut short" not in str(told.value)


NETS = {
    "a ResNet": ["conv1.weight", "layer1.0.conv1.weight", "layer4.1.conv2.weight", "fc.weight"],
    "a vision transformer": ["patch_embed.proj.weight", "blocks.0.attn.qkv.weight"],
    "an EfficientNet": ["conv_stem.weight", "blocks.0.0.conv.weight"],
}


@pytest.mark.parametrize("net", NETS)
def test_other_nets_are_named(tmp_path, net):
    path = stored(tmp_path, {"state_dict": {name: torch.zeros(4, 4, 1, 1) for name in NETS[net]}})
    with pytest.raises(hv.WeightsError, match=f"is no HRNet: .*By its names it is {net}"):
        hv.load(path)


def test_folders_addresses_and_names_as_paths(tmp_path, weights):
    (tmp_path / "snapshot").mkdir()
    with pytest.raises(hv.WeightsError, match=r"is a folder\. No checkpoint lies in it"):
        hv.load(tmp_path / "snapshot")
    stored(tmp_path / "snapshot", weights)
    for given, words in (
        (tmp_path / "snapshot", "is a folder. Give one of the files in it: x.pth"),
        ("https://example.org/hrnet.pth", "is an address"),
        (pathlib.Path("teaching"), r"hv.load\('teaching'\)"),
        ("x" * 300, "can't be opened|neither a name"),
        (tmp_path / ("y" * 300), "can't be opened"),
        ("nowhere.pth", "neither a name of weights nor a file. Names are: teaching, hrnet_w18_small"),
    ):
        with pytest.raises(hv.WeightsError, match=words):
            hv.load(given)


def test_nets_and_weights_in_memory_are_shown_the_way(weights):
    net = hv.hrnet("hrnet_w18_small_v1", num_outputs=OUTPUTS)
    for given in (weights, net, nn.DataParallel(net)):
        with pytest.raises(hv.WeightsError, match="load_state_dict"):
            hv.load(given)


def test_no_home_is_told(monkeypatch):
    from hrnet_viz.weights import fetch

    monkeypatch.delenv(fetch.VARIABLE, raising=False)
    monkeypatch.setattr(pathlib.Path, "expanduser", lambda _: (_ for _ in ()).throw(RuntimeError("no home")))
    with pytest.raises(hv.WeightsError, match="There is no home folder"):
        fetch.cache_folder()


@pytest.mark.parametrize("channels", [1, 4])
def test_a_first_layer_of_other_channels_is_told(tmp_path, weights, channels):
    path = stored(tmp_path, weights | {"conv1.weight": torch.zeros(64, channels, 3, 3)})
    with pytest.raises(hv.WeightsError, match=f"first layer takes {channels} channels where a photo has 3"):
        hv.load(path)
    with pytest.warns(UserWarning, match=r"conv1\.weight"):
        assert hv.load(path, partial=True).load_report.reinitialised == ("conv1.weight",)


def test_names_of_outputs_by_number(tmp_path, weights):
    path = stored(tmp_path, weights)
    for names in ({0: "cat", 1: "dog", 2: "cow"}, {"dog": 1, "cow": 2, "cat": 0}, np.array(["cat", "dog", "cow"])):
        assert hv.load(path, classes=names).classes == ("cat", "dog", "cow")
    for names in ({"a", "b", "c"}, ["a", "b"], {1: "a", 2: "b", 3: "c"}):
        with pytest.raises(hv.WeightsError):
            hv.load(path, classes=names)


def test_a_thousand_outputs_without_names_get_a_hint(tmp_path):
    path = stored(tmp_path, hv.hrnet("hrnet_w18_small_v1").state_dict())
    assert 'classes="imagenet"' in str(hv.load(path).load_report)
    assert "imagenet" not in str(hv.load(path, classes="imagenet").load_report)
