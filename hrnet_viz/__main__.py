"""The one command, ``hrnet-viz`` or ``python -m hrnet_viz``: a wrong word is a sentence and exit status 2."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrnet_viz.files import end_quietly_in_pipes, place, whole

if TYPE_CHECKING:
    from hrnet_viz.interventions.edits import Edit
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.photo import Photo

INTERRUPTED = 130
"""Exit status of a command that Ctrl-C ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0, 1 if a photo was left out, 2 for an error, 130 after Ctrl-C."""
    given = _parser().parse_args(arguments)
    try:
        status: int = given.run(given) or 0
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return INTERRUPTED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hrnet-viz", description="Look inside HRNet.")
    commands = parser.add_subparsers(dest="command", required=True)

    def add(run: Callable[[argparse.Namespace], int | None], words: str) -> argparse.ArgumentParser:
        command: argparse.ArgumentParser = commands.add_parser(run.__name__[1:], help=words, description=words)
        command.set_defaults(run=run)
        return command

    variants = add(_variants, "parameters and multiply-adds of all nine variants")
    variants.add_argument("--size", type=int, nargs=2, default=(224, 224), metavar=("HEIGHT", "WIDTH"))

    sites = add(_sites, "every named tensor of a variant")
    sites.add_argument("variant")
    sites.add_argument("--kind", help="only sites of this kind; 'inner' lists what lies inside the landmarks")

    diagram = add(_diagram, "draw a variant, or the exchange of one of its modules")
    diagram.add_argument("variant")
    diagram.add_argument("--detail", default="modules", help="stages, modules, or the address of one: stage3.1")
    diagram.add_argument("--theme", default="light", help="light or dark")
    diagram.add_argument("--out", type=place(), help="file to write: .png, .svg, .pdf or .dot; VARIANT.png if not told")

    inspect = add(_inspect, "what a weights file is, and the line of code that loads it")
    inspect.add_argument("file")
    inspect.add_argument("--name", help="variant, where the file does not tell")
    inspect.add_argument("--part", help="place of the net in a file that holds several")

    predict = add(_predict, "what a net answers to photos")
    explore = add(_explore, "write the explorer of a photo as one HTML file, and open it in the browser")
    sweep = add(_sweep, "edit one thing of a net after the other, for many photos")
    for command in (predict, explore, sweep):
        command.add_argument("--net", default="teaching", help="what hv.load takes: teaching, hrnet_w18, a checkpoint")
        command.add_argument("--name", help="variant of a checkpoint, such as hrnet_w18, where its file does not tell")
    predict.add_argument("photo", nargs="+", help="files, or names of samples: cat")
    predict.add_argument("--top", type=whole(1), default=3, help="how many answers to list")
    explore.add_argument("photo", help="a file, or the name of a sample: cat")
    explore.add_argument("--out", type=place(ending=".html"), help="file to write; PHOTO.html if not told")
    explore.add_argument("--no-open", action="store_true", help="do not open the browser")
    sweep.add_argument("--photos", nargs="+", required=True, help="a folder, or photos")
    sweep.add_argument("--over", nargs="+", default=["fuse_paths"], help="fuse_paths, branches, modules, or sites")
    sweep.add_argument("--edit", default="zero", help="zero, mean, noise, patch, or a factor")
    sweep.add_argument("--target", help="a class, by number if it has no name; by default each photo's own top class")
    sweep.add_argument("--of", nargs="+", help="a folder or photos, for --edit mean and noise; one photo for patch")
    sweep.add_argument("--seed", type=int, default=0, help="for --edit noise")
    sweep.add_argument("--batch", type=int, help="most edits of a pass")
    sweep.add_argument("--out", type=Path, required=True, help="CSV file to write and to go on from")
    sweep.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def _variants(given: argparse.Namespace) -> None:
    from hrnet_viz.network.counts import variants_table

    print(variants_table(*given.size))


def _sites(given: argparse.Namespace) -> None:
    import torch

    from hrnet_viz.network import hrnet

    with torch.device("meta"):
        net = hrnet(given.variant)
    row = "{:<36}{:<12}{:>9}{:>8}  {:<34}{}".format
    print(row("site", "kind", "channels", "stride", "published name", "computed from"))
    for site in net.sites(kind=given.kind):
        print(row(site.name, site.kind, site.channels, site.stride or "", site.published, ", ".join(site.inputs)))


def _diagram(given: argparse.Namespace) -> None:
    from hrnet_viz.figures import exchange_diagram, network_diagram

    whole_net = given.detail in ("stages", "modules")
    draw: Any = network_diagram if whole_net else exchange_diagram
    drawn = draw(
        given.variant, **({"detail": given.detail} if whole_net else {"module": given.detail}), theme=given.theme
    )
    print(drawn.save(given.out or Path(f"{given.variant}.png")))


def _inspect(given: argparse.Namespace) -> None:
    from hrnet_viz.weights.inspecting import inspect

    print(inspect(given.file, name=given.name, part=given.part))


def _predict(given: argparse.Namespace) -> None:
    from hrnet_viz.predictions import describe, predict

    net = _net(given)
    for photo in map(_photo, given.photo):
        print(f"{photo.name}: {describe(predict(net, photo), k=given.top)}")


def _explore(given: argparse.Namespace) -> None:
    import webbrowser

    from hrnet_viz.explorer.widget import explore

    photo = _photo(given.photo)
    out = given.out or place(ending=".html")(f"{Path(given.photo).stem}.html")
    if given.out is None and out.exists():
        raise ValueError(
            f"'{out}' is there already, and may be somebody's work. Name the file to write: --out NAME.html"
        )
    with_photo = explore(_net(given), photo)
    print(saved := with_photo.save(out))
    if not given.no_open:
        webbrowser.open(saved.absolute().as_uri())


def _sweep(given: argparse.Namespace) -> int:
    from hrnet_viz.interventions.sweep import sweep

    left_out: list[str] = []
    edit = _read_edit(given, left_out)
    result = sweep(
        _net(given),
        given.photos[0] if len(given.photos) == 1 else given.photos,
        given.over[0] if len(given.over) == 1 else given.over,
        edit,
        target=given.target,
        batch=given.batch,
        save=given.out,
        progress=not given.quiet,
    )
    sys.stdout.write(f"{result!r} -> {given.out}\n")
    left_out += [f"{name}: {reason}" for name, reason in result.unreadable]
    sys.stderr.writelines(f"Left out: {line}\n" for line in left_out)
    if not result.finished:
        sys.stderr.write("Interrupted. The same command goes on from here.\n")
        return INTERRUPTED
    return 1 if left_out else 0


def _read_edit(given: argparse.Namespace, left_out: list[str]) -> Edit:
    from hrnet_viz.interventions.edits import Mean, Noise, Patch

    photos: Any = _read_photos(given.of, left_out)
    if given.edit == "patch":
        if photos is None or len(photos) != 1:
            raise ValueError("--edit patch takes the values of one other photo. Give it: --of PHOTO.")
        return Patch(photos[0])
    if given.edit in ("mean", "noise"):
        return Mean(photos) if given.edit == "mean" else Noise(given.seed, photos)
    try:
        return float(given.edit)
    except ValueError:
        edit: str = given.edit
        return edit


def _read_photos(given: Sequence[str] | None, left_out: list[str]) -> list[Photo] | None:
    """Return the photos named and all of the folders named; what can't be read is left out."""
    from hrnet_viz.interventions.sweep_photos import find_files
    from hrnet_viz.photos.decode import read_image
    from hrnet_viz.photos.photo import PhotoError

    if given is None:
        return None
    found = []
    for path in (Path(one).expanduser() for one in given):
        for file in map(path.joinpath, find_files(path)) if path.is_dir() else [path]:
            try:
                found.append(read_image(file))
            except PhotoError as error:
                left_out.append(f"{file.name} of --of: {error}")
    if not found:
        raise ValueError(f"No photo of --of could be read. {left_out[0]}")
    return found


def _net(given: argparse.Namespace) -> HRNet:
    from hrnet_viz.devices import device
    from hrnet_viz.weights.loading import load

    return load(given.net, name=given.name).to(device())


def _photo(source: str) -> Photo:
    from hrnet_viz.photos.decode import read_image
    from hrnet_viz.photos.samples import names as photo_names
    from hrnet_viz.photos.samples import photo

    return photo(source) if source in photo_names() and not Path(source).exists() else read_image(source)


def command() -> None:
    """Run the command as a console script."""
    end_quietly_in_pipes()
    sys.exit(main())


if __name__ == "__main__":
    command()
