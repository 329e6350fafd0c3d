"""The explorer in Chromium: from a key press to the drawn canvas, beside an explorer made of ``widgets.Image``.

Both stand in one notebook in one JupyterLab. A step is one arrow key on the channel slider, measured from the key
event's own time stamp to when the picture is drawn, and to the start of the second frame after that, by when it is on
the screen. Times of a busy machine vary: look at the ratio, and at a quiet machine's times.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.timing import Row

STEPS = 100
SITES = 20

CELLS = (
    """import torch
import hrnet_viz as hv
from hrnet_viz.explorer.sliders import MapSliders
from hrnet_viz.explorer.widget import explore

torch.manual_seed(0)
net = hv.hrnet("hrnet_w18", num_outputs=12)
net.preparation = hv.Preparation(size=(224, 224))
photo = hv.photo("cat")""",
    'MapSliders(hv.trace(net, photo, sites=["stage1", "stage*.branch*", "stage*.out*"]))',
    'explore(net, photo, site="stem")',
)

# Drawn is: the slider's own listener is through; should it have put drawing off, then when that is done.
CANVAS = """slider => {
  window.steps = [];
  let pressed = 0, drawn = 0;
  const own = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function (...all) {
    own.apply(this, all);
    if (this.canvas.matches('.hv-map')) drawn = performance.now();
  };
  document.addEventListener('keydown', event => { pressed = event.timeStamp; drawn = 0 }, true);
  document.addEventListener('input', () => {
    const start = pressed;
    if (drawn) drawn = performance.now();
    requestAnimationFrame(() => requestAnimationFrame(() =>
      window.steps.push([drawn - start, performance.now() - start])));
  });
  slider.focus();
}"""
# Drawn is: the picture has loaded.
IMAGE = """handle => {
  window.steps = [];
  let pressed = 0;
  const picture = handle.closest('.jp-OutputArea-output').querySelector('img');
  document.addEventListener('keydown', event => { pressed = event.timeStamp }, true);
  picture.addEventListener('load', () => {
    const start = pressed, done = performance.now();
    requestAnimationFrame(() => requestAnimationFrame(() =>
      window.steps.push([done - start, performance.now() - start])));
  });
  handle.focus();
}"""
SITE = """async site => {
  const root = document.querySelector('.hv-explorer'), start = performance.now();
  root.querySelector(`[data-site="${site}"] .hv-shape`).dispatchEvent(new MouseEvent('click', { bubbles: true }));
  const frame = () => new Promise(requestAnimationFrame);
  while (!root.querySelector('figcaption strong')?.innerText.startsWith(`${site},`)) await frame();
  return performance.now() - start }"""


def measure(rounds: int) -> list[tuple[str, list[Row]]]:
    """Press keys on both explorers and change sites; ``rounds`` is not used, a round is a step."""
    del rounds
    canvas, image, sites = drive()
    drawn, shown = ([step[k] for step in canvas] for k in (0, 1))
    other_drawn, other_shown = ([step[k] for step in image] for k in (0, 1))
    return [
        (
            "From key press, canvas explorer over widgets.Image explorer",
            [
                _compare("widgets.Image, drawn", other_drawn, other_drawn),
                _compare("canvas, drawn", drawn, other_drawn, 0.5),
                _compare("widgets.Image, second frame", other_shown, other_shown),
                _compare("canvas, second frame", shown, other_shown, 0.5),
            ],
        ),
        (
            "Canvas explorer, share of what was promised",
            [
                _promise("drawn, median", drawn, 50, 4),
                _promise("drawn, 95th percentile", drawn, 95, 10),
                _promise("second frame, median", shown, 50, 25),
                _promise("second frame, 95th percentile", shown, 95, 42),
                _promise("another site of hrnet_w18, median", sites, 50, 150),
            ],
        ),
    ]


def drive() -> tuple[list[list[float]], list[list[float]], list[float]]:
    """Give milliseconds: [drawn, second frame] per step of each explorer, and per change of site."""
    import nbformat
    from playwright.sync_api import sync_playwright

    from tests.browser.chromium import FLAGS, find_chromium
    from tests.browser.lab import Lab, LabServer

    chromium = find_chromium()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "one" / "front_end.ipynb"
        path.parent.mkdir()
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
        server = LabServer(Path(folder) / "server")
        try:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            lab = Lab(server, browser)
            lab.open(path)
            lab.run_all()
            lab.page.locator(".hv-explorer .hv-map").first.wait_for(timeout=60_000)
            image = _press(lab.page, lab.page.locator("[role=slider]").nth(3), IMAGE)
            canvas = _press(lab.page, lab.page.locator(".hv-explorer [data-choice=channel]:visible"), CANVAS)
            names = lab.page.locator("[role=option].hv-box").evaluate_all("all => all.map(e => e.dataset.site)")
            chosen = [name for name in names if name.startswith("stage")][:: max(1, len(names) // SITES)]
            sites = [lab.page.evaluate(SITE, name) for name in chosen]
            lab.close()
        finally:
            server.stop()
    return canvas, image, sites


def _press(page: Any, control: Any, listen: str) -> list[list[float]]:
    """Press an arrow key step after step, each when the last one is on the screen."""
    control.scroll_into_view_if_needed()
    control.evaluate(listen)
    for step in range(STEPS + 2):
        page.keyboard.press("ArrowRight" if step % 50 < 25 else "ArrowLeft")
        page.wait_for_function("count => window.steps.length > count", arg=step, timeout=10_000)
        page.wait_for_timeout(30)
    steps: list[list[float]] = page.evaluate("window.steps")
    return steps[2 : STEPS + 2]  # without two to warm up


def _percentile(values: list[float], share: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


def _compare(name: str, values: list[float], baseline: list[float], limit: float | None = None) -> Row:
    middle = statistics.median(baseline)
    low, half, high = (_percentile(values, share) / middle for share in (25, 50, 75))
    return Row(name, half, low, high, statistics.median(values) / 1000, limit)


def _promise(name: str, values: list[float], share: int, milliseconds: float) -> Row:
    value = _percentile(values, share)
    low, high = (_percentile(values, quarter) / milliseconds for quarter in (25, 75))
    return Row(f"{name} (promised {milliseconds} ms)", value / milliseconds, low, high, value / 1000, 1.0)


if __name__ == "__main__":
    from benchmarks.timing import write_markdown

    for title, rows in measure(0):
        sys.stdout.write(write_markdown(title, rows))
