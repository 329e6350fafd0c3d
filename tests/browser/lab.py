"""Drive a notebook in a real JupyterLab as a person would: open it, run all cells, press keys, look at pictures."""

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat

START_PATIENCE = 90  # seconds until the server answers
LAB_PATIENCE = 60  # seconds until the notebook is on the page and its kernel idle
RUN_PATIENCE = 240  # seconds for all cells
CHANGE_PATIENCE = 10  # seconds from a key press to changed pixels

SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none", "recordTiming": False},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}

CELL = ".jp-Notebook .jp-CodeCell"
# JupyterLab shows an error under the same type as what was written to stderr.
ERRORS = '.jp-Notebook .jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]'
# What JupyterLab writes in place of a widget that it cannot show.
BROKEN_WIDGET = re.compile(
    r"Error displaying widget|Loading widget\.\.\.|model not found|Click to show javascript error"
)

# Every cell that holds code has a number in its prompt; or one has failed, and then none is waiting any more.
FINISHED = """selector => {
  const cells = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')]
    .filter(c => (c.querySelector('.cm-content')?.innerText || '').trim());
  const prompts = cells.map(c => c.querySelector('.jp-InputPrompt').innerText);
  const ran = prompts.filter(p => /\\d/.test(p)).length, waiting = prompts.some(p => p.includes('*'));
  return ran == cells.length || (ran > 0 && !waiting && document.querySelector(selector) != null) }"""


class LabServer:
    """A JupyterLab process of its own on a free port of the loopback, with nothing of the user's settings."""

    def __init__(self, folder: Path, theme: str = "JupyterLab Light") -> None:
        self.notebooks = folder / "notebooks"
        self.token = secrets.token_hex(16)
        settings = folder / "settings"
        for made in (self.notebooks, settings):
            made.mkdir(parents=True)
        themed = {**SETTINGS, "@jupyterlab/apputils-extension:themes": {"theme": theme}}
        (settings / "overrides.json").write_text(json.dumps(themed))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
            *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.notebooks}",
            f"--LabApp.app_settings_dir={settings}",
        ]
        own = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "RUNTIME")}
        own |= {f"JUPYTERLAB_{name}_DIR": str(folder / name.lower()) for name in ("SETTINGS", "WORKSPACES")}
        self.log = folder / "server.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C in the terminal ends the tests, which then end the server in order
                env={**os.environ, **own, "IPYTHONDIR": str(folder / "ipython")},
            )
        self.wait_until_it_answers()

    def ask(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(
            f"{self.url}/api{path}", method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    def wait_until_it_answers(self) -> None:
        end = time.monotonic() + START_PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.ask("/status")
            except OSError:
                time.sleep(0.2)
            else:
                return
        self.stop()
        raise RuntimeError(f"JupyterLab did not come up:\n{self.log.read_text()[-2000:]}")

    def end_kernels(self) -> None:
        for kernel in json.loads(self.ask("/kernels")):
            self.ask(f"/kernels/{kernel['id']}", "DELETE")

    def stop(self) -> None:
        """End the server, which ends its kernels."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Lab:
    """One page that shows one notebook at a time."""

    def __init__(self, server: LabServer, browser, viewport=(1440, 1000)) -> None:
        self.server = server
        self.context = browser.new_context(viewport=dict(zip(("width", "height"), viewport, strict=True)))
        self.page = self.context.new_page()
        self.console: list[str] = []
        self.page_errors: list[str] = []
        self.foreign: list[str] = []
        self.page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.page_errors.append(str(error)))
        for event in ("request", "websocket"):
            self.page.on(event, lambda asked: self.note_foreign(asked.url))

    def note_foreign(self, url: str) -> None:
        """Remember every address that is not the server's: a notebook must not ask any other host, ever."""
        if not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|(data|blob|about|file):", url):
            self.foreign.append(url)

    def open(self, notebook: Path, *, stored_outputs: bool = False) -> None:
        """Show a copy of ``notebook`` with its neighbours, and wait for its kernel.

        Its stored outputs are removed first, so that whatever is seen was made now; ``stored_outputs=True`` keeps them,
        to see what a reader sees who runs nothing.
        """
        folder = self.server.notebooks / secrets.token_hex(4)
        shutil.copytree(notebook.parent, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        if not stored_outputs:
            clear(folder / notebook.name)
        self.page.goto(f"{self.server.url}/lab/tree/{folder.name}/{notebook.name}?reset&token={self.server.token}")
        self.page.wait_for_selector(CELL, timeout=LAB_PATIENCE * 1e3)
        self.wait_for_kernel()

    def wait_for_kernel(self) -> None:
        self.page.locator("#jp-main-statusbar").get_by_text(re.compile("Idle")).wait_for(timeout=LAB_PATIENCE * 1e3)

    def run_all(self, patience: float = RUN_PATIENCE) -> None:
        """Choose Run All Cells in the menu and wait until every cell has run or one has failed."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_text("Run All Cells", exact=True).click()
        self.page.wait_for_function(FINISHED, arg=ERRORS, timeout=patience * 1e3, polling=250)
        self.wait_for_kernel()

    def errors(self) -> list[str]:
        """What a reader would see go wrong: error and stderr outputs, widgets that cannot be shown, script errors."""
        outputs = [text[:500] for text in self.page.locator(ERRORS).all_inner_texts()]
        shown = self.page.locator(f"{CELL} .jp-OutputArea-output").all_inner_texts()
        return outputs + [text[:500] for text in shown if BROKEN_WIDGET.search(text)] + self.page_errors

    def find(self, selector):
        """The first element in the notebook that matches; a Playwright locator passes through."""
        return self.page.locator(f".jp-Notebook {selector}").first if isinstance(selector, str) else selector

    def press(self, selector, key: str, times: int = 1) -> None:
        """Give an element the keyboard and press a key on it."""
        self.find(selector).focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    def picture(self, selector) -> bytes:
        """PNG of an element as it is on the screen."""
        return self.find(selector).screenshot(animations="disabled")

    def picture_hash(self, selector) -> str:
        """A short text that changes when any pixel of the element changes."""
        return hashlib.sha256(self.picture(selector)).hexdigest()[:16]

    def settled_hash(self, selector, patience: float = CHANGE_PATIENCE) -> str:
        """The hash of an element's pixels once they have stood still for a quarter of a second."""
        end = time.monotonic() + patience
        last = self.picture_hash(selector)
        while time.monotonic() < end:
            self.page.wait_for_timeout(250)
            last, before = self.picture_hash(selector), last
            if last == before:
                return last
        raise AssertionError(f"{selector} still changes after {patience} s")

    def wait_for_change(self, selector, since: str, patience: float = CHANGE_PATIENCE) -> bool:
        """Wait until an element's pixels differ from the hash ``since``; False when they never do."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if self.picture_hash(selector) != since:
                return True
            self.page.wait_for_timeout(50)
        return False

    def close(self) -> None:
        self.context.close()
        with contextlib.suppress(urllib.error.HTTPError):  # a kernel that ended by itself in the meantime
            self.server.end_kernels()


def clear(path: Path) -> None:
    """Remove the outputs, execution counts and widget states of a notebook file."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, path)
