"""Find Graphviz and let it draw: the real one where there is one, else the ``graphviz-pure`` wheel's program.

Looked for in this order: what the environment variable GRAPHVIZ_DOT names, ``dot`` on PATH, ``graphviz-pure`` beside
this Python, ``graphviz-pure`` on PATH. One that cannot draw what it is asked for (a ``dot`` built without PNG, say)
gives way to the next.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

VARIABLE = "GRAPHVIZ_DOT"
REPLACEMENT = "graphviz-pure"
SECONDS = 60

Engine = Literal["dot", "pinned"]
"""``dot`` lays a graph out; ``pinned`` takes every position from the graph itself."""

_ENGINES: dict[Engine, tuple[str, ...]] = {"dot": ("-Kdot",), "pinned": ("-Kneato", "-n2")}


class DotNotFound(RuntimeError):  # noqa: N818  # it says what happened
    """No program is there that draws graphs; the message says how to get one."""


def find_dot() -> tuple[str, ...]:
    """Give the programs that can draw a graph, the preferred one first.

    Raises:
        DotNotFound: there is none, or the one that GRAPHVIZ_DOT names does not exist.
    """
    found = tuple(dict.fromkeys(_candidates()))
    if not found:
        raise DotNotFound(
            "Drawing a diagram needs Graphviz, and neither 'dot' nor 'graphviz-pure' was found. Install one: "
            f"'{Path(sys.executable).name} -m pip install graphviz-pure' (no administrator needed), "
            "'apt install graphviz', 'brew install graphviz' or 'conda install -c conda-forge graphviz'; "
            f"or set {VARIABLE} to the path of a 'dot'."
        )
    return found


def _candidates() -> Iterator[str]:
    named = os.environ.get(VARIABLE)
    if named:
        program = shutil.which(named)
        if program is None:
            raise DotNotFound(
                f"{VARIABLE} is set to '{named}', and there is no such program. "
                "Set it to the path of a 'dot', or unset it to let one be looked for."
            )
        yield program
    beside = os.pathsep.join((sysconfig.get_path("scripts"), str(Path(sys.executable).parent)))
    for name, path in (("dot", None), (REPLACEMENT, beside), (REPLACEMENT, None)):
        program = shutil.which(name, path=path)
        if program is not None:
            yield program


def run_dot(
    source: str, form: Literal["svg", "png", "plain"], *, engine: Engine = "pinned", dpi: float | None = None
) -> bytes:
    """Draw a graph.

    Args:
        source: the graph in the DOT language.
        form: "svg" or "png".
        engine: how positions are found.
        dpi: pixels per inch of a PNG, 96 where nothing is said.

    Raises:
        DotNotFound: there is no program to draw with.
        RuntimeError: every program that is there failed; the message quotes the last one.
    """
    options = [*_ENGINES[engine], f"-T{form}", *([f"-Gdpi={dpi:g}"] if dpi else [])]
    complaint = ""
    for program in find_dot():
        try:
            done = subprocess.run(  # noqa: S603  # the program is one that the user installed
                [program, *options], input=source.encode(), capture_output=True, check=False, timeout=SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            complaint = f"'{program}' could not be run: {error}"
            continue
        if done.returncode == 0 and done.stdout:
            return done.stdout
        complaint = f"'{program} {' '.join(options)}' failed: {done.stderr.decode(errors='replace').strip()}"
    raise RuntimeError(f"Graphviz could not draw this graph. {complaint}")
