"""Fixtures of all tests: golden texts and golden pictures, quiet matplotlib, the same random numbers every time."""

import io
import os
import sys
from pathlib import Path

import pytest

from tests.looking.pictures import explain_difference

os.environ["MPLBACKEND"] = "Agg"  # before anything imports matplotlib; the tests' child processes inherit it
# Nets as small as those of the tests gain nothing from more threads, and lose much where several processes share cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

GOLDEN_DPI = 50


def pytest_addoption(parser):
    parser.addoption(
        "--overwrite-goldens",
        action="store_true",
        help="store what golden_text and golden_figure were given as the new truth; then look at it",
    )


@pytest.fixture(autouse=True)
def same_start():
    """Seed torch before each test and close its figures after it, where a test has use for either."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


class Golden:
    """Files in the folder ``tests/golden``, compared with what the test made."""

    def __init__(self, folder: Path, *, overwrite: bool, refused: Path) -> None:
        self.folder = folder
        self.overwrite = overwrite
        self.refused = refused  # where pictures that differ are left to be looked at

    def stored(self, name: str, fresh: bytes) -> bytes:
        """What is stored under ``name``; with --overwrite-goldens it is what was just made."""
        path = self.folder / name
        if self.overwrite:
            self.folder.mkdir(exist_ok=True)
            path.write_bytes(fresh)
        if not path.exists():
            pytest.fail(f"There is no {path} yet. Run this test once with --overwrite-goldens and look at the file.")
        return path.read_bytes()

    def text(self, name: str, text: str) -> None:
        """Fail unless ``text`` equals the stored ``golden/<name>.out``."""
        stored = self.stored(f"{name}.out", text.encode()).decode().replace("\r\n", "\n")
        assert text == stored, f"{name}.out differs; if the new text is right: --overwrite-goldens"

    def figure(self, name: str, figure) -> None:
        """Fail unless a matplotlib figure, or an encoded picture, looks like the stored ``golden/<name>.png``."""
        fresh = figure if isinstance(figure, bytes) else draw(figure)
        complaint = explain_difference(self.stored(f"{name}.png", fresh), fresh)
        if complaint:
            made = self.refused / f"{name}.png"
            made.write_bytes(fresh)
            pytest.fail(f"{name}.png: {complaint}. Look at {made}; if it is right: --overwrite-goldens")


def draw(figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=GOLDEN_DPI, metadata={"Software": None})
    return buffer.getvalue()


@pytest.fixture
def golden(request) -> Golden:
    return Golden(
        Path(__file__).parent / "golden",
        overwrite=request.config.getoption("--overwrite-goldens"),
        refused=request.config.cache.mkdir("pictures"),
    )


@pytest.fixture
def golden_text(golden):
    """``golden_text(name, text)``: compare with ``tests/golden/<name>.out``."""
    return golden.text


@pytest.fixture
def golden_figure(golden):
    """``golden_figure(name, figure)``: compare a figure coarsely with ``tests/golden/<name>.png``."""
    return golden.figure
