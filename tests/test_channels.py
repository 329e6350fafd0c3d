"""Channels in addresses: what a result prints can be typed back, in every place where a site is named."""

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz import targets
from tests.nets.trained_like import photos, trained_like

SITE = "stage4.0.out0"
X = photos(2)


@pytest.fixture(scope="module")
def net():
    return trained_like()


@pytest.fixture(scope="module")
def trace(net):
    return hv.trace(net, X)


@pytest.mark.parametrize("channels", ["[3,5]", "[5,3]", "[3, 5]", "[3-3,5,5]", "[03,5]"])
def test_a_trace_hands_out_channels(trace, channels):
    assert torch.equal(trace[SITE + channels], trace[SITE][:, [3, 5]])
    assert SITE + channels in trace
    assert torch.equal(trace["stage2.0.fuse_layers.0.1[0-2]"], trace["stage2.0.fuse0<-1"][:, :3])
    assert torch.equal(trace["logits[6]"], trace["logits"][:, 6:])


@pytest.mark.parametrize("sites", [f"{SITE}[3]", [f"{SITE}[3]", f"{SITE}[5]"], "stage4.*.out0[3]"])
def test_a_trace_keeps_the_sites_whole(net, trace, sites):
    asked = hv.trace(net, X, sites=sites)
    assert list(asked) == [SITE]
    assert torch.equal(asked[f"{SITE}[3]"], trace[f"{SITE}[3]"])


def test_what_a_sweep_prints_can_be_ablated_swept_and_forecast(net, trace):
    swept = hv.sweep(net, trace, SITE)
    chosen = swept.items[5]
    assert chosen == f"{SITE}[5]"
    effects = [effect.effect for effect in swept.effects if effect.item == chosen]
    ablation = hv.ablate(net, trace, chosen, keep=chosen)
    assert ablation.effect.tolist() == pytest.approx(effects, abs=1e-4)
    assert torch.equal(ablation[chosen], torch.zeros_like(trace[chosen]))
    assert torch.equal(ablation.change(chosen), -trace[chosen])
    for again in (ablation.changes[0].place, str(ablation.changes[0].place), [chosen]):
        assert torch.equal(hv.ablate(net, trace, again).effect, ablation.effect)
    assert (
        hv.sweep(net, trace, swept.items[4:6]).items == hv.sweep(net, trace, f"{SITE}[4-5]").items == swept.items[4:6]
    )
    assert hv.interventions.first_order(net, trace, [chosen]).items == (chosen,)
    assert hv.interventions.pairs(net, trace, swept.items[4:6]).sites == swept.items[4:6]
    with pytest.raises(ValueError, match="matrices need"):
        hv.sweep(net, trace, ["stage4.0.fuse0<-1[2,3]"]).matrices()


def test_edits_can_differ_by_channel(net, trace):
    both = hv.ablate(net, trace, [f"{SITE}[3]", f"{SITE}[5]"], {f"{SITE}[3]": 0.5, SITE: "zero"}, keep=SITE)
    assert torch.equal(both[f"{SITE}[3]"], trace[f"{SITE}[3]"] * 0.5)
    assert not both[f"{SITE}[5]"].any()
    assert torch.equal(both[f"{SITE}[6-9]"], trace[f"{SITE}[6-9]"])


@pytest.mark.parametrize("method", ["gradcam", "gradcam++", "xgradcam", "hirescam", "layercam"])
def test_maps_of_channels_add_up_to_that_of_their_site(net, method):
    last = net.plan.sites[SITE].channels - 1
    parts = [f"{SITE}[0-4]", f"{SITE}[5]", f"{SITE}[6-{last}]"]
    cams = hv.cam(net, X, 1, method=method, sites=[*parts, SITE])
    assert list(cams) == [*parts, SITE] == [site.name for site in cams.sites]
    torch.testing.assert_close(sum(cams[part] for part in parts), cams[SITE], rtol=1e-4, atol=1e-6)
    assert hv.figures.cam_classes([cams], [parts[1], SITE]).alt.count("[5]")


