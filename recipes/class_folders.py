"""Which output of a net a folder of photos stands for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib import import_module

from hrnet_viz.outputs import Named, find_output, output_names
from hrnet_viz.photos.folder import shorten

IMAGENET_CLASSES = 1000
_WORDNET = re.compile(r"n\d{8}")


def match_classes(owner: Named, folders: Sequence[str], say: Callable[[str], object] | None = None) -> list[int]:
    """Return the output that each class folder stands for.

    It has the name of the folder, in any spelling (of "n02123045_tabby" too), or the number that the folder is called
    by. Where outputs have no names, their order is that of the folders; as many folders as outputs are then needed.
    WordNet numbers have the order of ImageNet's outputs.

    Args:
        owner: names and number of the outputs.
        folders: names of the folders, in the order of ``list_classes``.
        say: takes a line about what was not matched by name.

    Raises:
        ValueError: folders that stand for no output; the message says what to do.
    """
    outputs, names = owner.num_outputs, output_names(owner)
    named = len(owner.classes) == outputs
    if all(map(str.isdecimal, folders)) and not (named and all(map(str.isdecimal, owner.classes))):
        what, places = "number", list(map(int, folders))
        if max(places) >= outputs:
            raise ValueError(
                f"The class folder '{max(places)}' was given; the net has outputs 0 to {outputs - 1}, and folders of "
                "numbers are called by these."
            )
    elif _are_wordnet(folders) and outputs == IMAGENET_CLASSES and not (named and _are_wordnet(owner.classes)):
        what, places = "WordNet number", _place_wordnet(folders)
    elif named:
        return _match_names(owner, folders)
    elif len(folders) == outputs:
        what, places = "order", list(range(outputs))
    else:
        raise ValueError(
            f"The outputs of this net have no names, and {len(folders)} class folders were given for {outputs} outputs."
            " Set net.classes, call the folders by the numbers of the outputs, or give one for each."
        )
    if say:
        pairs = [f"'{folder}' is {names[place]}" for folder, place in zip(folders, places, strict=True)]
        say(f"Classes are not matched by name; the {what} of the folders counts: {shorten(pairs)}.")
    return places


def _are_wordnet(names: Sequence[str]) -> bool:
    return all(map(_WORDNET.fullmatch, names))


def _place_wordnet(folders: Sequence[str]) -> list[int]:
    """Return the places of WordNet numbers in ImageNet: all of them are sorted as its outputs are, of some timm knows.

    Raises:
        ValueError: no timm, or another number.
    """
    if len(folders) == IMAGENET_CLASSES:
        return list(range(IMAGENET_CLASSES))
    try:
        order = import_module("timm.data").ImageNetInfo().label_names()
    except ImportError as error:
        raise ValueError(
            f"{len(folders)} class folders are called by WordNet numbers ({shorten(folders)}); only all "
            f"{IMAGENET_CLASSES} tell their order. Rename these by the names of the classes, or install timm, which "
            "knows it."
        ) from error
    if strange := [name for name in folders if name not in order]:
        raise ValueError(
            f"The class folders {shorten(strange)} are called by WordNet numbers that are none of the "
            f"{IMAGENET_CLASSES} classes of ImageNet-1k. Take them away."
        )
    return [order.index(name) for name in folders]


def _match_names(owner: Named, folders: Sequence[str]) -> list[int]:
    found: list[int] = []
    strange: dict[str, str] = {}
    for name in folders:
        spellings = dict.fromkeys((name, re.sub(rf"^{_WORDNET.pattern}[-_ ]", "", name)))
        for spelling in spellings:
            try:
                found.append(find_output(owner, spelling))
                break
            except ValueError as error:
                reason = str(error)
        else:
            strange[name] = reason
    if strange:
        raise ValueError(
            f"The net doesn't know the class folders {shorten(list(strange))}. {next(iter(strange.values()))} "
            "Rename the folders, or take them away."
        )
    return found
