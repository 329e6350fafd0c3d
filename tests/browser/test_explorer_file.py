"""The kernel-free file in Chromium, with the network refused: what a reader does, and what must not happen."""

import re

import numpy as np
import pytest

import hrnet_viz as hv
from hrnet_viz.explorer.widget import explore
from tests.explorer.driving import HOSTILE, SIDE, ExplorerPage, make_net

PLACE = (37, 21)  # at no corner of a cell that an enlarged path has


@pytest.fixture(scope="module")
def net():
    return make_net()


@pytest.fixture(scope="module")
def trace(net):
    return hv.trace(net, hv.photo("cat"))


@pytest.fixture(scope="module")
def file(net, tmp_path_factory, chromium_path):
    explorer = explore(net, hv.Photo(hv.photo("cat").pixels, HOSTILE), edited="stage4.0.fuse0<-3", place=PLACE)
    path = explorer.save(tmp_path_factory.mktemp("explorer") / "cat.html")
    explorer.close()
    return path


@pytest.fixture
def context(chromium):
    made = chromium.new_context(viewport={"width": 1300, "height": 1000})
    made.asked = []
    yield made
    made.close()


@pytest.fixture
def shown(context, file):
    page = context.new_page()
    page.went_wrong = []
    page.on("pageerror", lambda error: page.went_wrong.append(str(error)))
    page.on("console", lambda message: page.went_wrong.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: context.asked.append(request.url))
    page.goto(file.as_uri())
    explorer = ExplorerPage(page)
    yield explorer
    assert page.went_wrong == []
    assert context.asked == [file.as_uri()], "the file asks nobody for anything"


def numbers(text):
    """Every number in a text; a minus is a real minus sign there."""
    return [float(number.replace("−", "-")) for number in re.findall(r"−?\d+(?:\.\d+)?(?:e[−+]?\d+)?", text)]


def test_a_box_of_the_map_shows_its_maps(shown, trace):
    shown.site("stage4.0.branch3")
    shown.wait_for("figcaption strong", "stage4.0.branch3, channel 0")
    assert shown.is_selected("stage4.0.branch3")
    assert shown.control("channel").get_attribute("max") == "127"
    values = trace["stage4.0.branch3"][0, 0]
    assert numbers(shown.text(".hv-view figcaption span"))[:2] == pytest.approx(
        [float(values.min()), float(values.max())], rel=0.01
    )
    lit = {
        name: shown.root.locator(f"[role=option].hv-{name}").evaluate_all("all => all.map(e => e.dataset.site)")
        for name in ("feeding", "fed")
    }
    assert lit["feeding"] == ["transition3.branch3"]
    assert sorted(lit["fed"]) == [f"stage4.0.fuse{i}<-3" for i in range(4)]


