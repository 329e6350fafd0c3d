"""Every picture by its name: ``hv.figures.channel_grid(trace, site)``. They live in the rooms of their subjects.

The functions are loaded when they are first used, so that naming this room imports no matplotlib.
"""

import ast
from importlib import import_module
from pathlib import Path

from hrnet_viz.doors import guard

_STUB = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf8")).body
_HOME = {name.name: line.module for line in _STUB if isinstance(line, ast.ImportFrom) for name in line.names}

__all__ = sorted(_HOME)  # noqa: PLE0605  # the stub beside this file is the single place


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'hrnet_viz.figures' has no attribute '{name}'")
    value = guard(getattr(import_module(f"{_HOME[name]}"), name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
