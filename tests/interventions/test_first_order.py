"""Predicted against measured effects: exact where the net is linear, and honest where it is not."""

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz import ablate
from hrnet_viz.exchanges import contributions
from hrnet_viz.interventions import first_order
from tests.nets.trained_like import photos, trained_like


@pytest.fixture(scope="module")
def net():
    return trained_like(dtype=torch.float64)


def x(n=2):
    return photos(n, 64, 64, dtype=torch.float64)


def predict(net, base, *asked, **options):
    result = first_order(net, base, *asked, **options)
    return dict(zip(result.items, result.predicted.T, strict=True))


@pytest.mark.parametrize("edit", ["zero", hv.Mean(x(3) - 1), hv.Noise(0, x(3) - 1), hv.Patch(x(1) + 1), 0.5])
def test_exact_where_the_net_is_linear(net, edit):
    """Between the last ReLU and the logits nothing bends: pooling and the classifier are linear."""
    result = first_order(net, x(), ["head.pool", "logits[1]"], edit, target=1)
    assert torch.allclose(result.predicted, result.measured, atol=1e-10)
    assert result.predicted.abs().min() > 0


@pytest.mark.parametrize("edit", ["zero", "mean", 0.5])
def test_is_the_derivative_along_the_edit(net, edit):
    """A step of a millionth of the edit does a millionth of what is predicted."""
    base = hv.trace(net, x())
    paths = ["stage3.0.fuse0<-2", "stage4.0.fuse1<-0"]
    predicted = predict(net, base, paths, edit, target=2)
    for path in paths:
        edited = ablate(net, base, path, edit, keep=path)[path]
        step = base[path] + 1e-6 * (edited - base[path])
        little = hv.run(net, base=base, edit={path: step}, keep="logits")["logits"][:, 2] - base["logits"][:, 2]
        assert torch.allclose(little * 1e6, predicted[path], rtol=1e-3, atol=1e-6)


def test_zeroing_is_minus_the_contribution(net):
    base = hv.trace(net, x(), grad=True)
    predicted, parts = predict(net, base), contributions(net, base)
    assert len(predicted) == len(net.sites(kind="fuse_path"))
    assert all(torch.allclose(effect, -parts[path]) for path, effect in predicted.items())
    modules = predict(net, base, "modules")
    others = sum(parts[f"stage3.0.fuse{i}<-{j}"] for i in range(3) for j in range(3) if i != j)
    assert torch.allclose(modules["stage3.0"], -others)


def test_measured_is_what_ablations_do_photo_by_photo(net):
    result = first_order(net, x(), target=0)
    assert result.measured.shape == (2, len(result.items))
    for path in ("stage2.0.fuse1<-0", "stage4.0.fuse3<-3"):
        alone = ablate(net, x(), path, target=0)
        assert torch.allclose(result.measured[:, result.items.index(path)], alone.effect, atol=1e-10)
    assert result.words == ("output 0", "output 0")


def test_says_how_good_it_is_and_where_it_fails(net):
    result = first_order(net, x())
    both = torch.stack([result.predicted.flatten(), result.measured.flatten()])
    assert result.correlation == pytest.approx(torch.corrcoef(both)[0, 1].item())
    ranks = both.argsort(1).argsort(1).double()
    assert result.rank_correlation == pytest.approx(torch.corrcoef(ranks)[0, 1].item())
    agree = (result.predicted.sign() == result.measured.sign()).double().mean().item()
    assert result.sign_agreement == pytest.approx(agree)
    assert set(result.by_stage()) == {2, 3, 4}
    worst = result.misses(3)
    off = (result.predicted - result.measured).abs()
    assert abs(worst[0].predicted - worst[0].measured) == pytest.approx(off.max().item())
    photo = result.photos.index(worst[0].photo)
    assert off[photo, result.items.index(worst[0].item)] == off.max()
    assert "correlation" in repr(result)


def test_a_trace_keeps_the_names_of_its_photos():
    small = trained_like()
    result = first_order(small, hv.trace(small, [hv.photo("cat"), hv.photo("coffee")]), "modules")
    assert result.photos == ("cat", "coffee")
