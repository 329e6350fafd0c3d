"""Find a Chromium, or get one; when none can be had, say why in words."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
PATIENCE = 600  # seconds for a download

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # what these tests show works without a network
]


class NoBrowserError(RuntimeError):
    """No Chromium was found and none could be installed; the message says what was tried."""


def find_installed() -> str | None:
    """A Chromium on PATH, at the usual places, or one that Playwright has installed before."""
    on_path = [found for name in NAMES if (found := shutil.which(name))]
    in_place = [place for place in PLACES if Path(place).exists()]
    return next(iter(on_path + in_place + playwright_own()), None)


def playwright_own() -> list[str]:
    """The Chromium of Playwright's own installer, where it exists."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return [path] if Path(path).exists() else []


def install_commands() -> list[list[list[str]]]:
    """Ways to get a Chromium, each a list of commands: Playwright's installer; apt, for root on Debian and its kin."""
    ways = [[[sys.executable, "-m", "playwright", "install", "chromium"]]]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        apt = ["apt-get", "-q", "-y", "--no-install-recommends"]
        ways.append([["apt-get", "-q", "update"], [*apt, "install", "chromium", "fonts-dejavu-core"]])
    return ways


def find_chromium() -> str:
    """Path of a Chromium, installing one when there is none; NoBrowserError says what was tried."""
    tried = []
    found = find_installed()
    for way in [] if found else install_commands():
        try:
            for command in way:
                subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)
        except (OSError, subprocess.SubprocessError) as error:
            last = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1:]
            tried.append(f"`{' '.join(way[-1])}` failed ({' '.join(last)})")
            continue
        found = find_installed()
        if found:
            break
    if found is None:
        raise NoBrowserError(
            "no Chromium or Chrome is on PATH and none could be installed: "
            + "; ".join(tried or ["nothing to try on this system"])
        )
    return found
