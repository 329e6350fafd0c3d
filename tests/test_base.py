"""A trace is used with the net, the weights and the numbers that it was made from, or refused in a sentence."""

import copy
import io
import pickle
import re
import warnings

import numpy as np
import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.attribution.covering import average_drop

PATH = "stage4.0.fuse0<-3"
SIDE = 64


@pytest.fixture
def net():
    return hv.hrnet("hrnet_w18_small_v1", num_outputs=4).eval()


@pytest.fixture
def x():
    return torch.randn(1, 3, SIDE, SIDE)


@pytest.fixture
def trace(net, x):
    return hv.trace(net, x)


USES = {
    "ablate": lambda net, trace: hv.ablate(net, trace, PATH),
    "sweep": lambda net, trace: hv.sweep(net, trace, PATH),
    "run": lambda net, trace: hv.run(net, base=trace, keep="logits"),
    "contributions": hv.exchanges.contributions,
    "pairs": lambda net, trace: hv.interventions.pairs(net, trace, "stage4.0.fuse0<-*"),
    "forecast": lambda net, trace: hv.interventions.first_order(net, trace, PATH),
    "effective field": lambda net, trace: hv.receptive_fields.effective(net, trace, "stage2.0.branch0"),
    "donor": lambda net, trace: hv.ablate(net, trace.input + 1, PATH, hv.Patch(trace)),
    "reference": lambda net, trace: hv.ablate(net, trace.input + 1, PATH, hv.Mean(trace)),
}


@torch.no_grad()
def train_a_little(net):
    for p in net.parameters():
        p.add_(0.01 * torch.randn_like(p))


def change_data(net):
    net.stage3[0].branches[1][0].conv1.weight.data.mul_(1.01)


def shuffle_filters(net):
    with torch.no_grad():
        net.classifier.weight.copy_(net.classifier.weight[[1, 0, 2, 3]])


def shuffle_data(net):
    weight = net.stage2[0].branches[0][0].conv2.weight.data
    weight.copy_(weight.flip(0))


def zero_one_input_channel(net):
    net.stage4[0].branches[2][1].conv1.weight.data[:, 5] = 0


def zero_one_weight(net):
    with torch.no_grad():
        net.layer1[0].conv2.weight[3, 4, 0, 1] = 0.5


def see_photos_in_training(net):
    net.train()(torch.randn(2, 3, SIDE, SIDE))
    net.eval()


def change_one_filter_through_numpy(net):
    net.conv1.weight.detach().numpy()[7] *= -1


CHANGES = [
    train_a_little, change_data, shuffle_filters, shuffle_data, zero_one_input_channel, zero_one_weight,
    see_photos_in_training, change_one_filter_through_numpy,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_trace_of_earlier_weights_is_refused(net, trace, change):
    change(net)
    with pytest.raises(ValueError, match="weights of this net are not those that made the trace"):
        hv.ablate(net, trace, PATH)


@pytest.mark.parametrize("use", USES)
def test_every_use_of_a_trace_of_another_net_is_refused(net, trace, use):
    other = hv.hrnet("hrnet_w18_small_v1", num_outputs=4).eval()
    USES[use](net, trace)
    with pytest.raises(ValueError, match="Trace again"):
        USES[use](other, trace)


@pytest.mark.parametrize("move", [torch.nn.Module.half, torch.nn.Module.double, torch.nn.Module.bfloat16])
def test_another_type_is_told(net, trace, move):
    with pytest.raises(ValueError, match="net in float32 on cpu made the trace, this net is in"):
        hv.ablate(move(net), trace, PATH)


def test_a_net_with_the_same_weights_is_the_same(net, trace):
    twin = copy.deepcopy(net)
    loaded = hv.hrnet("hrnet_w18_small_v1", num_outputs=4).eval()
    loaded.load_state_dict(net.state_dict())
    expected = hv.ablate(net, trace, PATH).logits
    for same in (net, twin, loaded, twin.to(memory_format=torch.channels_last), net.requires_grad_(False)):
        torch.testing.assert_close(hv.ablate(same, trace, PATH).logits, expected)


def test_a_pass_and_a_gradient_change_nothing(net, trace, x):
    net(x).sum().backward()
    torch.optim.SGD(net.parameters(), lr=1e-3).zero_grad()
    hv.ablate(net, trace, PATH)


def scale_as_for_imshow(shown):
    shown -= shown.min()
    shown /= shown.max()


def take_amounts(shown):
    np.abs(shown, out=shown)


def turn_signs(shown):
    shown *= -1


def turn_upside_down(shown):
    shown[:] = shown[..., ::-1].copy()


def sort_for_percentiles(shown):
    shown.reshape(-1).sort()


WRITES = [scale_as_for_imshow, take_amounts, turn_signs, turn_upside_down, sort_for_percentiles]
READERS = {
    "ablate": lambda net, trace: hv.ablate(net, trace, PATH),
    "shares": lambda net, trace: hv.exchanges.shares(trace),
    "statistics": lambda net, trace: hv.activations.statistics(trace),
    "running sums": lambda net, trace: trace.running_sums("stage4.0.sum0"),
    "figure of an exchange": lambda net, trace: hv.figures.exchange_steps(trace, "stage4.0.sum0"),
    "figure of a head": lambda net, trace: hv.figures.head_steps(trace),
}


@pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)
@pytest.mark.parametrize("site", ["stem", "stage4.0.sum3", "stage4.0.fuse0<-1", "logits"])
def test_numbers_that_were_written_into_are_refused(net, trace, site, write):
    if write is not take_amounts or (trace[site] < 0).any():
        write(trace[site][0].numpy())
        with pytest.raises(ValueError, match=re.escape(f"numbers of '{site}' in the trace have been written into")):
            hv.ablate(net, trace, PATH)


