"""The same numbers on a GPU as on the CPU. ``make cuda`` runs these on a GPU; without one the device is the CPU too.

A run on the CPU alone rehearses: it shows that every call works, and nothing about CUDA.
"""

import gc

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.explorer.server import Server

pytestmark = pytest.mark.cuda

PATH = "stage4.0.fuse0<-3"
SITES = ("stage3.0.branch1", "stage4.0.out0", "head.final")


@pytest.fixture(scope="module")
def device():
    return hv.device()


@pytest.fixture(scope="module")
def nets(device):
    """The teaching net twice: on the CPU, where the truth comes from, and on the device."""
    return hv.load("teaching"), hv.load("teaching").to(device)


@pytest.fixture(scope="module")
def photos():
    return [hv.photo("cat"), hv.photo("coffee")]


def same(fresh, truth, share=1e-3):
    """Agree within a share of the largest number: that is what another order of summation may change."""
    fresh, truth = fresh.detach().cpu().double(), truth.detach().cpu().double()
    assert fresh.shape == truth.shape
    torch.testing.assert_close(fresh, truth, rtol=0, atol=share * float(truth.abs().max().clamp_min(1e-6)))


CALLS = {
    "predict": lambda net, photos: torch.stack([p.logits for p in hv.predict(net, photos)]),
    "trace": lambda net, photos: hv.trace(net, photos)["stage4.1.sum0"],
    "trace with gradients": lambda net, photos: torch.autograd.grad(
        (t := hv.trace(net, photos, grad=True))["logits"][:, 3].sum(), t[PATH]
    )[0],
    "statistics": lambda net, photos: torch.tensor(
        hv.activations.statistics(hv.trace(net, photos))["stage4.1.out0"].energy
    ),
    "shares": lambda net, photos: hv.exchanges.shares(hv.trace(net, photos)).matrix("stage4.1", "energy"),
    "contributions": lambda net, photos: hv.exchanges.contributions(net, photos, "cat").matrix("stage4.1"),
    "cam": lambda net, photos: hv.cam(net, photos, "cat", sites=SITES)["head.final"],
    "cam, every method": lambda net, photos: torch.stack(
        [c["stage4.1.branch1"] for c in hv.cam(net, photos, "cat", method=METHODS, batch=1).values()]
    ),
    "ablate to zero": lambda net, photos: hv.ablate(net, photos, PATH).logits,
    "ablate, scaled": lambda net, photos: hv.ablate(net, photos, f"{PATH}[0,3]", 0.5, keep=SITES)["head.final"],
    "ablate to the mean": lambda net, photos: hv.ablate(net, photos, PATH, hv.Mean(photos)).logits,
    "ablate to noise": lambda net, photos: hv.ablate(net, photos, "stage3.1.out1", hv.Noise(3)).logits,
    "ablate, patched": lambda net, photos: hv.ablate(net, photos[0], "stage4.1.out3", hv.Patch(photos[1])).logits,
    "pairs": lambda net, photos: hv.interventions.pairs(net, photos, "stage4.1.fuse0<-*", target="cat").together,
    "sweep": lambda net, photos: effects(hv.sweep(net, photos, "stage4.*.fuse?<-3", target="cat")),
    "sweep of channels": lambda net, photos: effects(hv.sweep(net, photos, "stage3.1.out2", target="cat")),
    "first-order effects": lambda net, photos: torch.stack(
        list(hv.interventions.first_order(net, photos, "stage4.*.fuse0<-*", target="cat").predicted)
    ),
    "effective field": lambda net, photos: torch.as_tensor(
        hv.receptive_fields.effective(net, photos, "stage3.1.branch2").energy
    ),
    "pointing": lambda net, photos: hv.attribution.pointing_game(net, photos, ["cat", "church"], grid=(1, 2)).energy,
    "deletion": lambda net, photos: (
        next(
            iter(hv.attribution.deletion(net, hv.cam(net, photos, "cat", sites="stage4.1.branch1"), steps=3).values())
        ).scores
    ),
    "sanity": lambda net, photos: hv.attribution.sanity_check(net, photos, "cat", sites="stage4.1.branch1").similarity[
        :, :, :1
    ],
}
METHODS = ("gradcam", "gradcam++", "xgradcam", "hirescam", "layercam")


