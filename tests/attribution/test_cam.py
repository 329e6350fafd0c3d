"""``hv.cam``: one pass, honest ranges, sentences, and a net that is afterwards what it was."""

import copy
import threading

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz import targets
from hrnet_viz.attribution.cam import cam
from hrnet_viz.attribution.cams import join
from hrnet_viz.attribution.methods import METHODS
from hrnet_viz.sites import SiteError
from tests.nets.trained_like import photos, trained_like

X = photos(2)
SITES = ("stem", "stage3.0.branch1", "stage4.0.fuse0<-3", "stage4.0.sum2", "head.final")


@pytest.fixture
def net():
    return copy.deepcopy(trained_like())


def same(one, other, **near):
    assert list(one) == list(other)
    for site in one:
        torch.testing.assert_close(one[site], other[site], **near)


# ---- what comes back ------------------------------------------------------------------------------------------------


def test_every_landmark_with_a_spatial_extent_has_a_raw_signed_map(net):
    cams = cam(net, X, 3)
    spatial = [site.name for site in net.sites() if site.stride is not None]
    assert list(cams) == spatial
    assert "head.pool" not in cams
    for site in cams.sites:
        assert cams[site].shape == (2, -(-64 // site.stride), -(-64 // site.stride))
        assert cams[site].dtype == torch.float32
    assert any((single < 0).any() for single in cams.values())
    assert cams.targets == ("output 3", "output 3")
    assert cams.indices == (3, 3)
    torch.testing.assert_close(cams.scores, net(X)[:, 3].detach())


def test_three_methods_cost_one_forward_and_one_backward(net, monkeypatch):
    backward, forward = [], []
    real = torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *a, **k: backward.append(1) or real(*a, **k))
    net.conv1.register_forward_hook(lambda *_: forward.append(1))
    several = cam(net, X, 3, method=["gradcam", "layercam", "hirescam"])
    assert (len(forward), len(backward)) == (1, 1)
    assert list(several) == ["gradcam", "layercam", "hirescam"]
    same(several["layercam"], cam(net, X, 3, method="layercam"))


def test_top_class_is_taken_for_each_photo_by_itself(net):
    net, x = net.double(), X.double()
    cams = cam(net, x, sites=SITES)
    assert cams.indices == tuple(net(x).argmax(1).tolist())
    for n in range(2):
        same(cams.photo(n), cam(net, x[n : n + 1], sites=SITES), rtol=1e-9, atol=1e-12)


def test_batches_and_targets_per_photo_are_those_of_single_photos(net):
    net, x = net.double(), X.double()
    cams = cam(net, x, [2, (4, 5)], sites=SITES, method="hirescam")
    same(cams.photo(0), cam(net, x[:1], 2, sites=SITES, method="hirescam"), rtol=1e-9, atol=1e-12)
    same(cams.photo(1), cam(net, x[1:], (4, 5), sites=SITES, method="hirescam"), rtol=1e-9, atol=1e-12)


def test_in_batches_is_the_same_as_at_once(net):
    net, x = net.double(), photos(5).double()
    at_once = cam(net, x, [0, 1, 2, 3, 4], sites=SITES)
    bit_by_bit = cam(net, x, [0, 1, 2, 3, 4], sites=SITES, batch=2)
    same(bit_by_bit, at_once, rtol=1e-9, atol=1e-12)
    assert bit_by_bit.targets == at_once.targets
    with pytest.raises(ValueError, match="4 targets were given for 5 photos"):
        cam(net, x, [0, 1, 2, 3], batch=2)
    with pytest.raises(ValueError, match="batch=0 was given; a whole number from 1 on"):
        cam(net, x, batch=0)
    with pytest.raises(hv.PhotoError, match="No photo"):
        cam(net, [], batch=2)
    with pytest.raises(ValueError, match="one method, the same sites"):
        join([at_once, cam(net, x, 0, sites=SITES, method="layercam")])


def test_sites_by_pattern_alias_and_inner_address(net):
    assert len(cam(net, X, 0, sites="stage4.*.branch?")) == 4
    cams = cam(net, X, 0, sites=["stage3.0.branches.1", "stage4.0.branch0.block1.bn2"])
    assert list(cams) == ["stage3.0.branch1", "stage4.0.branch0.block1.bn2"]
    assert "stage3.0.branches.1" in cams
    assert torch.equal(cams["stage3.0.branches.1"], cams["stage3.0.branch1"])
    with pytest.raises(SiteError, match="no map was asked for there"):
        cams["stem"]
    with pytest.raises(SiteError, match=r"stage3\.0"):
        cam(net, X, 0, sites="stage3.7.branch1")


def test_relu_is_a_choice(net):
    raw, positive = cam(net, X, 1, sites=SITES), cam(net, X, 1, sites=SITES, relu=True)
    assert any((single < 0).any() for single in raw.values())
    assert not any((single < 0).any() for single in positive.values())
    same(raw.rectified(), positive)
    assert (raw.relu, positive.relu, raw.rectified().relu) == (False, True, True)


def test_a_spatial_target_explains_only_what_comes_before_it(net):
    wish = targets.place("stage3.0.out1", 2, 3, channel=4)
    cams = cam(net, X, wish)
    assert "stage3.0.branch2" in cams
    assert "stage3.0.out0" not in cams
    assert "stage4.0.branch0" not in cams
    with pytest.raises(
        ValueError, match=r"does not depend on 'stage4.0.branch0', so there is no gradient. Ask for sites"
    ):
        cam(net, X, wish, sites=["stage3.0.branch1", "stage4.0.branch0"])


def test_photos_come_with_pictures_and_names():
    net = copy.deepcopy(trained_like())
    net.preparation = hv.Preparation(size=(64, 96))
    cams = cam(net, hv.photo("cat"), 0, sites="stage4.*.branch0")
    assert cams.photos[0].name == "cat"
    assert cams.pictures[0].pixels.shape == (64, 96, 3)
    again = cam(net, hv.prepare(net, hv.photo("cat")), 0, sites="stage4.*.branch0")
    assert (again.pictures[0].pixels == cams.pictures[0].pixels).all()  # undone from the tensor


@pytest.mark.parametrize("index", [2, -1, 1.5, True, "0"])
def test_a_photo_that_there_is_not(net, index):
    cams = cam(net, X, 3, sites="stem")
    for ask in (cams.photo, lambda index: cams.note("stem", index)):
        with pytest.raises(IndexError, match=r"index=.* was asked for, but there are photos 0 to 1\."):
            ask(index)


def test_progress_is_shown_if_asked_for_whatever_the_batch(net, capsys):
    for options in ({"progress": True}, {"progress": True, "batch": 1}):
        same(cam(net, X, 3, sites="head.final", **options), cam(net, X, 3, sites="head.final"), rtol=1e-4, atol=1e-6)
        assert "maps" in capsys.readouterr().err


def test_results_are_frozen_and_say_what_they_are(net):
    cams = cam(net, X, 3, sites=SITES)
    assert repr(cams) == "Cams(Grad-CAM, 2 photos, target: output 3, 5 sites of hrnet_w18_small_v1)"
    with pytest.raises(AttributeError):
        cams.method = "layercam"
    with pytest.raises(TypeError):
        cams.maps["stem"] = torch.zeros(1)
    for site, single in cams.items():
        for n, (low, high) in enumerate(cams.ranges[site]):
            assert (low, high) == (float(single[n].min()), float(single[n].max()))


# ---- scale ----------------------------------------------------------------------------------------------------------


def test_hirescam_per_area_means_the_same_at_every_resolution(net):
    cams = cam(net, X, 3, method="hirescam")
    shared = cams.per_area()
    assert shared.unit == "score per photo area"
    for site, single in shared.items():
        torch.testing.assert_close(single.mean((1, 2)), cams[site].sum((1, 2)))
        torch.testing.assert_close(shared.totals()[site], cams.totals()[site])
    final = net.classifier.weight[3] @ net.pool(net.final_layer(net.merge(net.streams(X)))).T
    torch.testing.assert_close(shared["head.final"].mean((1, 2)), final.detach())
    assert shared.per_area() is shared


@pytest.mark.parametrize("name", [name for name in METHODS if name != "hirescam"])
def test_other_methods_have_no_shared_scale_and_say_why(net, name):
    cams = cam(net, X, 3, method=name, sites="head.final")
    with pytest.raises(ValueError, match=r"values of different sites have no common unit.*method='hirescam' only"):
        cams.per_area()


# ---- what a map that says nothing says -------------------------------------------------------------------------------


def test_no_positive_evidence_is_told_in_words(net):
    with torch.no_grad():
        net.classifier.weight[3] = -0.1
    cams = cam(net, X, 3, sites=["head.final", "stem"])
    low, high = cams.ranges["head.final"][0]
    assert high <= 0
    assert cams.note("head.final") == (
        f"Nothing at head.final speaks for 'output 3': its values go from {low:.3g} to {high:.3g}."
    )
    assert cams.photo(1).note("head.final")


def test_a_constant_activation_and_what_it_cuts_off_are_told_in_words(net):
    with torch.no_grad():
        net.final_layer[1].weight.zero_()
        net.final_layer[1].bias.fill_(1.0)
    cams = cam(net, X, 3, sites=["stage4.0.branch0", "head.final"])
    assert (
        cams.note("head.final")
        == "The activation at head.final is the same at every cell, so there is nothing to locate."
    )
    assert cams.note("stage4.0.branch0").startswith(
        "'output 3' does not depend on stage4.0.branch0 here: its gradient is"
    )
    assert not cams["stage4.0.branch0"].any()


def test_maps_that_say_something_have_no_note(net):
    cams = cam(net, X, 3)
    for site, single in cams.items():
        for n in range(2):
            assert bool(cams.note(site, n)) == (float(single[n].max()) <= 0)


# ---- what cannot be done is a sentence -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"target": "cat"}, "asked for by name, but the outputs of this net have no names"),
        ({"target": 99}, "There is no class 99: the net has 7, 0 to 6"),
        ({"method": "gradcamm"}, "There is no method 'gradcamm'"),
        ({"method": []}, "No method was given"),
        ({"sites": "head.pool"}, "'head.pool' has no spatial extent, so it has no map"),
        ({"sites": ["stem", "logits"]}, "'logits' has no spatial extent"),
        ({"method": "cam", "sites": "stem"}, "is defined at 'head.final' alone"),
        ({"target": lambda logits: torch.zeros(len(logits))}, r"does not depend on 'stem' and .* computed without any"),
        ({"target": lambda logits: logits.detach()[:, 0]}, "or detached"),
        ({"target": lambda logits: logits[:, 0] * float("nan")}, "or its gradient at .* is NaN or infinite"),
        ({"photos": X.masked_fill(X > 2, float("nan"))}, "with NaN or infinity in it"),
        ({"photos": X[:, :, :20]}, "at least 32 px"),
    ],
)
def test_refusals(net, arguments, sentence):
    given = {"photos": X, "target": None} | arguments
    with pytest.raises(ValueError, match=sentence):
        cam(net, **given)


