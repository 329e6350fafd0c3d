"""Every code base's files, from names written down anew after the facts: the same outputs to the bit, or a sentence."""

import re
from dataclasses import replace

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.network import TASKS, VARIANTS, build
from hrnet_viz.weights import reading, sources

BODY = ("conv1.", "conv2.", "bn1.", "bn2.", "layer1.", "transition", "stage")
OUTPUTS = {"classification": 5, "pose": 17, "segmentation": 19, "landmarks": 68, "pyramid": None, "ocr": 19}


def answers(net, x):
    found = net(x)
    return found if isinstance(found, list) else [found]


def make(head, changed=(), **settings):
    """A net whose numbers look like a trained one's; ``changed`` names become 0."""
    torch.manual_seed(3)
    net = build(VARIANTS["hrnet_w18_small_v1"], replace(TASKS[head], **settings), OUTPUTS[head])
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name.endswith("running_var"):
                value.mul_(1.5)
            elif value.is_floating_point() and value.ndim == 1:
                value.add_(0.1 * torch.randn_like(value))
            if name in changed:
                value.zero_()
    return net.eval()


@pytest.fixture
def save(tmp_path, monkeypatch):
    """Pretend that a file holds this; real ones are read in other files, and take long."""

    def save(content):
        (tmp_path / "net.pth").touch()
        monkeypatch.setattr(
            sources, "read_checkpoint", lambda path, part=None: reading._choose(path, content, {}, part)
        )
        return tmp_path / "net.pth"

    return save


def mm(beside):
    """Rename as mm* code bases do: the body under ``backbone.``, and a head by a table of plain beginnings."""

    def rename(name):
        if name.startswith(BODY):
            return f"backbone.{name}"
        start = max((one for one in beside if name.startswith(one)), key=len)
        return beside[start] + name.removeprefix(start)

    return rename


FCN = {"0.": "convs.0.conv.", "1.": "convs.0.bn.", "3.": "conv_seg."}
BLOCK = "ocr_distri_head.object_context_block."
THEIRS = "decode_head.1.object_context_block."
MMSEG_OCR = {f"aux_head.{ours}": f"decode_head.0.{theirs}" for ours, theirs in FCN.items()} | {
    "conv3x3_ocr.0.": "decode_head.1.bottleneck.conv.",
    "conv3x3_ocr.1.": "decode_head.1.bottleneck.bn.",
    f"{BLOCK}f_pixel.0.": f"{THEIRS}query_project.0.conv.",
    f"{BLOCK}f_pixel.1.0.": f"{THEIRS}query_project.0.bn.",
    f"{BLOCK}f_pixel.2.": f"{THEIRS}query_project.1.conv.",
    f"{BLOCK}f_pixel.3.0.": f"{THEIRS}query_project.1.bn.",
    f"{BLOCK}f_object.0.": f"{THEIRS}key_project.0.conv.",
    f"{BLOCK}f_object.1.0.": f"{THEIRS}key_project.0.bn.",
    f"{BLOCK}f_object.2.": f"{THEIRS}key_project.1.conv.",
    f"{BLOCK}f_object.3.0.": f"{THEIRS}key_project.1.bn.",
    f"{BLOCK}f_down.0.": f"{THEIRS}value_project.conv.",
    f"{BLOCK}f_down.1.0.": f"{THEIRS}value_project.bn.",
    f"{BLOCK}f_up.0.": f"{THEIRS}out_project.conv.",
    f"{BLOCK}f_up.1.0.": f"{THEIRS}out_project.bn.",
    "ocr_distri_head.conv_bn_dropout.0.": f"{THEIRS}bottleneck.conv.",
    "ocr_distri_head.conv_bn_dropout.1.0.": f"{THEIRS}bottleneck.bn.",
    "cls_head.": "decode_head.1.conv_seg.",
}
MMPRETRAIN = {
    "incre_modules.": "neck.increase_layers.",
    **{f"downsamp_modules.{i}.0.": f"neck.downsample_layers.{i}.conv." for i in range(3)},
    **{f"downsamp_modules.{i}.1.": f"neck.downsample_layers.{i}.bn." for i in range(3)},
    "final_layer.0.": "neck.final_layer.conv.",
    "final_layer.1.": "neck.final_layer.bn.",
    "classifier.": "head.fc.",
}
NECK = {f"neck.fpn_conv.{i}.": f"neck.fpn_convs.{i}.conv." for i in range(5)}
JOINED = {"neck.reduction_conv.0.": "neck.reduction_conv.conv."}
CLS_BIASES = (
    "downsamp_modules.0.0.bias",
    "downsamp_modules.1.0.bias",
    "downsamp_modules.2.0.bias",
    "final_layer.0.bias",
)


