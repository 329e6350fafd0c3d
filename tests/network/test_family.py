"""The nine nets are the published ones: keys, shapes, outputs, parameters, multiply-adds, sizes."""

import copy
import signal
import subprocess
import sys

import pytest
import timm
import torch

from hrnet_viz.__main__ import main
from hrnet_viz.network import VARIANTS, hrnet
from tests.network.conftest import TIMM_NAMES

# Parameters and multiply-adds at 224 px of the classification nets, as measured on the published implementation.
PUBLISHED = {
    "hrnet_w18_small_v1": (13_187_464, 1_601_508_352),
    "hrnet_w18_small_v2": (15_597_464, 2_595_712_864),
    "hrnet_w18": (21_299_004, 4_283_537_072),
    "hrnet_w30": (37_712_220, 8_105_781_680),
    "hrnet_w32": (41_232_680, 8_921_133_056),
    "hrnet_w40": (57_557_160, 12_691_997_440),
    "hrnet_w44": (67_064_984, 14_883_104_960),
    "hrnet_w48": (77_469_864, 17_277_996_032),
    "hrnet_w64": (128_059_944, 28_895_395_840),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_keys_order_and_shapes_are_the_published_ones(name):
    with torch.device("meta"):
        ours = hrnet(name)
        theirs = timm.create_model(TIMM_NAMES[name])
    assert [(k, v.shape) for k, v in ours.state_dict().items()] == [
        (k, v.shape) for k, v in theirs.state_dict().items()
    ]
    theirs.load_state_dict(ours.state_dict(), strict=True, assign=True)
    ours.load_state_dict(theirs.state_dict(), strict=True, assign=True)


@pytest.mark.parametrize("name", ["hrnet_w30", "hrnet_w32", "hrnet_w40", "hrnet_w44", "hrnet_w48", "hrnet_w64"])
def test_outputs_of_the_wide_nets_agree_with_timm(name):
    theirs, ours = timm.create_model(name, num_classes=3).eval(), hrnet(name, num_outputs=3).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(1, 3, 32, 64)
    with torch.no_grad():
        assert relative_difference(ours(x), theirs(x)) < 1e-5


@pytest.mark.parametrize("name", ["hrnet_w18_small_v1", "hrnet_w18_small_v2", "hrnet_w18"])
def test_outputs_agree_with_timm(name, twins):
    theirs, ours = twins(name)
    x = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        assert relative_difference(ours(x), theirs(x)) < 1e-5
        theirs, ours, x = copy.deepcopy(theirs).double(), copy.deepcopy(ours).double(), x.double()
        assert relative_difference(ours(x), theirs(x)) < 1e-12
        assert relative_difference(ours.train()(x), theirs.train()(x)) < 1e-12
    for key, value in theirs.state_dict().items():  # the statistics that a training pass leaves behind
        torch.testing.assert_close(ours.state_dict()[key], value, rtol=1e-12, atol=1e-12)


def test_gradients_agree_with_timm(twins):
    theirs, ours = (copy.deepcopy(net).double().train() for net in twins("hrnet_w18_small_v1"))
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    for net in (theirs, ours):
        net(x).square().sum().backward()
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert relative_difference(mine.grad, other.grad) < 1e-9, name


def test_variants_command_prints_the_published_numbers(capsys):
    assert main(["variants"]) == 0
    printed = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.startswith("hrnet_")}
    assert printed.keys() == PUBLISHED.keys()
    for name, (parameters, macs) in PUBLISHED.items():
        assert f"{parameters:,}" in printed[name]
        assert f"{macs:,}" in printed[name]


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (57, 64), (100, 32), (61, 129)])
def test_any_size_from_32_px_works(size, twins):
    _, net = twins("hrnet_w18_small_v1")
    with torch.no_grad():
        streams = net.streams(torch.randn(1, 3, *size))
        assert net(torch.randn(1, 3, *size)).shape == (1, 11)
    for branch, stream in enumerate(streams):
        stride = 4 * 2**branch
        assert stream.shape[2:] == (-(-size[0] // stride), -(-size[1] // stride))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (torch.zeros(1, 3, 31, 64), "31 x 64 px"),
        (torch.zeros(3, 64, 64), "(3, 64, 64)"),
        (torch.zeros(1, 1, 64, 64), "(N, 3, H, W)"),
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), "hv.prepare"),
    ],
)
def test_wrong_input_gets_a_sentence(given, words, twins):
    _, net = twins("hrnet_w18_small_v1")
    with pytest.raises(ValueError, match="HRNet") as caught:
        net(given)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "hrnet_w19"}, "hrnet_w18"),
        ({"name": "hrnet_w18", "num_outputs": 0}, "from 1 on"),
        ({"name": "hrnet_w18", "head": "poses"}, "heads of the family are classification, pose"),
        ({"name": "hrnet_w18", "head": "pyramid", "num_outputs": 5}, "has none to count"),
        ({"name": "hrnet_w18", "head": "pose", "align_corners": True}, "only with head='segmentation' or head='ocr'"),
        ({"name": "hrnet_w18", "head": "ocr", "align_corners": 1}, "True or False was expected"),
    ],
)
def test_wrong_request_gets_a_sentence(arguments, words):
    with pytest.raises(ValueError, match=words):
        hrnet(**arguments)


@pytest.mark.parametrize("size", [(0, 0), (-64, 64), (64, 31)])
def test_the_command_line_knows_how_small_a_photo_may_be(size, capsys):
    assert main(["variants", "--size", *map(str, size)]) == 2
    assert "each side of a photo has at least 32 px" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="Windows has no such signal")
def test_a_reader_that_leaves_early_is_no_error():
    words = [sys.executable, "-m", "hrnet_viz", "sites", "hrnet_w64"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        command.stdout.close()
        assert command.stderr.read() == b""


def test_short_names_are_understood():
    with torch.device("meta"):
        assert hrnet("w18_small_v1").variant == hrnet("hrnet_w18_small").variant == VARIANTS["hrnet_w18_small_v1"]


def test_no_module_fires_twice_and_nothing_is_in_place(twins):
    _, net = twins("hrnet_w18_small_v2")
    fired, handles = {}, []
    for name, module in net.named_modules():
        assert not getattr(module, "inplace", False), name
        handles.append(module.register_forward_hook(lambda *_, name=name: fired.update({name: fired.get(name, 0) + 1})))
    with torch.no_grad():
        net(torch.randn(1, 3, 32, 32))
    for handle in handles:
        handle.remove()
    assert {name: times for name, times in fired.items() if times != 1} == {}


def relative_difference(mine, other):
    return ((mine - other).norm() / other.norm()).item()
