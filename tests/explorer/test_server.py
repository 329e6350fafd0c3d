"""Answers are the net's own numbers: compared with traces and analyses, and wrong questions get sentences."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

import hrnet_viz as hv
from hrnet_viz.attribution.cam import cam
from hrnet_viz.explorer.server import LARGEST_UPLOAD, Server
from hrnet_viz.interventions.ablation import ablate
from hrnet_viz.photos.photo import PhotoError
from hrnet_viz.receptive_fields import theoretical
from tests.explorer.driving import HOSTILE, SIDE, make_net


@pytest.fixture(scope="module")
def trace(small_net):
    return hv.trace(small_net, hv.photo("cat"))


def floats(answer, start=0, stop=None):
    return np.frombuffer(answer.data[start:stop], "<f4")


@pytest.mark.parametrize("site", ["stem", "stage3.0.fuse0<-2", "stage4.0.branch3", "head.final", "logits"])
def test_maps_are_the_traced_ones(server, trace, site):
    answer = server.answer(["maps", "cat", site])
    values = trace[site][0].reshape(trace[site].shape[1], *(trace[site].shape[2:] or (1, 1))).numpy()
    assert (answer.meta["channels"], answer.meta["rows"]) == values.shape[:2]
    low, high = floats(answer)[: 2 * len(values)].reshape(2, -1)
    np.testing.assert_array_equal(low, values.min((1, 2)))
    np.testing.assert_array_equal(high, values.max((1, 2)))
    assert answer.meta["signed"] == (site.count("fuse") > 0 or bool((values < 0).any()))


def test_one_channel_is_exact_also_of_an_inner_site(server, small_net):
    site = "stage2.0.branch1.block1.bn1"
    whole = hv.trace(small_net, hv.photo("cat"), sites=site)[site][0]
    answer = server.answer(["channel", "cat", site, 3])
    np.testing.assert_array_equal(floats(answer), whole[3].numpy().ravel())


def test_paths_come_before_they_are_enlarged_and_add_up_to_the_bit(server, trace):
    parts = []
    for j in range(4):
        answer = server.answer(["floats", "cat", f"stage4.0.fuse1<-{j}"])
        size = (answer.meta["channels"], answer.meta["rows"], answer.meta["columns"])
        values = torch.from_numpy(floats(answer).reshape(size).copy())
        target = answer.meta.get("enlarged", size[1:])
        assert (size[1:] != tuple(target)) == (j > 1)
        parts.append(torch.nn.functional.interpolate(values[None], size=tuple(target), mode="nearest")[0])
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    torch.testing.assert_close(total, trace["stage4.0.sum1"][0], rtol=0, atol=0)


def test_shares_are_those_of_the_trace_and_the_sums_are_exact(server, trace):
    answer = server.answer(["shares", "cat", "stage3.0"]).meta
    assert answer["exact"]
    (site, text, share), *_ = answer["measures"]["energy"]["rows"][2]
    matrix = hv.exchanges.shares(trace).matrix("stage3.0", "energy")[0]
    assert site == "stage3.0.fuse2<-0"
    assert float(text) == pytest.approx(float(matrix[2, 0]), rel=0.06)
    assert share == pytest.approx(float(matrix[2, 0] / matrix.max()))


def test_receptive_fields_are_those_of_the_analysis(server, small_net):
    field = server.answer(["field", "cat", "stage2.0.branch1"]).meta
    box = theoretical(small_net, "stage2.0.branch1").box((3, 5), (SIDE, SIDE))
    assert [ends[3] for ends in field["rows"]] == [box.top, box.bottom]
    assert [ends[5] for ends in field["columns"]] == [box.left, box.right]
    assert server.answer(["field", "cat", "logits"]).meta["rows"] == [[0], [SIDE - 1]]


@pytest.mark.parametrize(("target", "contrast"), [("", ""), ("dog", ""), ("dog", "tench"), ("", "tench")])
def test_class_activation_maps_are_those_of_cam(server, small_net, target, contrast):
    answer = server.answer(["cam", "cat", target, contrast, "hirescam"])
    wish = (target or None, contrast) if contrast else target or None
    expected = cam(small_net, hv.photo("cat"), wish, method="hirescam")
    at = 0
    for site in answer.meta["sites"]:
        size = 4 * site["rows"] * site["columns"]
        values = floats(answer, at, at + size)
        torch.testing.assert_close(torch.from_numpy(values.copy()), expected[site["site"]][0].flatten())
        at += size
    assert at == len(answer.data)
    kinds = {site["after"] for site in answer.meta["sites"]}
    assert kinds == {"", "branches", "exchange"}
    assert answer.meta["target"] == expected.targets[0]


@pytest.mark.parametrize("factor", [0, 0.5, 1.0, 2.0])
def test_an_edit_is_told_as_the_ablation_has_it(server, small_net, factor):
    site = "stage4.0.fuse0<-3"
    answer = server.answer(["ablation", "cat", site, factor, "tench"]).meta
    result = ablate(small_net, hv.photo("cat"), site, float(factor))
    rows = {row[0]: row for row in answer["rows"]}
    index = small_net.classes.index("tench")
    assert answer["words"].startswith(f"{site} scaled by {factor:g} reaches ")
    assert "tench: logit " in answer["words"]
    now = float(rows["tench"][3].replace("−", "-"))
    assert now == pytest.approx(float(result.logits[0, index]), rel=1e-3, abs=1e-3)
    for start, length, mark in (row[1] for row in answer["rows"]):
        assert 0 <= start <= start + length <= 1 + 1e-9
        assert 0 <= mark <= 1


def test_a_photo_outside_the_classes_says_so(small_net):
    server = Server(small_net, [hv.photo("cat"), hv.photo("coffee")])
    inside, outside = (server.answer(["photo", name]).meta for name in ("cat", "coffee"))
    assert not inside["outside"]
    assert outside["outside"]
    assert "outside the 4 trained classes" in outside["words"]
    assert len(server.answer(["photo", "coffee"]).data) == 3 * SIDE * SIDE


def test_photos_are_told_apart_and_a_sample_is_read_when_it_is_chosen(small_net):
    photo = hv.photo("cat")
    dark = hv.Photo(photo.pixels // 2, "cat")
    server = Server(small_net, [photo, dark, photo])
    assert list(server.album)[:2] == ["cat", "cat (2)"]
    assert server.answer(["photo", "rocket"]).meta["name"] == "rocket"
    meta = server.answer(["samples"]).meta
    assert meta["names"][:3] == ("cat", "cat (2)", "rocket")
    assert len(server.answer(["samples"]).data) == len(meta["names"]) * 3 * meta["side"] ** 2


def test_a_ready_tensor_has_its_picture_back(small_net):
    tensor = hv.prepare(small_net, [hv.photo("cat"), hv.photo("coffee")])
    server = Server(small_net, tensor)
    assert list(server.album)[:2] == ["photo 0", "photo 1"]
    expected = small_net.preparation.picture(hv.photo("coffee")).pixels
    np.testing.assert_array_equal(server.album["photo 1"].picture, expected)


# ---- uploads ---------------------------------------------------------------------------------------------------------


def png(colour="red"):
    buffer = io.BytesIO()
    Image.new("RGB", (50, 40), colour).save(buffer, "PNG")
    return buffer.getvalue()


def upload(server, name, content, size=40):
    pieces = [content[start : start + size] for start in range(0, len(content), size)] or [b""]
    for number, piece in enumerate(pieces):
        answer = server.answer(["upload", name, number, len(pieces)], piece)
    return answer.meta["photo"]


def test_an_upload_comes_in_pieces_and_its_name_is_only_a_name(small_net):
    server = Server(small_net, hv.photo("cat"))
    assert upload(server, "my dog.png", png()) == "my dog"
    assert upload(server, f"{HOSTILE}.png", png("blue")).endswith("script>")
    assert upload(server, "cat.png", png("green")) == "cat (2)"
    assert server.answer(["photo", "my dog"]).meta["box"] == (0, 0, 50, 40)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"%PDF-1.4 ...", "export the page as PNG"), (png()[:60], "truncated or damaged")],
)
def test_a_bad_file_gets_its_sentence_and_the_next_one_is_read(small_net, content, words):
    server = Server(small_net, hv.photo("cat"))
    with pytest.raises(PhotoError, match=words) as caught:
        upload(server, "bad.png", content)
    assert str(caught.value).startswith("bad.png can't be used. ")
    assert upload(server, "good.png", png()) == "good"


def test_an_endless_upload_is_refused(small_net):
    server = Server(small_net, hv.photo("cat"))
    half = bytes(LARGEST_UPLOAD // 2 + 1)
    server.answer(["upload", "a.png", 0, 3], half)
    with pytest.raises(PhotoError, match="more than 64 MB"):
        server.answer(["upload", "a.png", 1, 3], half)


# ---- wrong questions, and what stays as it was -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ([], "Questions begin with net"),
        (["nonsense"], "Questions begin with net"),
        (["maps", "cat", "stage9.0.branch0"], "stage9"),
        (["maps", "nobody", "stem"], "There is no photo 'nobody'"),
        (["channel", "cat", "stem", 64], "channels 0 to 63"),
        (["cam", "cat", "cow", "", "gradcam"], "knows no class 'cow'"),
        (["cam", "cat", "", "", "magic"], "no method 'magic'"),
        (["ablation", "cat", "nowhere", 0.5], "nowhere"),
    ],
)
def test_a_wrong_question_gets_a_sentence(server, question, words):
    with pytest.raises(ValueError, match=words):
        server.answer(question)


def test_a_net_without_class_names_is_explored_all_the_same():
    net = hv.hrnet("hrnet_w18_small_v1", num_outputs=3)
    server = Server(net, torch.randn(1, 3, 32, 32))
    assert server.labels == ("output 0", "output 1", "output 2")
    assert not server.answer(["photo", "photo"]).meta["outside"]
    assert "output 1: logit" in server.answer(["ablation", "photo", "stage2.0.branch0", 0.0, "output 1"]).meta["words"]


@pytest.mark.parametrize("question", [["maps", "cat", "stem"], ["cam", "cat", "", "", "gradcam"], ["photo", "coffee"]])
def test_a_net_that_has_changed_does_not_answer_beside_what_the_page_shows(question):
    net = make_net()
    server = Server(net, hv.photo("cat"))
    server.answer(["photo", "cat"])
    with torch.no_grad():
        net.classifier.bias.add_(1)
    with pytest.raises(ValueError, match="The net has changed since this explorer was opened: run the cell again"):
        server.answer(question)


def test_only_the_last_traces_are_kept(small_net):
    server = Server(small_net, hv.photo("cat"))
    for name in ("cat", "coffee", "rocket", "coffee"):
        server.trace(name)
    assert list(server._traces) == ["rocket", "coffee"]
    assert not small_net.training
