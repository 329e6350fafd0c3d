"""Accuracy with interval, per class, confusion and calibration, at several sizes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from hrnet_viz.arguments import end_quietly_in_pipes, place, whole
from hrnet_viz.files import write_whole


def build_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(prog="python -m hrnet_viz.evaluate", description=__doc__)
    parser.add_argument("weights", help='"teaching", a published name, or a file')
    parser.add_argument("folder", type=Path, help="one folder of photos for each class")
    parser.add_argument("--sizes", type=whole(32), nargs="+", default=[128, 160, 224], help="sides of the input, px")
    parser.add_argument("--json", type=place(ending=".json"), help="also write the numbers to this file")
    parser.add_argument("--batch", type=whole(1), default=64, help="photos per pass")
    parser.add_argument("--threads", type=whole(0), default=0, help="threads for computing; 0 leaves torch's choice")
    parser.add_argument("--bf16", action="store_true", help="faster, a little less exact")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate; errors in what was given become a sentence and exit code 2."""
    from hrnet_viz.devices import device
    from hrnet_viz.evaluate.measure import measure
    from hrnet_viz.evaluate.report import make_plain, write_table
    from hrnet_viz.weights.loading import load

    options = build_parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        net = load(options.weights).to(device()).to(memory_format=torch.channels_last)
        results = measure(
            net,
            options.folder,
            options.sizes,
            batch=options.batch,
            bf16=options.bf16,
            say=lambda line: print(line, file=sys.stderr),
        )
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    print(write_table(results))
    if options.json:
        write_whole(options.json, json.dumps(make_plain(results), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    end_quietly_in_pipes()
    sys.exit(main())
