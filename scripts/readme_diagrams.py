"""Draw the diagrams that README shows: ``python -m scripts.readme_diagrams`` writes them into ``assets/``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from hrnet_viz.canvas.colours import THEMES
from hrnet_viz.canvas.diagram import Diagram
from hrnet_viz.canvas.network_drawing import network_diagram
from hrnet_viz.exchanges.diagram import exchange_diagram
from hrnet_viz.files import end_quietly_in_pipes, place

VARIANT = "hrnet_w18"
MODULE = "stage4.1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the diagrams and give the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.readme_diagrams", description="Draw the diagrams for README."
    )
    parser.add_argument(
        "--folder", type=place(folder=True), default=Path("assets"), help="where to write; assets if not told"
    )
    folder: Path = parser.parse_args(arguments).folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, drawn in readme_diagrams():
        sys.stdout.write(f"{drawn.save(folder / f'{name}.png')}\n")
    sys.stdout.write(f"{network_diagram(VARIANT, theme='light').save(folder / f'{VARIANT}_modules.svg')}\n")
    return 0


def readme_diagrams() -> Iterator[tuple[str, Diagram]]:
    """Give each diagram with the name of its file: light ones without, dark ones with "_dark" at the end."""
    for theme in THEMES:
        ending = "_dark" if theme == "dark" else ""
        yield f"{VARIANT}_stages{ending}", network_diagram(VARIANT, detail="stages", theme=theme)
        yield f"{VARIANT}_modules{ending}", network_diagram(VARIANT, theme=theme)
        yield f"{VARIANT}_exchange{ending}", exchange_diagram(VARIANT, MODULE, theme=theme)


if __name__ == "__main__":
    end_quietly_in_pipes()
    sys.exit(main())