def test_statistics_and_contributions_of_channels(net, trace):
    whole = hv.exchanges.contributions(net, trace, 1, sites=SITE)
    assert torch.equal(whole[f"{SITE}[3]"], whole.spread(SITE, "channel")[:, 3])
    edited = hv.trace(net, X, sites=SITE)
    with torch.no_grad():
        tensors = {SITE: edited[SITE].clone()}
    tensors[SITE][:, 5] = 0
    measured = hv.activations.statistics(hv.Trace(net.plan, X, tensors), [f"{SITE}[3,5]", f"{SITE}[3]"])
    assert [one.site.name for one in measured.sites] == [f"{SITE}[3,5]", f"{SITE}[3]"]
    assert measured[f"{SITE}[3,5]"].dead == (5,)
    assert measured[f"{SITE}[3,5]"].dead_share == 0.5


def test_figures_and_targets_that_name_one_channel(net, trace):
    grid = hv.figures.channel_grid(trace, f"{SITE}[3,5]")
    assert grid.title.startswith(f"{SITE}[3,5]: 2 channels")
    assert {axes.get_label() for axes in grid.figure.axes} >= {"channel 3", "channel 5"}
    assert (
        hv.figures.exchange_steps(trace, f"{SITE}[5]").title == hv.figures.exchange_steps(trace, SITE, channel=5).title
    )
    assert hv.receptive_fields.effective(net, X, f"{SITE}[5]").channel == 5
    named = hv.cam(net, X, targets.place("head.final[5]", 0, 1), sites=SITE)
    assert torch.equal(named[SITE], hv.cam(net, X, targets.place("head.final", 0, 1, channel=5), sites=SITE)[SITE])
    assert named.targets[0] == "head.final[5] at row 0, column 1"
    with pytest.raises(ValueError, match=r"'stage4\.0\.out0\[3,5\]' names 2 channels; give one"):
        hv.figures.exchange_steps(trace, f"{SITE}[3,5]")


@pytest.mark.parametrize(
    ("site", "sentence"),
    [
        ("stage4.0.out0[16]", r"'stage4\.0\.out0' has 16 channels, 0 to 15; channel 16 was asked for"),
        ("stage4.0.out0[3-99]", "has 16 channels, 0 to 15; channel 16 was"),
        ("stage4.0.out0[]", "brackets hold channels and stand last"),
        ("stage4.0.out0[-1]", "brackets hold channels and stand last"),
        ("stage4.0.out0[5-3]", "brackets hold channels"),
        ("stage4.0.out0[3", "brackets hold channels"),
        ("stage4.0.out0[a]", "brackets hold channels"),
        ("stage4.0.out0[3][5]", "brackets hold channels"),
        ("[3]", "brackets hold channels"),
        ("stage4.0.out[01]", "site"),
        ("stage4.*.out[0-3]", "brackets hold channels, not a choice"),
        ("stage4[01].0.out0", "brackets hold channels"),
        ("stage4.0.uot0[3]", r"Did you mean 'stage4\.0\.out0'"),
    ],
)
def test_a_wrong_one_is_a_sentence(net, trace, site, sentence):
    with pytest.raises(hv.SiteError, match=sentence):
        hv.ablate(net, trace, site)
    assert site not in trace
    with pytest.raises(hv.SiteError, match=sentence):
        hv.trace(net, X, sites=site)


@pytest.mark.parametrize(
    "use",
    [
        lambda net, trace: hv.run(net, X, keep=f"{SITE}[3]"),
        lambda net, trace: trace.running_sums("stage4.0.sum0[3]"),
        lambda net, trace: hv.receptive_fields.theoretical(net, f"{SITE}[3]"),
        lambda net, trace: hv.figures.branch_maps(trace, f"{SITE}[3]"),
    ],
)
def test_where_a_whole_site_is_needed_channels_are_refused(net, trace, use):
    with pytest.raises(ValueError, match=r"whole site is asked for|stage"):
        use(net, trace)
