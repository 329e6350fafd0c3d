"""The one diagram: rows are resolutions, streams are level, everything is there, legible and apart."""

import io
import re
from itertools import combinations

import numpy as np
import pytest
import torch
from PIL import Image

from hrnet_viz import SiteError, hrnet
from hrnet_viz.canvas.colours import BRANCH_COLOURS, contrast
from hrnet_viz.canvas.diagram import Diagram
from hrnet_viz.canvas.network_drawing import network_diagram
from hrnet_viz.canvas.overlay import THICKEST, THINNEST, number_text, read_values
from hrnet_viz.canvas.shapes import text_width
from hrnet_viz.exchanges.diagram import exchange_diagram
from hrnet_viz.network.variants import VARIANTS
from scripts.readme_diagrams import main

NODE = re.compile(r'^\t"?(?P<name>.*?)"? \[(?P<attributes>.*)\]$', re.MULTILINE)
RED = np.full((8, 8, 3), (255, 0, 0), np.uint8)


def build(name):
    with torch.device("meta"):
        return hrnet(name)


@pytest.fixture(scope="module")
def w18():
    return build("hrnet_w18")


@pytest.fixture(scope="module")
def small():
    return build("hrnet_w18_small_v1")


def drawings(net):
    stages = {site.stage for site in net.sites(kind="branch")}
    yield from (network_diagram(net, detail=detail) for detail in ("stages", "modules"))
    yield from (exchange_diagram(net, f"stage{stage}.0") for stage in stages)


def nodes(drawn):
    """Name -> attributes of every node that is seen."""
    found = {}
    for line in drawn.source.splitlines():
        node = NODE.match(line)
        if node and " -> " not in line.split(" [")[0] and node["name"] not in {"graph", "node", "edge"}:
            pairs = re.findall(r'(\w+)=("[^"]*"|<.*?>(?= \w+=|$)|[^\s"]+)', node["attributes"])
            found[node["name"]] = {key: value.strip('"') for key, value in pairs}
    return found


def edge(drawn, site):
    """Attributes of the line that is a site."""
    line = next(line for line in drawn.source.splitlines() if f'id="{site}"' in line and "->" in line.split(" [")[0])
    return dict(re.findall(r"(\w+)=\"?([^\s\"]+)", line))


def written(attributes):
    """Lines of text in a node."""
    label = attributes.get("label", "")
    if label.startswith("<"):
        label = label[1:-1]
    plain = re.sub(r"\\[lr]$", "", label.replace("<BR/>", "\n"))
    return [(re.sub(r"</?B>", "", line), "<B>" in line) for line in plain.split("\n") if line]


# ---- the source --------------------------------------------------------------------------------------------------


def test_it_looks_as_it_did(small, w18, golden_figure):
    values = {site.name: (site.channels - 60) / 40 for site in small.sites(stage=3)}
    golden_figure("network_diagram", network_diagram(small, values=values, name="channels", theme="dark").png(dpi=60))
    golden_figure("exchange_diagram", exchange_diagram(w18, "stage4.1", theme="dark").png(dpi=60))


def test_graphviz_draws_the_source_with_every_place_pinned(small):
    drawn = network_diagram(small)
    assert (drawn.dot.engine, drawn.dot.source) == ("neato", drawn.source)
    places = {name: drawn.places[name] for name in nodes(drawn) if name in drawn.places}
    assert len(places) > 30
    for name, place in places.items():
        x, y = map(float, nodes(drawn)[name]["pos"].split(","))
        assert (x, 540 - y) == pytest.approx((place.x, place.y), abs=0.01), name


def test_a_variant_name_draws_what_its_net_draws(w18):
    assert (
        network_diagram("w18").source
        == network_diagram(w18).source
        == network_diagram(hrnet("hrnet_w18"), size=224).source
    )


# ---- the layout --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VARIANTS)
def test_every_landmark_is_drawn(name):
    net = build(name)
    assert not {"input", *net.plan.landmarks} - network_diagram(net).places.keys()


@pytest.mark.parametrize("detail", ["stages", "modules"])
def test_rows_are_resolutions_and_streams_are_level(w18, detail):
    places = network_diagram(w18, detail=detail).places
    rows = {}
    for site in w18.sites():
        if site.name in places and site.kind in {"stem", "stage1", "branch", "fuse_sum", "fuse_out"}:
            rows.setdefault(site.stride, set()).add(places[site.name].y)
    heights = [row for stride in (4, 8, 16, 32) for row in rows[stride]]
    assert len(heights) == 4
    assert heights == sorted(heights)
    identities = [site.name for site in w18.sites(kind="fuse_path") if site.branch == site.source]
    assert {places[name].height for name in identities if name in places} == {0}


