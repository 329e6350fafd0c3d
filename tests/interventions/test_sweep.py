"""A sweep gives what single ablations give, in whatever batches, blocks and shards; and nothing gets lost."""

import copy

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz import ablate, sweep
from tests.nets.trained_like import photos, trained_like


@pytest.fixture(scope="module")
def net():
    return trained_like(dtype=torch.float64)


def x(n=1):
    return photos(n, 32, 48, dtype=torch.float64)


@pytest.mark.parametrize("name", ["zero", "mean", "noise", "patch", "half"])
@pytest.mark.parametrize("batch", [1, 5, 8])
def test_equals_single_ablations(net, name, batch):
    over = ["stage4.0.fuse0<-*", "stage3.0.fuse2<-0", "stage2.0.out1[0,2]", "stage4.0.branch2.block0.bn1", "stem"]
    base = x(3)
    edit = {"mean": hv.Mean(x(3) - 1), "noise": hv.Noise(0, x(3) - 1), "patch": hv.Patch(x(1) + 1), "half": 0.5}
    edit = edit.get(name, name)
    result = sweep(net, base, over, edit, batch=batch, target=2)
    assert len(result.effects) == 3 * len(result.items) == 3 * 8
    for effect in result.effects:
        row = int(effect.photo.split()[1])
        alone = ablate(net, base[row : row + 1], effect.item, edit, target=2)
        assert effect.effect == pytest.approx(alone.effect.item(), abs=1e-10)
        assert effect.score == pytest.approx(alone.logits[0, 2].item(), abs=1e-10)
        assert effect.base_probability == pytest.approx(alone.base_probabilities[0, 2].item(), abs=1e-10)
        assert (effect.rank, effect.base_rank) == (alone.rank[0], alone.base_rank[0])
        assert effect.edit == alone.changes[0].label


def test_all_fuse_paths_in_order_with_their_numbers(net):
    result = sweep(net, x())
    assert result.items == tuple(site.name for site in net.sites(kind="fuse_path"))
    path = next(effect for effect in result.effects if effect.item == "stage3.0.fuse1<-2")
    assert (path.stage, path.module, path.branch, path.source, path.channel) == (3, 0, 1, 2, None)
    matrices = result.matrices()
    assert [tuple(matrix.shape) for matrix in matrices.values()] == [(2, 2), (3, 3), (4, 4)]
    assert matrices["stage3.0"][1, 2] == path.effect
    assert result.mean("score")["stage3.0.fuse1<-2"] == path.score


def test_the_modules_sweep_leaves_each_stream_alone_in_its_module(net):
    result = sweep(net, x(), "modules")
    assert result.items == ("stage2.0", "stage3.0", "stage4.0")
    off = [f"stage3.0.fuse{i}<-{j}" for i in range(3) for j in range(3) if i != j]
    assert result.effects[1].effect == pytest.approx(ablate(net, x(), off).effect.item(), abs=1e-10)
    assert result.effects[1].effect == pytest.approx(ablate(net, x(), result.items[1]).effect.item(), abs=1e-10)
    assert (result.effects[1].stage, result.effects[1].module, result.effects[1].branch) == (3, 0, None)


def test_channels_of_a_site_and_branches(net):
    channels = sweep(net, x(), "stage4.0.out0")
    assert [effect.channel for effect in channels.effects] == list(range(16))
    assert channels.items[3] == "stage4.0.out0[3]"
    assert sweep(net, x(), "branches").items == tuple(site.name for site in net.sites(kind="branch"))


def test_each_photo_has_its_own_top_class_as_target(net):
    base = x(2)
    result = sweep(net, base, "modules")
    tops = net(base).argmax(1).tolist()
    assert [effect.target for effect in result.effects if effect.item == "stage4.0"] == [f"output {i}" for i in tops]
    assert all(effect.base_rank == 1 for effect in result.effects)


def test_a_score_that_is_no_class_has_no_rank(net, tmp_path):
    result = sweep(net, x(), "modules", target=(0, 1), save=tmp_path / "effects.csv")
    assert result.effects[0].rank is None
    assert result.effects[0].probability is None
    assert result.effects[0].effect != 0
    again = sweep(net, x(), "modules", target=(0, 1), save=tmp_path / "effects.csv")
    assert again.effects == result.effects
    assert "rank" not in result.mean("effect")
    with pytest.raises(ValueError, match="no column to average"):
        result.mean("target")


SEEN = []  # a hook of a net that is copied is copied as well; what it writes to is a name of the module


def note_rows(module, args, _):
    SEEN.append((type(module).__name__, len(args[0])))


def test_only_what_the_edits_reach_is_computed(net):
    hooked = copy.deepcopy(net)
    for module in (hooked.stage3[0].branches[0], hooked.classifier):
        module.register_forward_hook(note_rows)
    sweep(hooked, x(), "stage4.0.fuse*")
    # the trace, then the four paths into an output in one pass
    assert [("Sequential", 1), ("Linear", 1), *[("Linear", 4)] * 4] == SEEN


def test_a_trace_and_its_photo_give_the_same():
    small = copy.deepcopy(trained_like())
    small.preparation = hv.Preparation(size=48)
    base = hv.trace(small, hv.photo("cat"))
    one, other = sweep(small, base, "modules"), sweep(small, hv.photo("cat"), "modules")
    assert one.effects == other.effects
    assert one.photos == ("cat",)


def test_interruption_keeps_what_was_computed_and_leaves_the_net_as_it_was(net):
    whole = sweep(net, x(3), "modules")
    met = []

    def target(logits):
        met.append(1)
        if len(met) == 8:
            raise KeyboardInterrupt
        return logits[:, 0] - logits[:, 1]

    net.train()
    result = sweep(net, x(3), "modules", target=target)
    assert net.training
    net.eval()
    assert not result.finished
    assert "not finished" in repr(result)
    assert [effect.item for effect in result.effects] == [
        effect.item for effect in whole.effects[: len(result.effects)]
    ]
    assert len(result.effects) == 3


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"over": "stage9"}, "has no site 'stage9'"),
        ({"over": "fuse_path"}, "is not a site address"),
        ({"over": []}, "No site was given"),
        ({"photos": []}, "No photo was given"),
        ({"batch": 0}, "batch=0 was given; a whole number from 1 on"),
        ({"edit": "patch"}, r"hv\.Patch\(donor\)"),
        ({"edit": hv.Patch(photos(1, 64, 64, dtype=torch.float64))}, "Use a donor of the same size"),
        ({"edit": hv.Patch(photos(2, 32, 48, dtype=torch.float64))}, "one photo of it"),
        ({"target": 99}, "no class 99"),
    ],
)
def test_says_in_a_sentence_what_is_wrong(net, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        sweep(net, **{"photos": x(), "over": "modules"} | arguments)
    with pytest.raises(TypeError, match="one target for all photos"):
        sweep(net, x(), target=[1])
