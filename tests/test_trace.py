"""Trace and runner: right tensors, honest edits, and nothing left behind."""

import copy
import gc
import random
import threading

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hrnet_viz as hv
from hrnet_viz.network import hrnet
from hrnet_viz.sites import SiteError
from hrnet_viz.tracing import evaluating
from tests.nets.by_hand import edited_logits
from tests.nets.trained_like import trained_like


@pytest.fixture(scope="module")
def net():
    return trained_like("hrnet_w18_small_v2")


@pytest.fixture
def x():
    return torch.randn(2, 3, 64, 64)


def test_keeps_what_was_asked_for_and_nothing_else(net, x):
    assert list(hv.trace(net, x, sites="stem")) == ["stem"]
    assert list(hv.trace(net, x, sites=["logits", "stage2.0.out1"])) == ["stage2.0.out1", "logits"]
    assert list(hv.trace(net, x, sites="stage4.*.branch0")) == ["stage4.0.branch0", "stage4.1.branch0"]
    inner = hv.trace(net, x, sites=["stage3.1.branch0.block1.bn1", "layer1"])
    assert list(inner) == ["stage1", "stage3.1.branch0.block1.bn1"]
    assert len(hv.trace(net, x)) == len(net.plan.landmarks)


def test_inner_and_landmark_requests_give_the_same_numbers(net, x):
    everything = hv.trace(net, x, sites="all")
    landmarks = hv.trace(net, x)
    assert all(torch.equal(everything[site], tensor) for site, tensor in landmarks.items())


def test_is_immutable_and_speaks_every_dialect(net, x):
    trace = hv.trace(net, x)
    with pytest.raises(TypeError):
        trace.tensors["stem"] = x
    with pytest.raises(AttributeError):
        trace.input = x
    site = net.plan.sites["stage3.1.fuse0<-2"]
    assert trace[site] is trace["stage3.1.fuse0<-2"] is trace["stage3.1.fuse_layers.0.2"]
    assert site in trace
    assert "nonsense" not in trace
    assert trace.get("nonsense") is None
    assert repr(trace) == f"Trace(hrnet_w18_small_v2, 2 photos of 64 x 64 px, {len(trace)} sites)"


def test_missing_sites_are_sentences(net, x):
    trace = hv.trace(net, x, sites="stem")
    with pytest.raises(SiteError, match="did not keep it"):
        trace["logits"]
    with pytest.raises(SiteError, match=r"stage3\.1\.out0"):
        trace["stage3.1.uot0"]


def test_paths_add_up_to_the_sum_to_the_bit(net, x):
    trace = hv.trace(net, x)
    for site in (*net.sites(kind="fuse_sum"), *(s for s in net.sites(kind="head") if ".sum" in s.name)):
        parts = trace.running_sums(site)
        assert len(parts) == len(site.inputs)
        assert torch.equal(parts[-1], trace[site])
    with pytest.raises(ValueError, match="is no sum"):
        trace.running_sums("stem")


def test_every_site_is_a_tensor_of_its_own(net, x):
    trace = hv.trace(net, x, sites="all")
    assert len({id(tensor) for tensor in trace.values()}) == len(trace)


def test_gradients_belong_to_the_contribution(net, x):
    trace = hv.trace(net, x, grad=True)
    names = [site.name for site in trace.sites if site.kind in {"branch", "fuse_path", "fuse_sum"}]
    score = trace["logits"][:, 2].sum()
    grads = dict(zip(names, torch.autograd.grad(score, [trace[n] for n in names], retain_graph=True), strict=True))
    for site in net.sites(kind="fuse_sum"):
        assert all(torch.equal(grads[path], grads[site.name]) for path in site.inputs)
    for site in net.sites(kind="branch"):
        paths = [trace[path] for path in site.feeds]
        handed_back = torch.autograd.grad(paths, trace[site], [grads[path] for path in site.feeds], retain_graph=True)
        torch.testing.assert_close(handed_back[0], grads[site.name], rtol=1e-4, atol=1e-7)


def test_gradients_flow_with_frozen_parameters_and_in_inference_mode(net, x):
    frozen = copy.deepcopy(net).requires_grad_(False)
    with torch.inference_mode():
        trace = hv.trace(frozen, torch.randn(1, 3, 64, 64), grad=True)
    (grad,) = torch.autograd.grad(trace["logits"].sum(), trace["stage2.0.branch1"])
    assert grad.abs().sum() > 0
    assert not hv.trace(frozen, x)["logits"].requires_grad
    own = x.clone().requires_grad_()
    hv.trace(net, own, grad=True)["logits"].sum().backward()
    assert own.grad.abs().sum() > 0
    net.zero_grad()


def test_stores_elsewhere_without_changing_the_pass(net, x):
    exact, half = hv.trace(net, x), hv.trace(net, x, store_dtype=torch.float16, store_device="cpu")
    assert half["logits"].dtype == torch.float16
    assert torch.equal(half["logits"], exact["logits"].half())


def test_takes_photos_and_remembers_them(net):
    trace = hv.trace(net, [hv.photo("cat"), hv.photo("coffee")], sites="logits")
    assert [photo.name for photo in trace.photos] == ["cat", "coffee"]
    assert torch.equal(trace.input, hv.prepare(net, [hv.photo("cat"), hv.photo("coffee")]))