@pytest.mark.parametrize("site", ["stage3.0.fuse0<-2", "stage4.0.sum1", "stage2.0.out0", "stage3.0.branch1"])
def test_numbers_of_exchanges_are_exact_without_a_kernel(shown, trace, site):
    shown.site(site)
    shown.wait_for("figcaption strong", f"{site}, channel 0")
    values = trace[site][0, 0].numpy()
    size = values.shape[0]
    row, column = (at * size // SIDE for at in PLACE)
    shown.wait_for("figcaption strong", f"at row {row} of {size}, column {column}")
    shown.page.wait_for_function(
        "() => !document.querySelector('.hv-view figcaption strong:last-child').innerText.includes('±')"
    )
    told = numbers(shown.root.locator(".hv-view figcaption strong:visible").last.inner_text())[0]
    assert np.float32(told) == values[row, column]


def test_elsewhere_a_value_says_how_far_off_it_may_be(shown, trace):
    shown.site("stem")
    shown.wait_for("figcaption strong", "stem, channel 0")
    told, half = numbers(shown.root.locator(".hv-view figcaption strong:visible").last.inner_text())[:2]
    values = trace["stem"][0, 0]
    assert "±" in shown.root.locator(".hv-view figcaption strong:visible").last.inner_text()
    assert half == pytest.approx(float(values.max() - values.min()) / 510, rel=0.05)
    row, column = (at * 16 // SIDE for at in PLACE)
    assert abs(told - float(values[row, column])) <= half * 1.05 + 0.005 * abs(told)


def test_the_slider_follows_the_order_and_draws_the_right_channel(shown, trace):
    shown.site("stage3.0.branch0")
    shown.wait_for("figcaption strong", "stage3.0.branch0, channel 0")
    before = shown.pixels()
    shown.choose("sort", "max")
    shown.slide(0)
    strongest = int(trace["stage3.0.branch0"][0].amax((1, 2)).argmax())
    shown.wait_for("figcaption strong", f"stage3.0.branch0, channel {strongest}")
    assert shown.pixels() != before
    assert "number 1 in this order" in shown.control("channel").get_attribute("aria-valuetext")


def test_a_click_into_the_grid_chooses_a_channel(shown):
    shown.wait_for("figcaption strong", "channel 0")
    grid = shown.find(".hv-grid")
    labels = shown.find(".hv-labels span")
    box = labels.nth(5).bounding_box()
    outer = grid.bounding_box()
    grid.click(position={"x": box["x"] - outer["x"] + 20, "y": box["y"] - outer["y"] + 40})
    shown.wait_for("figcaption strong", "channel 5")
    assert shown.control("channel").input_value() == "5"


def test_the_scale_is_labelled_and_changes_the_colours(shown):
    shown.wait_for("figcaption", "Each map has its own scale")
    before = shown.pixels(".hv-grid")
    shown.choose("scale", "site")
    shown.wait_for("figcaption", "All maps share one scale, 0 to ")
    assert shown.pixels(".hv-grid") != before
    ends = shown.text(".hv-bar")
    assert numbers(ends)[-1] == pytest.approx(numbers(shown.text(".hv-split > figure > figcaption"))[-2], rel=0.01)


def test_a_burst_of_slider_events_ends_on_the_last_value_with_nothing_queued(shown):
    shown.site("head.final")
    shown.wait_for("figcaption strong", "head.final, channel 0")
    draws = shown.control("channel").evaluate(
        """async e => {
          const canvas = document.querySelector('.hv-map');
          let drawn = 0;
          const own = CanvasRenderingContext2D.prototype.drawImage;
          CanvasRenderingContext2D.prototype.drawImage = function (...all) {
            if (this.canvas === canvas) drawn++;
            return own.apply(this, all);
          };
          for (let k = 1; k <= 200; k++) { e.value = k; e.dispatchEvent(new Event('input')) }
          const frame = () => new Promise(requestAnimationFrame);
          await frame(); await frame(); await frame();
          const within = drawn;
          await new Promise(done => setTimeout(done, 300));
          CanvasRenderingContext2D.prototype.drawImage = own;
          return [within, drawn] }"""
    )
    assert draws[0] <= 3, "one at once, one in the next frame, one that the observer may add"
    assert "channel 200" in shown.text(".hv-view figcaption")


def test_branches_share_place_and_zoom(shown, trace):
    shown.show("branches")
    shown.site("stage4.0.out2")
    shown.wait_for("figcaption strong", "stage4.0.out3")
    views = shown.find(".hv-view")
    assert views.count() == 4
    before = [shown.find(".hv-map").nth(k).screenshot() for k in range(4)]
    shown.find(".hv-map").first.click(position={"x": 5, "y": 5})
    told = [numbers(views.nth(k).locator("strong").last.inner_text())[0] for k in range(4)]
    energy = [trace[f"stage4.0.out{b}"][0].square().mean(0).sqrt() for b in range(4)]
    assert told == pytest.approx([float(e[0, 0]) for e in energy], rel=1e-5)
    shown.choose("zoom", "4")
    assert all(shown.find(".hv-map").nth(k).screenshot() != before[k] for k in range(4))
    shown.find(".hv-map").nth(1).dblclick()
    assert shown.is_selected("stage4.0.out1")


def test_an_exchange_adds_up_in_numbers_at_any_place(shown, trace):
    shown.show("exchange")
    shown.site("stage4.0.fuse1<-3")
    shown.wait_for(".hv-equation", "to the bit")
    shown.find(".hv-map").first.click(position={"x": 3, "y": 3})
    shown.slide(3)
    shown.wait_for(".hv-equation", "Channel 3, row 0, column 0")
    parts = numbers(shown.text(".hv-equation strong"))
    expected = [float(trace[f"stage4.0.fuse1<-{j}"][0, 3, 0, 0]) for j in range(4)]
    assert parts == pytest.approx([*expected, float(trace["stage4.0.sum1"][0, 3, 0, 0])], rel=1e-6)
    assert np.float32(parts[-1]) == trace["stage4.0.sum1"][0, 3, 0, 0].numpy()
    assert shown.find("[aria-pressed=true]").get_attribute("aria-label").startswith("stage4.0.fuse1<-3: ")
    shown.choose("measure", "cosine")
    shown.wait_for("caption", "cosine of the angle to the sum")
    shown.find("button[aria-label^='stage4.0.fuse2<-0']").click()
    assert shown.is_selected("stage4.0.fuse2<-0")


def test_maps_of_a_class_and_its_contrast(shown):
    shown.show("cam")
    shown.wait_for(".hv-note", "speaks for")
    site = "stage4.0.branch1"
    shown.find(f"button[aria-label^='{site}:']").click()
    assert shown.is_selected(site)
    shown.wait_for("figcaption strong", f"{site}: ")
    before = shown.pixels()
    shown.choose("method", "hirescam")
    shown.page.wait_for_timeout(300)
    assert shown.pixels() != before
    shown.choose("after", "exchange")
    assert shown.find("button[aria-label^='stage4.0.out1:']").count() == 1
    shown.choose("contrast", "tench")  # was not computed when the file was saved: it says so and stays as it is
    shown.root.locator(".hv-status").filter(has_text="when it was saved").wait_for()


def test_edits_that_were_computed_can_be_slid_through(shown):
    shown.show("ablation")
    shown.wait_for(".hv-note", "This file holds these factors of stage4.0.fuse0<-3: ")
    shown.slide(0.6, "factor")  # the nearest one that there is
    shown.wait_for("p", "stage4.0.fuse0<-3 scaled by 0.5 reaches ")
    assert any(row[4] != "0" for row in shown.rows())
    shown.choose("edited", "stage2.0.branch1")
    shown.find("button").filter(has_text="× 0").first.click()
    shown.wait_for("p", "stage2.0.branch1 scaled by 0 reaches ")
    assert shown.status == ""


def test_the_photo_and_its_answers(shown):
    shown.show("photos")
    shown.find("button").first.wait_for()  # the answers are asked for first
    assert shown.find("input[type=file]").count() == 0
    assert shown.find("button").count() == 1
    assert "margin" in shown.text("strong")
    shares = [numbers(row[2])[0] for row in shown.rows()]
    assert sum(shares) == pytest.approx(100, abs=0.5)


def test_names_of_others_stay_text(shown):
    for panel in ("maps", "branches", "exchange", "cam", "ablation", "photos"):
        shown.show(panel)
        shown.page.wait_for_timeout(200)
    assert shown.page.evaluate("window.hacked") is None
    assert shown.page.locator("img").count() == 0
    assert HOSTILE in shown.root.locator("header").inner_text()
    shown.show("ablation")
    assert HOSTILE in shown.text("tbody")


def test_over_the_photo_with_its_receptive_field(shown):
    shown.site("stage2.0.branch0")
    shown.wait_for("figcaption strong", "stage2.0.branch0, channel 0")
    plain = shown.pixels()
    shown.control("overlay").check()
    over = shown.pixels()
    assert over != plain
    shown.control("field").check()
    shown.page.wait_for_timeout(300)
    assert shown.pixels() != over


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_follows_the_theme_of_the_system_and_the_one_that_is_chosen(chromium, file, theme):
    context = chromium.new_context(color_scheme=theme)
    page = context.new_page()
    page.goto(file.as_uri())
    explorer = ExplorerPage(page)
    back = "getComputedStyle(document.querySelector('.hv-explorer')).backgroundColor"
    assert page.evaluate(back) == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 17, 17)"}[theme]
    explorer.choose("theme", "light" if theme == "dark" else "dark")
    assert page.evaluate(back) == {"dark": "rgb(255, 255, 255)", "light": "rgb(17, 17, 17)"}[theme]
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_looks_as_it_did_when_somebody_looked_at_it(chromium, file, golden_figure, theme):
    context = chromium.new_context(color_scheme=theme, viewport={"width": 1300, "height": 1000})
    page = context.new_page()
    page.goto(file.as_uri())
    explorer = ExplorerPage(page)
    explorer.site("stage4.0.sum1")
    explorer.wait_for("figcaption strong", "stage4.0.sum1, channel 0")
    page.mouse.move(5, 5)
    page.wait_for_timeout(300)
    # Few words in these: fonts differ between machines.
    golden_figure(f"explorer_network_{theme}", explorer.root.locator(".hv-network svg").screenshot())
    explorer.control("overlay").check()
    page.wait_for_timeout(100)
    golden_figure("explorer_map", explorer.find(".hv-map").screenshot())
    context.close()


def test_where_scripts_are_off_a_picture_is_there(chromium, file):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("main img").bounding_box()["width"] > 300
    assert "Channel grid of stage3.0.branch0" in page.locator("main img").get_attribute("alt")
    context.close()


# ---- nothing stays behind, nothing comes in -------------------------------------------------------------------------

MANY = """async times => {
  for (let k = 0; k < times; k++) {
    const el = document.body.appendChild(document.createElement("div"));
    const end = parts.mount(el, await parts.createFileHost(document));
    while (!el.querySelector(".hv-map")) await new Promise(requestAnimationFrame);
    for (const tab of el.querySelectorAll("[role=tab]")) { tab.click(); await new Promise(requestAnimationFrame) }
    end();
    el.remove();
  }
  return document.querySelectorAll(".hv-explorer").length }"""


def test_fifty_explorers_leave_nothing_behind_in_a_page(context, file, tmp_path):
    text = file.read_text(encoding="utf8").replace("showFile(document);", "window.parts = { mount, createFileHost };")
    opened = tmp_path / "parts.html"
    opened.write_text(re.sub("<meta http-equiv.*", "", text), encoding="utf8")  # the script is another one now
    page = context.new_page()
    page.goto(opened.as_uri())
    session = context.new_cdp_session(page)
    session.send("Performance.enable")

    def measure():
        session.send("HeapProfiler.collectGarbage")
        found = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
        return [found[name] for name in ("Nodes", "JSEventListeners", "JSHeapUsedSize")]

    page.evaluate(MANY, 5)
    before = measure()
    assert page.evaluate(MANY, 50) == 0
    nodes, listeners, heap = (now - then for now, then in zip(measure(), before, strict=True))
    assert nodes < 500, "one explorer has more than 1,000 nodes"
    assert listeners < 50, "one explorer has more than 100 listeners"
    assert heap < 2_000_000


REQUEST = "fetch('https://example.org/x').then(() => 'went', () => 'refused')"
PICTURE = """new Promise(done => {
  const image = new Image();
  image.onload = () => done('went');
  image.onerror = () => done('refused');
  image.src = 'https://example.org/x.png' })"""
SCRIPT = """new Promise(done => {
  const script = document.createElement('script');
  script.textContent = 'window.ran = 1';
  document.body.append(script);
  setTimeout(() => done(window.ran ? 'went' : 'refused'), 50) })"""


@pytest.mark.parametrize("attempt", [REQUEST, PICTURE, SCRIPT], ids=["request", "picture", "script"])
def test_the_policy_holds_in_the_browser(context, file, attempt):
    page = context.new_page()
    page.goto(file.as_uri())
    ExplorerPage(page)
    assert page.evaluate(attempt) == "refused"
