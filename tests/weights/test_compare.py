"""hv.compare_weights: how far two nets differ at each landmark, against numbers computed by hand."""

import pytest
import torch

import hrnet_viz as hv


@pytest.fixture
def pair():
    return [hv.hrnet("hrnet_w18_small_v1", head="segmentation", num_outputs=4) for _ in range(2)]


@pytest.fixture
def twins(pair):
    pair[1].load_state_dict(pair[0].state_dict())
    return pair


def test_twins_are_equal_to_the_bit_at_every_landmark_that_has_numbers(twins):
    found = hv.compare_weights(*twins)
    assert found.equal == tuple(found)
    assert all((one.relative, one.largest) == (0, 0) for one in found.values())
    assert sum(one.numbers for one in found.values()) == sum(
        value.numel() for value in twins[0].state_dict().values() if value.is_floating_point()
    )
    assert str(found) == f"{len(found)} of {len(found)} landmarks are equal to the bit"
    assert "stage2.0.sum0" not in found


@pytest.mark.parametrize("head", ["classification", "pose", "landmarks", "pyramid", "ocr"])
def test_every_number_of_every_head_has_a_landmark(head):
    net = hv.hrnet("hrnet_w18_small_v1", head=head)
    held = sum(value.numel() for value in net.state_dict().values() if value.is_floating_point())
    assert sum(one.numbers for one in hv.compare_weights(net, net).values()) == held


def test_one_changed_number_is_found_where_it_lies(twins):
    a, b = twins
    b.stage3[0].fuse_layers[0][2][0].weight.data[1, 2] += 0.5
    b.bn1.num_batches_tracked += 1
    found = hv.compare_weights(a, b)
    apart = found["stage3.0.fuse0<-2"]
    assert set(found) - set(found.equal) == {"stage3.0.fuse0<-2", "stem"}
    assert found["stem"].relative == 0  # a counter of batches
    before = [v.double().flatten() for n, v in a.state_dict().items()
              if n.startswith("stage3.0.fuse_layers.0.2.") and v.is_floating_point()]  # fmt: skip
    assert apart.relative == pytest.approx(0.5 / float(torch.cat(before).norm()), rel=1e-5)
    assert apart.largest == pytest.approx(0.5, rel=1e-5)
    assert found["stage3.0.fuse_layers.0.2"] == apart
    table = str(found).splitlines()
    assert table[1].split() == ["stage3.0.fuse0<-2", f"{apart.relative:.3g}", "0.5"]
    with pytest.raises(hv.SiteError, match="has no parameters that both nets have"):
        found["stage2.0.sum0"]


def test_nets_of_two_heads_are_compared_in_what_they_share(pair):
    other = hv.hrnet("hrnet_w18_small_v1", head="pose", num_outputs=4)
    body = {name: value for name, value in pair[0].state_dict().items() if name in other.state_dict()}
    other.load_state_dict(body, strict=False)
    found = hv.compare_weights(pair[0], other)
    assert found.equal == tuple(found)
    assert {one for one in found.only_first if not one.startswith("stage4.0.fuse")} == {"head.mix", "logits"}
    assert found.only_second == ("heatmaps",)
    assert "only in the second: heatmaps" in str(found)
    fewer = hv.hrnet("hrnet_w18_small_v1", head="pose", num_outputs=5)
    assert "heatmaps" in set(hv.compare_weights(other, fewer).only_first)


def test_files_and_other_variants(twins, tmp_path):
    hv.save(twins[0], tmp_path / "x.safetensors")
    found = hv.compare_weights(tmp_path / "x.safetensors", str(tmp_path / "x.safetensors"))
    assert found.equal == tuple(found)
    with pytest.raises(ValueError, match=r"hrnet_w18_small_v2 were given; their numbers do not correspond"):
        hv.compare_weights(twins[0], hv.load("teaching"))
    with pytest.raises(hv.WeightsError, match="neither a name of weights nor a file"):
        hv.compare_weights("nowhere.pth", twins[0])