@pytest.mark.parametrize("path", ["stage2.0.fuse0<-1", "stage3.1.fuse2<-0", "stage4.1.fuse0<-3", "stage4.0.fuse3<-3"])
def test_zeroing_a_path_equals_an_edited_net(net, path):
    net = copy.deepcopy(net).double()
    x = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    expected = edited_logits(net, x, [(net.plan.sites[path], torch.zeros_like)])
    with torch.no_grad():
        fast = hv.run(net, base=hv.trace(net, x), edit={path: torch.zeros_like}, keep="logits")["logits"]
        assert torch.equal(fast, expected)
        assert not torch.equal(expected, net(x))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_run_from_the_middle_equals_a_run_from_the_start(net, data):
    names = list(net.plan.sites)
    x = torch.randn(1, 3, 32, 40)
    edit = {
        name: lambda t: t * 0.5 + 0.25 for name in data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3))
    }
    base = hv.trace(net, x, sites=data.draw(st.sampled_from(["landmarks", "all", "stage3.1.out?", "logits"])))
    with torch.no_grad():
        assert torch.equal(
            hv.run(net, base=base, edit=edit, keep="logits")["logits"],
            hv.run(net, x, edit=edit, keep="logits")["logits"],
        )


def test_an_edit_cannot_spoil_the_base_and_several_compose(net, x):
    base = hv.trace(net, x)
    before = base["stage2.0.out0"].clone()
    with torch.no_grad():
        out = hv.run(net, base=base, edit={"stage2.0.out0": lambda t: t.zero_(), "stem": lambda t: t.add_(1)})
    assert torch.equal(base["stage2.0.out0"], before)
    assert not out["stage2.0.out0"].any()
    assert torch.equal(out["stem"], base["stem"] + 1)
    patch = torch.ones_like(before)
    with torch.no_grad():
        assert torch.equal(
            hv.run(net, base=base, edit={"stage2.0.out0": patch}, keep="stage2.0.out0").popitem()[1], patch
        )


def test_a_wrong_edit_or_source_is_a_sentence(net, x):
    base = hv.trace(net, x)
    with pytest.raises(ValueError, match=r"edit at 'stem' gave a tensor of shape \(2, 64\)"):
        hv.run(net, base=base, edit={"stem": lambda t: t.mean((2, 3))}, keep="logits")
    with pytest.raises(ValueError, match="gave None"):
        hv.run(net, base=base, edit={"stem": lambda _: None}, keep="logits")
    with pytest.raises(ValueError, match="either photos or a trace"):
        hv.run(net)
    with pytest.raises(ValueError, match="Trace this net first"):
        hv.run(hrnet("hrnet_w18_small_v1"), base=base)


def test_leaves_everything_as_it_was_also_when_it_raises(net, x):
    net = copy.deepcopy(net).train()
    net.stage2.eval()
    net.conv1.weight.requires_grad_(False)
    heard = []
    net.layer1.register_forward_hook(lambda *_: heard.append("layer1"))
    before, random_state = snapshot(net), (torch.get_rng_state(), random.getstate())
    hv.trace(net, x, sites="all", grad=True)
    hv.trace(net, x)
    assert heard == ["layer1"]  # the user's hook heard the pass that called its module, and stays
    handle = net.classifier.register_forward_pre_hook(lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        hv.trace(net, x)
    handle.remove()
    with pytest.raises(ZeroDivisionError), evaluating(net), torch.no_grad():
        hv.run(net, x, edit={"stem": lambda t: t / (1 // 0)})
    after = snapshot(net)
    assert before.keys() == after.keys()
    assert all(before[key] == after[key] for key in before)
    assert torch.equal(random_state[0], torch.get_rng_state())
    assert random_state[1:] == (random.getstate(),)


def snapshot(net):
    state = {f"state {key}": value.double().sum().item() for key, value in net.state_dict().items()}
    flags = {f"mode {name}": module.training for name, module in net.named_modules()}
    hooks = {f"hooks {name}": len(module._forward_hooks) for name, module in net.named_modules()}
    params = {f"grad {name}": (p.requires_grad, p.grad is None) for name, p in net.named_parameters()}
    return state | flags | hooks | params


def test_many_traces_leave_neither_handles_nor_memory():
    net = hrnet("hrnet_w18_small_v1", num_outputs=3).eval()
    x = torch.randn(1, 3, 32, 32)

    def living():
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    hv.trace(net, x, sites="all", grad=True)
    before = living()
    for _ in range(100):
        hv.trace(net, x, sites="stage4.0.out0", grad=True)
    assert living() <= before
    assert not any(module._forward_hooks or module._backward_hooks for module in net.modules())


def test_two_threads_may_trace_the_same_net(net):
    net = copy.deepcopy(net).train()
    photos = [torch.randn(1, 3, 64, 64) for _ in range(2)]
    expected = [hv.trace(net, photo, sites="logits")["logits"] for photo in photos]
    wrong = []

    def work(k):
        for _ in range(8):
            seen = hv.trace(net, photos[k], sites=["stage3.1.branch0.block0.bn1", "logits"])
            wrong.extend([] if torch.equal(seen["logits"], expected[k]) else [k])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert all(module.training for module in net.modules())