@pytest.mark.parametrize("name", READERS)
def test_whatever_reads_a_trace_looks_first(net, trace, name):
    READERS[name](net, trace)
    turn_signs(trace["stage4.0.fuse0<-1"].numpy())
    with pytest.raises(ValueError, match="have been written into"):
        READERS[name](net, trace)


def test_the_photo_in_a_trace_counts_as_well(net, trace):
    trace.input.mul_(0.5)
    with pytest.raises(ValueError, match="numbers of 'input' in the trace have been written into"):
        hv.ablate(net, trace, "stem")


MAP = "stage4.0.branch1"
MAP_READERS = {
    "deletion": lambda net, cams: hv.attribution.deletion(net, cams, steps=2),
    "average drop": average_drop,
    "figure": lambda net, cams: hv.figures.cam_classes([cams], [MAP]),
    "rectified": lambda net, cams: cams.rectified(),
    "totals": lambda net, cams: cams.totals(),
    "one photo": lambda net, cams: cams.photo(0),
}


@pytest.mark.parametrize("name", MAP_READERS)
def test_whatever_reads_maps_looks_first(net, x, name):
    cams = hv.cam(net, x, 1, sites=MAP)
    MAP_READERS[name](net, cams)
    turn_signs(cams[MAP].numpy())
    with pytest.raises(ValueError, match=f"numbers of '{MAP}' in the maps have been written into.*hv.cam"):
        MAP_READERS[name](net, cams)


@pytest.mark.parametrize("name", ["deletion", "average drop"])
def test_maps_of_earlier_weights_are_refused(net, x, name):
    cams = hv.cam(net, x, 1, sites=MAP)
    for derived in (cams, cams.rectified(), pickle.loads(pickle.dumps(cams))):
        MAP_READERS[name](net, derived)
    train_a_little(net)
    for derived in (cams, cams.rectified(), pickle.loads(pickle.dumps(cams))):
        with pytest.raises(ValueError, match="weights of this net are not those that made the maps"):
            MAP_READERS[name](net, derived)


def test_traces_survive_pickling_copying_and_saving(net, trace):
    file = io.BytesIO()
    torch.save(trace, file)
    file.seek(0)
    copies = [pickle.loads(pickle.dumps(trace)), copy.deepcopy(trace), torch.load(file, weights_only=False)]
    for one in copies:
        torch.testing.assert_close(one["stage3.0.out1"], trace["stage3.0.out1"], rtol=0, atol=0)
        assert hv.ablate(net, one, PATH).effect == hv.ablate(net, trace, PATH).effect
    train_a_little(net)
    for one in copies:
        with pytest.raises(ValueError, match="Trace again"):
            hv.ablate(net, one, PATH)


RESULTS = {
    "cams": lambda net, trace: hv.cam(net, trace.input, sites="stem"),
    "shares": lambda net, trace: hv.exchanges.shares(trace),
    "contributions": hv.exchanges.contributions,
    "ablation": lambda net, trace: hv.ablate(net, trace, PATH, keep="stem"),
    "sweep": lambda net, trace: hv.sweep(net, trace, PATH),
    "pairs": lambda net, trace: hv.interventions.pairs(net, trace, "stage4.0.fuse0<-*"),
    "first order": lambda net, trace: hv.interventions.first_order(net, trace, "stage4.0.fuse0<-*"),
    "field": lambda net, trace: hv.receptive_fields.theoretical(net, "stage2.0.branch0"),
    "effective field": lambda net, trace: hv.receptive_fields.effective(net, trace, "stage2.0.branch0"),
    "statistics": lambda net, trace: hv.activations.statistics(trace),
    "plan": lambda net, trace: net.plan,
    "net": lambda net, trace: net,
    "prediction": lambda net, trace: hv.predict(net, trace.input),
}


@pytest.mark.parametrize("name", RESULTS)
def test_results_can_be_pickled_and_copied(net, trace, name):
    result = RESULTS[name](net, trace)
    for other in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result)):
        assert repr(other) == repr(result)


def test_a_hook_that_the_plan_does_not_fire_is_told(net, x):
    net.stage4.register_forward_hook(lambda module, given, result: [value * 0 for value in result])
    with pytest.warns(UserWarning, match="does not fire the hooks of stage4: what it gives may differ"):
        hv.trace(net, x)


def test_hooks_on_layers_and_branches_are_fired_and_nothing_is_told(net, x):
    net.conv1.register_forward_hook(lambda module, given, result: result * 2)
    net.stage4[0].branches[0].register_forward_hook(lambda module, given, result: result * 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.testing.assert_close(hv.trace(net, x)["logits"], net(x))


def test_a_forward_of_ones_own_is_told(net, x):
    class Mine(type(net)):
        def forward(self, x):
            return super().forward(x) + 1

    net.__class__ = Mine
    with pytest.warns(UserWarning, match="Mine.forward"):
        hv.trace(net, x)


def test_layers_that_work_in_place_are_refused(net, x):
    for module in net.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = True
    with pytest.raises(ValueError, match="inplace=True is set on"):
        hv.trace(net, x)
