"""``ablate`` gives what a whole forward pass of an independently edited copy of the net gives, and harms nothing."""

import copy
import gc

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hrnet_viz as hv
from hrnet_viz import ablate
from hrnet_viz.interventions.edits import standard_noise
from tests.nets.by_hand import edited_logits, tensor_at
from tests.nets.trained_like import CLASSES, photos, trained_like

SIZES = st.sampled_from((32, 45, 64, 96))
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
quickly = settings(
    max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def by_formula(value, how, channels, *, donor, reference, name, seed):
    """What an edit is, written down again."""
    over = (0, *range(2, value.dim()))
    keep_channels = [1, -1, *[1] * (value.dim() - 2)]
    changed = {
        "zero": lambda: value * 0,
        "mean": lambda: reference.mean(over).view(keep_channels).expand_as(value),
        "noise": lambda: (
            standard_noise(name, seed, value) * reference.std(over, correction=0).view(keep_channels)
            + reference.mean(over).view(keep_channels)
        ).expand_as(value),
        "patch": lambda: donor,
    }.get(how, lambda: value * how)()
    result = value.clone()
    for channel in range(value.shape[1]) if channels is None else channels:
        result[:, channel] = changed[:, channel]
    return result


@st.composite
def edits(draw, net):
    """One to three different sites, inner ones among them, each whole or a few channels of it, and how."""
    names = list(net.plan.sites)
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    sites, hows = {}, {}
    for name in chosen:
        channels = net.plan.sites[name].channels
        some = st.lists(st.integers(0, channels - 1), min_size=1, max_size=4)
        sites[name] = draw(st.none() | some)
        hows[name] = draw(st.sampled_from(("zero", "mean", "noise", "patch", 0.5, -2.0)))
    return sites, hows


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("variant", ["hrnet_w18_small_v1", "hrnet_w18_small_v2"])
@quickly
@given(data=st.data())
def test_equals_a_forward_of_an_independently_edited_net(variant, dtype, data):
    net = trained_like(variant, dtype)
    height, width = data.draw(SIZES), data.draw(SIZES)
    x, given_by, seen = (photos(n, height, width, dtype=dtype, seed=seed) for n, seed in ((2, 1), (2, 2), (3, 3)))
    sites, hows = data.draw(edits(net))
    order = sorted(sites, key=list(net.plan.sites).index)

    made = {"mean": hv.Mean(seen), "noise": hv.Noise(4, seen), "patch": hv.Patch(given_by)}
    asked = [name if some is None else f"{name}[{','.join(map(str, some))}]" for name, some in sites.items()]
    fast = ablate(net, hv.trace(net, x), asked, {name: made.get(how, how) for name, how in hows.items()})

    by_hand = []
    for name in order:
        site = net.plan.sites[name]
        donor = tensor_at(net, given_by, site)
        reference = tensor_at(net, seen, site)
        by_hand.append(
            (
                site,
                lambda value, n=name, d=donor, r=reference: by_formula(
                    value, hows[n], sites[n], donor=d, reference=r, name=n, seed=4
                ),
            )
        )
    slow = edited_logits(net, x, by_hand)
    difference = (fast.logits - slow).abs().max()
    assert difference <= TOLERANCE[dtype] * (slow.abs().max() if dtype == torch.float32 else 1)


def test_zeroing_a_path_equals_zeroing_its_last_batch_norm():
    net = trained_like("hrnet_w18_small_v2", torch.float64)
    x = photos(1, 64, 96, dtype=torch.float64)
    base = hv.trace(net, x)
    for i, j in ((0, 1), (0, 3), (2, 0), (3, 2)):
        changed = copy.deepcopy(net)
        norm = [m for m in changed.stage4[0].fuse_layers[i][j].modules() if isinstance(m, torch.nn.BatchNorm2d)][-1]
        with torch.no_grad():
            norm.weight.zero_()
            norm.bias.zero_()
            slow = changed(x)
        assert (ablate(net, base, f"stage4.0.fuse{i}<-{j}").logits - slow).abs().max() <= 1e-10


def test_own_mean_and_own_noise_do_not_depend_on_the_other_photos():
    net = trained_like()
    x = photos(3)
    for how in ("mean", "noise"):
        together = ablate(net, x, "stage3.0.branch1", how, keep="stage3.0.branch1")
        alone = ablate(net, x[1:2], "stage3.0.branch1", how, keep="stage3.0.branch1")
        assert torch.allclose(together["stage3.0.branch1"][1:2], alone["stage3.0.branch1"], rtol=1e-4, atol=1e-5)
    value = hv.trace(net, x)["stage3.0.branch1"]
    mean = ablate(net, x, "stage3.0.branch1", "mean", keep="stage3.0.branch1")["stage3.0.branch1"]
    assert torch.allclose(mean, value.mean((2, 3), keepdim=True).expand_as(value), atol=1e-5)


def test_noise_is_the_same_for_the_same_seed_and_leaves_the_random_state_alone():
    net = trained_like()
    base = hv.trace(net, photos())
    state = torch.random.get_rng_state()
    one, again, other = (ablate(net, base, "stage2.0.out0", hv.Noise(seed)).logits for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.allclose(one, other)
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_later_edit_sees_what_an_earlier_one_left():
    net = trained_like()
    base = hv.trace(net, photos())
    both = ablate(
        net,
        base,
        ["stage3.0.sum0", "stage3.0.out0"],
        {"stage3.0.sum0": -1.0, "stage3.0.out0": 2.0},
        keep="stage3.0.out0",
    )
    assert torch.equal(both["stage3.0.out0"], 2 * (-base["stage3.0.sum0"]).relu())


def test_tells_what_changed():
    net = copy.deepcopy(trained_like())
    net.classes = tuple("abcdefg")
    base = hv.trace(net, photos(2))
    result = ablate(net, base, "logits[3]", -100.0, target="d")
    assert result.words == ("d", "d")
    assert result.targets == (3, 3)
    assert torch.equal(result.effect, result.logits[:, 3] - base["logits"][:, 3])
    order = base["logits"].argsort(1, descending=True).tolist()
    assert result.base_rank == tuple(row.index(3) + 1 for row in order)
    assert torch.allclose(result.probabilities.sum(1), torch.ones(2))
    assert torch.equal(result.base_probabilities, base["logits"].softmax(1))


def test_the_score_stays_that_of_the_class_that_was_at_the_top_before():
    net = trained_like()
    base = hv.trace(net, photos(2))
    top = base["logits"].argmax(1)
    result = ablate(net, base, "logits", -1.0)
    assert result.targets == tuple(top.tolist())
    assert result.rank == (CLASSES, CLASSES)
    assert torch.equal(result.score, -base["logits"].gather(1, top[:, None])[:, 0])
    rather = ablate(net, base, "logits", -1.0, target=(None, 2))
    assert torch.allclose(rather.effect, -2 * (base["logits"].gather(1, top[:, None])[:, 0] - base["logits"][:, 2]))


def test_keeps_all_that_the_edit_reaches_on_request():
    net = trained_like()
    base = hv.trace(net, photos())
    result = ablate(net, base, "stage4.0.branch1.block0.sum", keep="downstream")
    assert "stage4.0.branch1" in result
    assert set(result) == {"stage4.0.branch1.block0.sum", "stage4.0.branch1"} | net.plan.downstream(
        ["stage4.0.branch1"]
    )
    assert result.change("stage4.0.sum2").abs().max() > 0
    with pytest.raises(hv.SiteError, match="was not kept"):
        result["stage3.0.out0"]


def test_a_photo_and_its_trace_and_a_trace_stored_small_give_the_same():
    net = trained_like()
    x = photos(1, 64, 64)
    site = "stage4.0.fuse0<-2"
    whole = ablate(net, hv.trace(net, x), site).logits
    assert torch.equal(ablate(net, x, site).logits, whole)
    assert torch.equal(ablate(net, hv.trace(net, x, store_dtype=torch.float16), site).logits, whole)
    assert torch.equal(ablate(net, hv.trace(net, x, sites=["stem"]), site).logits, whole)


def test_gradients_flow_through_the_edit_on_request():
    net = trained_like(dtype=torch.float64)
    base = hv.trace(net, photos(dtype=torch.float64), grad=True)
    result = ablate(net, base, "stage4.0.branch0", 0.25, grad=True, target=1)
    (through,) = torch.autograd.grad(result.score.sum(), base["stage4.0.branch0"], retain_graph=True)
    (of_input,) = torch.autograd.grad(result.score.sum(), base.input)
    changed = copy.deepcopy(net)
    kept = []
    changed.stage4[0].branches[0].register_forward_hook(lambda _, __, out: kept.append(out) or out * 0.25)
    x = base.input.detach().clone().requires_grad_()
    score = changed(x)[:, 1].sum()
    expected = torch.autograd.grad(score, [kept[0], x])
    assert torch.allclose(through, expected[0], atol=1e-10)
    assert torch.allclose(of_input, expected[1], atol=1e-10)
    assert not ablate(net, base, "stage4.0.branch0", 0.25).logits.requires_grad


def test_the_net_and_the_trace_stay_as_they_were_also_when_it_raises():
    net = copy.deepcopy(trained_like()).train()
    net.stage2.eval()
    handle = net.stage3[0].branches[0].register_forward_hook(lambda *_: None)
    flags = [module.training for module in net.modules()]
    state = copy.deepcopy(net.state_dict())
    base = hv.trace(net, photos())
    tensors = {name: value.clone() for name, value in base.items()}
    hooks = sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules())

    def fail(_):
        raise RuntimeError("a target of the user's own")

    ablate(net, base, "stage2.0.out0", keep="all")
    with pytest.raises(RuntimeError, match="own"):
        ablate(net, base, "stage2.0.out0", target=fail)
    with pytest.raises(ValueError, match="edit="):
        ablate(net, base, "stage2.0.out0", "nothing")
    gc.collect()
    assert flags == [module.training for module in net.modules()]
    assert hooks == sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules())
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in state.items())
    assert all(torch.equal(value, base[name]) for name, value in tensors.items())
    handle.remove()


