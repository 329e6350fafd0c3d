"""Which output of a net a folder of photos stands for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hrnet_viz.analysis.targets import Named, find_class
from hrnet_viz.data.folder import shorten

IMAGENET_CLASSES = 1000
_WORDNET = re.compile(r"n\d{8}")


def match_classes(owner: Named, folders: Sequence[str]) -> list[int]:
    """Return the output that each class folder stands for.

    It has the name of the folder, in any spelling, or the number that the folder is called by. Where outputs have no
    names, or the folders are the 1,000 WordNet numbers of ImageNet, whose order is that of the outputs, their order
    counts; as many folders as outputs are then needed.

    Raises:
        ValueError: folders that stand for no output; the message says what to do.
    """
    outputs = owner.num_outputs
    named = len(owner.classes) == outputs
    if all(map(str.isdecimal, folders)) and not (named and set(folders) <= set(owner.classes)):
        numbers = [int(name) for name in folders]
        if max(numbers) >= outputs:
            raise ValueError(f"The folder '{max(numbers)}' was given; the net has outputs 0 to {outputs - 1}.")
        return numbers
    if not named or (len(folders) == outputs == IMAGENET_CLASSES and all(map(_WORDNET.fullmatch, folders))):
        if len(folders) != outputs:
            raise ValueError(
                f"The outputs of this net have no names, and {len(folders)} class folders were given for {outputs} "
                "outputs. Set net.classes, call the folders by the numbers of the outputs, or give one for each."
            )
        return list(range(outputs))
    found: list[int] = []
    strange: list[str] = []
    for name in folders:
        try:
            found.append(find_class(owner, name))
        except ValueError:
            strange.append(name)
    if strange:
        wordnet = " Some WordNet numbers are no names: rename these folders." if _WORDNET.fullmatch(strange[0]) else ""
        raise ValueError(
            f"The net doesn't know the class folders {shorten(strange)}. It knows: {shorten(owner.classes, 12)}. "
            f"Rename the folders, or take them away.{wordnet}"
        )
    return found
