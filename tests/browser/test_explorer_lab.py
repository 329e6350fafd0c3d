"""The explorer in a real JupyterLab: page and kernel follow each other, files are uploaded, notebooks are reopened."""

import io
import json
import re

import nbformat
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.explorer.driving import HOSTILE, NET, ExplorerPage

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
MOST_BYTES = 200_000  # that a saved notebook may grow by
SHOWN = "() => document.querySelector('.jp-Notebook').innerText"


@pytest.fixture
def run(lab, tmp_path):
    """Run cells after one that makes the net; gives the explorer that the last of them shows."""

    def run(*cells):
        path = tmp_path / "one" / "explorer.ipynb"
        path.parent.mkdir()
        sources = [nbformat.v4.new_code_cell(source) for source in (NET.strip(), *cells)]
        nbformat.write(nbformat.v4.new_notebook(cells=sources, metadata={"kernelspec": KERNEL}), path)
        lab.open(path)
        lab.run_all()
        assert lab.errors() == []
        return ExplorerPage(lab.page)

    yield run
    assert lab.foreign == []
    assert lab.page_errors == []


def ask(lab, code: str) -> str:
    """Run code in the last cell and give what it shows."""
    cell = lab.page.locator(".jp-Notebook .jp-CodeCell").last
    prompt = cell.locator(".jp-InputPrompt")
    before = prompt.inner_text()
    cell.locator(".cm-content").click()
    lab.page.keyboard.press("Control+a")
    lab.page.keyboard.insert_text(code)
    lab.page.keyboard.press("Control+Enter")
    expect(prompt).to_have_text(re.compile(r"\[\d+\]:"), timeout=30_000)
    expect(prompt).not_to_have_text(before, timeout=30_000)
    expect(prompt).to_have_text(re.compile(r"\[\d+\]:"), timeout=30_000)
    outputs = cell.locator(".jp-OutputArea-output")
    return outputs.last.inner_text() if outputs.count() else ""


def test_page_and_kernel_follow_each_other(lab, run):
    shown = run('ex = explore(net, hv.photo("cat"))\nex', "1")
    shown.wait_for("figcaption strong", "stage3.0.branch0, channel 0")
    shown.site("stage4.0.sum2")
    shown.wait_for("figcaption strong", "stage4.0.sum2, channel 0")
    shown.slide(7)
    shown.choose("scale", "site")
    lab.page.wait_for_timeout(300)
    assert ask(lab, "ex.site, ex.channel, ex.scale") == "('stage4.0.sum2', 7, 'site')"
    ask(lab, 'ex.site, ex.channel, ex.place = "stage3.0.fuse0<-2", 5, (0, 0); ex.scale = "map"')
    shown.wait_for("figcaption strong", "stage3.0.fuse0<-2, channel 5")
    assert shown.is_selected("stage3.0.fuse0<-2")
    expected = ask(lab, "import numpy as np; print(hv.trace(net, hv.photo('cat'))[ex.site][0, 5, 0, 0].item())")
    shown.wait_for("figcaption strong", "at row 0 of 16, column 0 of 16")
    lab.page.wait_for_timeout(600)
    told = shown.root.locator(".hv-view figcaption strong:visible").last.inner_text().split(" at ")[0]
    assert float(told.replace("−", "-")) == pytest.approx(float(expected), rel=1e-7)
    ask(lab, 'ex.site = "stage3.0.branch0.block1.bn1"')
    shown.wait_for("figcaption strong", "stage3.0.branch0.block1.bn1, channel 5")
    ask(lab, 'ex.panel, ex.factor = "ablation", 0.0')
    shown.wait_for("p", "scaled by 0 reaches")
    assert lab.errors() == []


def test_a_burst_of_slider_events_leaves_the_kernel_at_the_last_value(lab, run):
    shown = run(
        'ex = explore(net, hv.photo("cat"), site="head.final")\nseen = []\nex.observe(seen.append, "channel")\nex', "1"
    )
    shown.wait_for("figcaption strong", "head.final, channel 0")
    shown.control("channel").evaluate(
        "e => { for (let k = 1; k <= 200; k++) { e.value = k; e.dispatchEvent(new Event('input')) } }"
    )
    shown.wait_for("figcaption strong", "channel 200")
    lab.page.wait_for_timeout(500)
    channel, messages = json.loads(ask(lab, "[ex.channel, len(seen)]"))
    assert channel == 200
    assert messages <= 3

    # What the kernel echoes never undoes a newer choice.
    seen = shown.control("channel").evaluate(
        """async e => {
          e.value = 0;
          e.dispatchEvent(new Event('input'));
          await new Promise(done => setTimeout(done, 500));
          const title = e.closest('[role=tabpanel]').querySelector('.hv-view figcaption strong'), seen = [];
          const observer = new MutationObserver(() => seen.push(+title.innerText.split(' ').at(-1)));
          observer.observe(title, { childList: true, characterData: true, subtree: true });
          for (let k = 1; k <= 40; k++) {
            e.value = k;
            e.dispatchEvent(new Event('input'));
            await new Promise(done => setTimeout(done, 35));
          }
          await new Promise(done => setTimeout(done, 500));
          observer.disconnect();
          return seen }"""
    )
    assert seen[-1] == 40
    assert seen == sorted(seen)


