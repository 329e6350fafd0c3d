"""Receptive fields by arithmetic and by gradient say the same, on photos that are larger than the field."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import hrnet_viz as hv
from hrnet_viz.exchanges.shares import cut_paths, kept_exchanges, reaching_sites
from hrnet_viz.receptive_fields import effective, theoretical
from hrnet_viz.receptive_fields.fields import Box
from tests.nets.trained_like import photos, trained_like

pytestmark = pytest.mark.filterwarnings(
    "ignore:This ready tensor has no negative number"
)  # on purpose: nothing cancels

SMALL = (
    "stem.conv1",
    "stem",
    "stage1.block0.conv2",
    "transition1.branch1",
    "stage2.0.branch0",
    "stage2.0.fuse0<-1",
    "stage2.0.fuse1<-0",
    "stage2.0.out0",
    "stage2.0.out1",
    "transition2.branch2",
    "stage3.0.branch0.block0.conv1",
)
"""Sites whose field is at most 111 pixels in the smallest variant."""


@pytest.fixture(scope="module")
def averaging():
    """A net in which nothing can cancel: every weight is positive and the same, so every path shows in the gradient."""
    net = copy.deepcopy(trained_like(dtype=torch.float64))
    for module in net.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            module.weight.data.fill_(1 / module.weight[0].numel())
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.weight.data.fill_(1)
        if getattr(module, "bias", None) is not None:
            module.bias.data.zero_()
    return net


def reached_box(energy):
    rows, columns = (energy.sum(axis).nonzero().flatten() for axis in (1, 0))
    return Box(rows[0].item(), rows[-1].item(), columns[0].item(), columns[-1].item())


def outside(box, height, width):
    mask = torch.ones(height, width, dtype=torch.bool)
    mask[box.top : box.bottom + 1, box.left : box.right + 1] = False
    return mask


@pytest.mark.parametrize("site", SMALL)
def test_the_gradient_fills_the_theoretical_field_and_nothing_outside(averaging, site):
    x = photos(1, 160, 192, dtype=torch.float64).abs()
    result = effective(averaging, x, site)
    assert reached_box(result.energy) == result.box
    size = theoretical(averaging, site).size
    assert max(result.box.height, result.box.width) == size
    beyond = outside(result.box, 160, 192)
    assert beyond.sum() > 160 * 192 / 4, "the photo must be larger than the field"
    assert result.energy[beyond].abs().max() == 0


@pytest.mark.parametrize("site", ["stage2.0.out0", "stage2.0.out1", "stage3.0.branch0.block0.conv1"])
def test_pixels_outside_the_field_change_nothing_and_those_at_its_edge_do(averaging, site):
    for net in (trained_like(dtype=torch.float64), averaging):
        x = photos(1, 160, 192, dtype=torch.float64).abs()
        size = theoretical(net, site)
        row, column = 80 // size.stride, 96 // size.stride
        box = theoretical(net, site).box((row, column), (160, 192))
        before = hv.trace(net, x, sites=site)[site][0, :, row, column]
        beyond = outside(box, 160, 192)
        assert beyond.any()
        changed = torch.where(beyond, x + 10, x)
        assert torch.equal(hv.trace(net, changed, sites=site)[site][0, :, row, column], before)
        for y, z in ((box.top, column * size.stride), (box.bottom, column * size.stride)):
            changed = x.clone()
            changed[0, :, y, z] += 1e6
            after = hv.trace(net, changed, sites=site)[site][0, :, row, column]
            assert net is not averaging or not torch.equal(after, before)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(data=st.data())
def test_holds_for_any_cell_of_photos_of_any_size(averaging, data):
    height, width = data.draw(st.integers(32, 130)), data.draw(st.integers(32, 130))
    name = data.draw(st.sampled_from([site.name for site in averaging.plan.sites.values() if site.stride]))
    exchanges = data.draw(st.sampled_from((0, 1, 3)))
    stride = averaging.plan.sites[name].stride
    cell = data.draw(st.integers(0, -(-height // stride) - 1)), data.draw(st.integers(0, -(-width // stride) - 1))
    x = photos(1, height, width, dtype=torch.float64).abs()
    result = effective(averaging, x, name, cell=cell, exchanges=exchanges)
    assert reached_box(result.energy) == result.box


@pytest.mark.parametrize(("height", "width"), [(32, 1088), (45, 1003)])
def test_every_up_sampled_path_looks_cells_up_as_the_net_does(averaging, height, width):
    x = photos(1, height, width, dtype=torch.float64).abs().requires_grad_()
    names = [name for name in averaging.plan.sites if name.endswith(".resize")]
    kept = hv.run(averaging, x, keep=names)
    for name in names:
        rows, columns = kept[name].shape[2:]
        for cell in ((0, 0), (rows - 1, columns - 1), (rows // 3, columns // 3), (rows // 2, columns // 2 + 2)):
            value = kept[name][0, :, cell[0], cell[1]].sum()
            (gradient,) = torch.autograd.grad(value, x, retain_graph=True)
            box = theoretical(averaging, name).box(cell, (height, width))
            assert reached_box(gradient.square().sum((0, 1))) == box, (name, cell)
            assert box.width < width, "the photo must be larger than the field"


def test_known_fields():
    """By hand: each 3x3 convolution adds two strides, each 1x1 none."""
    net = hv.hrnet("hrnet_w18")
    stem = theoretical(net, "stem")
    assert (stem.size, stem.stride, stem.offset) == (7, 4, 0)
    assert stem.interval(3) == (9, 15)
    assert theoretical(net, "stem.conv1").fields[:2] == ((-1, 1), (1, 3))
    assert theoretical(net, "stage1").size == 7 + 4 * 8
    assert theoretical(net, "stage2.0.branch0").size == 7 + 4 * 8 + 8 + 4 * 2 * 8
    assert theoretical(net, "logits").whole
    assert theoretical(net, "head.pool").size is None


def test_up_sampled_paths_make_the_field_depend_on_the_cell():
    net = trained_like()
    path, coarse = theoretical(net, "stage2.0.fuse0<-1"), theoretical(net, "stage2.0.branch1")
    assert path.interval(6) == path.interval(7) == coarse.interval(3)
    assert path.interval(8 + 6) == tuple(end + 32 for end in path.interval(6))
    for site in ("stage2.0.out0", "stage3.0.out1"):
        field = theoretical(net, site)
        for cell in (70, 71, 72, 73):
            box = theoretical(net, site).box((cell, cell), (1024, 1024))
            assert field.interval(cell) == (box.top, box.bottom) == (box.left, box.right)


def test_which_exchanges_are_kept():
    plan = hv.hrnet("hrnet_w18").plan
    assert len(plan.modules) == 8
    assert kept_exchanges(plan, 0) == ()
    assert kept_exchanges(plan, 1) == ("stage4.2",)
    assert kept_exchanges(plan, 3) == ("stage2.0", "stage3.3", "stage4.2")
    assert kept_exchanges(plan, 8) == kept_exchanges(plan, None) == tuple(map(str, plan.modules))
    assert len(cut_paths(plan, 0)) == 2 + 4 * 6 + 3 * 12
    with pytest.raises(ValueError, match="8 exchanges; of these 0, 1, 3, 8 can be kept"):
        kept_exchanges(plan, 2)
    with pytest.raises(ValueError, match="6 exchanges; of these 0, 1, 3, 6"):
        kept_exchanges(hv.hrnet("hrnet_w18_small_v2").plan, 8)


@pytest.mark.parametrize("exchanges", [0, 1, 3])
@pytest.mark.parametrize("site", ["stage4.0.out0", "stage3.0.sum2", "head.final"])
def test_the_sites_that_reach_are_those_with_a_gradient(averaging, site, exchanges):
    plan = averaging.plan
    x = photos(1, 32, 64, dtype=torch.float64).abs().requires_grad_()
    # A cut path is replaced by a constant, so its own gradient is there but nothing behind it has one.
    cut = cut_paths(plan, exchanges)
    kept = hv.run(averaging, x, edit=dict.fromkeys(cut, torch.zeros_like))
    names = [name for name in plan.landmarks if name not in cut and name != site]
    gradients = torch.autograd.grad(kept[site].sum(), [kept[name] for name in names], materialize_grads=True)
    with_gradient = tuple(name for name, gradient in zip(names, gradients, strict=True) if gradient.abs().max() > 0)
    assert reaching_sites(plan, site, exchanges) == with_gradient


def test_fewer_exchanges_reach_less():
    net = hv.hrnet("hrnet_w18")
    results = [theoretical(net, "stage4.2.out0", exchanges=number) for number in (0, 1, 3, 8)]
    sizes = [result.size for result in results]
    assert sizes[0] < sizes[1] <= sizes[2] <= sizes[3]
    sites = [set(result.sites) for result in results]
    assert sites[0] < sites[1] < sites[2] < sites[3]
    assert not any("branch1" in name for name in sites[0] if not name.startswith("transition"))
    assert results[1].exchanges == ("stage4.2",)


def test_the_contour_holds_the_share_that_it_says():
    net = trained_like(dtype=torch.float64)
    result = effective(net, photos(2, 96, 96, dtype=torch.float64), "stage3.0.out0")
    assert result.energy.sum().item() == pytest.approx(1)
    for share in (0.5, 0.95):
        mask = result.mask(share)
        inside = result.energy[mask]
        assert inside.sum() >= share - 1e-9
        assert inside.sum() - inside.min() < share  # with one pixel less it would not
        assert result.area(share) == mask.sum()
        assert result.side(share) == pytest.approx(mask.sum().item() ** 0.5)
    assert result.area(0.5) < result.area(0.95) <= result.area(1.0)
    with pytest.raises(ValueError, match="share=0"):
        result.level(0)


def test_the_gradient_is_that_of_the_channel_or_of_the_strength():
    net = trained_like(dtype=torch.float64)
    x = photos(1, 64, 64, dtype=torch.float64)
    one = effective(net, x, "stage3.0.sum0", cell=(3, 5), channel=2)
    leaf = x.clone().requires_grad_()
    value = hv.run(net, leaf, keep="stage3.0.sum0")["stage3.0.sum0"][0, :, 3, 5]
    for result, scalar in ((one, value[2]), (effective(net, x, "stage3.0.sum0", cell=(3, 5)), value.norm())):
        (gradient,) = torch.autograd.grad(scalar, leaf, retain_graph=True)
        energy = gradient.square().sum((0, 1))
        assert torch.allclose(result.energy, energy / energy.sum())


def test_a_closed_relu_lets_no_gradient_through():
    net = copy.deepcopy(trained_like())
    net.stage2[0].fuse_layers[0][1][1].bias.data.fill_(-1e4)
    result = effective(net, photos(), "stage2.0.out0")
    assert result.energy.abs().max() == 0
    assert result.area() == 0


def test_a_trace_and_a_site_without_places():
    net = trained_like()
    net.train()
    result = effective(net, hv.trace(net, photos(2)), "logits", channel=3)
    assert net.training
    net.eval()
    assert result.cell is None
    assert result.box == Box(0, 63, 0, 63)
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize(
    ("site", "options", "sentence"),
    [
        ("stage9", {}, "has no site"),
        ("stage1", {"cell": (16, 0)}, r"16 x 16 cells, counted from 0"),
        ("stage1", {"channel": 500}, "channels 0 to 127"),
        ("logits", {"cell": (0, 0)}, "has no places"),
        ("stage1", {"exchanges": 5}, "can be kept"),
    ],
)
def test_says_in_a_sentence_what_is_wrong(site, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        effective(trained_like(), photos(), site, **options)
