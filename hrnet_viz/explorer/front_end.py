"""The front end as text: one ES module and one style sheet, put together from the readable files in ``front``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal

PARTS = (
    "tools",
    "colour",
    "source",
    "map_view",
    "network",
    "maps",
    "branches",
    "exchange",
    "cam",
    "ablation",
    "photos",
    "mount",
)
"""Files of plain functions, in the order in which they are put together."""

LAST_LINE = {"kernel": "export default { render };", "file": "showFile(document);"}


@cache
def read_module(host: Literal["kernel", "file"]) -> str:
    """Give the ES module for a host: all parts, the host, and one line that starts it.

    Comments on lines of their own and indentation are left out: a notebook stores this text with each explorer.
    """
    lines = [line.strip() for part in (*PARTS, f"{host}_host") for line in _read(f"{part}.js").splitlines()]
    code = [line for line in lines if line and not line.startswith(("//", "/**", "* ", "*/"))]
    return "\n".join([*code, LAST_LINE[host], ""])


@cache
def read_style() -> str:
    """Give the style sheet."""
    return _read("style.css")


def _read(name: str) -> str:
    return files("hrnet_viz.explorer").joinpath("front", name).read_text(encoding="utf8")
