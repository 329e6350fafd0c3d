"""The explorer as one HTML file that needs no kernel, and the front end that it shares with the widget."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hrnet_viz.explorer.answers import Answer
from hrnet_viz.explorer.server import Question, Server
from hrnet_viz.files import write_whole
from hrnet_viz.sites import quote

if TYPE_CHECKING:
    from hrnet_viz.canvas.style import Picture

EXCHANGES = ("branch", "fuse_path", "fuse_sum", "fuse_out")
"""Kinds of sites whose maps the page makes out of floats: of the branches, and of each path that is no identity."""

FLOATS = ("floats", "cam")
PAGE_STYLE = """html { color-scheme: light dark; }
body { margin: 0; }
body > p { margin: 10px 12px; font: 13px/1.45 system-ui, sans-serif; }
#hv-explorer > img { max-width: 100%; }
.hv-explorer { min-height: 100vh; }
"""

FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
TOP_CLASSES = 2
OTHER_CAMS = "other classes and methods of CAM"


def write_page(
    path: Path,
    server: Server,
    choices: Mapping[str, Any],
    draw: Callable[[], Picture],
    *,
    edits: str | None = None,
    limit_mb: float = 24,
) -> Path:
    """Write the file.

    Args:
        path: where.
        server: what answers.
        choices: every choice of the explorer by name.
        draw: gives what is seen until the page is ready, and where scripts are off.
        edits: which edits are computed for the panel of ablations: "all" sets every branch and every path to zero and
            scales the chosen one in nine steps, "chosen" only the latter. None: all, unless something is left out.
        limit_mb: megabytes that the file may have, about. What does not fit is left out, the largest parts first and
            the chosen ones last, and named in the page and in a warning.

    Returns:
        The path.

    Raises:
        ValueError: another word for ``edits``, or a limit that is no number above 0.
    """
    if edits not in ("all", "chosen", None):
        raise ValueError(f"edits={quote(edits)} was given; a file holds 'all' edits or those of the 'chosen' site.")
    given: Any = limit_mb  # a caller without a type checker may give anything
    if not isinstance(given, int | float) or not given > 0:
        raise ValueError(f"limit_mb={quote(limit_mb)} was given; a number of megabytes above 0 was expected.")
    asked = list(list_questions(server, choices, edits or "all"))
    recorded = [(question, server.answer(question)) for question in asked if question[0] != "ablation"]
    left_out = leave_out(recorded, choices, limit_mb)
    recorded = [(question, answer) for question, answer in recorded if name_part(question, choices) not in left_out]
    own_only = bool(left_out) and edits is None
    recorded += [
        (question, server.answer(question))
        for question in asked
        if question[0] == "ablation" and (question[2] == choices["edited"] or not own_only)
    ]
    names, pictures = server.album.thumbnails([choices["photo"]])
    recorded.append((("samples",), Answer(server.show_samples().meta | {"names": names}, pictures)))
    note = ""
    if left_out:
        note = f"To have no more than about {limit_mb:g} MB, this file leaves out: {', '.join(left_out)}"
        note += f"{', edits of other sites' if own_only else ''}. A kernel shows these too."
        warnings.warn(f"{note} So does a file with a higher limit_mb, or of a smaller photo.", stacklevel=3)
    return write_whole(path, compose(recorded, choices, draw(), note))


def leave_out(recorded: Sequence[tuple[Question, Answer]], choices: Mapping[str, Any], limit_mb: float) -> list[str]:
    """Return the parts that do not fit into a file: the largest ones, but never that of the chosen site."""
    sizes: Counter[str] = Counter()  # in bytes; compression and base64 cancel each other
    for question, answer in recorded:
        sizes[name_part(question, choices)] += len(answer.data)
    always = ("", name_part(("maps", choices["photo"], choices["site"]), choices))
    room = limit_mb * 1e6 - sum(sizes.pop(part) for part in always)
    left_out = []
    for part, size in sorted(sizes.items(), key=lambda item: (item[0] == OTHER_CAMS, item[1])):
        if size <= room:
            room -= size
        else:
            left_out.append(part)
    return left_out


def name_part(question: Question, choices: Mapping[str, Any]) -> str:
    """Return the part of a file that an answer belongs to: a module, a group of sites, or "" for what is always in."""
    if question[0] == "cam":
        own = [choices[name] for name in ("target", "contrast", "method")]
        return "" if list(question[2:]) == own else OTHER_CAMS
    if question[0] not in ("maps", "floats"):
        return ""
    site: str = question[2]
    return ".".join(site.split(".")[: 2 if site.startswith("stage") else 1])


def list_questions(server: Server, choices: Mapping[str, Any], edits: str = "all") -> Iterator[Question]:
    """Yield what the page may ask about the chosen photo."""
    photo, net = choices["photo"], server.net
    yield ("net",)
    yield "photo", photo
    for site in net.sites():
        if site.kind not in EXCHANGES:
            yield "maps", photo, site.name
        elif site.kind == "branch" or (site.kind == "fuse_path" and site.source != site.branch):
            yield "floats", photo, site.name
        yield "field", photo, site.name
    if net.plan.sites[choices["site"]].inner:
        yield "maps", photo, choices["site"]
    for module in dict.fromkeys(site.name.rpartition(".")[0] for site in net.sites(kind="fuse_sum")):
        yield "shares", photo, module
    yield from _list_cams(server, choices)
    scaled: dict[str, tuple[float, ...]] = {choices["edited"]: FACTORS}
    if edits == "all":
        scaled = {site.name: (0.0, 1.0) for kind in ("branch", "fuse_path") for site in net.sites(kind=kind)} | scaled
    for name, factors in scaled.items():
        for factor in factors:
            for target in dict.fromkeys(("", choices["target"])):
                yield "ablation", photo, name, factor, target


def _list_cams(server: Server, choices: Mapping[str, Any]) -> Iterator[Question]:
    """Yield the chosen class and contrast by all methods, the most probable classes by the chosen method."""
    photo, chosen = choices["photo"], (choices["target"], choices["contrast"])
    for method in server.methods:
        yield "cam", photo, *chosen, method
    for target in ("", *server.rank_labels(photo)[:TOP_CLASSES]):
        if (target, "") != chosen:
            yield "cam", photo, target, "", choices["method"]


def compose(
    recorded: Sequence[tuple[Question, Answer]], choices: Mapping[str, Any], picture: Picture, note: str
) -> str:
    """Put the file together."""
    blocks: dict[bytes, int] = {}
    answers: dict[str, list[Any]] = {}
    for question, answer in recorded:
        width = 4 if question[0] in FLOATS else 1
        packed = pack(answer.data, width)
        answers[write_key(question)] = [blocks.setdefault(packed, len(blocks)), width, answer.meta]
    index = pack(json.dumps({"state": dict(choices), "answers": answers}).encode())
    script, style = read_module("file"), PAGE_STYLE + read_style()
    policy = (
        f"default-src 'none'; script-src '{digest(script)}'; style-src '{digest(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    title = html.escape(f"{choices['photo']}: HRNet explorer")
    png = base64.b64encode(picture.png(1)).decode()
    data = "\n".join(
        f'<script type="text/plain" id="hv-{name}">{base64.b64encode(block).decode()}</script>'
        for name, block in (("index", index), *((number, block) for block, number in blocks.items()))
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{f"<p>{html.escape(note)}</p>" if note else ""}
<main id="hv-explorer">
<img src="data:image/png;base64,{png}" alt="{html.escape(picture.alt)}">
<noscript><p>With scripts allowed this page becomes interactive. It asks no other host for anything.</p></noscript>
</main>
{data}
<script type="module">{script}</script>
</body>
</html>
"""


def write_key(question: Question) -> str:
    """Write a question as the page's ``JSON.stringify`` does."""
    plain = [int(part) if isinstance(part, float) and part.is_integer() else part for part in question]
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False)


def pack(data: bytes, width: int = 1) -> bytes:
    """Compress; numbers of several bytes with all their first bytes first, which makes them smaller."""
    if width > 1:
        data = np.frombuffer(data, np.uint8).reshape(-1, width).T.tobytes()
    return zlib.compress(data)  # level 9 takes five times as long for 0.4 %


def digest(text: str) -> str:
    """Return what a content security policy calls an inline text by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


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
    """Return the ES module for a host: all parts, the host, and one line that starts it.

    Comments on lines of their own and indentation are left out: a notebook stores this text with each explorer.
    """
    lines = [line.strip() for part in (*PARTS, f"{host}_host") for line in _read(f"{part}.js").splitlines()]
    code = [line for line in lines if line and not line.startswith(("//", "/**", "* ", "*/"))]
    return "\n".join([*code, LAST_LINE[host], ""])


@cache
def read_style() -> str:
    """Return the style sheet."""
    return _read("style.css")


def _read(name: str) -> str:
    return files("hrnet_viz.explorer").joinpath("front", name).read_text(encoding="utf8")