def test_depth_runs_from_left_to_right(w18):
    places = network_diagram(w18).places
    for site in w18.sites():
        for source in site.inputs:
            if source != "input" and site.stride is not None and site.kind != "fuse_path":
                assert places[source].x <= places[site.name].x, f"{source} -> {site.name}"


@pytest.mark.parametrize("name", ["hrnet_w18", "hrnet_w64", "hrnet_w18_small_v1"])
def test_nothing_overlaps_or_leaves_the_slide(name):
    net = build(name)
    for drawn in drawings(net):
        boxes = {
            site: place
            for site, place in drawn.places.items()
            if (site == "input" or site in net.plan.sites)
            and f'\t"{site}" [' in drawn.source.replace(f"\t{site} [", f'\t"{site}" [')
        }
        assert len(boxes) > 8
        for site, place in boxes.items():
            assert 0 < place.left[0] < place.right[0] < 960, site
            assert 0 < place.top[1] < place.bottom[1] < 540, site
        for (one, a), (other, b) in combinations(boxes.items(), 2):
            apart = abs(a.x - b.x) >= (a.width + b.width) / 2 or abs(a.y - b.y) >= (a.height + b.height) / 2
            assert apart, f"{one} and {other} overlap"


@pytest.mark.parametrize("size", [(224, 224), (512, 1024), (33, 47)])
@pytest.mark.parametrize("name", ["hrnet_w18", "hrnet_w64", "hrnet_w18_small_v1"])
def test_text_fits_into_its_box(name, size):
    for drawn in (network_diagram(name, size=size), exchange_diagram(name, "stage4.0", size=size)):
        for site, attributes in nodes(drawn).items():
            for line, bold in written(attributes):
                width = text_width(line, bold=bold) * float(attributes["fontsize"])
                assert width <= float(attributes["width"]) * 72 + 0.2, f"'{line}' in {site}"


def test_text_is_readable_at_the_back_of_the_room(w18):
    for drawn in drawings(w18):
        sizes = [float(attributes["fontsize"]) for attributes in nodes(drawn).values() if written(attributes)]
        assert min(sizes) >= 11  # on a slide 13.33 in wide
        assert "width=13.333" in drawn.source


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out(w18, theme):
    values = {site.name: site.channels - 60 for site in w18.sites() if site.kind != "fuse_path"}
    for drawn in (network_diagram(w18, theme=theme, values=values), exchange_diagram(w18, "stage4.0", theme=theme)):
        for site, attributes in nodes(drawn).items():
            fill = attributes.get("fillcolor", "none")
            if written(attributes) and fill != "none":
                assert contrast(attributes["fontcolor"], fill) >= 4.5, site


# ---- what is said ------------------------------------------------------------------------------------------------


def test_colour_means_resolution(w18):
    drawn = network_diagram(w18)
    for site in w18.sites(kind="branch"):
        assert nodes(drawn)[site.name]["color"] == BRANCH_COLOURS[site.branch]
    for path in w18.sites(kind="fuse_path", stage=4, module=1):
        assert edge(drawn, path.name)["color"] == BRANCH_COLOURS[path.source]  # the one that it comes from


def test_boxes_carry_channels_and_resolution(w18):
    drawn = nodes(network_diagram(w18, size=(112, 224)))
    assert [line for line, _ in written(drawn["stage3.0.branch2"])] == ["72 ch", "7×14"]
    assert [line for line, _ in written(drawn["head.final"])] == ["final", "2048 ch", "4×7"]
    assert [line for line, _ in written(drawn["input"])] == ["3 ch", "112×224"]
    assert [line for line, _ in written(drawn["row1 label"])] == ["stride 8 · 14×28"]


def test_stages_are_drawn_as_their_last_modules(w18):
    places = network_diagram(w18, detail="stages").places
    drawn = {site.name for site in w18.sites(kind="branch") if site.name in places}
    assert {name[:8] for name in drawn} == {"stage2.0", "stage3.3", "stage4.2"}


def test_a_path_is_opened_up_operation_by_operation(w18):
    drawn = nodes(exchange_diagram(w18, "stage4.1"))
    told = {name: [line for line, _ in written(node)] for name, node in drawn.items()}
    scope = "stage4.1"
    assert told[f"{scope}.fuse0<-3.bn"] == ["1×1, BN, 18 ch"]
    assert told[f"{scope}.fuse0<-3.resize"] == ["nearest ×8"]
    assert told[f"{scope}.fuse3<-0.step1.relu"] == ["3×3 /2, BN, ReLU, 18 ch"]
    assert told[f"{scope}.fuse3<-0.step3.bn"] == ["3×3 /2, BN, 144 ch"]
    assert drawn[f"{scope}.fuse3<-0.step2.relu"]["color"] == BRANCH_COLOURS[2]  # of the resolution that it gives
    assert told[f"{scope}.sum1"] == ["sum 1", "36 ch", "28×28"]