@pytest.mark.parametrize(
    ("sites", "options", "sentence"),
    [
        ("stage9", {}, "has no site 'stage9'"),
        ("stage4.1.branch0", {}, "does not have it"),
        ([], {}, "No site was given"),
        ("stage1[128]", {}, "has 128 channels, 0 to 127; channel 128 was"),
        ("stage1[]", {}, "can't be read"),
        (("stage1", [1]), {}, "length 1 was given as a site"),
        ("stage1", {"edit": "remove"}, "edit='remove' was given"),
        ("stage1", {"edit": "patch"}, r"hv\.Patch\(donor\)"),
        ("stage1", {"edit": torch.zeros(3)}, r"edit=something of type Tensor and shape \(3,\) was given"),
        (None, {}, "None was given as a site"),
        (trained_like().stage4, {}, "something of type HighResolutionModule was given as a site"),
        ("stage1", {"edit": float("nan")}, "finite factor"),
        ("stage1", {"edit": {"stem": "zero"}}, "does not say how"),
        ("stage1", {"edit": hv.Patch(photos(1, 96, 64))}, r"shape \(1, 128, 24, 16\), but here it has shape"),
        ("stage1", {"edit": hv.Patch(photos(3))}, "as many as are edited"),
        ("head.pool", {"edit": "mean"}, r"hv.Mean\(of=photos\)"),
        ("stage1", {"target": 99}, "no class 99"),
        ("stage1", {"target": [1, 2, 3]}, "3 targets were given for 1 photos"),
    ],
)
def test_says_in_a_sentence_what_is_wrong(sites, options, sentence):
    net = trained_like()
    with pytest.raises(ValueError, match=sentence):
        ablate(net, photos(), sites, **options)


def test_sites_may_be_given_in_many_ways():
    net = trained_like()
    base = hv.trace(net, photos())

    def places(sites):
        return [str(change.place) for change in ablate(net, base, sites).changes]

    assert places("stage4.0.fuse0<-*") == [f"stage4.0.fuse0<-{j}" for j in range(4)]
    assert places(("stage4.0.out0", "stage3.0.out0")) == ["stage3.0.out0", "stage4.0.out0"]
    assert places("stage3.0.out0[5,3,4,0]") == ["stage3.0.out0[0,3-5]"]
    assert places(["stage3.0.out0[2]", net.plan.sites["stem"]]) == ["stem", "stage3.0.out0[2]"]
    assert places("stage2.0") == ["stage2.0.fuse0<-1", "stage2.0.fuse1<-0"]
    assert places("incre_modules.0") == ["head.incre0"]
