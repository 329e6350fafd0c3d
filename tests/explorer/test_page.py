"""The kernel-free file: whole, small, closed to the outside, and safe whatever a photo or a class is called."""

import base64
import hashlib
import html.parser
import json
import re
import zlib

import numpy as np
import pytest
import torch

import hrnet_viz as hv
from hrnet_viz.explorer.page import list_questions, write_key
from hrnet_viz.explorer.widget import explore
from tests.explorer.driving import HOSTILE


class Reader(html.parser.HTMLParser):
    """Collects elements with attributes, and the text of scripts and styles."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts = [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        if not self.elements:
            return
        tag, attributes = self.elements[-1]
        self.texts.setdefault(attributes.get("id") or tag, data)


@pytest.fixture(scope="module")
def saved(small_net, tmp_path_factory):
    explorer = explore(small_net, hv.Photo(hv.photo("cat").pixels, HOSTILE), target="dog", edited="stage3.0.fuse0<-2")
    path = explorer.save(tmp_path_factory.mktemp("page") / "cat.html", edits="chosen")
    yield explorer, path.read_text(encoding="utf8")
    explorer.close()


@pytest.fixture(scope="module")
def reader(saved):
    return Reader(saved[1])


@pytest.fixture(scope="module")
def index(reader):
    return json.loads(zlib.decompress(base64.b64decode(reader.texts["hv-index"])))


def unpack(reader, index, question):
    block, width, meta = index["answers"][write_key(question)]
    data = zlib.decompress(base64.b64decode(reader.texts[f"hv-{block}"]))
    return np.frombuffer(data, np.uint8).reshape(width, -1).T.tobytes(), meta


def test_it_holds_the_answers_to_all_that_its_page_asks(saved, reader, index):
    explorer, _ = saved
    server, asked = explorer._server, list(list_questions(explorer._server, explorer.choices, "chosen"))
    assert {question[0] for question in asked} == {
        "net", "photo", "maps", "floats", "field", "shares", "cam", "ablation",
    }  # fmt: skip
    for question in asked:
        data, meta = unpack(reader, index, question)
        expected = server.answer(question)
        assert data == expected.data, question
        assert meta == json.loads(json.dumps(expected.meta)), question
    assert index["state"]["target"] == "dog"


def test_every_landmark_can_be_shown(saved, index):
    explorer, _ = saved
    photo, net = explorer.photo, explorer._server.net
    for site in net.sites():
        keys = {write_key(["maps", photo, site.name])}
        if site.kind in ("fuse_path", "fuse_sum", "fuse_out", "branch"):
            inputs = [site] if site.kind == "branch" else net.sites(kind="fuse_path", stage=site.stage)
            keys = {
                write_key(["floats", photo, one.name if one.source != one.branch else one.inputs[0]])
                for one in inputs
                if (one.module, one.branch) == (site.module, site.branch)
            }
        assert keys <= set(index["answers"]), site


def test_edits_of_every_path_and_branch_are_computed_unless_told_otherwise(small_net):
    explorer = explore(small_net, hv.photo("cat"))
    asked = [
        tuple(question[2:4])
        for question in list_questions(explorer._server, explorer.choices)
        if question[0] == "ablation"
    ]
    paths = {site.name for kind in ("branch", "fuse_path") for site in small_net.sites(kind=kind)}
    assert {site for site, factor in asked if factor == 0} == paths
    assert sorted(factor for site, factor in asked if site == explorer.edited) == [k / 4 for k in range(9)]
    with pytest.raises(ValueError, match="'all' edits or those of the 'chosen' site"):
        explorer.save("never.html", edits="none")
    explorer.close()


def test_what_does_not_fit_is_left_out_and_named(small_net, tmp_path):
    explorer = explore(small_net, hv.photo("cat"), site="stage2.0.branch1")
    with pytest.warns(UserWarning, match="To have no more than about 0.2 MB, this file leaves out: .*stage4.0") as told:
        text = explorer.save(tmp_path / "cat.html", limit_mb=0.2).read_text(encoding="utf8")
    assert str(told[0].message).split(" So does")[0] in text
    assert len(text) < 700_000, "the front end and the picture that is seen first come on top"
    reader = Reader(text)
    asked = [
        json.loads(key) for key in json.loads(zlib.decompress(base64.b64decode(reader.texts["hv-index"])))["answers"]
    ]
    held = {question[2] for question in asked if question[0] in ("maps", "floats")}
    assert {"stage2.0.branch0", "stage2.0.branch1", "stage2.0.fuse0<-1"} <= held, "the chosen module comes first"
    assert not [site for site in held if site.startswith("stage4.0")]
    assert len([question for question in asked if question[0] == "cam"]) == 1
    assert {question[2] for question in asked if question[0] == "ablation"} == {explorer.edited}
    for wrong in (0, -1, float("nan"), "10"):
        with pytest.raises(ValueError, match="a number of megabytes above 0 was expected"):
            explorer.save(tmp_path / "no.html", limit_mb=wrong)
    explorer.close()


def test_equal_answers_are_stored_once(reader, index):
    blocks = [block for block, _, _ in index["answers"].values()]
    assert len(set(blocks)) < len(blocks)
    stored = [texts for name, texts in reader.texts.items() if re.fullmatch(r"hv-\d+", name)]
    assert len(stored) == len(set(stored)) == len(set(blocks))


def test_the_policy_allows_this_script_and_style_and_nothing_from_outside(reader):
    (policy,) = [a["content"] for tag, a in reader.elements if a.get("http-equiv") == "Content-Security-Policy"]
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert parts["default-src"] == "'none'"
    assert "unsafe" not in policy
    for tag, text in (("script", reader.texts["script"]), ("style", reader.texts["style"])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert parts[f"{tag}-src"] == f"'sha256-{digest}'"
    addresses = [a.get("src") or a.get("href") for _, a in reader.elements if a.get("src") or a.get("href")]
    assert all(address.startswith("data:image/png") for address in addresses)


def test_names_of_others_stay_text(saved, reader):
    _, text = saved
    assert HOSTILE not in text
    assert [tag for tag, _ in reader.elements if tag == "img"] == ["img"]  # the stored picture alone
    assert len(re.findall("<script", text)) == len(re.findall("</script>", text))
    (picture,) = [a for tag, a in reader.elements if tag == "img"]
    assert HOSTILE[:8] in picture["alt"]


def test_a_question_is_written_as_the_page_writes_it():
    assert write_key(["ablation", 'a"\\\n<é>', "x", 1.0, ""]) == '["ablation","a\\"\\\\\\n<é>","x",1,""]'
    assert write_key(("ablation", "p", "s", 0.25, "")) == '["ablation","p","s",0.25,""]'


def test_it_stays_under_ten_megabytes_at_the_size_of_the_course(tmp_path):
    torch.manual_seed(0)
    net = hv.hrnet("hrnet_w18_small_v2", num_outputs=12)
    with torch.no_grad():
        for norm in (module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)):
            norm.momentum = None
        net.train()(hv.prepare(net, [hv.photo("cat"), hv.photo("coffee")], size=96))
    net.eval().preparation = hv.Preparation(size=(224, 224))
    explorer = explore(net, hv.photo("cat"), target="output 3", contrast="output 4")
    size = explorer.save(tmp_path / "cat.html", edits="chosen").stat().st_size
    explorer.close()
    assert size < 10_000_000
