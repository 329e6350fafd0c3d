"""hv.inspect: what a file is, what of it fits, the line that loads it; and a sentence for the rest."""

import pytest
import torch
from torch import nn

import hrnet_viz as hv


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return hv.hrnet("hrnet_w18_small_v1", head="pose", num_outputs=17).eval()


@pytest.fixture
def stored(tmp_path):
    def stored(content):
        torch.save(content, tmp_path / "x.pth")
        return str(tmp_path / "x.pth")

    return stored


def test_a_whole_file_is_told_in_a_few_lines_and_the_line_of_code_loads_it(net, stored, x):
    state = {
        f"backbone.{n}".replace("backbone.final_layer", "head.final_layer"): v for n, v in net.state_dict().items()
    }
    path = stored({"state_dict": state})
    told = hv.inspect(path)
    assert str(told).splitlines() == [
        f"{path}: hrnet_w18_small_v1 pose, 17 outputs, without names",
        "keys: mmpose; exchanges resample with upsample='nearest'",
        "350 of 350 tensors fit",
        'outputs without names; if they are those of a COCO person: hv.load(..., classes="coco")',
        f"load it: hv.load('{path}')",
    ]
    assert repr(told) == str(told)
    assert torch.equal(eval(told.code, {"hv": hv})(x), net(x))


def test_what_does_not_fit_is_listed_and_the_line_says_partial(net, stored):
    state = dict(net.state_dict())
    del state["conv1.weight"]
    state |= {"stage9.weight": torch.zeros(2), "conv2.weight": torch.zeros(3)}
    told = hv.inspect(stored(state))
    assert (told.absent, told.unexpected) == (("conv1.weight",), ("stage9.weight",))
    assert told.misfits == {"conv2.weight": "(3,) instead of (64, 64, 3, 3)"}
    assert (told.fitting, told.tensors) == (348, 350)
    assert "1 of another shape or type: conv2.weight is (3,) instead of (64, 64, 3, 3)" in str(told)
    with pytest.warns(UserWarning, match="2 tensors start at random"):
        eval(told.code, {"hv": hv})


def test_other_nets_in_the_file_are_named_and_the_part_stays_in_the_line(net, stored):
    path = stored({"state_dict": net.state_dict(), "ema": {n: v + 1 for n, v in net.state_dict().items()}})
    assert "other nets in the file: 'ema'" in str(hv.inspect(path))
    other = hv.inspect(path, part="ema")
    assert (other.part, other.others) == ("ema", ("state_dict",))
    assert torch.equal(eval(other.code, {"hv": hv}).conv1.weight, net.conv1.weight + 1)


def test_it_makes_no_net_and_draws_no_number(net, stored, monkeypatch):
    path, before = stored(net.state_dict()), torch.get_rng_state()
    monkeypatch.setattr(nn.Module, "load_state_dict", lambda *_, **__: pytest.fail("a net was loaded"))
    assert hv.inspect(path).fitting == 350
    assert torch.equal(torch.get_rng_state(), before)


def test_the_shipped_net_tells_its_names():
    told = hv.inspect("teaching")
    assert told.classes[1] == "cat"
    assert told.code == "hv.load('teaching')"
    assert "12 outputs (cassette_player, cat, " in str(told)


def test_no_hrnet_is_a_sentence(stored):
    with pytest.raises(hv.WeightsError, match=r"is no HRNet: .*By its names it is a ResNet"):
        hv.inspect(stored({"layer4.0.conv1.weight": torch.zeros(2)}))
