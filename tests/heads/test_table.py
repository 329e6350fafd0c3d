"""The table of the head tells what the published net has, and what a pass through it makes."""

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.network.counts import Count


def on_paper(name, num_outputs=1000):
    with torch.device("meta"):
        return hv.hrnet(name, num_outputs=num_outputs)


@pytest.fixture(scope="module")
def w18():
    return on_paper("hrnet_w18")


def test_planes_channels_kernels_strides_and_biases_are_the_published_ones(w18):
    rows = {part.published or part.site: part for part in hv.heads.table(w18)}
    assert [rows[f"incre_modules.{b}"].planes for b in range(4)] == [32, 64, 128, 256]
    assert [rows[f"incre_modules.{b}"].inputs for b in range(4)] == [18, 36, 72, 144]
    assert [rows[f"incre_modules.{b}"].outputs for b in range(4)] == [128, 256, 512, 1024]
    assert {rows[f"incre_modules.{b}"].kernel for b in range(4)} == {(1, 3, 1)}
    assert {rows[f"incre_modules.{b}"].stride for b in range(4)} == {1}
    for b in range(3):
        down = rows[f"downsamp_modules.{b}"]
        assert (down.outputs, down.kernel, down.stride, down.planes) == (2 * down.inputs, (3,), 2, None)
    final = rows["final_layer"]
    assert (final.inputs, final.outputs, final.kernel, final.stride) == (1024, 2048, (1,), 1)
    assert {name.partition(".")[0] for name, part in rows.items() if part.bias} == {
        *("downsamp_modules", "final_layer", "classifier")
    }
    assert rows["head.pool"].bias is None
    assert rows["head.pool"].shape == (2048,)


def test_totals_are_those_of_the_published_net(w18):
    table = hv.heads.table(w18)
    assert table.net == Count(21_299_004, 4_283_537_072)
    assert table.total.parameters == 21_299_004 - 9_562_260  # all but the backbone
    assert sum(part.count.parameters for part in table if part.site != "logits") == 9_687_744


@pytest.mark.parametrize("size", [(224, 224), (97, 130)])
def test_shapes_are_those_that_a_pass_makes(size):
    net = hv.hrnet("hrnet_w18_small_v1", num_outputs=5)
    trace = hv.trace(net, torch.randn(1, 3, *size))
    for part in hv.heads.table(net, *size):
        assert part.shape == tuple(trace[part.site].shape[1:]), part.site


def test_table_as_text(w18, golden_text):
    golden_text("head_w18", f"{hv.heads.table(w18)}\n")


def test_heads_cost_what_the_published_ones_cost(w18):
    v1, v2, v2p, classification = hv.heads.choices(w18)
    assert v1.count.parameters == 17 * 18 + 17
    assert v2.count.parameters == 9_641_119 - 9_562_260  # the published segmentation net less its backbone
    assert v2p.count.parameters == 3_019_776
    assert classification.count == hv.heads.table(w18).total


def test_only_v1_leaves_streams_unread(w18):
    heads = hv.heads.choices(w18)
    assert [choice.name for choice in heads] == ["V1", "V2", "V2p", "classification"]
    assert [choice.reads for choice in heads] == [(0,), *[(0, 1, 2, 3)] * 3]
    assert [shape[1] for shape in heads[2].outputs] == [56, 28, 14, 7, 3]
    assert heads[0].outputs == ((17, 56, 56),)
    assert heads[3].outputs == ((1000,),)


def test_a_photo_too_small_for_the_pyramid_is_refused_in_words(w18):
    with pytest.raises(ValueError, match=r"63 x 224 px.*stride 64.*at least 64 px"):
        hv.heads.choices(w18, 63, 224)