def effects(sweep):
    return torch.tensor([effect.effect for effect in sweep.effects])


@pytest.mark.parametrize("what", CALLS)
def test_the_device_gives_the_numbers_of_the_cpu(nets, photos, what):
    truth, fresh = (CALLS[what](net, photos) for net in nets)
    same(fresh, truth)


@pytest.mark.parametrize("question", [
    ["photo", "cat"], ["maps", "cat", PATH], ["channel", "cat", "stage4.1.out0", 3], ["shares", "cat", "stage4.1"],
    ["field", "cat", "stage3.1.branch1"], ["cam", "cat", "dog", "cat", "gradcam"],
    ["ablation", "cat", "stage4.1.out0", 0.5],
], ids=lambda question: question[0])  # fmt: skip
def test_the_explorer_answers_from_the_device(nets, question):
    truth, fresh = (Server(net, hv.photo("cat")).answer(question) for net in nets)
    assert fresh.meta.keys() == truth.meta.keys()
    assert len(fresh.data) == len(truth.data)
    if question[0] == "channel":
        same(*(torch.frombuffer(bytearray(answer.data), dtype=torch.float32) for answer in (fresh, truth)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_gives_the_same_class_and_keeps_its_type(device, photos, dtype):
    net = hv.load("teaching").to(device, dtype)
    trace = hv.trace(net, photos[0])
    assert trace["stage3.1.branch1"].dtype == dtype
    assert trace["stage3.1.branch1"].device.type == device.type
    assert hv.predict(net, photos[0]).top(1)[0][0] == "cat"
    assert hv.cam(net, photos[0], "cat", sites=SITES)["head.final"].isfinite().all()
    assert hv.ablate(net, trace, PATH).logits.isfinite().all()


def test_autocast_gives_the_same_class(nets, device, photos):
    with torch.autocast(device.type, torch.bfloat16):
        assert int(hv.trace(nets[1], photos[0])["logits"].argmax()) == nets[1].classes.index("cat")


def test_data_of_either_device_is_taken(nets, device, photos):
    net = nets[1]
    ready = hv.prepare(nets[0], photos)
    truth = hv.trace(nets[0], photos)
    same(hv.trace(net, ready.to(device))["logits"], truth["logits"])
    stored = hv.trace(net, photos, store_device="cpu")
    assert stored["stem"].device.type == "cpu"
    same(hv.ablate(net, stored, PATH).logits, hv.ablate(nets[0], truth, PATH).logits)
    assert hv.exchanges.shares(stored).matrix("stage4.1", "energy").device.type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no second device on this machine")
def test_a_tensor_on_the_other_device_gets_there_or_a_sentence(nets, device, photos):
    for net, x in ((nets[1], hv.prepare(nets[0], photos)), (nets[0], hv.prepare(nets[1], photos))):
        try:
            logits = hv.trace(net, x)["logits"]
        except ValueError as error:
            assert "device" in str(error)  # noqa: PT017  # either outcome is right
        else:
            same(logits, hv.trace(nets[0], photos)["logits"])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="the CPU's allocator does not say what is in use")
def test_tracing_again_and_again_keeps_no_memory(nets, photos):
    hv.ablate(nets[1], hv.trace(nets[1], photos), PATH)
    gc.collect()
    before = torch.cuda.memory_allocated()
    for _ in range(50):
        hv.ablate(nets[1], hv.trace(nets[1], photos), PATH)
        hv.cam(nets[1], photos, "cat", sites=SITES)
    gc.collect()
    assert torch.cuda.memory_allocated() <= before + 2**16