def test_an_exchange_is_named_by_its_module_or_a_site_in_it(w18):
    assert exchange_diagram(w18, "stage3.1").source == exchange_diagram(w18, "stage3.1.fuse0<-2").source
    with pytest.raises(SiteError, match=r"'stage3.7' is no module of hrnet_w18. Modules are: stage2.0, stage3.0"):
        exchange_diagram(w18, "stage3.7")


def test_the_pointer_is_told_address_published_name_and_value(w18):
    drawn = network_diagram(w18, values={"stage3.1.fuse0<-2": 0.25}, name="share").svg()
    for site, told in (
        ("stage3.1.fuse0&lt;-2", "stage3.1.fuse0&lt;-2 (stage3.1.fuse_layers.0.2): 18 ch, 56×56; share 0.250"),
        ("stage3.1.branch0", "stage3.1.branch0 (stage3.1.branches.0): 18 ch, 56×56"),
    ):
        assert f'<g id="{site}"><title>{told}</title>' in drawn


def test_caption_and_alternative_tell_the_facts(w18):
    drawn = network_diagram(w18, values={"stem": 1.0}, name="energy")
    assert "hrnet_w18 for a photo of 224×224 px" in drawn.caption
    assert "stage 3 has 4 modules of 3 branches with 18, 36, 72 channels" in drawn.alt
    assert drawn.alt.endswith("Laid over: energy at 1 site.")
    assert "fuse0<-3: 18 ch, 56×56" in exchange_diagram(w18, "stage4.0").alt


# ---- values ------------------------------------------------------------------------------------------------------


def test_numbers_colour_boxes_and_set_the_width_of_lines(w18):
    most, some, none = (f"stage4.1.fuse0<-{j}" for j in (1, 2, 3))
    drawn = network_diagram(w18, values={most: 8, some: 4, none: 0, "stage4.1.branch0": 8, "stage4.1.branch1": 0})
    widths = [float(edge(drawn, site)["penwidth"]) for site in (most, some, none)]
    assert widths == [THICKEST, (THICKEST + THINNEST) / 2, THINNEST]
    fills = [nodes(drawn)[f"stage4.1.branch{b}"]["fillcolor"] for b in (0, 1)]
    assert fills == ["#fde725", "#440154"]  # both ends of viridis
    assert {"scale low", "scale high", "width high"} <= nodes(drawn).keys()


def test_a_negative_number_is_dashed_and_makes_the_scale_symmetric(w18):
    values = {"stage4.1.fuse0<-1": -3, "stage4.1.fuse0<-2": 1, "stage4.1.branch0": 0}
    drawn = network_diagram(w18, values=values)
    assert edge(drawn, "stage4.1.fuse0<-1")["style"] == "dashed"
    assert "style" not in edge(drawn, "stage4.1.fuse0<-2")
    assert [written(nodes(drawn)[f"scale {end}"])[0][0] for end in ("low", "high")] == ["−3.00", "3.00"]


def test_only_what_has_a_number_gets_a_legend(w18):
    assert not any(name.startswith(("scale", "width")) for name in nodes(network_diagram(w18)))
    assert "scale low" not in nodes(network_diagram(w18, values={"stage4.1.fuse0<-1": 1}))
    assert "width low" not in nodes(network_diagram(w18, values={"stage4.1.branch0": 1}))


def test_words_and_published_names(w18):
    drawn = nodes(network_diagram(w18, values={"stage3.1.branches.0": "cut"}))
    assert [line for line, _ in written(drawn["stage3.1.branch0"])] == ["cut"]


def test_an_exchange_shows_a_value_on_each_path(w18):
    values = {site.name: 0.5 for site in w18.sites(kind="fuse_path", stage=4)}
    drawn = nodes(exchange_diagram(w18, "stage4.1", values=values))
    assert [line for line, _ in written(drawn["stage4.1.fuse3<-1"])] == ["0.500"]


def test_what_is_not_finite_is_told_and_not_coloured(w18):
    drawn = nodes(network_diagram(w18, values={"stage4.1.branch0": float("nan"), "stage4.1.branch1": 2.0}))
    assert [line for line, _ in written(drawn["stage4.1.branch0"])] == ["n/a"]
    assert [written(drawn["scale high"])[0][0]] == ["2.00"]


@pytest.mark.parametrize(
    ("value", "largest", "text"),
    [(0.1234, 0.9, "0.123"), (-0.1234, 9.0, "−0.12"), (1234.5, 1234.5, "1234"), (-1e-9, 1.0, "0.00"),
     (0, 5.0, "0"), (0.00001234, 0.0001, "1.2e-5".replace("-", "−")), (3e7, 3e7, "3.0e7")],
)  # fmt: skip
def test_numbers_have_as_many_decimals_as_the_scale_needs(value, largest, text):
    assert number_text(value, largest) == text


