"""hv.load of local files: the same net out as went in, whatever the file looks like, or a sentence and no net."""

import re
import warnings

import pytest
import torch
from safetensors.torch import save_file
from torch.overrides import TorchFunctionMode

from hrnet_viz.network import TASKS, hrnet
from hrnet_viz.network.variants import VARIANTS
from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.weights import reading, sources
from hrnet_viz.weights.fit import BIASES, build_skeleton, measure
from hrnet_viz.weights.loading import load
from hrnet_viz.weights.report import LoadWarning, WeightsError

HEAD_BIASES = BIASES["classification"]


@pytest.fixture
def save(tmp_path, monkeypatch):
    """Pretend that a file holds this; real files are read in test_reading.py, and 44 MB for each test take long."""
    path = tmp_path / "net.pth"

    def save(content):
        path.touch()
        monkeypatch.setattr(
            sources, "read_checkpoint", lambda path, part=None: reading._choose(path, content, {}, part)
        )
        return path

    return save


def same(net, trained, x):
    return torch.equal(net(x), trained(x))


def with_prefix(prefix):
    return lambda state: {prefix + name: value for name, value in state.items()}


@pytest.mark.parametrize(
    "change",
    [
        dict,
        with_prefix("module."),
        with_prefix("model."),
        with_prefix("backbone."),
        with_prefix("module.model."),
        with_prefix("some_wrapper.net."),
        lambda state: {"state_dict": with_prefix("module.")(state)},
        lambda state: {name: value for name, value in state.items() if "num_batches" not in name},
        lambda state: {name: value.double() if value.is_floating_point() else value for name, value in state.items()},
        lambda state: {
            name: value.to(memory_format=torch.channels_last) if value.ndim == 4 else value
            for name, value in state.items()
        },
    ],
    ids=[
        "plain",
        "module",
        "model",
        "backbone",
        "module.model",
        "unknown",
        "wrapped",
        "no counters",
        "fp64",
        "strides",
    ],
)
def test_a_net_comes_back_from_its_own_keys(trained, state, save, x, change):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = load(save(change(state)))
    assert net.variant.name == "hrnet_w18_small_v1"
    assert same(net, trained, x)
    assert not any(module.training for module in net.modules())
    assert {value.dtype for value in net.parameters()} == {torch.float32}
    assert all(parameter.requires_grad and parameter.is_contiguous() for parameter in net.parameters())
    assert not any(value.is_meta for value in net.state_dict().values())
    assert net.load_report.reinitialised == net.load_report.unexpected == ()
    assert str(net.load_report).startswith("hrnet_w18_small_v1: ")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_becomes_float32(state, tmp_path, x, dtype):
    halved = {name: value.to(dtype) if value.is_floating_point() else value for name, value in state.items()}
    save_file(halved, tmp_path / "net.safetensors")
    net = load(tmp_path / "net.safetensors")
    assert torch.equal(net.conv1.weight, halved["conv1.weight"].float())
    assert net(x).isfinite().all()


def rename_to_mmpretrain(name):
    """The published rule, the other way round: what mmpretrain calls a tensor of the official code."""
    for pattern, replacement in (
        (r"incre_modules\.(.*)", r"neck.increase_layers.\1"),
        (r"downsamp_modules\.(\d)\.0\.(.*)", r"neck.downsample_layers.\1.conv.\2"),
        (r"downsamp_modules\.(\d)\.1\.(.*)", r"neck.downsample_layers.\1.bn.\2"),
        (r"final_layer\.0\.(.*)", r"neck.final_layer.conv.\1"),
        (r"final_layer\.1\.(.*)", r"neck.final_layer.bn.\1"),
        (r"classifier\.(.*)", r"head.fc.\1"),
    ):
        if match := re.fullmatch(pattern, name):
            return match.expand(replacement)
    return f"backbone.{name}"


@pytest.mark.parametrize("prefix", ["", "module."])
def test_mmpretrain_keys_with_a_bias_free_head(trained, state, save, x, prefix):
    renamed = {prefix + rename_to_mmpretrain(n): value for n, value in state.items() if n not in HEAD_BIASES}
    net = load(save({"state_dict": renamed, "meta": {"epoch": 100}}))
    with torch.no_grad():
        for name, value in trained.state_dict().items():
            assert torch.equal(net.state_dict()[name], torch.zeros_like(value) if name in HEAD_BIASES else value)
    assert net.load_report.flavour == "mmpretrain"
    assert not net.load_report.tried
    assert set(net.load_report.missing) == set(HEAD_BIASES)