def upload(shown, name, content):
    shown.find("input[type=file]").set_input_files({"name": name, "mimeType": "image/png", "buffer": content})


def test_photos_are_chosen_and_uploaded_and_a_bad_file_gets_its_sentence(lab, run):
    shown = run('ex = explore(net, hv.photo("cat"), panel="photos")\nex', "ex", "1")
    shown.find("button").filter(has_text="coffee").click()
    shown.wait_for("strong", "coffee is outside the 4 trained classes")
    upload(shown, "broken.png", b"\x89PNG\r\n\x1a\n nothing more")
    shown.root.locator(".hv-status").filter(has_text="broken.png can't be used.").wait_for()
    buffer = io.BytesIO()
    Image.effect_noise((1500, 1500), 90).save(buffer, "PNG")
    assert len(buffer.getvalue()) > 2 << 20, "more than one message"
    upload(shown, f"{HOSTILE.replace('/', '')}.png", buffer.getvalue())
    shown.wait_for("button", HOSTILE.replace("/", ""))
    shown.wait_for("figcaption", HOSTILE.replace("/", ""))
    assert shown.status == ""
    other = ExplorerPage(lab.page, ".jp-Notebook .jp-CodeCell:nth-child(2) .hv-explorer")
    other.wait_for("button", HOSTILE.replace("/", ""))  # the second view lists it too
    assert lab.page.evaluate("window.hacked") is None
    assert ask(lab, "ex.photo").strip("'\"").startswith("<img src=x")
    shown.show("maps")
    shown.wait_for("figcaption strong", "stage3.0.branch0, channel 0")


def test_a_question_that_fails_says_why_and_the_explorer_goes_on(lab, run):
    shown = run('ex = explore(net, hv.photo("cat"), panel="cam")\nex', "1")
    shown.wait_for(".hv-note", "speaks for")
    ask(lab, "ex._server._answers['cam'] = lambda *_: 1 / 0; ex.target = 'dog'")
    shown.root.locator(".hv-status").filter(has_text="division by zero").wait_for()
    assert not shown.find("canvas").first.evaluate(SEEN), "maps of one class never stand under the name of another"
    shown.show("maps")
    shown.wait_for("figcaption strong", "stage3.0.branch0, channel 0")
    assert shown.find(".hv-map").evaluate(SEEN)
    ask(lab, "net.classifier.bias.data += 1; ex.site = 'stem'")
    shown.root.locator(".hv-status").filter(has_text="The net has changed since").wait_for()


# ---- a kernel that is not there any more -----------------------------------------------------------------------------

NEVER = "ex._server.answer = lambda *_: __import__('time').sleep(60)"
SEEN = "e => e.checkVisibility({ visibilityProperty: true })"


@pytest.mark.parametrize("asked", [False, True], ids=["at rest", "while it computes"])
def test_after_a_restart_it_says_so_and_shows_nothing_under_another_name(lab, run, asked):
    shown = run('ex = explore(net, hv.photo("cat"))\nex', "1")
    shown.wait_for("figcaption strong", "stage3.0.branch0, channel 0")
    if asked:
        ask(lab, NEVER)
        shown.site("stage4.0.branch2")
        assert shown.is_selected("stage4.0.branch2")
    lab.page.get_by_role("menuitem", name="Kernel", exact=True).click()
    lab.page.get_by_text("Restart Kernel…", exact=True).click()
    lab.page.get_by_role("button", name="Confirm Kernel Restart").click()
    shown.root.locator(".hv-status").filter(has_text="The kernel was restarted").wait_for()
    map_ = shown.root.locator(".hv-map:not([hidden] *)").first
    assert map_.evaluate(SEEN) == (not asked), "a map of one site never stands under the name of another"
    shown.node("stem").dispatch_event("click")
    assert shown.root.evaluate("e => [...e.children].filter(c => !c.inert).map(c => c.className)") == ["hv-status"]


