"""Run the comparisons and write one table: ``python -m benchmarks [forward imports cam ablation] --out FOLDER``.

Every ratio is to a rival or baseline in the same process. The Markdown and JSON name machine and versions.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.timing import as_data, describe_machine, write_markdown

SUBJECTS = ("forward", "imports", "cam", "ablation", "device", "front_end")
"""Modules of this folder with a function ``measure(rounds) -> list[(title, rows)]``."""


def main() -> int:
    """Run what was asked for and give the number of promises that were missed."""
    here = Path(__file__).parent
    there = [name for name in SUBJECTS if (here / f"{name}.py").exists()]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    told = f"{', '.join(there)}; all of them if none is named"
    parser.add_argument("subjects", nargs="*", choices=[*there, []], default=[], metavar="subject", help=told)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", help="cpu or cuda for the subject 'device', which alone is run then")
    parser.add_argument("--out", type=Path, default=here.parent / "runs" / "benchmarks")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    missed = 0
    if given.device:
        os.environ["HV_DEVICE"] = given.device  # read by hv.device()
    for subject in ["device"] if given.device else given.subjects or there:
        tables = import_module(f"benchmarks.{subject}").measure(given.rounds)
        machine = describe_machine()
        text = f"## {subject}\n\n" + "\n".join(write_markdown(title, rows) for title, rows in tables)
        text += "\n" + ", ".join(f"{key} {value}" for key, value in machine.items()) + "\n"
        data = {"machine": machine, "tables": [as_data(title, rows) for title, rows in tables]}
        (given.out / f"{subject}.md").write_text(text, encoding="utf8")
        (given.out / f"{subject}.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf8")
        sys.stdout.write(text)
        missed += sum(row.limit is not None and row.ratio > row.limit for _, rows in tables for row in rows)
    sys.stdout.write(f"\n{missed} of the promised ratios were missed.\n")
    return missed


if __name__ == "__main__":
    sys.exit(main())
