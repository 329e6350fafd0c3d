"""Find what a name or path means, read it, and collect what is known about it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from hrnet_viz.network.variants import Variant, find_variant
from hrnet_viz.weights.fetch import obtain
from hrnet_viz.weights.fit import match, take
from hrnet_viz.weights.keys import OWN, Flavour, canonicalise
from hrnet_viz.weights.published import PUBLISHED, Published, find_published, load_classes, name_all
from hrnet_viz.weights.reading import Checkpoint, read_checkpoint, suggest_files
from hrnet_viz.weights.report import Card, WeightsError, read_card

LONGEST_SHOWN = 200

FOLDERS = (
    Path(__file__).parent / "_shipped",  # an installed wheel
    Path(__file__).parents[2] / "assets" / "weights",  # a clone
)
SHIPPED = ("teaching",)


@dataclass(frozen=True, slots=True)
class Source:
    """Tensors under their published names and what is known about them.

    Attributes:
        checkpoint: what was read.
        tensors: published name -> tensor, as stored.
        flavour: whose names they had, with the task and the resampling that the card states.
        variant: the net that they should fit, None if nobody said.
        card: classes, preparation, calibration and provenance, as far as they are known.
        sha256: of the file, where it was computed.
    """

    checkpoint: Checkpoint
    tensors: dict[str, Tensor]
    flavour: Flavour
    variant: Variant | None
    card: Card
    sha256: str = ""


def open_source(
    source: str | os.PathLike[str], *, name: str | None = None, part: str | None = None, progress: bool = True
) -> Source:
    """Find what is meant by ``source`` and read it; the arguments are those of ``hv.load``.

    Raises:
        WeightsError: there is no such name or file, or it cannot be had or read.
    """
    asked = _find_asked(name)
    if not isinstance(source, str | os.PathLike):
        raise WeightsError(_explain_object(source))
    if isinstance(source, str) and source in SHIPPED:
        return describe(read_checkpoint(find_shipped(source)), asked)
    published = find_published(source) if isinstance(source, str) else None
    if published is not None:
        if asked and asked.name != published.variant:
            raise WeightsError(f"'{source}' are the weights of {published.variant}; leave name='{name}' out.")
        return open_published(published, progress=progress)
    path = _find_file(source)
    return describe(read_checkpoint(path, part), asked)


def _explain_object(source: object) -> str:
    """Return how a net or weights in memory become a net of this package."""
    given = f"load takes a name or a path, but a {type(source).__name__} was given."
    if isinstance(source, Mapping) or hasattr(source, "state_dict"):
        theirs = "weights" if isinstance(source, Mapping) else "theirs.state_dict()"
        return (
            f"{given} Weights in memory go into a net by net = hv.hrnet('hrnet_w18', num_outputs=...); "
            f"net.load_state_dict({theirs}); or save them first: torch.save({theirs}, 'mine.pth'); hv.load('mine.pth')."
        )
    return given


def _find_file(source: str | os.PathLike[str]) -> Path:
    """Return the file that is meant, or say what was given instead of one.

    Raises:
        WeightsError: it is an address, a folder, a name as a path, or not there.
    """
    text = os.fspath(source)
    shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
    if text.lower().startswith(("http:", "https:", "ftp:", "hf:")):
        raise WeightsError(
            f"'{shown}' is an address, and only published weights are downloaded. Get the file yourself."
        )
    try:
        path = Path(text).expanduser()
        if path.is_file():
            return path
        if path.is_dir():
            raise WeightsError(f"'{shown}' is a folder. {suggest_files(path)}")
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(f"'{shown}' can't be opened ({reason}). Check the path, and who may read it.") from error
    if not isinstance(source, str) and text in (*SHIPPED, *PUBLISHED):
        raise WeightsError(
            f"{source!r} is a path, and there is no such file. The weights of that name: hv.load('{text}')."
        )
    raise WeightsError(
        f"'{shown}' is neither a name of weights nor a file. Names are: {', '.join(SHIPPED)}, {name_all(shown)}."
    )


def open_published(published: Published, *, progress: bool = True) -> Source:
    """Read published weights, from the cache or their address.

    Raises:
        WeightsError: they cannot be had, or what came is not them.
    """
    variant = find_variant(published.variant)
    card = Card(
        variant.name,
        published.task,
        classes=load_classes(published.classes) if published.classes else (),
        preparation=published.preparation,
        provenance=published.provenance,
    )

    def inspect(path: Path) -> None:
        source = _state(describe(read_checkpoint(path), variant), card)
        found = match(source.tensors, source.flavour, str(path), variant=variant)
        take(found, source.flavour, str(path))
        if found.outputs != published.outputs:
            raise WeightsError(
                f"{path} has {found.outputs} outputs, but '{published.name}' has {published.outputs}. Delete "
                "it, if it is yours."
            )

    path, sha256 = obtain(published.name, published.addresses, inspect, progress=progress)
    return replace(_state(describe(read_checkpoint(path), variant), card), sha256=sha256)


def _state(source: Source, card: Card) -> Source:
    """Return a source of which a card states more than its keys do.

    Raises:
        WeightsError: the keys are those of another head.
    """
    if source.flavour.task != card.task:
        raise WeightsError(
            f"{source.checkpoint.path} is of {source.flavour.task or 'no known head'} by its keys "
            f"({source.flavour.name}), but was published for {card.task}. Get it again."
        )
    return replace(source, card=card)


def describe(checkpoint: Checkpoint, asked: Variant | None = None) -> Source:
    """Rename the tensors and read the file's card, if it has one.

    Raises:
        WeightsError: it is no HRNet, or its card makes no sense.
    """
    where = str(checkpoint.path)
    flavour, tensors = canonicalise(checkpoint.tensors, where)
    card = read_card(checkpoint.metadata, where)
    if card is None:
        return Source(checkpoint, tensors, flavour, asked, Card())
    own = replace(OWN, task=card.task, align_corners=card.align_corners)
    return Source(
        checkpoint, tensors, own, asked or _find_asked(card.variant, f"The metadata of {where} make no sense: "), card
    )


def _find_asked(name: str | None, start: str = "") -> Variant | None:
    try:
        return find_variant(name) if name else None
    except ValueError as error:
        raise WeightsError(f"{start}{error}") from error


def find_shipped(name: str = "teaching") -> Path:
    """Return the file of shipped weights.

    Raises:
        WeightsError: there is no such file; the message names the places and says what to do.
    """
    for folder in FOLDERS:
        path = folder / f"{name}.safetensors"
        if path.is_file():
            return path
    places = " or ".join(str(folder) for folder in FOLDERS)
    raise WeightsError(
        f"The shipped weights '{name}' are missing: {name}.safetensors was looked for in {places}. They come with a "
        "clone and with an installed wheel: clone or install again, or train them: `python -m recipes.teaching_net`."
    )