@pytest.mark.parametrize("draw", [network_diagram, lambda net, **rest: exchange_diagram(net, "stage4.1", **rest)])
def test_a_picture_lies_where_its_site_is(w18, draw):
    drawn = draw(w18, values={"stage4.1.branch2": RED, "stage4.1.out1": Image.fromarray(RED)})
    page = Image.open(io.BytesIO(drawn.png(dpi=72))).convert("RGB")
    for site in ("stage4.1.branch2", "stage4.1.out1"):
        place = drawn.places[site]
        assert page.getpixel((round(place.x), round(place.y))) == (255, 0, 0)
        assert place.width == pytest.approx(place.height)
    assert drawn.svg().count('xlink:href="data:image/png;base64,') == 2


def test_a_picture_keeps_its_shape(w18):
    place = network_diagram(w18, values={"input": np.zeros((60, 120, 3), np.uint8)}).pictures[0][0]
    assert place.width == pytest.approx(2 * place.height)


def test_values_of_other_modules_are_left_out_of_an_exchange(w18):
    values = {site.name: 1.0 for site in w18.sites()}
    assert "at 28 sites" in exchange_diagram(w18, "stage4.1", values=values).caption  # 4 branches, 16 paths, 4 + 4


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"stage3.9.branch0": 1.0}, SiteError, "does not have it"),
        ({"stage3.1.branch0.block1.bn1": 1.0}, ValueError, "none belongs to a site of a diagram with detail='modules'"),
        ({"stem": np.zeros((4, 4))}, ValueError, "float64 of shape .* Colour a map first"),
        ({"stem": [1, 2]}, TypeError, "a list; it can be a number, a word"),
    ],
)
def test_values_that_cannot_be_shown(w18, values, error, words):
    with pytest.raises(error, match=words):
        network_diagram(w18, values=values)


def test_other_wrong_requests_are_told(w18):
    with pytest.raises(ValueError, match=r"detail='exchange' was given.*exchange_diagram"):
        network_diagram(w18, detail="exchange")
    with pytest.raises(ValueError, match="limits=\\(1, 0\\)"):
        network_diagram(w18, values={"stem": 1}, limits=(1, 0))
    with pytest.raises(ValueError, match="no HRNet variant 'hrnet_w19'"):
        network_diagram("hrnet_w19")
    with pytest.raises(ValueError, match="theme='blue'"):
        network_diagram(w18, theme="blue")


def test_read_values_takes_tensors_and_sites(w18):
    overlay = read_values(w18.plan, {w18.sites()[0]: torch.tensor(2.0), "logits": np.float32(1)})
    assert overlay.numbers == {"stem": 2.0, "logits": 1.0}
    assert (overlay.low, overlay.high) == (0.0, 2.0)


# ---- the finished thing ------------------------------------------------------------------------------------------


def test_the_largest_net_is_drawn_as_svg_and_png():
    drawn = network_diagram("hrnet_w64")
    page = Image.open(io.BytesIO(drawn.png()))
    assert page.size == (1920, 1080)
    svg = drawn.svg()
    assert 'width="960pt" height="540pt"' in svg
    assert f'role="img" aria-label="{drawn.alt}"' in svg
    assert "generated by" not in svg.lower()


def test_a_notebook_shows_a_sharp_png_and_tells_the_alternative(small):
    drawn = network_diagram(small, detail="stages")
    shown, facts = drawn._repr_mimebundle_()
    assert Image.open(io.BytesIO(shown["image/png"])).size == (1920, 1080)
    assert (facts["image/png"]["width"], facts["image/png"]["height"]) == (960, 540)
    assert shown["text/plain"] == facts["image/png"]["alt"] == drawn.alt
    assert len(shown["image/png"]) < 150_000


def test_saving_goes_by_the_ending(small, tmp_path):
    drawn = network_diagram(small)
    assert drawn.save(tmp_path / "net.gv").read_text(encoding="utf-8") == drawn.source
    assert drawn.save(tmp_path / "net.svg").read_text(encoding="utf-8").startswith("<svg")
    assert drawn.save(tmp_path / "net.pdf").read_bytes().startswith(b"%PDF-")
    with pytest.raises(ValueError, match=r"'net.jpg' ends in '.jpg'; a diagram is saved as .svg, .png, .pdf"):
        drawn.save(tmp_path / "net.jpg")


def test_the_command_writes_what_readme_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Diagram, "png", lambda _: b"")  # that they can be drawn is tested above
    monkeypatch.setattr(Diagram, "svg", lambda _: "")
    assert main(["--folder", str(tmp_path)]) == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert {"hrnet_w18_modules.png", "hrnet_w18_stages.png", "hrnet_w18_exchange_dark.png"} <= names
    assert "hrnet_w18_modules.svg" in capsys.readouterr().out