def test_a_kernel_that_died_is_noticed_with_the_next_question(lab, run):
    shown = run('ex = explore(net, hv.photo("cat"))\nex', "1")
    shown.wait_for("figcaption strong", "stage3.0.branch0, channel 0")
    lab.page.locator(".jp-Notebook .jp-CodeCell").last.locator(".cm-content").click()
    lab.page.keyboard.press("Control+a")
    lab.page.keyboard.insert_text("import os; os._exit(1)")
    lab.page.keyboard.press("Control+Enter")
    lab.page.get_by_role("dialog").get_by_role("button", name="Ok").click(timeout=60_000)
    lab.wait_for_kernel()
    shown.site("stage4.0.branch2")
    shown.root.locator(".hv-status").filter(has_text="The kernel was restarted").wait_for(timeout=15_000)
    assert not shown.root.locator(".hv-map").first.evaluate(SEEN)


def test_a_kernel_that_keeps_silent_is_told_of_and_a_late_answer_still_counts(lab, run):
    shown = run('ex = explore(net, hv.photo("cat"))\nex', "1")
    shown.wait_for("figcaption strong", "stage3.0.branch0, channel 0")
    ask(lab, "import time; own = ex._server.answer; ex._server.answer = lambda *a: time.sleep(13) or own(*a)")
    shown.site("stage4.0.branch2")
    shown.root.locator(".hv-status").filter(has_text="has not answered for 10 s").wait_for(timeout=15_000)
    assert not shown.root.locator(".hv-map").first.evaluate(SEEN)
    shown.wait_for("figcaption strong", "stage4.0.branch2, channel 0")
    assert shown.status == ""
    assert shown.root.locator(".hv-map").first.evaluate(SEEN)


# ---- keys ------------------------------------------------------------------------------------------------------------


def test_keys_work_the_explorer_and_not_jupyterlab(lab, run):
    shown = run('ex = explore(net, hv.photo("cat"))\nex', "1")
    shown.wait_for("figcaption strong", "stage3.0.branch0, channel 0")
    cells = lab.page.locator(".jp-Notebook .jp-Cell").count()
    shown.node("stage3.0.branch0").focus()
    for key in ("ArrowDown", "ArrowRight", "a", "b", "d", "d", "x", "m"):
        lab.page.keyboard.press(key)
    assert shown.is_selected("stage3.0.fuse1<-1")
    assert lab.page.evaluate("document.activeElement.dataset.site") == "stage3.0.fuse1<-1"
    shown.control("channel").focus()
    for key in ("ArrowRight", "ArrowRight", "d", "d", "y"):
        lab.page.keyboard.press(key)
    shown.wait_for("figcaption strong", "channel 2")
    shown.find(".hv-map").first.focus()
    for key in ("ArrowUp", "ArrowLeft", "d", "d"):
        lab.page.keyboard.press(key)
    shown.wait_for("figcaption strong", "at row 3 of 8, column 3 of 8")
    assert lab.page.locator(".jp-Notebook .jp-Cell").count() == cells
    silent = shown.root.locator("button, input, select, [tabindex]").evaluate_all(
        "all => all.filter(e => e.dataset.lmSuppressShortcuts !== 'true').map(e => e.outerHTML.slice(0, 80))"
    )
    assert silent == []


CONTAINERS = """
import ipywidgets as w
from IPython.display import display

def make(name="cat"):
    return explore(net, hv.photo(name))

def show(name="cat"):
    display(make(name))

inner, outer, pressed, button = w.Output(), w.Output(), w.Output(), w.Button(description="press")
with outer:
    display(inner)
with inner:
    print("words before")
    display(make())
button.on_click(pressed.capture()(lambda _: show()))
w.interact(make, name=["cat", "coffee"])
display(outer, w.interactive_output(show, {"name": w.Dropdown(options=["cat"])}), button, pressed)
display(w.VBox([make()]), w.Tab([make()]), w.Accordion([make()], selected_index=0), make())"""
"""The ways in which people show a widget: five times inside an ``Output``, twice nested, and without one."""


def test_wherever_it_is_shown_it_is_seen_and_no_picture_beside_it(lab, run):
    run(CONTAINERS.strip())
    lab.page.get_by_role("button", name="press").click()
    explorers = lab.page.locator(".jp-Notebook .hv-explorer")
    expect(explorers).to_have_count(8, timeout=60_000)
    assert [explorers.nth(k).bounding_box()["width"] > 300 for k in range(8)] == [True] * 8
    assert visible_pictures(lab) == []
    assert lab.page.get_by_text("words before", exact=True).is_visible()
    assert lab.page.locator(".jp-Notebook select:visible").first.bounding_box(), "what chooses is seen too"
    assert lab.errors() == []


