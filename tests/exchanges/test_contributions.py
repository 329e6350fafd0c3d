"""Gradient x path: exact where it must be, whatever trace it starts from."""

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.exchanges.contributions import contributions
from tests.nets.trained_like import photos, trained_like


@pytest.fixture(scope="module")
def net():
    return trained_like(dtype=torch.float64)


@pytest.fixture(scope="module")
def base(net):
    return hv.trace(net, photos(2, 64, 96, dtype=torch.float64), grad=True)


def test_the_paths_of_an_output_add_up_to_their_sum(net, base):
    result = contributions(net, base, 3)
    for total in base.plan.select(kind="fuse_sum"):
        paths = torch.stack([result[path] for path in total.inputs]).sum(0)
        assert torch.allclose(paths, result[total], atol=1e-12)
        (gradient,) = torch.autograd.grad(base["logits"][:, 3].sum(), base[total], retain_graph=True)
        assert torch.allclose(result[total], (gradient * base[total]).sum((1, 2, 3)).detach(), atol=1e-12)
    matrix = result.matrix("stage4.0")
    assert matrix.shape == (2, 4, 4)
    assert torch.equal(matrix[:, 2, 0], result["stage4.0.fuse2<-0"])


def test_it_is_the_derivative_with_respect_to_a_common_factor(net, base):
    result = contributions(net, base, 3)
    step = 1e-6
    path = "stage3.0.fuse0<-2"
    up, down = (
        hv.run(net, base=base, edit={path: lambda v, f=factor: v * f}, keep="logits")["logits"][:, 3]
        for factor in (1 + step, 1 - step)
    )
    assert torch.allclose((up - down) / (2 * step), result[path], rtol=1e-5, atol=1e-9)


def test_where_it_comes_from_adds_up_to_it(net, base):
    result = contributions(net, base, sites=["stage3.0.fuse0<-2", "head.pool", "logits"])
    path = "stage3.0.fuse0<-2"
    assert result.spread(path, "channel").shape == (2, 16)
    assert result.spread(path, "place").shape == (2, 16, 24)
    for per in ("channel", "place"):
        assert torch.allclose(result.spread(path, per).flatten(1).sum(1), result[path])
    bias = net.classifier.bias[base["logits"].argmax(1)]
    assert torch.allclose(result["head.pool"] + bias, result.score)  # the classifier is linear
    assert torch.allclose(result["logits"], result.score)
    with pytest.raises(ValueError, match="per='place'"):
        result.spread("head.pool", "place")


def test_any_trace_will_do(net, base):
    expected = contributions(net, base, 3)
    x = base.input.detach()
    for start in (x, hv.trace(net, x), hv.trace(net, x, grad=True, store_dtype=torch.float32)):
        result = contributions(net, start, 3)
        assert all(torch.allclose(result[site], expected[site], atol=1e-12) for site in expected)
    assert not net.training
    assert all(parameter.grad is None for parameter in net.parameters())


def test_what_cannot_reach_the_score_contributes_nothing(net, base):
    result = contributions(net, base, hv_first_place(), sites=["stage3.0.sum1", "stage4.0.sum0"])
    assert result["stage4.0.sum0"].abs().max() == 0
    assert result["stage3.0.sum1"].abs().min() > 0


def hv_first_place():
    from hrnet_viz.targets import place

    return place("stage3.0.out1", 0, 0)


def test_says_what_is_missing(net, base):
    result = contributions(net, base, sites="stage3.0.fuse0<-*")
    with pytest.raises(hv.SiteError, match="was not computed"):
        result["stage4.0.sum0"]
    with pytest.raises(ValueError, match="not all here"):
        result.matrix("stage4.0")
    with pytest.raises(ValueError, match="no class 77"):
        contributions(net, base, 77)
