"""Answer from the command line: ``python -m hrnet_viz variants`` and ``python -m hrnet_viz sites NAME``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from hrnet_viz.arguments import end_quietly_in_pipes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit status."""
    parser = argparse.ArgumentParser(prog="python -m hrnet_viz", description="Look at the published HRNet family.")
    commands = parser.add_subparsers(dest="command", required=True)
    variants = commands.add_parser("variants", help="parameters and multiply-adds of all nine variants")
    variants.add_argument("--size", type=int, nargs=2, default=(224, 224), metavar=("HEIGHT", "WIDTH"))
    sites = commands.add_parser("sites", help="every named tensor of a variant")
    sites.add_argument("variant")
    sites.add_argument("--kind", help="only sites of this kind; 'inner' lists what lies inside the landmarks")
    given = parser.parse_args(arguments)
    try:
        if given.command == "variants":
            from hrnet_viz.network.counts import variants_table

            sys.stdout.write(variants_table(*given.size) + "\n")
        else:
            sys.stdout.write(sites_table(given.variant, given.kind) + "\n")
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def sites_table(variant: str, kind: str | None = None) -> str:
    """List the sites of a variant with kind, channels, stride, published name and what they are computed from."""
    import torch

    from hrnet_viz.network.net import hrnet

    with torch.device("meta"):
        net = hrnet(variant)
    lines = [f"{'site':<36}{'kind':<12}{'channels':>9}{'stride':>8}  {'published name':<34}computed from"]
    for site in net.sites(kind=kind):
        stride = "" if site.stride is None else str(site.stride)
        lines.append(
            f"{site.name:<36}{site.kind:<12}{site.channels:>9}{stride:>8}  {site.published:<34}{', '.join(site.inputs)}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    end_quietly_in_pipes()
    sys.exit(main())