# ---- a notebook that is opened again ---------------------------------------------------------------------------------


def reopen(lab) -> None:
    """Save, end the kernel, and open the same file again."""
    for _ in range(2):  # a change of JupyterLab's settings counts from the next save on
        lab.page.keyboard.press("Control+s")
        lab.page.wait_for_timeout(1500)
    lab.server.end_kernels()
    lab.page.goto(lab.page.url.split("?")[0] + f"?reset&token={lab.server.token}")
    lab.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
    lab.wait_for_kernel()
    lab.page.wait_for_timeout(3000)  # JupyterLab looks for a model for two seconds


def visible_pictures(lab) -> list[float]:
    pictures = lab.page.locator(".jp-Notebook .jp-OutputArea-output img:visible")
    return [pictures.nth(k).bounding_box()["width"] for k in range(pictures.count())]


@pytest.mark.parametrize("state_is_saved", [False, True], ids=["choices not saved", "choices saved"])
def test_reopened_without_its_kernel_it_shows_the_stored_picture(lab, run, state_is_saved):
    run('ex = explore(net, hv.photo("cat"))\nex')
    assert visible_pictures(lab) == [], "beside a living explorer there is no stored picture"
    if state_is_saved:
        lab.page.get_by_role("menuitem", name="Settings", exact=True).click()
        lab.page.get_by_text("Save Widget State Automatically", exact=True).click()
        lab.page.locator(".jp-Notebook .jp-InputPrompt").first.click()
        lab.page.wait_for_timeout(1000)
    reopen(lab)
    shown = lab.page.evaluate(SHOWN)
    assert not re.search("model not found|Loading widget|Error displaying", shown)
    (width,) = visible_pictures(lab)
    assert width > 300
    saved = lab.server.notebooks / lab.page.url.split("/tree/")[1].split("?")[0]
    notebook = nbformat.read(saved, as_version=4)
    assert ("widgets" in notebook.metadata) == state_is_saved
    assert saved.stat().st_size < MOST_BYTES
    lab.run_all()
    ExplorerPage(lab.page).wait_for("figcaption strong", "stage3.0.branch0, channel 0")
    assert visible_pictures(lab) == []


def test_a_stranger_who_does_not_trust_the_notebook_sees_the_picture(lab, tmp_path):
    from nbclient import NotebookClient

    path = tmp_path / "one" / "explorer.ipynb"
    path.parent.mkdir()
    cells = [nbformat.v4.new_code_cell(source) for source in (NET.strip(), 'explore(net, hv.photo("cat"))')]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
    NotebookClient(notebook, timeout=120).execute()
    nbformat.write(notebook, path)
    assert path.stat().st_size < MOST_BYTES
    lab.open(path, stored_outputs=True)
    lab.page.wait_for_timeout(3000)
    (width,) = visible_pictures(lab)
    assert width > 300
    assert "model not found" not in lab.page.evaluate(SHOWN)


# ---- nothing stays behind --------------------------------------------------------------------------------------------

MANY = """
import gc, weakref
box, gone = ipywidgets.VBox(), []

def once():
    ex = explore(net, hv.photo("cat"))
    box.children = [ex]
    gone.append(weakref.ref(ex))
    return ex

box"""


def test_explorers_that_are_closed_leave_nothing_behind(lab, run):
    shown = run(f"import ipywidgets\n{MANY.strip()}", "current = once()")
    session = lab.context.new_cdp_session(lab.page)
    session.send("Performance.enable")

    def count():
        for _ in range(3):  # what one collection finds to be free, the next one frees
            session.send("HeapProfiler.collectGarbage")
            lab.page.wait_for_timeout(300)
        found = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
        return found["Nodes"], found["JSEventListeners"]

    def close_and_open(times):
        for _ in range(times):
            ask(lab, "current.close()\ncurrent = once()")
            ExplorerPage(lab.page).wait_for("figcaption strong", "stage3.0.branch0, channel 0")
        return count()

    before = close_and_open(2)
    own = shown.root.locator("*").count()
    ask(lab, "for _ in range(46):\n    current.close()\n    current = once()")
    after = close_and_open(2)
    assert ask(lab, "gc.collect(); f'{len(gone)} opened, {sum(ref() is not None for ref in gone)} alive'") == (
        "'51 opened, 1 alive'"
    )
    # Of a model that was closed before the page had made it, anywidget says that it could not be made.
    lab.page_errors[:] = [error for error in lab.page_errors if "Failed to initialize model" not in error]
    assert after[0] - before[0] < own, "48 explorers leave less behind than one has elements"
    assert after[1] - before[1] < own / 2, "and few listeners, which JupyterLab itself adds with every run of a cell"
