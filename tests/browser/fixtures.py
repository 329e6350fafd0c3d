"""Fixtures that show things in a real browser; any test may ask for them, and is then marked ``browser``."""

import pytest

from tests.browser.chromium import FLAGS, NoBrowserError, find_chromium


def pytest_addoption(parser):
    parser.addoption("--all-notebooks", action="store_true", help="run every notebook in the browser, not one per kind")


@pytest.hookimpl(tryfirst=True)  # before -m "not browser" chooses
def pytest_collection_modifyitems(items):
    for item in items:
        if "chromium_path" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Path of a Chromium; without one the test is skipped, with the reason."""
    try:
        return find_chromium()
    except NoBrowserError as error:
        pytest.skip(f"needs a browser: {error}")


# Not for the whole session: Playwright keeps an event loop running, beside which nbclient could not start its own.
@pytest.fixture(scope="module")
def chromium(chromium_path):
    """A running Chromium (a Playwright ``Browser``) that resolves no name and reaches the loopback only."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory, chromium_path):
    """A JupyterLab server of the tests' own."""
    from tests.browser.lab import LabServer

    server = LabServer(tmp_path_factory.mktemp("lab") / "server")
    yield server
    server.stop()


@pytest.fixture
def lab(lab_server, chromium):
    """JupyterLab in Chromium: ``lab.open(notebook)``, ``lab.run_all()``, ``lab.errors()``, ``lab.press(...)``."""
    from tests.browser.lab import Lab

    shown = Lab(lab_server, chromium)
    yield shown
    shown.close()
