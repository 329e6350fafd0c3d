"""The other heads of the family are the published ones: keys, outputs, parameters, multiply-adds, sizes."""

import copy
import pickle
import re

import pytest
import torch
from torch.nn import functional

import hrnet_viz as hv
from hrnet_viz.network.counts import count
from tests.nets.settled import settle

HEADS = ("pose", "segmentation", "landmarks", "pyramid", "ocr")
# (variant, head, outputs, height, width) -> parameters, multiply-adds / 2**30 as printed in the published tables, or
# exactly where they were measured. The pyramid's are those of body and neck at 800 x 1344 px.
PUBLISHED = {
    ("hrnet_w32", "pose", 17, 256, 192): (28_536_113, "7.120"),
    ("hrnet_w32", "pose", 17, 384, 288): (28_536_113, "16.020"),
    ("hrnet_w32", "pose", 16, 256, 256): (28_536_080, "9.493"),
    ("hrnet_w48", "pose", 17, 256, 192): (63_595_745, "14.614"),
    ("hrnet_w48", "pose", 17, 384, 288): (63_595_745, "32.882"),
    ("hrnet_w18_small_v1", "segmentation", 19, 1024, 2048): (1_540_819, "31.098"),
    ("hrnet_w18_small_v2", "segmentation", 19, 1024, 2048): (3_939_579, "71.579"),
    ("hrnet_w18", "segmentation", 19, 1024, 2048): (9_641_119, "137.278"),
    ("hrnet_w40", "segmentation", 19, 1024, 2048): (45_894_435, "498.674"),
    ("hrnet_w48", "segmentation", 19, 1024, 2048): (65_859_379, "696.176"),
    ("hrnet_w48", "segmentation", 20, 473, 473): (65_860_100, "75.98"),
    ("hrnet_w48", "ocr", 19, 1024, 2048): (70_372_678, "1206.37"),
    ("hrnet_w18", "landmarks", 68, 256, 256): (None, "4.340"),
    ("hrnet_w18", "pyramid", None, 800, 1344): (12_582_036, "118.989"),
    ("hrnet_w32", "pyramid", None, 800, 1344): (None, "214.345"),
    ("hrnet_w48", "pyramid", None, 800, 1344): (None, "384.326"),
}
NECKS = {"hrnet_w18": 3_019_776, "hrnet_w32": 3_073_536, "hrnet_w48": 3_134_976}


