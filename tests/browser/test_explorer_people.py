"""For everyone: axe finds nothing serious in either host, keys suffice, 200 % and a narrow window lose nothing."""

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe

import hrnet_viz as hv
from hrnet_viz.explorer.widget import explore
from tests.explorer.driving import NET, ExplorerPage, make_net

PANELS = ("maps", "branches", "exchange", "cam", "ablation", "photos")
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def file(tmp_path_factory, chromium_path):
    explorer = explore(make_net(), hv.Photo(hv.photo("cat").pixels, "cat" + "_" * 247))
    path = explorer.save(tmp_path_factory.mktemp("explorer") / "cat.html", edits="chosen")
    explorer.close()
    return path


@pytest.fixture
def open_file(chromium, file):
    contexts = []

    def open_file(width=1300, height=1000, **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.goto(file.as_uri())
        return ExplorerPage(page)

    yield open_file
    for context in contexts:
        context.close()


def find_violations(page, within):
    found = Axe().run(page, context=within, options={"resultTypes": ["violations"]})
    return [
        f"{violation['id']} ({violation['impact']}): {node['html'][:120]} {node['any'][:1]}"
        for violation in found.response["violations"]
        if violation["impact"] in SERIOUS
        for node in violation["nodes"][:3]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_the_file(open_file, theme):
    shown = open_file(color_scheme=theme)
    for panel in PANELS:
        shown.show(panel)
        shown.page.wait_for_timeout(500)
        assert find_violations(shown.page, "body") == [], panel


def test_axe_finds_nothing_serious_in_jupyterlab_whose_theme_is_followed(lab, tmp_path):
    path = tmp_path / "one" / "explorer.ipynb"
    path.parent.mkdir()
    cells = [nbformat.v4.new_code_cell(source) for source in (NET.strip(), 'explore(net, hv.photo("cat"))')]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    lab.open(path)
    lab.run_all()
    shown = ExplorerPage(lab.page)
    back = "name => getComputedStyle(document.querySelector(name)).backgroundColor"
    seen = []
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        lab.page.get_by_role("menuitem", name="Settings", exact=True).click()
        lab.page.locator(".lm-Menu-itemLabel").get_by_text("Theme", exact=True).click()
        lab.page.locator(".lm-Menu-itemLabel").get_by_text(theme, exact=True).click()
        lab.page.wait_for_timeout(1000)
        seen.append(lab.page.evaluate(back, ".hv-explorer"))
        assert seen[-1] == lab.page.evaluate(back, ".jp-Notebook")
        for panel in PANELS:
            shown.show(panel)
            lab.page.wait_for_timeout(600)
            assert find_violations(lab.page, ".hv-explorer") == [], (panel, theme)
    assert seen[0] != seen[1]
    shown.choose("theme", "light")
    assert lab.page.evaluate(back, ".hv-explorer") == "rgb(255, 255, 255)"


def test_the_tab_key_reaches_everything_and_what_has_it_is_seen(open_file):
    shown = open_file()
    for panel in PANELS:
        shown.show(panel)
        shown.page.wait_for_timeout(300)
        wanted = shown.root.evaluate(
            """root => [...root.querySelectorAll('button, input, select, [tabindex="0"]')]
            .filter(e => e.tabIndex >= 0 && !e.disabled && e.checkVisibility()).length"""
        )
        shown.page.evaluate("document.activeElement.blur(); document.body.tabIndex = -1; document.body.focus()")
        reached = []
        for _ in range(wanted + 5):
            shown.page.keyboard.press("Tab")
            told = shown.page.evaluate(
                """() => { const e = document.activeElement, own = getComputedStyle(e);
                if (!e.closest('.hv-explorer')) return null;
                e.dataset.met ||= String(Math.random());
                const shape = e.querySelector?.('.hv-shape');
                const seen = shape ? parseFloat(getComputedStyle(shape).strokeWidth) > 5
                  : own.outlineStyle !== 'none' && parseFloat(own.outlineWidth) >= 2;
                return [e.dataset.met, seen, e.outerHTML.slice(0, 90)] }"""
            )
            if told is None or (reached and told[0] == reached[0][0]):
                break
            reached.append(told)
        assert len(reached) == wanted, panel
        assert [html for _, seen, html in reached if not seen] == [], panel


def test_keys_alone_suffice(open_file):
    shown = open_file()
    press = shown.page.keyboard.press
    shown.node("stage3.0.branch0").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight"):
        press(key)
    assert shown.is_selected("stage3.0.out0")
    press("End")
    assert shown.is_selected("logits")
    press("Home")
    assert shown.is_selected("stem")
    shown.root.locator("[role=tab][aria-selected=true]").focus()
    press("ArrowRight")
    assert shown.root.locator("[role=tab][aria-selected=true]").inner_text() == "Branches"
    press("ArrowLeft")
    press("ArrowLeft")
    assert shown.root.locator("[role=tab][aria-selected=true]").inner_text() == "Photos"
    press("ArrowRight")
    shown.control("channel").focus()
    press("End")
    shown.wait_for("figcaption strong", "stem, channel 63")
    shown.show("branches")
    shown.site("stage4.0.branch0")
    shown.wait_for("figcaption strong", "stage4.0.branch3")
    shown.find(".hv-map").nth(2).focus()
    before = shown.find(".hv-map").nth(0).get_attribute("aria-label")
    press("ArrowDown")
    shown.page.wait_for_timeout(100)
    assert shown.find(".hv-map").nth(0).get_attribute("aria-label") != before
    press("Enter")
    assert shown.is_selected("stage4.0.branch2")


def test_every_picture_has_words(open_file):
    shown = open_file()
    for panel in PANELS:
        shown.show(panel)
        shown.page.wait_for_timeout(400)
        silent = shown.root.locator("canvas:visible").evaluate_all(
            """all => all.filter(c => !c.getAttribute('aria-label') && c.getAttribute('aria-hidden') !== 'true')
            .map(c => c.outerHTML)"""
        )
        assert silent == [], panel


@pytest.mark.parametrize(("width", "scale"), [(360, 1), (700, 1), (650, 2)], ids=["phone", "half", "200 %"])
def test_a_narrow_window_loses_nothing(open_file, width, scale):
    shown = open_file(width, 800, device_scale_factor=scale)
    for panel in PANELS:
        shown.show(panel)
        shown.page.wait_for_timeout(300)
        wide = shown.page.evaluate(
            """() => [...document.querySelectorAll('.hv-explorer *')]
            .filter(e => e.checkVisibility() && !e.closest('.hv-network, .hv-scroll, .hv-cams'))
            .filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 90))"""
        )
        assert wide == [], panel
        assert shown.page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), panel
