"""What a weights file says about itself, what loading reports, and the errors and the warning of this room."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hrnet_viz.network.variants import find_task
from hrnet_viz.photos.preparation import Preparation

SHOWN_NAMES = 4


class WeightsError(ValueError):
    """Weights that cannot be had or do not fit, told in a sentence: what was given, what was expected, what to do."""


class UnreachableError(WeightsError):
    """A file that could not be had from its address: no network, no such host, no such file there."""


class LoadWarning(UserWarning):
    """Something of the net was not taken from the file; the message says what."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Where the weights of a net came from, and which of its tensors did not; kept as ``net.load_report``.

    Attributes:
        source: the file.
        variant: "hrnet_w18" and so on.
        task: name of the head.
        flavour: whose key names the file has, see ``hrnet_viz.weights.keys``.
        tried: whether this flavour's key map could be tried on a real file.
        loaded: number of tensors taken over from the file.
        missing: tensors that the file does not need to have and that are 0: biases of a bias-free head, batch counters.
        reinitialised: tensors that start at random.
        unexpected: names in the file that this net has no place for.
        left_out: names of what stands beside the net in such files: a loss, the rest of a detector, another head.
        sha256: of the file, where it was computed.
        temperature: what the logits of the file were divided by to be calibrated; 1 if by nothing.
        provenance: what the file says about its own making.
        part: the place in the file where the net lies, "" for the file itself.
        others: places of other nets in the file, for ``hv.load(..., part=...)``.
        hint: what could be said to know more about the net.
    """

    source: str
    variant: str
    task: str
    flavour: str
    tried: bool
    loaded: int
    missing: tuple[str, ...] = ()
    reinitialised: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    sha256: str = ""
    temperature: float = 1.0
    provenance: Mapping[str, object] = field(default_factory=dict)
    part: str = ""
    others: tuple[str, ...] = ()
    hint: str = ""

    def __str__(self) -> str:
        """Return the report in a few lines."""
        net = self.variant if self.task == "classification" else f"{self.variant} {self.task}"
        lines = [f"{net}: {self.loaded} tensors from {self.source} ({self.flavour} keys)"]
        for names, what in (
            (self.missing, "set to 0, as the file has none"),
            (self.reinitialised, "started at random"),
            (self.unexpected, "in the file, but not in the net"),
            (self.left_out, "beside the net in the file, and left out"),
        ):
            if names:
                lines.append(f"{len(names)} {what}: {list_some(names)}")
        if self.others:
            there = list_some([f"part={one!r}" for one in self.others])
            lines.append(f"taken from {self.part or 'the file itself'}; other weights are there too: {there}")
        if self.hint:
            lines.append(self.hint)
        if self.temperature != 1:
            lines.append(f"logits divided by the calibration temperature {self.temperature:.4g}")
        if not self.tried:
            lines.append("this key map could not be tried on a real file")
        return "\n".join(lines)


def list_some(names: Iterable[str], shown: int = SHOWN_NAMES) -> str:
    """List the first few names and count the rest: "a, b, c, d and 9 more"."""
    names = list(names)
    rest = len(names) - shown
    return ", ".join(names) if rest <= 0 else f"{', '.join(names[:shown])} and {rest} more"


FORMAT = "hrnet_viz"


@dataclass(frozen=True, slots=True)
class Card:
    """The metadata of a safetensors file with ``format=hrnet_viz``, or what is taken for granted where there are none.

    Attributes:
        variant: "hrnet_w18_small_v2".
        task: name of the head.
        upsample, align_corners: as in ``network.Task``; None for the published ones of the task.
        classes: names of the outputs, () if nobody said.
        preparation: how a photo becomes an input; None if nobody said.
        temperature: what the stored logits are to be divided by to be calibrated; 1 where they already are.
        provenance: how the weights came about.
    """

    variant: str = ""
    task: str = "classification"
    upsample: str | None = None
    align_corners: bool | None = None
    classes: tuple[str, ...] = ()
    preparation: Preparation | None = None
    temperature: float = 1.0
    provenance: Mapping[str, object] = field(default_factory=dict)


def read_card(metadata: Mapping[str, str], where: str) -> Card | None:
    """Return the card of a file, None if it is not one of this project.

    Keys: format, variant, classes (JSON list), mean, std, size, fit, temperature, provenance (JSON); optionally task,
    upsample, align_corners (JSON), crop_fraction, interpolation, and temperature_folded ("true" if the stored
    classifier is already divided by it). ``write_card`` writes them.

    Raises:
        WeightsError: the file says that it is one of this project, but an entry is missing or makes no sense.
    """
    if metadata.get("format") != FORMAT:
        return None
    try:
        optional = {"crop_fraction": float, "interpolation": str}
        preparation = Preparation(
            size=_parse(metadata["size"]),
            mean=_parse(metadata["mean"]),
            std=_parse(metadata["std"]),
            fit=metadata["fit"],  # type: ignore[arg-type]  # checked there
            **{key: read(metadata[key]) for key, read in optional.items() if key in metadata},
        )
        return Card(
            variant=metadata["variant"],
            task=find_task(metadata.get("task", "classification")).name,
            upsample=_choose(metadata, "upsample", "nearest", "bilinear"),
            align_corners=_choose(metadata, "align_corners", True, False),
            classes=tuple(map(str, _read(metadata["classes"], list))),
            preparation=preparation,
            temperature=_read_temperature(metadata),
            provenance=_read(metadata.get("provenance", "{}"), dict),
        )
    except KeyError as error:
        raise WeightsError(f"{where} says that it is a file of this project, but its metadata lack {error}.") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise WeightsError(f"The metadata of {where} make no sense: {error}.") from error


def write_card(card: Card, preparation: Preparation) -> dict[str, str]:
    """Return the metadata that ``read_card`` reads back as this card; nothing in them is left to be understood."""
    listed = ("upsample", "align_corners", "classes", "provenance")
    how = ("size", "mean", "std", "crop_fraction")
    return {
        "format": FORMAT,
        "variant": card.variant,
        "task": card.task,
        **{key: json.dumps(getattr(card, key)) for key in listed},
        **{key: json.dumps(getattr(preparation, key)) for key in how},
        "fit": preparation.fit,
        "interpolation": preparation.interpolation,
        "temperature": repr(card.temperature),
    }


def _parse(text: str) -> Any:
    """Read a JSON list or number; a list becomes a tuple."""
    value = json.loads(text)
    return tuple(value) if isinstance(value, list) else value


def _read(text: str, kind: type) -> Any:
    """Read a JSON list or object."""
    value = json.loads(text)
    if not isinstance(value, kind):
        raise TypeError(f"a {kind.__name__} was expected, but {text[:60]} stands there")
    return value


def _choose(metadata: Mapping[str, str], key: str, *choices: str | bool) -> Any:
    """Read an entry that is not there, null, or one of the choices, as JSON writes them."""
    values = {json.dumps(choice): choice for choice in (*choices, None)}
    text = metadata.get(key, "null")
    if text not in values:
        raise ValueError(f"{key} is {text[:60]}, but must be one of {', '.join(values)}")
    return values[text]


def _read_temperature(metadata: Mapping[str, str]) -> float:
    temperature = float(metadata.get("temperature", "1"))
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"the temperature is {temperature}, but must be above 0")
    return 1.0 if metadata.get("temperature_folded", "").lower() == "true" else temperature
