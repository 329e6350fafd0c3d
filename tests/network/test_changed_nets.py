"""What people do to a net: another classifier, names for its outputs, layers of their own; and what they feed it."""

import numpy as np
import pytest
import torch
from torch import nn

import hrnet_viz as hv

CLASSES = ("tench", "cat", "dog")


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = hv.hrnet("hrnet_w18_small_v1", num_outputs=3).eval()
    net.classes = CLASSES
    return net


@pytest.fixture
def x():
    return torch.randn(1, 3, 64, 64)


CLASSIFIERS = {
    "linear": (lambda: nn.Linear(2048, 5), 5),
    "with dropout": (lambda: nn.Sequential(nn.Dropout(0.2), nn.Linear(2048, 5)), 5),
    "with norm": (lambda: nn.Sequential(nn.BatchNorm1d(2048), nn.Linear(2048, 7)), 7),
    "none": (nn.Identity, 2048),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_another_classifier_is_counted_and_loses_the_old_names(net, x, name):
    hv.trace(net, x)
    make, outputs = CLASSIFIERS[name]
    net.classifier = make().eval()
    assert (net.num_outputs, net.classes, net.plan.sites["logits"].channels) == (outputs, (), outputs)
    assert hv.predict(net, x)[0].top(1)[0][0].startswith("output ")
    assert hv.ablate(net, x, "logits").logits.shape == (1, outputs)
    assert hv.cam(net, x, 3, sites="head.final")["head.final"].shape[0] == 1
    assert hv.sweep(net, x, "stage4.0.out0", target=2).effects


def test_names_stay_where_their_number_fits(net):
    net.classifier = nn.Linear(2048, 3)
    assert net.classes == CLASSES


def test_a_classifier_that_gives_no_vector_is_told(net, x):
    net.classifier = nn.Unflatten(1, (2048, 1, 1))
    with pytest.raises(ValueError, match=r"net.classifier gave shape \(1, 2048, 1, 1\)"):
        hv.predict(net, x)


@pytest.mark.parametrize(
    "names",
    [
        {0: "tench", 1: "cat", 2: "dog"},
        {"cat": 1, "tench": 0, "dog": 2},
        {"1": "cat", "0": "tench", "2": "dog"},
        {np.int64(2): "dog", np.int64(0): "tench", np.int64(1): "cat"},
        np.array(CLASSES),
        list(CLASSES),
    ],
)
def test_names_are_taken_in_the_order_of_the_outputs(net, names):
    net.classes = names
    assert net.classes == CLASSES


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"tench", "cat", "dog"}, "a list of names was expected, one per output and in their order"),
        ("abc", "classes is 'abc'; a list of names was expected"),
        ((name for name in CLASSES), "a list of names was expected"),
        (3, "classes is 3; a list of names was expected"),
        (["a", "b"], "2 classes were given, but the net has 3 outputs"),
        ({1: "a", 2: "b", 3: "c"}, "0 to 2"),
        ({"a": 0, "b": 0, "c": 1}, "0 to 2"),
        (["a", "b", 3], "Classes are names"),
        (["a", "b", ""], "Classes are names"),
    ],
)
def test_what_names_no_output_is_refused(net, names, words):
    with pytest.raises(ValueError, match=words):
        net.classes = names
    assert net.classes == CLASSES


def test_names_that_look_like_numbers_are_names(net):
    net.classes = {"7": 0, "0": 2, "3": 1}
    assert net.classes == ("7", "3", "0")


def test_no_names(net):
    for nothing in ((), None, []):
        net.classes = nothing
        assert net.classes == ()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_a_ready_tensor_of_another_type_is_cast(net, x, dtype):
    torch.testing.assert_close(hv.predict(net, x.to(dtype))[0].logits, hv.predict(net, x)[0].logits, rtol=0.1, atol=0.1)
    for use in (hv.trace, hv.cam):
        assert use(net, x.to(dtype), sites="stem")["stem"].dtype == torch.float32
    hv.sweep(net, x.to(dtype), "stem")


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.full((1, 3, 64, 64), torch.nan), "NaN"),
        (torch.randn(1, 3, 64, 64).to_sparse(), "dense"),
        (torch.empty(1, 3, 64, 64, device="meta"), "meta device"),
    ],
)
@pytest.mark.parametrize("use", [hv.predict, hv.trace, hv.cam])
def test_a_tensor_that_holds_no_picture_is_refused(net, tensor, words, use):
    with pytest.raises(hv.PhotoError, match=words):
        use(net, tensor)


@pytest.mark.parametrize(("scale", "words"), [(1, r"scale 0\.\.1"), (255, r"scale 0\.\.255")])
def test_raw_pixels_as_a_ready_tensor_are_told(net, scale, words):
    with pytest.warns(UserWarning, match=words):
        hv.predict(net, torch.rand(1, 3, 64, 64) * scale)


WRONG_NETS = {
    "parallel": (nn.DataParallel, "its attribute module"),
    "of another package": (nn.Sequential, "load_state_dict"),
    "a state dict": (lambda net: net.state_dict(), "load_state_dict"),
    "a name": (lambda net: "teaching", r"hv.load\('teaching'\)"),
    "a photo": (lambda net: hv.photo("cat"), "makes one"),
    "nothing": (lambda net: None, "makes one"),
}
DOORS = {
    "predict": hv.predict, "trace": hv.trace, "run": hv.run, "cam": hv.cam, "explore": hv.explore, "sweep": hv.sweep,
    "contributions": hv.exchanges.contributions,
    "forecast": hv.interventions.first_order, "sanity": hv.attribution.sanity_check,
    "ablate": lambda net, photo: hv.ablate(net, photo, "stem"),
    "field": lambda net, photo: hv.receptive_fields.theoretical(net, "stem"),
    "head": lambda net, photo: hv.heads.table(net),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("wrong", WRONG_NETS)
def test_what_is_no_net_is_told_with_the_way_out(net, x, wrong, door):
    make, words = WRONG_NETS[wrong]
    with pytest.raises(TypeError, match=rf"takes an? HRNet first, but an? .* was given\. .*{words}"):
        DOORS[door](make(net), x)


def test_figures_tell_what_they_draw(net, x):
    trace = hv.trace(net, x)
    for figure, given, words in (
        (hv.figures.effect_bars, trace, "takes a Sweep first, but a Trace was given"),
        (hv.figures.branch_maps, net, "takes a Trace first, but an HRNet was given"),
        (hv.figures.cam_grid, trace, "takes a Cams first, but a Trace"),
        (hv.figures.cut_effects, [trace], "takes a list of Ablation first, but a Trace"),
        (hv.figures.network_diagram, trace, "takes an HRNet first, but a Trace"),
    ):
        with pytest.raises(TypeError, match=words):
            figure(given)


def test_a_net_can_be_traced_by_torch_and_its_features_taken(net, x):
    from torchvision.models.feature_extraction import create_feature_extractor

    expected = net(x)
    torch.testing.assert_close(torch.fx.symbolic_trace(net)(x), expected)
    nodes = create_feature_extractor(net, {"layer1": "stem", "classifier": "logits"})
    torch.testing.assert_close(nodes(x)["logits"], expected)
