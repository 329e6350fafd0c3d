"""Find what a name or path means, read it, and collect what is known about it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from torch import Tensor

from hrnet_viz.data.preparation import Preparation
from hrnet_viz.network.variants import Variant, find_variant
from hrnet_viz.weights.cache import obtain
from hrnet_viz.weights.card import read_card
from hrnet_viz.weights.fitting import fit
from hrnet_viz.weights.keys import OWN, Flavour, canonicalise
from hrnet_viz.weights.published import Published, find_published, load_imagenet_classes, name_all
from hrnet_viz.weights.reading import Checkpoint, read_checkpoint
from hrnet_viz.weights.report import WeightsError
from hrnet_viz.weights.shipped import SHIPPED, find_shipped

IMAGENET_EVALUATION = Preparation(fit="crop")
OUTPUTS = 1000  # of all published weights


@dataclass(frozen=True, slots=True)
class Source:
    """Tensors under their published names and what is known about them.

    Attributes:
        path: the file.
        tensors: published name -> tensor, as stored.
        flavour: whose names they had.
        variant: the net that they should fit, None if nobody said.
        classes: names of the outputs, () if nobody said.
        preparation: how a photo becomes an input.
        temperature: what the logits are to be divided by.
        provenance: how the weights came about.
        sha256: of the file, where it was computed.
    """

    path: Path
    tensors: dict[str, Tensor]
    flavour: Flavour
    variant: Variant | None = None
    classes: tuple[str, ...] = ()
    preparation: Preparation = IMAGENET_EVALUATION
    temperature: float = 1.0
    provenance: dict[str, object] = field(default_factory=dict)
    sha256: str = ""


def open_source(source: str | os.PathLike[str], *, name: str | None = None, progress: bool = True) -> Source:
    """Find what is meant by ``source`` and read it; the arguments are those of ``hv.load``.

    Raises:
        WeightsError: there is no such name or file, or it cannot be had or read.
    """
    asked = _find_asked(name)
    if not isinstance(source, str | os.PathLike):
        raise WeightsError(f"load takes a name or a path, but a {type(source).__name__} was given.")
    if isinstance(source, str) and source in SHIPPED:
        return describe(read_checkpoint(find_shipped(source)), asked)
    published = find_published(source) if isinstance(source, str) else None
    if published is not None:
        if asked and asked.name != published.variant:
            raise WeightsError(f"'{source}' are the weights of {published.variant}; leave name='{name}' out.")
        return open_published(published, progress=progress)
    path = Path(source).expanduser()
    if not path.is_file():
        raise WeightsError(
            f"'{source}' is neither a name of weights nor a file. Names are: {', '.join(SHIPPED)}, {name_all()}."
        )
    return describe(read_checkpoint(path), asked)


def open_published(published: Published, *, progress: bool = True) -> Source:
    """Read published weights, from the cache or their address.

    Raises:
        WeightsError: they cannot be had, or what came is not them.
    """
    variant = find_variant(published.variant)

    def inspect(path: Path) -> None:
        source = describe(read_checkpoint(path), variant)
        outputs = fit(source.tensors, source.flavour, str(path), variant=variant).net.num_outputs
        if outputs != OUTPUTS:
            raise WeightsError(
                f"{path} has {outputs} outputs, but '{published.name}' has {OUTPUTS}. Delete it, if it is yours."
            )

    path, sha256 = obtain(published.name, published.addresses, inspect, progress=progress)
    return replace(
        describe(read_checkpoint(path), variant),
        classes=load_imagenet_classes(),
        preparation=published.preparation,
        provenance={"origin": published.origin, "licence": published.licence},
        sha256=sha256,
    )


def describe(checkpoint: Checkpoint, asked: Variant | None = None) -> Source:
    """Rename the tensors and read the file's card, if it has one.

    Raises:
        WeightsError: it is no HRNet, or its card makes no sense.
    """
    where = str(checkpoint.path)
    flavour, tensors = canonicalise(checkpoint.tensors, where)
    card = read_card(checkpoint.metadata, where)
    if card is None:
        return Source(checkpoint.path, tensors, flavour, asked)
    return Source(
        checkpoint.path,
        tensors,
        OWN,
        asked or _find_asked(card.variant),
        card.classes,
        card.preparation,
        card.temperature,
        dict(card.provenance),
    )


def _find_asked(name: str | None) -> Variant | None:
    try:
        return find_variant(name) if name else None
    except ValueError as error:
        raise WeightsError(str(error)) from error