def test_a_bias_free_head_answers_like_one_whose_biases_went_into_the_statistics(trained, state, save, x):
    """The way SSLD heads are made: BatchNorm's mean takes the bias of the convolution before it."""
    for name in HEAD_BIASES:
        bias = state.pop(name)
        mean = re.sub(r"0\.bias$", "1.running_mean", name)
        state[mean] = state[mean] - bias
    torch.testing.assert_close(load(save(state))(x), trained(x), rtol=1e-5, atol=1e-5)


def test_timm_takes_and_gives_the_same_file(trained, state, save, x):
    timm = pytest.importorskip("timm")
    theirs = timm.create_model("hrnet_w18_small", num_classes=5).eval()
    theirs.load_state_dict(state, strict=True)
    torch.testing.assert_close(load(save(theirs.state_dict()))(x), theirs(x), rtol=1e-5, atol=1e-5)


def test_another_number_of_outputs_renews_exactly_the_classifier_and_says_so(state, save):
    path = save(state)
    with pytest.warns(
        LoadWarning, match=r"Its classifier starts at random: classifier.weight, classifier.bias"
    ) as caught:
        net = load(path, num_outputs=7)
    assert caught[0].filename == __file__
    assert net.num_outputs == 7
    assert set(net.load_report.reinitialised) == {"classifier.weight", "classifier.bias"}
    assert net.classifier.weight.std() > 0
    for name, value in net.state_dict().items():
        assert name.startswith("classifier.") or torch.equal(value, state[name])


def test_what_is_missing_and_left_over_is_listed_by_name(state, save):
    state["stage9.weight"] = state.pop("stage3.0.branches.1.0.conv2.weight")
    state["conv2.weight"] = state["conv2.weight"][:, :-1]
    for name in [name for name in state if name.startswith("incre_modules.0") and "num_batches" not in name]:
        del state[name]
    with pytest.raises(WeightsError) as caught:
        load(save(state))
    text = str(caught.value)
    assert "Missing: 21 (stage3.0.branches.1.0.conv2.weight, incre_modules.0" in text
    assert "and 17 more)" in text
    assert "Unexpected: 1 (stage9.weight)" in text
    assert "conv2.weight is (64, 63, 3, 3) instead of (64, 64, 3, 3)" in text
    assert "nothing was loaded" in text
    assert "partial=True" in text


def test_part_of_a_file_is_taken_only_when_asked_for(trained, state, save):
    del state["conv2.weight"]
    state["extra.weight"] = torch.zeros(3)
    path = save(state)
    with pytest.warns(
        LoadWarning, match=r"1 tensors start at random: conv2.weight. 1 tensors of the file were left out"
    ):
        net = load(path, partial=True)
    assert net.load_report.reinitialised == ("conv2.weight",)
    assert net.load_report.unexpected == ("extra.weight",)
    assert net.conv2.weight.std() > 0
    assert torch.equal(net.conv1.weight, trained.conv1.weight)


@pytest.mark.parametrize("lost", HEAD_BIASES[:2])
def test_a_head_without_some_of_its_biases_is_incomplete(state, save, lost):
    del state[lost]
    with pytest.raises(WeightsError, match=f"Missing: 1 .{lost}"):
        load(save(state))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_variant_is_inferred_from_the_shapes(name):
    found = measure(build_skeleton(VARIANTS[name], TASKS["pose"], 3).state_dict())
    assert found is not None
    assert (found.width, found.modules, found.blocks) == (
        VARIANTS[name].width,
        VARIANTS[name].modules,
        VARIANTS[name].blocks,
    )
    assert (found.layer1_blocks, found.layer1_planes) == (VARIANTS[name].layer1_blocks, VARIANTS[name].layer1_planes)


class Listening(TorchFunctionMode):
    """Remember every torch function that is called."""

    def __init__(self):
        super().__init__()
        self.heard = set()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.heard.add(func)
        return func(*args, **(kwargs or {}))