def test_nan_in_the_weights_is_told_with_the_first_site_that_has_it(net):
    with torch.no_grad():
        net.stage3[0].branches[1][0].bn1.weight[0] = float("nan")
    with pytest.raises(
        ValueError, match=r"The activation at 'stage3.0.branch1' holds NaN .* Check the photo and the weights"
    ):
        cam(net, X, 3)


def test_overflow_in_half_precision_says_what_to_use(net):
    with torch.no_grad():
        net.stage3[0].branches[1][0].bn1.weight.fill_(1e5)
    with pytest.raises(ValueError, match="Half precision overflows: use float32 or bfloat16"):
        cam(net.half(), X.half(), 3)


# ---- the net is afterwards what it was -------------------------------------------------------------------------------


def test_gradients_flags_hooks_statistics_and_random_state_stay(net):
    net.train()
    net.stage3.eval()
    net.conv1.weight.requires_grad_(False)
    net.conv2.weight.grad = torch.full_like(net.conv2.weight, 7.0)
    calls, disturbed = [], []
    net.stage4[0].branches[0].register_forward_hook(lambda *_: calls.append(1))
    for parameter in net.parameters():
        if parameter.requires_grad:
            parameter.register_hook(disturbed.append)  # fires if autograd computes any of them
    before = {
        "state": {key: value.clone() for key, value in net.state_dict().items()},
        "training": [module.training for module in net.modules()],
        "wanted": [parameter.requires_grad for parameter in net.parameters()],
        "hooks": [(len(m._forward_hooks), len(m._backward_hooks), len(m._forward_pre_hooks)) for m in net.modules()],
        "random": torch.get_rng_state(),
    }
    cam(net, X, 3, method=["gradcam", "hirescam"])
    assert not disturbed
    assert calls == [1]
    assert torch.equal(net.conv2.weight.grad, torch.full_like(net.conv2.weight, 7.0))
    assert all(p.grad is None for p in net.parameters() if p is not net.conv2.weight)
    assert all(torch.equal(value, before["state"][key]) for key, value in net.state_dict().items())
    assert [module.training for module in net.modules()] == before["training"]
    assert [parameter.requires_grad for parameter in net.parameters()] == before["wanted"]
    hooks = [(len(m._forward_hooks), len(m._backward_hooks), len(m._forward_pre_hooks)) for m in net.modules()]
    assert hooks == before["hooks"]
    assert torch.equal(torch.get_rng_state(), before["random"])