def same(name):
    return name


def full_model(name):
    return f"model.{name}"


# flavour as it is called -> head, how names become theirs, biases that they leave out, what differs from the task,
# how many keys stand beside the body (facts 4.1; a bias less where it is left out)
FLAVOURS = {
    "official or timm": ("classification", same, (), {}, 126),
    "official or timm, no biases": ("classification", same, CLS_BIASES, {}, 122),
    "mmpretrain": ("classification", mm(MMPRETRAIN), CLS_BIASES, {}, 122),
    "official pose": ("pose", same, (), {}, 2),
    "mmpose": ("pose", mm({"final_layer.": "head.final_layer."}), (), {}, 2),
    "mmpose, 0.x": ("pose", mm({"final_layer.": "keypoint_head.final_layer."}), (), {}, 2),
    "official segmentation": ("segmentation", full_model, (), {}, 9),
    "official segmentation, no biases": ("segmentation", same, ("last_layer.0.bias",), {}, 8),
    "mmsegmentation": (
        "segmentation",
        mm({f"last_layer.{ours}": f"decode_head.{theirs}" for ours, theirs in FCN.items()}),
        ("last_layer.0.bias",),
        {},
        8,
    ),
    "official OCR": ("ocr", full_model, (), {}, 60),
    "mmsegmentation OCR": (
        "ocr",
        mm(MMSEG_OCR),
        ("conv3x3_ocr.0.bias", "aux_head.0.bias"),
        {"align_corners": False},
        58,
    ),
    "official face landmarks": ("landmarks", same, (), {}, 9),
    "mmpose face": (
        "landmarks",
        mm({"head.0.": "head.conv_layers.0.", "head.1.": "head.conv_layers.1.", "head.3.": "head.final_layer."}),
        (),
        {},
        9,
    ),
    "mmpose face, 0.x": ("landmarks", mm({"head.": "keypoint_head.final_layer."}), (), {}, 9),
    "detection": ("pyramid", mm({"neck.": "neck."}), (), {}, 12),
    "detection, mmdet": ("pyramid", mm(NECK | JOINED), (), {}, 12),
    "detection, old mmdet": ("pyramid", mm({"neck.fpn_conv.": "neck.fpn_conv."} | JOINED), (), {}, 12),
}


@pytest.mark.parametrize("kind", FLAVOURS)
@pytest.mark.parametrize("prefix", ["", "_orig_mod.module."])
def test_the_same_outputs_as_under_our_names_to_the_bit(kind, prefix, save, x):
    head, rename, bare, settings, beside = FLAVOURS[kind]
    net = make(head, bare, **settings)
    theirs = {prefix + rename(name): value for name, value in net.state_dict().items() if name not in bare}
    assert (
        len(
            [
                name
                for name in theirs
                if not name.removeprefix(prefix)
                .removeprefix("model.")
                .startswith((*BODY, *(f"backbone.{one}" for one in BODY)))
            ]
        )
        == beside
    )
    loaded = hv.load(save({"state_dict": theirs, "epoch": 3}))
    assert all(map(torch.equal, answers(loaded, x), answers(net, x)))
    assert loaded.task == net.task
    report = loaded.load_report
    assert (report.flavour, report.task) == (kind.partition(",")[0], head)
    assert (set(report.missing), report.reinitialised, report.unexpected, report.left_out) == ({*bare}, (), (), ())
    told = hv.inspect(save(theirs))
    assert (told.task, told.flavour, told.fitting, told.tensors) == (head, report.flavour, len(theirs), len(theirs))
    assert (told.upsample, told.align_corners) == (net.task.upsample, net.task.align_corners)
    assert told.outputs == OUTPUTS[head]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("head", OUTPUTS)
def test_half_precision_of_every_head(head, dtype, save, x):
    halved = {n: v.to(dtype) if v.is_floating_point() else v for n, v in make(head).state_dict().items()}
    net = hv.load(save({"model": {"ema": halved}}))
    assert all(value.dtype == torch.float32 for value in net.parameters())
    assert all(one.isfinite().all() for one in answers(net, x))


