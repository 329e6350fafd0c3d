"""Find the weights that ship with the project."""

from __future__ import annotations

from pathlib import Path

from hrnet_viz.weights.report import WeightsError

FOLDERS = (
    Path(__file__).parent / "_shipped",  # an installed wheel
    Path(__file__).parents[2] / "assets" / "weights",  # a clone
)
SHIPPED = ("teaching",)


def find_shipped(name: str = "teaching") -> Path:
    """Give the file of shipped weights.

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
