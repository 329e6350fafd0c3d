"""The plan is the forward pass: same numbers, every tensor, right facts, safe to copy."""

import copy
import pickle
from collections import Counter

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.network import VARIANTS, hrnet
from hrnet_viz.runner import size_at
from hrnet_viz.sites import SiteError
from tests.network.reference import every_tensor

SIZES = [(64, 64), (57, 91)]


@pytest.mark.parametrize("keep", ["landmarks", "all"])
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_plan_and_forward_are_bit_equal(keep, mode, twins):
    net = copy.deepcopy(twins("hrnet_w18_small_v2")[1]).train(mode == "train")
    for size in SIZES:
        x = torch.randn(2, 3, *size)
        with torch.no_grad():
            assert torch.equal(hv.run(net, x, keep=keep)["logits"], net(x))


def test_every_tensor_of_an_independent_computation_is_found_to_the_bit(twins):
    theirs, ours = twins("hrnet_w18")
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = every_tensor(theirs, x)
    trace = hv.trace(ours, x, sites="all")
    sums = [site for site in trace if trace.plan.sites[site].kind == "fuse_sum"]
    found = [*trace.values(), *(part for site in sums for part in trace.running_sums(site))]
    found = Counter(fingerprint(tensor) for tensor in found)
    missing = Counter(kind for kind, tensor in expected if fingerprint(tensor) not in found)
    assert missing == {}
    assert len({fingerprint(tensor) for _, tensor in expected}) == 1144


def test_w18_has_the_published_numbers_of_everything():
    with torch.device("meta"):
        net = hrnet("hrnet_w18")
    kinds = Counter(site.kind for site in net.sites())
    assert kinds == {
        "stem": 1, "stage1": 1, "transition": 9, "branch": 26, "fuse_path": 88, "fuse_sum": 26, "fuse_out": 26,
        "head": 12, "logits": 1,
    }  # fmt: skip
    views = [step.name for step in net.plan.steps if step.name.startswith("transition") and not step.inner]
    assert views == [*(f"transition2.branch{b}" for b in (0, 1)), *(f"transition3.branch{b}" for b in (0, 1, 2))]
    parts = Counter(site.part for site in net.sites(kind="inner"))
    convolutions = sum(times for part, times in parts.items() if part.startswith("conv"))
    assert convolutions == 325
    assert len(net.sites(kind="fuse_path", stage=4)) == 48


@pytest.mark.parametrize("name", VARIANTS)
def test_facts_of_every_site_are_those_of_its_tensor(name):
    with torch.device("meta"):
        net = hrnet(name, num_outputs=5)
        x = torch.empty(2, 3, 57, 91)
        tensors = hv.run(net.eval(), x, keep="all")
    for site, tensor in tensors.items():
        known = net.plan.sites[site]
        spatial = () if known.stride is None else size_at(known, x)
        assert tensor.shape == (2, known.channels, *spatial), site
    assert list(tensors) == list(net.plan.sites)


def test_inputs_and_feeds_are_two_readings_of_the_same_edges(twins):
    plan = twins("hrnet_w18_small_v2")[1].plan
    landmarks = [plan.sites[name] for name in plan.landmarks]
    assert {(a, site.name) for site in landmarks for a in site.inputs} - {("input", "stem")} == {
        (site.name, b) for site in landmarks for b in site.feeds
    }
    site = plan.sites["stage3.1.fuse0<-2"]
    assert (site.stage, site.module, site.branch, site.source) == (3, 1, 0, 2)
    assert (site.channels, site.stride, site.published) == (18, 4, "stage3.1.fuse_layers.0.2")
    assert (site.inputs, site.feeds) == (("stage3.1.branch2",), ("stage3.1.sum0",))
    # Branch 0 of a module feeds row 0 by hand-over and every other row by strided paths.
    assert plan.sites["stage3.1.branch0"].feeds == tuple(f"stage3.1.fuse{i}<-0" for i in range(3))


def test_upstream_and_downstream(twins):
    plan = twins("hrnet_w18_small_v2")[1].plan
    last = plan.downstream(["stage4.1.fuse2<-3"])
    assert {"stage4.1.sum2", "stage4.1.out2", "head.incre2", "head.sum2", "logits"} <= last
    assert plan.downstream("stage4.1.fuse2<-3") == last
    assert not last & {"stage4.1.out0", "head.incre0", "head.sum1", "stage4.1.fuse2<-3"}
    assert plan.upstream("transition2.branch2") >= {"stem", "stage2.0.out1"}
    assert "stage2.0.out0" not in plan.upstream("transition2.branch2")


@pytest.mark.parametrize(
    ("published", "site"),
    [
        ("layer1", "stage1"),
        ("layer1.0.conv2", "stage1.block0.conv2"),
        ("stage3.1.branches.0", "stage3.1.branch0"),
        ("stage3.1.branches.0.1.bn2", "stage3.1.branch0.block1.bn2"),
        ("stage3.1.fuse_layers.0.2", "stage3.1.fuse0<-2"),
        ("stage3.1.fuse_layers.2.0.0.1", "stage3.1.fuse2<-0.step1.bn"),
        ("transition2.2", "transition2.branch2"),
        ("incre_modules.0", "head.incre0"),
        ("downsamp_modules.2", "head.down2"),
        ("final_layer", "head.final"),
        ("classifier", "logits"),
    ],
)
def test_published_names_are_accepted(published, site, twins):
    net = twins("hrnet_w18_small_v2")[1]
    assert net.plan.resolve(published) == site
    assert net.plan.resolve(site) == site


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("stage3.1.brnch0", "'stage3.1.branch0'"),
        ("lgits", "'logits'"),
        ("stage3.7.branch0", "well-formed"),
        ("stage3.7.branch0", "'stage3.2.branch0'"),
        ("stage3.1.fuse0<-3", "'stage3.1.fuse0<-2'"),
        ("stage3.1.branch0.block2.bn9", "inside stage3.1.branch0"),
        ("stage3.1.sum0.relu", "no inner tensors"),
        ("completely else", "stage3.1.fuse0<-2"),
        ("stage9.*", "stage9.*"),
    ],
)
def test_wrong_addresses_name_the_right_ones(wrong, words, twins):
    plan = twins("hrnet_w18_small_v2")[1].plan
    with pytest.raises(SiteError) as caught:
        plan.names(wrong)
    assert words in str(caught.value)


def test_a_deep_copy_runs_its_own_modules_and_a_net_pickles(twins):
    net = twins("hrnet_w18_small_v1")[1]
    x = torch.randn(1, 3, 32, 32)
    before = hv.trace(net, x)["logits"]
    other = copy.deepcopy(net)
    with torch.no_grad():
        other.classifier.bias.add_(1)
    assert torch.equal(hv.trace(net, x)["logits"], before)
    assert torch.allclose(hv.trace(other, x)["logits"], before + 1)
    again = pickle.loads(pickle.dumps(net))  # our own bytes
    assert torch.equal(hv.trace(again, x)["logits"], before)


def test_unknown_kind_is_a_sentence(twins):
    with pytest.raises(ValueError, match="fuse_path"):
        twins("hrnet_w18_small_v1")[1].sites(kind="fusion")


def fingerprint(tensor):
    data = tensor.detach().contiguous()
    return tuple(data.shape), hash(data.numpy().tobytes())
