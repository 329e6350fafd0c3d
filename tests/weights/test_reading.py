"""Files in: by content, out of wrappers, without running anything, or a sentence."""

import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hrnet_viz.weights.reading import read_checkpoint
from hrnet_viz.weights.report import WeightsError

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2, dtype=torch.float16)}


def check(checkpoint):
    assert dict(checkpoint.tensors).keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert checkpoint.tensors[name].dtype == value.dtype
        assert torch.equal(checkpoint.tensors[name], value)


@pytest.mark.parametrize("file", ["x.safetensors", "misnamed.pth"])
def test_safetensors_with_metadata(tmp_path, file):
    save_file(TENSORS, tmp_path / file, {"format": "pt", "made": "here"})
    checkpoint = read_checkpoint(tmp_path / file)
    check(checkpoint)
    assert checkpoint.metadata["made"] == "here"


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda t: t,
        lambda t: {"state_dict": t},
        lambda t: {"model": t, "optimizer": {"state": {}}},
        lambda t: {"model": {"state_dict": t}, "epoch": 3},
        lambda t: {"state_dict": {"model": t}},
        lambda t: {"model": "hrnet_w18", "state_dict": t, "perf": np.float64(0.9), "best": np.float32(0.8)},
        OrderedDict,
    ],
    ids=["bare", "state_dict", "model", "model/state_dict", "state_dict/model", "training checkpoint", "ordered"],
)
def test_torch_files_wrapped_or_not(tmp_path, wrap, zipped):
    torch.save(wrap(TENSORS), tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    check(read_checkpoint(tmp_path / "x.pth"))


class Attack:
    def __reduce__(self):
        return os.mkdir, ("ran",)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path, monkeypatch, zipped):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": TENSORS, "extra": Attack()}, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=r"code would have to run that it names \(\w+\.mkdir\)"):
        read_checkpoint(tmp_path / "x.pth")
    (tmp_path / "bare.pkl").write_bytes(pickle.dumps(Attack(), protocol=2))
    with pytest.raises(WeightsError):
        read_checkpoint(tmp_path / "bare.pkl")
    assert not (tmp_path / "ran").exists()
    torch.load(tmp_path / "x.pth", weights_only=False)
    assert (tmp_path / "ran").exists()  # it was a real one


def test_a_whole_pickled_module_is_refused_by_name(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "x.pth")
    with pytest.raises(WeightsError, match=r"torch\.nn\.modules\.linear\.Linear.*save the bare tensors"):
        read_checkpoint(tmp_path / "x.pth")


def test_reading_leaves_no_trust_behind(tmp_path):
    torch.save(TENSORS, tmp_path / "x.pth")
    before = set(torch.serialization.get_safe_globals())
    read_checkpoint(tmp_path / "x.pth")
    assert set(torch.serialization.get_safe_globals()) == before


def cut(path, keep):
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"some text that is no checkpoint at all, but long enough", "it is a text file"),
        (b"PK\x03\x04" + bytes(100), "it is cut short"),
        (b"\x80\x02]q\x00.", "not a checkpoint"),
        ((20).to_bytes(8, "little") + b"{" + bytes(5), "broken safetensors"),
    ],
)
def test_what_is_no_checkpoint_is_told_apart(tmp_path, content, sentence):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=sentence) as caught:
        read_checkpoint(tmp_path / "x.pth")
    assert "x.pth" in str(caught.value)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.95])
def test_a_file_that_is_cut_short(tmp_path, zipped, keep):
    torch.save(TENSORS, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    cut(tmp_path / "x.pth", keep)
    with pytest.raises(WeightsError, match=r"cut short: .*et it again"):
        read_checkpoint(tmp_path / "x.pth")
    save_file(TENSORS, tmp_path / "x.safetensors")
    cut(tmp_path / "x.safetensors", keep)
    with pytest.raises(WeightsError, match="broken safetensors"):
        read_checkpoint(tmp_path / "x.safetensors")


@pytest.mark.parametrize("content", [{"epoch": 3, "lr": 0.1}, [TENSORS["a.bias"]], TENSORS["a.bias"], {}])
def test_no_named_tensors_inside(tmp_path, content):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match="no tensors with names"):
        read_checkpoint(tmp_path / "x.pth")


def test_a_checkpoint_of_our_own_training_is_told_what_to_do(tmp_path):
    torch.save({"recipe": "{}", "average": TENSORS, "net": TENSORS}, tmp_path / "x.pt")
    with pytest.raises(WeightsError, match=r"recipes\.teaching_net export"):
        read_checkpoint(tmp_path / "x.pt")


def test_no_file(tmp_path):
    with pytest.raises(WeightsError, match="There is no file"):
        read_checkpoint(tmp_path / "x.pth")
