"""The table of the head tells what the published net has, and what a pass through it makes."""

import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.network.counts import Count

HEADS = {
    "classification": 11_736_744, "pose": 323, "segmentation": 78_859, "landmarks": 92_138, "pyramid": 3_019_776,
    "ocr": 2_518_558,
}  # fmt: skip
"""Parameters of the published heads of a W18."""


def on_paper(name, num_outputs=1000, head="classification"):
    with torch.device("meta"):
        return hv.hrnet(name, head=head, num_outputs=num_outputs)


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
@pytest.mark.parametrize("head", HEADS)
def test_shapes_are_those_that_a_pass_makes(head, size):
    net = hv.hrnet("hrnet_w18_small_v1", head=head)
    trace = hv.trace(net, torch.randn(1, 3, *size))
    for part in hv.heads.table(net, *size):
        assert part.shape == (tuple(trace[part.site].shape[1:])), part.site


@pytest.mark.parametrize(("head", "parameters"), HEADS.items())
def test_the_parts_of_every_head_are_all_of_it(head, parameters):
    table = hv.heads.table(on_paper("hrnet_w18", None, head))
    assert table.total.parameters == parameters
    body = 9_562_260 - (9_562_260 - 9_317_892) * (head == "pose")  # its last exchange puts out branch 0 alone
    assert table.net.parameters - table.total.parameters == body


def test_what_resamples_has_a_row_and_what_is_made_of_several_modules_is_one():
    segmentation = {part.site: part for part in hv.heads.table(on_paper("hrnet_w18", None, "segmentation"))}
    assert list(segmentation) == ["head.up1", "head.up2", "head.up3", "head.mix", "logits"]
    assert [float(segmentation[f"head.up{i}"].stride) for i in (1, 2, 3)] == [0.5, 0.25, 0.125]
    assert (segmentation["head.mix"].published, segmentation["logits"].published) == ("last_layer", "last_layer.3")
    pyramid = {part.site: part for part in hv.heads.table(on_paper("hrnet_w18", None, "pyramid"))}
    assert [pyramid[f"head.pool{i}"].stride for i in (1, 2, 3, 4)] == [2, 4, 8, 16]
    assert {pyramid[f"head.level{i}"].kernel for i in range(5)} == {(3,)}
    ocr = {part.site: part for part in hv.heads.table(on_paper("hrnet_w18", None, "ocr"))}
    assert [(name, part.published) for name, part in ocr.items() if not part.count.parameters][3:] == [
        *(("head.regions", ""), ("head.objects", ""))
    ]
    assert ocr["head.objects"].shape == (512, 19, 1)
    assert ocr["head.attention"].published == "ocr_distri_head.object_context_block"
    assert (ocr["head.mix"].inputs, ocr["head.mix"].outputs, ocr["head.mix"].bias) == (1024, 512, False)


def test_table_as_text(w18, golden_text):
    golden_text("head_w18", f"{hv.heads.table(w18)}\n")


def test_heads_cost_what_the_published_ones_cost(w18):
    v1, v2, v2p, classification, ocr = hv.heads.choices(w18)
    assert v1.count.parameters == 17 * 18 + 17
    assert v2.count.parameters == 9_641_119 - 9_562_260  # the published segmentation net less its backbone
    assert v2p.count.parameters == 3_019_776
    assert classification.count == hv.heads.table(w18).total
    assert ocr.count.parameters == HEADS["ocr"]


@pytest.mark.parametrize("head", HEADS)
def test_the_choices_of_nets_with_any_head_differ_in_their_own_only(head):
    net = on_paper("hrnet_w18", None if head == "pyramid" else 7, head)
    found = {choice.name: choice for choice in hv.heads.choices(net, 97, 130)}
    own = {"classification": "classification", "pose": "V1", "segmentation": "V2", "pyramid": "V2p", "ocr": "OCR"}
    for choice in hv.heads.choices(on_paper("hrnet_w18"), 97, 130):
        assert (found[choice.name] == choice) == (choice.name != own.get(head) or head == "pyramid"), choice.name
    if head in own:
        assert found[own[head]].count == hv.heads.table(net, 97, 130).total
        assert head == "pyramid" or found[own[head]].outputs[0][0] == 7


def test_only_v1_leaves_streams_unread(w18):
    heads = hv.heads.choices(w18)
    assert [choice.name for choice in heads] == ["V1", "V2", "V2p", "classification", "OCR"]
    assert [choice.reads for choice in heads] == [(0,), *[(0, 1, 2, 3)] * 4]
    assert [shape[1] for shape in heads[2].outputs] == [56, 28, 14, 7, 3]
    assert heads[0].outputs == ((17, 56, 56),)
    assert heads[3].outputs == ((1000,),)


def test_a_photo_too_small_for_the_pyramid_is_refused_in_words(w18):
    with pytest.raises(ValueError, match=r"60 x 224 px.*16 x 16 of stride 4.*at least 61 px"):
        hv.heads.choices(w18, 60, 224)
    assert [shape[1:] for shape in hv.heads.choices(w18, 61, 224)[2].outputs][-1] == (1, 3)