def test_everything_is_restored_when_it_raises(net):
    net.train()
    with pytest.raises(ZeroDivisionError):
        cam(net, X, lambda logits: logits[:, 0] / (1 // 0))
    assert all(module.training for module in net.modules())


def test_the_photo_tensor_of_the_user_gets_no_gradient(net):
    x = X.clone().requires_grad_()
    cams = cam(net, x, 3, sites=SITES)
    assert x.grad is None
    assert not cams.input.requires_grad
    assert not any(single.requires_grad for single in cams.values())


def test_frozen_parameters_and_every_mode_of_the_caller_give_the_same_maps(net):
    expected = cam(net, X, 3, sites=SITES)
    frozen = copy.deepcopy(net).requires_grad_(False)
    same(cam(frozen, X, 3, sites=SITES), expected)
    with torch.no_grad():
        same(cam(net, X, 3, sites=SITES), expected)
    with torch.inference_mode():
        same(cam(net, X.clone(), 3, sites=SITES), expected)
        born_here = copy.deepcopy(net)
        assert born_here.conv1.weight.is_inference()
        same(cam(born_here, X.clone(), 3, sites=SITES), expected)


@pytest.mark.parametrize(("dtype", "least"), [(torch.bfloat16, 0.75), (torch.float16, 0.95), (torch.float64, 0.9999)])
def test_other_precisions_give_nearly_the_same_maps(net, dtype, least):
    full = cam(net, X, 3, sites=SITES[1:], method="hirescam")
    other = cam(copy.deepcopy(net).to(dtype), X.to(dtype), 3, sites=SITES[1:], method="hirescam")
    for site in full:
        assert other[site].dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        pair = torch.stack([full[site].flatten().double(), other[site].flatten().double()])
        assert torch.corrcoef(pair)[0, 1] > least, site


def test_under_autocast_maps_are_still_summed_in_float32(net):
    with torch.autocast("cpu", torch.bfloat16):
        cams = cam(net, X, 3, sites=SITES, method=["gradcam", "hirescam"])
    assert {single.dtype for one in cams.values() for single in one.values()} == {torch.float32}


def test_small_gradients_survive_half_precision(net):
    """Without a factor on the way they would be zero: float16 ends at 6e-8."""
    half, x = net.half(), X.half()
    plain = cam(half, x, lambda logits: logits[:, 3], sites=SITES, method="hirescam")
    small = cam(half, x, lambda logits: logits[:, 3] * 1e-4, sites=SITES, method="hirescam")
    for site in SITES:
        assert float((plain[site] * 1e-4 - small[site]).norm() / (plain[site] * 1e-4).norm()) < 0.02


def test_two_threads_get_their_own_maps(net):
    expected = [cam(net, X, c, sites=SITES) for c in range(4)]
    found = [None] * 4

    def work(c):
        found[c] = cam(net, X, c, sites=SITES)

    threads = [threading.Thread(target=work, args=(c,)) for c in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(found, expected, strict=True):
        same(one, other)
