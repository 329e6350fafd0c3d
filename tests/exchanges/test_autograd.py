"""torchviz's graph of one exchange, told in the names that sites have here."""

import re

import pytest
import torch

from hrnet_viz import SiteError, hrnet
from hrnet_viz.canvas.shapes import Box
from hrnet_viz.exchanges.autograd import autograd_graph


@pytest.fixture(scope="module")
def net():
    return hrnet("hrnet_w18_small_v1", num_outputs=4)


def labels(drawn):
    """What is written in the boxes."""
    return [r"\n".join(mark.lines) for mark in drawn.marks if isinstance(mark, Box) and mark.lines]


def test_it_is_small_and_has_the_names_of_the_drawing(net):
    told = labels(autograd_graph(net, "stage4.0", size=64))
    assert len(told) == 22
    for j in range(4):
        assert sum(label.startswith(f"branch{j}\\n") for label in told) == 1
        assert sum(label.endswith(f"fuse0<-{j}") for label in told) == 1
    assert r"branch3\n(1, 128, 2, 2)" in told
    assert r"ReluBackward0\nout0" in told
    assert r"AddBackward0\nsum0" in told
    assert sum(label.startswith("AddBackward0") for label in told) == 3


def test_a_strided_path_has_a_convolution_per_halving(net):
    told = labels(autograd_graph(net, "stage4.0", output=3, size=64))
    assert sum("Convolution" in label for label in told) == 3 + 2 + 1


def test_parameters_are_drawn_where_asked_for(net):
    told = labels(autograd_graph(net, "stage2.0", size=64, parameters=True))
    assert sum(label.startswith("fuse_layers.0.1.") for label in told) == 3  # one weight, scale and shift of BatchNorm
    assert not any("fuse_layers" in label for label in labels(autograd_graph(net, "stage2.0", size=64)))


def test_every_line_joins_two_things_that_are_drawn(net):
    drawn = autograd_graph(net, "stage3.0", output=1, size=64)
    known = set(re.findall(r"^\t(n\d+) \[", drawn.source, re.MULTILINE))
    lines = re.findall(r"^\t(n\d+) -> (n\d+)", drawn.source, re.MULTILINE)
    assert {name for line in lines for name in line} == known


def test_it_is_the_same_each_time_and_for_a_variant_name(net):
    first = autograd_graph(net, "stage3.0", size=64)
    assert autograd_graph(net, "stage3.0", size=64).source == first.source
    assert autograd_graph("hrnet_w18_small_v1", "stage3.0", size=64).source == first.source


def test_it_leaves_the_net_as_it_was(net):
    net.train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with torch.no_grad():
        autograd_graph(net, "stage2.0", size=64)
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(weight.grad is None and weight.requires_grad for weight in net.parameters())


def test_it_can_be_drawn(net):
    drawn = autograd_graph(net, "stage2.0.sum0", size=64, theme="dark")
    assert drawn.svg().startswith("<svg")
    assert "8 functions lie between 2 branches" in drawn.alt
    assert "stage2.0" in drawn.caption


def test_wrong_requests_are_told(net):
    with pytest.raises(ValueError, match=r"output=2 was given; stage2.0 has outputs 0 to 1"):
        autograd_graph(net, "stage2.0", output=2)
    with pytest.raises(SiteError, match="is no module of hrnet_w18_small_v1"):
        autograd_graph(net, "stem")
