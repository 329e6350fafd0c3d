"""The kernel-free twin: one HTML file that holds the answers to what its page may ask.

Each answer is compressed by itself and opened when it is looked at. A content security policy allows the page's own
script and style and nothing else: no request, no other script, whatever a class or a file is called.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrnet_viz.explorer.front_end import read_module, read_style
from hrnet_viz.explorer.payload import Answer
from hrnet_viz.explorer.server import Question, Server
from hrnet_viz.sites import quote

if TYPE_CHECKING:
    from hrnet_viz.figures.style import Picture

EXCHANGES = ("branch", "fuse_path", "fuse_sum", "fuse_out")
"""Kinds of sites whose maps the page makes out of floats: of the branches, and of each path that is no identity."""

FLOATS = ("floats", "cam")
PAGE_STYLE = """html { color-scheme: light dark; }
body { margin: 0; }
#hv-explorer > img { max-width: 100%; }
.hv-explorer { min-height: 100vh; }
"""

FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
TOP_CLASSES = 2


def write_page(path: Path, server: Server, choices: Mapping[str, Any], picture: Picture, *, edits: str = "all") -> Path:
    """Write the file.

    Args:
        path: where.
        server: what answers.
        choices: every choice of the explorer by name.
        picture: what is seen until the page is ready, and where scripts are off.
        edits: which edits are computed for the panel of ablations: "all" sets every branch and every path to zero and
            scales the chosen one in nine steps, "chosen" only the latter.

    Returns:
        The path.

    Raises:
        ValueError: another word for ``edits``.
    """
    if edits not in ("all", "chosen"):
        raise ValueError(f"edits={quote(edits)} was given; a file holds 'all' edits or those of the 'chosen' site.")
    recorded = [(question, server.answer(question)) for question in list_questions(server, choices, edits)]
    names, pictures = server.album.thumbnails([choices["photo"]])
    recorded.append((("samples", 0), Answer(server.show_samples().meta | {"names": names}, pictures)))
    path.write_text(compose(recorded, choices, picture), encoding="utf8")
    return path


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


def compose(recorded: Sequence[tuple[Question, Answer]], choices: Mapping[str, Any], picture: Picture) -> str:
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
    return zlib.compress(data, 9)


def digest(text: str) -> str:
    """Give what a content security policy calls an inline text by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