def test_the_skeleton_draws_no_random_number_and_is_a_whole_net():
    before = torch.get_rng_state()
    with Listening() as ear:
        skeleton = build_skeleton(VARIANTS["hrnet_w18_small_v1"], TASKS["classification"], 5)
    assert torch.equal(torch.get_rng_state(), before)
    assert not ear.heard & {torch.Tensor.normal_, torch.Tensor.uniform_}
    drawn = hrnet("hrnet_w18_small_v1", num_outputs=5)
    assert drawn.conv1.weight.std() > 0  # drawing works again afterwards
    assert {n: v.shape for n, v in skeleton.state_dict().items()} == {n: v.shape for n, v in drawn.state_dict().items()}


def test_a_name_that_is_not_the_files_is_refused(state, save):
    with pytest.raises(
        WeightsError, match=r"'hrnet_w32' was asked for, but the shapes .* are those of hrnet_w18_small_v1"
    ):
        load(save(state), name="w32")
    assert load(save(state), name="w18_small").variant.name == "hrnet_w18_small_v1"
    with pytest.raises(WeightsError, match="Did you mean"):
        load(save(state), name="hrnet_w33")


def test_a_net_that_was_never_published_is_told_by_its_numbers(state, save):
    for name in [name for name in state if name.startswith("stage4")]:
        state[name.replace("stage4.0", "stage4.7")] = state[name]
    with pytest.raises(WeightsError, match="width 16 and 1/1/2 modules, as none of the published"):
        load(save(state))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"layer1.0.conv2.weight": torch.zeros(2)}, "is no HRNet"),
        ({"a.layer1.0.conv1.weight": torch.zeros(2), "b.layer1.0.conv1.weight": torch.zeros(2)}, "several nets"),
        ({"layer1.0.conv1.weight": torch.zeros(2)}, "lacks the parts that tell the variant"),
    ],
)
def test_what_is_no_single_hrnet_is_told(save, content, sentence):
    with pytest.raises(WeightsError, match=sentence):
        load(save(content))


def test_the_same_name_twice_is_refused(state, save):
    state["module.conv1.weight"] = state["conv1.weight"]
    with pytest.raises(WeightsError, match=r"Unexpected: 1 .module.conv1.weight"):
        load(save(state))
    doubled = with_prefix("module.")(state) | {"conv1.weight": state["conv1.weight"]}
    with pytest.raises(WeightsError, match="twice"):
        load(save(doubled))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(state, save, value):
    state["conv1.weight"] = torch.full_like(state["conv1.weight"], value)
    with pytest.raises(WeightsError, match=r"NaN or infinite numbers in conv1.weight"):
        load(save(state))


def test_integers_in_place_of_weights_are_refused(state, save):
    state["conv1.weight"] = state["conv1.weight"].to(torch.int8)
    with pytest.raises(WeightsError, match=r"conv1.weight is int8 instead of float32"):
        load(save(state))


def test_training_the_net_leaves_the_file_alone(state, tmp_path, x):
    save_file(state, tmp_path / "net.safetensors")
    before = (tmp_path / "net.safetensors").read_bytes()
    net = load(tmp_path / "net.safetensors")
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    assert (tmp_path / "net.safetensors").read_bytes() == before


def test_classes_and_preparation_are_the_callers_choice(state, save):
    path = save(state)
    assert load(path).classes == ()
    assert load(path).preparation == Preparation(fit="crop")
    net = load(path, classes=["a", "b", "c", "d", "e"], preparation=Preparation(size=96))
    assert net.classes == ("a", "b", "c", "d", "e")
    assert net.preparation.size == (96, 96)
    with pytest.raises(WeightsError, match=r"2 classes were given, but the net has 5 outputs.*num_outputs="):
        load(path, classes=["a", "b"])
    with pytest.raises(WeightsError, match="1000 classes were given, but the net has 5 outputs"):
        load(path, classes="imagenet")
    with pytest.raises(WeightsError, match="expected a list of names"):
        load(path, classes="places")


def test_nonsense_arguments(state, save):
    with pytest.raises(WeightsError, match="a name or a path, but a dict"):
        load(state)
    with pytest.raises(WeightsError, match="at least one output"):
        load(save(state), num_outputs=0)


def test_a_file_with_the_name_of_published_weights_is_meant_by_its_path(state, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save(state, "hrnet_w18")
    assert load("./hrnet_w18").num_outputs == 5