@pytest.mark.parametrize("wrap", ["model", "params", "ema", "best_state_dict", "model_ema"])
def test_wrappers_of_training_programs(wrap, save, x):
    net = make("pose")
    assert torch.equal(hv.load(save({wrap: net.state_dict(), "epoch": 1}))(x), net(x))


def test_a_pose_checkpoint_names_its_best_net_and_loads_the_last(save):
    last, best = make("pose").state_dict(), {name: value + 1 for name, value in make("pose").state_dict().items()}
    path = save({"state_dict": {f"module.{name}": value for name, value in last.items()}, "best_state_dict": best})
    net = hv.load(path)
    assert torch.equal(net.conv1.weight, last["conv1.weight"])
    assert net.load_report.others == ("best_state_dict",)
    assert torch.equal(hv.load(path, part="best_state_dict").conv1.weight, best["conv1.weight"])


def test_what_stands_beside_the_net_is_left_out_and_told(save, x):
    net = make("pyramid")
    beside = {"rpn_head.rpn_conv.weight": torch.zeros(3), "roi_head.bbox_head.fc_cls.bias": torch.zeros(2)}
    loaded = hv.load(save(dict(net.state_dict()) | beside))
    assert loaded.load_report.left_out == tuple(beside)
    assert "2 beside the net in the file, and left out: rpn_head.rpn_conv.weight" in str(loaded.load_report)
    assert all(map(torch.equal, answers(loaded, x), answers(net, x)))
    seg = {f"model.{name}": value for name, value in make("segmentation").state_dict().items()}
    assert hv.load(save(seg | {"loss.criterion.weight": torch.ones(19)})).load_report.left_out == (
        "loss.criterion.weight",
    )


@pytest.mark.parametrize("head", [head for head in OUTPUTS if head != "pyramid"])
def test_another_number_of_outputs_renews_the_last_layers_alone(head, save):
    state = make(head).state_dict()
    with pytest.warns(UserWarning, match="at random") as told:
        net = hv.load(save(state), num_outputs=7)
    last = {"classification": {"classifier"}, "pose": {"final_layer"}, "segmentation": {"last_layer.3"},
            "landmarks": {"head.3"}, "ocr": {"cls_head", "aux_head.3"}}[head]  # fmt: skip
    assert {name.rpartition(".")[0] for name in net.load_report.reinitialised} == last
    assert net.num_outputs == 7
    assert all(name.rpartition(".")[0] in last or torch.equal(v, state[name]) for name, v in net.state_dict().items())
    assert all(layer in str(told[0].message) for layer in last)


def test_a_pyramid_has_no_outputs_to_choose_or_name(save):
    path = save(make("pyramid").state_dict())
    with pytest.raises(hv.WeightsError, match="head='pyramid' has none to count"):
        hv.load(path, num_outputs=3)
    with pytest.raises(hv.WeightsError, match="has no outputs to name"):
        hv.load(path, classes=["a"])


@pytest.mark.parametrize("other", ["classification", "segmentation", "landmarks", "pyramid", "ocr"])
def test_a_pose_body_takes_another_head_when_asked_and_says_what_is_new(other, save):
    pose = make("pose")
    path = save(pose.state_dict())
    with pytest.raises(hv.WeightsError, match=r"a net for pose \(official pose\); leave head= out"):
        hv.load(path, head=other)
    with pytest.warns(UserWarning, match="last exchange of a pose net has output 0 alone") as told:
        net = hv.load(path, head=other, partial=True)
    assert net.task.name == other
    assert ("upsample='nearest' in training" in str(told[0].message)) == (net.task.upsample == "bilinear")
    new = {n for n in net.load_report.reinitialised if n.startswith(BODY)}
    rows = {n for n in net.state_dict() if re.match(r"stage4\.0\.fuse_layers\.[123]\.", n)}
    assert new == {n for n in rows if not n.endswith("num_batches_tracked")}
    assert set(net.load_report.unexpected) == {"final_layer.weight", "final_layer.bias"}
    assert torch.equal(net.stage4[0].branches[3][1].conv2.weight, pose.stage4[0].branches[3][1].conv2.weight)
    assert net.stage4[0].fuse_layers[1][0][0][0].weight.std() > 0


