"""The front end as text: small, readable, whole, and without the ways by which strangers' text becomes markup."""

import re
from importlib.resources import files

import pytest

from hrnet_viz.explorer.page import PARTS, read_module, read_style

FRONT = files("hrnet_viz.explorer").joinpath("front")
SOURCES = sorted(FRONT.iterdir(), key=lambda path: path.name)


def test_it_stays_small_and_readable():
    lines = [line for path in SOURCES for line in path.read_text(encoding="utf8").splitlines()]
    assert len(lines) < 1200
    assert max(map(len, lines)) <= 120


def test_no_file_is_left_out():
    there = {path.name for path in SOURCES}
    assert there == {f"{part}.js" for part in (*PARTS, "kernel_host", "file_host")} | {"style.css"}


@pytest.mark.parametrize("host", ["kernel", "file"])
def test_a_module_holds_every_part_and_its_host(host):
    text = read_module(host)
    for name in ("make", "createAtlas", "createSource", "createMapView", "createNetwork", "mount"):
        assert len(re.findall(rf"^(?:async )?(?:function|const) {name}\b", text, re.MULTILINE)) == 1
    assert ("createKernelHost" in text) == (host == "kernel")
    assert len(re.findall(r"^export ", text, re.MULTILINE)) == (host == "kernel")
    assert "</script" not in text


def test_a_notebook_stores_little_of_it():
    assert len(read_module("kernel")) + len(read_style()) < 60_000


@pytest.mark.parametrize(
    "way",
    ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "fetch(", "XMLHttp"],
)
def test_text_never_becomes_markup_or_a_request(way):
    for path in SOURCES:
        code = path.read_text(encoding="utf8").replace("fetch()", "").replace("const fetch", "")
        assert way not in code, f"{way} in {path.name}"


def test_no_address_of_another_host():
    text = "".join(path.read_text(encoding="utf8") for path in SOURCES)
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"']*", text) == ["http://www.w3.org/2000/svg"]
    assert "@import" not in text
    assert "url(" not in text
