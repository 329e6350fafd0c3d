"""A sweep gives what single ablations give, in whatever batches, blocks and shards; and nothing gets lost."""

import copy

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.interventions import sweep as sweep_module
from hrnet_viz.interventions.ablation import ablate
from hrnet_viz.interventions.sweep import sweep
from hrnet_viz.interventions.sweep_items import list_items
from tests.nets.trained_like import photos, trained_like


@pytest.fixture(scope="module")
def net():
    return trained_like(dtype=torch.float64)


def x(n=1):
    return photos(n, 32, 48, dtype=torch.float64)


@pytest.mark.parametrize("how", ["zero", "mean", "noise", "patch", 0.5])
@pytest.mark.parametrize("rows", [1, 5, 8])
def test_equals_single_ablations(net, how, rows):
    over = ["stage4.0.fuse0<-*", "stage3.0.fuse2<-0", ("stage2.0.out1", [0, 2]), "stage4.0.branch2.block0.bn1", "stem"]
    donor, reference, base = x(1) + 1, x(3) - 1, x(3)
    result = sweep(net, base, over, how, donor=donor, reference=reference, rows=rows, target=2)
    assert len(result.effects) == 3 * len(result.items) == 3 * 8
    for effect in result.effects:
        row = int(effect.photo.split()[1])
        (item,) = [item for item in list_items(net.plan, over) if item.label == effect.item]
        places = [(place.site, place.channels) for place in item.places]
        alone = ablate(net, base[row : row + 1], places, how, donor=donor, reference=reference, target=2)
        assert effect.effect == pytest.approx(alone.effect.item(), abs=1e-10)
        assert effect.score == pytest.approx(alone.logits[0, 2].item(), abs=1e-10)
        assert effect.base_probability == pytest.approx(alone.base_probabilities[0, 2].item(), abs=1e-10)
        assert (effect.rank, effect.base_rank) == (alone.rank[0], alone.base_rank[0])
        assert effect.how == alone.changes[0].how


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


def test_only_what_the_edits_reach_is_computed(net, monkeypatch):
    rows_of = []
    inside = net.stage3[0].branches[0].register_forward_hook(lambda *_: rows_of.append("stage3"))
    late = net.classifier.register_forward_hook(lambda _, args, __: rows_of.append(len(args[0])))
    sweep(net, x(), "stage4.0.fuse*")
    inside.remove()
    late.remove()
    assert rows_of.count("stage3") == 1  # the trace
    assert rows_of == ["stage3", 1, 4, 4, 4, 4]  # then the four paths into an output in one pass


def test_a_trace_and_its_photo_give_the_same():
    small = copy.deepcopy(trained_like())
    small.preparation = hv.Preparation(size=48)
    base = hv.trace(small, hv.photo("cat"))
    one, other = sweep(small, base, "modules"), sweep(small, hv.photo("cat"), "modules")
    assert one.effects == other.effects
    assert one.photos == ("cat",)


def test_interruption_keeps_what_was_computed_and_leaves_the_net_as_it_was(net, monkeypatch):
    whole = sweep(net, x(), rows=4)
    real, calls = sweep_module.compute_pass, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(sweep_module, "compute_pass", interrupted)
    net.train()
    result = sweep(net, x(), rows=4)
    assert net.training
    net.eval()
    assert not result.finished
    assert "not finished" in repr(result)
    assert result.effects == whole.effects[: len(result.effects)]
    assert len(result.effects) > 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"over": "stage9"}, "has no site 'stage9'"),
        ({"over": "fuse_path"}, "is not a site address"),
        ({"over": []}, "No site was given"),
        ({"photos": []}, "No photo was given"),
        ({"rows": 0}, "at least one row"),
        ({"shard": (3, 2)}, "shard=3/2"),
        ({"how": "patch"}, "needs another photo"),
        ({"how": "patch", "donor": photos(1, 64, 64, dtype=torch.float64)}, "Use a donor of the same size"),
        ({"how": "patch", "donor": photos(2, 32, 48, dtype=torch.float64)}, "one photo of it"),
        ({"target": 99}, "no class 99"),
    ],
)
def test_says_in_a_sentence_what_is_wrong(net, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        sweep(net, **{"photos": x(), "over": "modules"} | arguments)
    with pytest.raises(TypeError, match="one target for all photos"):
        sweep(net, x(), target=[1])
