"""Shares of the paths in an exchange: each measure does what its docstring says, and they agree with an ablation."""

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.exchanges import MEASURES, shares, take_apart
from hrnet_viz.interventions.ablation import ablate
from tests.nets.trained_like import photos, trained_like


@pytest.fixture(scope="module")
def base():
    return hv.trace(trained_like(dtype=torch.float64), photos(2, 64, 96, dtype=torch.float64))


def test_covers_every_exchange_in_order(base):
    result = shares(base)
    assert result.modules == ("stage2.0", "stage3.0", "stage4.0")
    assert list(result) == [site.name for site in base.plan.select(kind="fuse_sum")]
    assert result.matrix("stage3.0").shape == (2, 3, 3)
    matrices = result.matrices("projection")
    assert torch.equal(matrices["stage4.0"][:, 2, 1], result["stage4.0.sum2"].measure("projection")[1])


@pytest.mark.parametrize("per", ["map", "channel", "place"])
@pytest.mark.parametrize("measure", ["energy", "projection"])
def test_shares_add_up_to_one(base, measure, per):
    for one in shares(base).values():
        total = one.measure(measure, per).sum(0)
        assert torch.allclose(total, torch.ones_like(total))


def test_shapes(base):
    one = shares(base)["stage4.0.sum1"]
    for measure in MEASURES:
        assert one.measure(measure).shape == (4, 2)
        assert one.measure(measure, "channel").shape == (4, 2, 32)
        assert one.measure(measure, "place").shape == (4, 2, 8, 12)


def test_values_by_hand():
    a = torch.tensor([3.0, -1.0, 2.0, 0.0]).view(1, 1, 2, 2)
    b = torch.tensor([1.0, 2.0, -4.0, 0.0]).view(1, 1, 2, 2)
    paths = torch.stack([a, b])  # sum: 4, 1, -2, 0
    got = {name: measure(paths, (-3, -2, -1)).flatten().tolist() for name, measure in MEASURES.items()}
    assert got["energy"] == pytest.approx([14 / 35, 21 / 35])
    assert got["projection"] == pytest.approx([(12 - 1 - 4) / 21, (4 + 2 + 8) / 21])
    assert got["cosine"] == pytest.approx([7 / (14 * 21) ** 0.5, 14 / 21])
    assert got["opened"] == [0, 0.25]  # b alone makes the second one positive
    assert got["closed"] == [0, 0.25]  # and the third one negative
    assert got["decided"] == [0, 0.5]


def test_dead_sums_are_not_a_number_rather_than_zero():
    paths = torch.zeros(2, 1, 1, 2, 2)
    for name in ("energy", "projection", "cosine"):
        assert MEASURES[name](paths, (-3, -2, -1)).isnan().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_decided_is_what_an_ablation_switches_at_the_relu(dtype):
    net = trained_like(dtype=dtype)
    base = hv.trace(net, photos(1, 64, 64, dtype=dtype))
    before = base["stage4.0.out1"] > 0
    for j in range(4):
        after = ablate(net, base, f"stage4.0.fuse1<-{j}", keep="stage4.0.out1")["stage4.0.out1"] > 0
        one = shares(base)["stage4.0.sum1"]
        assert one.measure("decided")[j].item() == pytest.approx((before != after).double().mean().item(), abs=1e-7)
        assert one.measure("opened")[j].item() == pytest.approx((before & ~after).double().mean().item(), abs=1e-7)


def test_head_sums_come_apart_too(base):
    one = take_apart(base, "head.sum2")
    assert [path.name for path in one.paths] == ["head.incre2", "head.down1"]
    assert torch.allclose(one.measure("projection").sum(0), torch.ones(2, dtype=torch.float64))


def test_says_what_is_missing(base):
    net = trained_like(dtype=torch.float64)
    one = hv.trace(net, base.input, sites="stage3.0.fuse*")
    assert shares(one).modules == ("stage3.0",)
    with pytest.raises(ValueError, match="kept the fuse paths of no module"):
        shares(hv.trace(net, base.input, sites="stage3.0.fuse0<-*"))
    with pytest.raises(ValueError, match="no measure 'power'"):
        shares(base).matrix("stage3.0", "power")
    with pytest.raises(ValueError, match="per='pixel'"):
        shares(base)["stage3.0.sum0"].measure("energy", "pixel")
    with pytest.raises(ValueError, match=r"no module 'stage3\.9'"):
        shares(base).matrix("stage3.9")
    with pytest.raises(hv.SiteError, match="not among these"):
        shares(one)["stage4.0.sum0"]
    with pytest.raises(ValueError, match="is no sum"):
        take_apart(base, "stage3.0.out0")
