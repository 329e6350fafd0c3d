"""What a weights file of this project says about itself: classes, preparation, calibration, provenance."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hrnet_viz.photos.preparation import Preparation
from hrnet_viz.weights.report import WeightsError

FORMAT = "hrnet_viz"


@dataclass(frozen=True, slots=True)
class Card:
    """The metadata of a safetensors file with ``format=hrnet_viz``.

    Attributes:
        variant: "hrnet_w18_small_v2".
        classes: names of the outputs.
        preparation: how a photo becomes an input.
        temperature: what the stored logits are to be divided by to be calibrated; 1 where they already are.
        provenance: how the weights came about.
    """

    variant: str
    classes: tuple[str, ...]
    preparation: Preparation
    temperature: float = 1.0
    provenance: Mapping[str, object] = field(default_factory=dict)


def read_card(metadata: Mapping[str, str], where: str) -> Card | None:
    """Read the card, or give None if the file is not one of this project.

    Keys: format, variant, classes (JSON list), mean, std, size, fit, temperature, provenance (JSON); optionally
    crop_fraction, interpolation, and temperature_folded ("true" if the stored classifier is already divided by it).

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
            classes=tuple(map(str, json.loads(metadata["classes"]))),
            preparation=preparation,
            temperature=_read_temperature(metadata),
            provenance=json.loads(metadata.get("provenance", "{}")),
        )
    except KeyError as error:
        raise WeightsError(f"{where} says that it is a file of this project, but its metadata lack {error}.") from error
    except (ValueError, TypeError) as error:
        raise WeightsError(f"The metadata of {where} make no sense: {error}.") from error


def _parse(text: str) -> Any:
    """Read a JSON list or number; a list becomes a tuple."""
    value = json.loads(text)
    return tuple(value) if isinstance(value, list) else value


def _read_temperature(metadata: Mapping[str, str]) -> float:
    temperature = float(metadata.get("temperature", "1"))
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"the temperature is {temperature}, but must be above 0")
    return 1.0 if metadata.get("temperature_folded", "").lower() == "true" else temperature