OLDER = {"head.0.0.conv1.weight": torch.zeros(2), "head.6.0.bn3.bias": torch.zeros(2), "head.7.weight": torch.zeros(2)}


HIGHER = {"final_layers.0.weight": torch.zeros(2), "deconv_layers.0.0.0.weight": torch.zeros(2)}


@pytest.mark.parametrize("extra", [{}, OLDER, HIGHER], ids=["bare", "as pose nets start from", "HigherHRNet"])
def test_streams_without_a_head_get_the_one_that_is_said(extra, save):
    state = make("classification").state_dict()
    body = {name: value for name, value in state.items() if name.startswith(BODY)}
    path = save(body | extra)
    with pytest.raises(hv.WeightsError, match=r"holds the streams, but no head of this family.*head='pose'"):
        hv.load(path)
    with pytest.warns(UserWarning, match="final_layer starts at random"):
        net = hv.load(path, head="pose", num_outputs=3)
    assert net.num_outputs == 3
    assert set(net.load_report.reinitialised) == {"final_layer.weight", "final_layer.bias"}
    spare = {name for name in body if re.match(r"stage4\.0\.fuse_layers\.[123]\.", name)}
    assert set(net.load_report.left_out) == {*extra} | spare
    assert all(torch.equal(v, body[name]) for name, v in net.state_dict().items() if name.startswith(BODY))
    with pytest.warns(UserWarning, match="9 tensors start at random"):
        assert hv.load(path, head="segmentation").load_report.loaded == len(body)
    del body["conv2.weight"]
    with pytest.raises(hv.WeightsError, match=r"Missing: 1 \(conv2.weight\)"):
        hv.load(save(body | extra), head="pose")
    told = hv.inspect(path)
    assert (told.task, told.outputs) == ("", None)
    assert "head='pose'" in told.code


def test_how_exchanges_resample_follows_the_task_and_can_be_said(save, x):
    seg = make("segmentation")
    path = save(seg.state_dict())
    assert torch.equal(hv.load(path)(x), seg(x))
    aligned, nearest = hv.load(path, align_corners=True), hv.load(path, upsample="nearest")
    assert torch.equal(aligned(x), make("segmentation", align_corners=True)(x))
    assert torch.equal(nearest(x), make("segmentation", upsample="nearest")(x))
    assert not torch.equal(aligned(x), seg(x))
    with pytest.raises(hv.WeightsError, match="upsample='cubic' was given; 'nearest' or 'bilinear'"):
        hv.load(path, upsample="cubic")
    with pytest.raises(hv.WeightsError, match="True or False was expected"):
        hv.load(path, align_corners=1)
    with pytest.raises(hv.WeightsError, match="heads of the family are"):
        hv.load(path, head="panoptic")
    with pytest.raises(hv.WeightsError, match="nothing in a net for pose is resampled bilinearly"):
        hv.load(save(make("pose").state_dict()), align_corners=True)


@pytest.mark.parametrize("head", OUTPUTS)
def test_a_head_without_one_of_its_tensors_is_refused(head, save):
    state = make(head).state_dict()
    beside = [name for name in state if not name.startswith(BODY) and "num_batches" not in name]
    for lost in beside[:: len(beside) // 3 or 1]:
        rest = {name: value for name, value in state.items() if name != lost}
        if head in ("segmentation", "landmarks") and lost.endswith(".0.bias"):
            continue  # a bias before a BatchNorm
        with pytest.raises(hv.WeightsError):
            hv.load(save(rest))


def test_outputs_that_repeat_one_number_do_not_fill_the_memory(save):
    state = dict(make("pose").state_dict())
    state["final_layer.weight"] = torch.zeros(1).expand(10**10, 16, 1, 1)
    with pytest.raises(hv.WeightsError, match=r"final_layer.weight is \(10000000000, 16, 1, 1\) instead of \(17"):
        hv.load(save(state))


def test_names_by_word(save):
    net = hv.load(save(make("pose").state_dict()), classes="coco")
    assert (net.classes[0], net.classes[9], len(net.classes)) == ("nose", "left wrist", 17)
    assert 'classes="coco"' in str(hv.load(save(make("pose").state_dict())).load_report)
    assert hv.load(save(make("ocr").state_dict()), classes="cityscapes").classes[13] == "car"