def compute(state, task, x):  # noqa: C901, PLR0915  # one function per kind of part, so that it reads like the paper
    """Compute a net from its published keys alone, by the facts; knows nothing of our modules and of our plan."""
    align = task == "ocr"
    bilinear = task in ("segmentation", "landmarks", "ocr")

    def conv(name, value, stride=1):
        kernel = state[f"{name}.weight"]
        return functional.conv2d(value, kernel, state.get(f"{name}.bias"), stride, kernel.shape[-1] // 2)

    def norm(name, value):
        mean, var, weight, bias = (
            state[f"{name}.{key}"][:, None, None] for key in ("running_mean", "running_var", "weight", "bias")
        )
        return (value - mean) / torch.sqrt(var + 1e-5) * weight + bias

    def layer(name, value, stride=1):
        return norm(f"{name}.1", conv(f"{name}.0", value, stride))

    def block(name, value):
        out = torch.relu(norm(f"{name}.bn1", conv(f"{name}.conv1", value)))
        out = norm(f"{name}.bn2", conv(f"{name}.conv2", out))
        if f"{name}.conv3.weight" in state:
            out = norm(f"{name}.bn3", conv(f"{name}.conv3", torch.relu(out)))
        return torch.relu(
            out + (layer(f"{name}.downsample", value) if f"{name}.downsample.0.weight" in state else value)
        )

    def numbers(pattern):
        return sorted({int(found[1]) for key in state if (found := re.match(pattern, key))})

    def chain(name, value):
        for number in numbers(rf"{re.escape(name)}\.(\d+)\."):
            value = block(f"{name}.{number}", value)
        return value

    def enlarge(value, size, smooth):
        if smooth:
            return functional.interpolate(value, size=size, mode="bilinear", align_corners=align)
        rows, columns = (torch.arange(n) * m // n for n, m in zip(size, value.shape[-2:], strict=True))
        return value[:, :, rows][:, :, :, columns]

    def path(name, i, j, value, size):
        if j > i:
            return enlarge(layer(f"{name}.fuse_layers.{i}.{j}", value), size, bilinear)
        for step in range(i - j):
            value = layer(f"{name}.fuse_layers.{i}.{j}.{step}", value, 2)
            value = torch.relu(value) if step < i - j - 1 else value
        return value

    x = torch.relu(norm("bn1", conv("conv1", x, 2)))
    streams = [chain("layer1", torch.relu(norm("bn2", conv("conv2", x, 2))))]
    for stage in (2, 3, 4):
        after = []
        for i in range(stage):
            name = f"transition{stage - 1}.{i}"
            if f"{name}.0.0.weight" in state:
                after.append(torch.relu(layer(f"{name}.0", streams[-1], 2)))
            else:
                after.append(torch.relu(layer(name, streams[i])) if f"{name}.0.weight" in state else streams[i])
        streams = after
        for number in numbers(rf"stage{stage}\.(\d+)\."):
            name = f"stage{stage}.{number}"
            branches = [chain(f"{name}.branches.{b}", value) for b, value in enumerate(streams)]
            rows = len(numbers(rf"{re.escape(name)}\.fuse_layers\.(\d+)\."))
            streams = []
            for i in range(max(rows, 1)):
                total = 0
                for j in range(stage):
                    total = total + path(name, i, j, branches[j], branches[i].shape[-2:])
                streams.append(torch.relu(total))
    if task == "pose":
        return [conv("final_layer", streams[0])]
    joined = torch.cat([streams[0], *(enlarge(value, streams[0].shape[-2:], True) for value in streams[1:])], 1)

    def mixed(name):
        return conv(f"{name}.3", torch.relu(layer(name, joined)))

    if task in ("segmentation", "landmarks"):
        return [mixed({"segmentation": "last_layer", "landmarks": "head"}[task])]
    if task == "pyramid":
        finest = conv("neck.reduction_conv.0", joined)
        levels = [finest]
        for side in (2, 4, 8, 16):
            rows, columns = (n // side for n in finest.shape[-2:])
            cut = finest[:, :, : rows * side, : columns * side]
            levels.append(cut.unflatten(3, (columns, side)).unflatten(2, (rows, side)).mean((3, 5)))
        return [conv(f"neck.fpn_conv.{level}", value) for level, value in enumerate(levels)]
    aux, pixels = mixed("aux_head"), torch.relu(layer("conv3x3_ocr", joined))
    block_name, mixture = "ocr_distri_head.object_context_block", "ocr_distri_head.conv_bn_dropout"

    def project(name, value, *places):
        for place in places:
            value = torch.relu(norm(f"{name}.{place + 1}.0", conv(f"{name}.{place}", value)))
        return value

    weights = torch.exp(aux - aux.amax((2, 3), keepdim=True))
    weights = weights / weights.sum((2, 3), keepdim=True)
    objects = torch.einsum("nkhw,nchw->nck", weights, pixels)[..., None]
    likeness = torch.einsum(
        "nchw,nck->nkhw",
        project(f"{block_name}.f_pixel", pixels, 0, 2),
        project(f"{block_name}.f_object", objects, 0, 2)[..., 0],
    )
    attention = (likeness / 16).softmax(1)
    context = torch.einsum("nkhw,nck->nchw", attention, project(f"{block_name}.f_down", objects, 0)[..., 0])
    both = torch.cat([project(f"{block_name}.f_up", context, 0), pixels], 1)
    return [aux, conv("cls_head", project(mixture, both, 0))]


def as_list(outputs):
    """Return what a net gives as a list."""
    return outputs if isinstance(outputs, list) else [outputs]


@pytest.mark.parametrize("size", [(64, 96), (97, 75)])
@pytest.mark.parametrize("head", HEADS)
def test_outputs_are_those_of_an_independent_computation(head, size):
    net = settle(hv.hrnet("hrnet_w18_small_v2", head=head).double())
    x = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours, theirs = as_list(net(x)), compute(net.state_dict(), head, x)
    assert len(ours) == len(theirs) == len(net.outputs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.shape == other.shape
        assert float((mine - other).norm() / other.norm()) < 1e-12


@pytest.mark.parametrize("head", HEADS)
def test_every_site_is_what_the_pass_computes_and_has_the_shape_that_the_plan_says(head):
    net = settle(hv.hrnet("hrnet_w18_small_v1", head=head))
    x = torch.randn(2, 3, 97, 75)
    with torch.no_grad():
        expected, found = as_list(net(x)), hv.run(net, x, keep="all")
    for address, value in zip(net.outputs, expected, strict=True):
        assert torch.equal(found[address], value)
    for address, value in found.items():
        site = net.plan.sites[address]
        flat = site.stride is None and site.cells is None
        assert tuple(value.shape) == (2, site.channels, *(() if flat else site.size(97, 75))), address
    assert hv.run(net, x, keep=net.plan.outputs if hasattr(net.plan, "outputs") else net.outputs).keys() == {
        *net.outputs
    }


@pytest.mark.parametrize("head", HEADS)
def test_no_module_fires_twice_and_every_one_is_reached_by_the_plan(head):
    net = settle(hv.hrnet("hrnet_w18_small_v1", head=head))
    fired = {}
    for name, module in net.named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda *_, name=name: fired.update({name: fired.get(name, 0) + 1}))
    with torch.no_grad():
        net(torch.randn(1, 3, 64, 64))
    assert set(fired.values()) == {1}
    called = {single.target for step in net.plan.steps for single in step.expand() if single.target}
    inside = {name for name in fired if not any(name == one or name.startswith(f"{one}.") for one in called)}
    assert {type(net.get_submodule(name)).__name__ for name in inside} <= {"HandOver"}


@pytest.mark.parametrize(("which", "expected"), PUBLISHED.items())
def test_parameters_and_multiply_adds_are_the_published_ones(which, expected):
    name, head, outputs, height, width = which
    with torch.device("meta"):
        net = hv.hrnet(name, head=head, num_outputs=outputs)
    found = count(net, height, width)
    parameters, printed = expected
    assert parameters in (None, sum(value.numel() for value in net.parameters()))
    assert f"{found.macs / 2**30:.{len(printed.partition('.')[2])}f}" == printed


@pytest.mark.parametrize(("name", "parameters"), NECKS.items())
def test_the_neck_alone_has_the_published_number_of_parameters(name, parameters):
    with torch.device("meta"):
        neck = hv.hrnet(name, head="pyramid").neck
    assert sum(value.numel() for value in neck.parameters()) == parameters


def test_keys_of_the_heads_are_the_published_ones():
    with torch.device("meta"):
        keys = {head: list(hv.hrnet("hrnet_w32", head=head).state_dict()) for head in (*HEADS, "classification")}
    body = [key for key in keys["segmentation"] if not key.startswith("last_layer")]
    assert len(body) == 1830
    assert keys["segmentation"][1830:] == [
        f"last_layer.{key}"
        for key in (
            *("0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"),
            *("1.num_batches_tracked", "3.weight", "3.bias"),
        )
    ]
    assert [key.replace("head.", "last_layer.") for key in keys["landmarks"]] == keys["segmentation"]
    assert len(keys["pose"]) == 1754
    assert keys["pose"][-2:] == ["final_layer.weight", "final_layer.bias"]
    gone = [key for key in body if key not in keys["pose"]]
    assert len(gone) == 78
    assert all(re.match(r"stage4\.2\.fuse_layers\.[123]\.", key) for key in gone)
    assert keys["pyramid"][1830:] == [
        f"neck.{part}.{what}"
        for part in ("reduction_conv.0", *(f"fpn_conv.{level}" for level in range(5)))
        for what in ("weight", "bias")
    ]
    ocr = keys["ocr"][1830:]
    assert len(ocr) == 60
    order = list(dict.fromkeys(key.partition(".")[0] for key in ocr))
    assert order == ["conv3x3_ocr", "ocr_distri_head", "cls_head", "aux_head"]
    block = "ocr_distri_head.object_context_block"
    parts = {f"{block}.f_pixel": 12, f"{block}.f_object": 12, f"{block}.f_down": 6, f"{block}.f_up": 6}
    for part, number in {**parts, "conv3x3_ocr": 7, "ocr_distri_head.conv_bn_dropout": 6, "aux_head": 9}.items():
        assert sum(key.startswith(f"{part}.") for key in ocr) == number, part
    assert {f"{block}.f_pixel.1.0.weight", f"{block}.f_object.3.0.running_var", f"{block}.f_up.0.weight"} <= {*ocr}


def test_align_corners_belongs_to_the_net_and_not_to_the_process():
    x = torch.randn(1, 3, 64, 64)
    first = settle(hv.hrnet("hrnet_w18_small_v1", head="segmentation"))
    with torch.no_grad():
        before = first(x)
        second = hv.hrnet("hrnet_w18_small_v1", head="segmentation", align_corners=True).eval()
        second.load_state_dict(first.state_dict())
        assert torch.equal(first(x), before)
        assert float((second(x) - before).norm() / before.norm()) > 0.01
    assert "align_corners" in second.owner
    with pytest.raises(ValueError, match="Trace this net first"):
        hv.run(second, base=hv.trace(first, x), keep="logits")


@pytest.mark.parametrize("head", HEADS)
def test_a_copy_and_a_pickle_of_a_net_answer_alike(head):
    net = settle(hv.hrnet("hrnet_w18_small_v1", head=head))
    x = torch.randn(1, 3, 64, 64)
    net.plan  # noqa: B018  # a net with a plan pickles
    with torch.no_grad():
        expected = as_list(net(x))
        for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
            for mine, theirs in zip(as_list(other(x)), expected, strict=True):
                assert torch.equal(mine, theirs)


def test_the_pyramid_needs_61_px_and_says_so():
    net = hv.hrnet("hrnet_w18_small_v1", head="pyramid").eval()
    assert tuple(net(torch.randn(1, 3, 61, 61))[-1].shape) == (1, 256, 1, 1)
    with pytest.raises(ValueError, match="at least 61 px"):
        net(torch.randn(1, 3, 60, 90))


def test_the_last_module_of_a_pose_net_puts_out_branch_0_alone():
    net = hv.hrnet("hrnet_w32", head="pose")
    *others, last = net.plan.modules
    assert {len(module.sums) for module in others if module.stage == 4} == {4}
    assert last.paths == (tuple(f"stage4.2.fuse0<-{j}" for j in range(4)),)
    with pytest.raises(hv.SiteError, match=r"stage4\.2\.out0"):
        net.plan.place("stage4.2.out1")


def test_outputs_of_every_net_can_be_named():
    net = hv.hrnet("hrnet_w18_small_v1", head="pose", num_outputs=3)
    net.classes = ["nose", "tail", "paw"]
    assert net.classes == ("nose", "tail", "paw")
    net.final_layer = torch.nn.Conv2d(16, 4, 1)
    assert (net.num_outputs, net.classes, net.plan.sites["heatmaps"].channels) == (4, (), 4)
    with pytest.raises(ValueError, match="five maps of features"):
        hv.hrnet("hrnet_w18_small_v1", head="pyramid").classes = ["one"]


def test_what_has_no_drawing_yet_is_told():
    net = hv.hrnet("hrnet_w18_small_v1", head="pose")
    for draw in (
        lambda: hv.figures.network_diagram(net),
        lambda: hv.figures.exchange_diagram(net, "stage4.0"),
        lambda: hv.explore(net, hv.photo("cat")),
    ):
        with pytest.raises(ValueError, match="drawn for the classification head so far"):
            draw()
