"""Take the picture of the explorer that README shows: its kernel-free file, in a real browser, without a network.

python -m scripts.explorer_picture    from the root of the repository; writes assets/covers/explorer.png
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.notebook_covers import COVERS, shrink

SIZE = {"width": 1280, "height": 1040}
SITE = "stage3.1.branch0"
PATIENCE = 120_000  # ms


def write_file(folder: Path) -> Path:
    """Write the file that a lecturer would hand out."""
    import hrnet_viz as hv

    net, photo = hv.load("teaching"), hv.photo("cat")
    strongest = int(hv.trace(net, photo, sites=[SITE])[SITE][0].square().mean((1, 2)).argmax())
    explorer = hv.explore(net, photo, site=SITE, channel=strongest, sort="energy", overlay=True, theme="light")
    return explorer.save(folder / "cat.html", edits="chosen")


def photograph(file: Path) -> bytes:
    """Give a PNG of the file as Chromium shows it."""
    from playwright.sync_api import sync_playwright

    from tests.browser.chromium import FLAGS, find_chromium

    path = find_chromium()  # which asks Playwright, too, and Playwright does not start twice
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page(viewport=SIZE)
        page.goto(file.as_uri(), timeout=PATIENCE)
        page.locator("figcaption strong", has_text=SITE).first.wait_for(timeout=PATIENCE)
        png = page.screenshot(full_page=True)
        browser.close()
    return png


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the picture; returns 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=COVERS, help="where to write; default: assets/covers/")
    folder = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        png = photograph(write_file(Path(made)))
    (folder / "explorer.png").write_bytes(shrink(png))
    print(f"{folder / 'explorer.png'}: {(folder / 'explorer.png').stat().st_size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
