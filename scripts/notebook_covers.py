"""Take one picture out of each stored notebook, for README and notebooks/README: assets/covers/NN.png.

It is the picture of the cell tagged "cover", or else the first of the notebook. `MORE` names others that README's tour
shows. The text alternative of each is written into both READMEs, beside its link, as the notebook has it but short.
"""

import argparse
import base64
import html
import io
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
COVERS = ROOT / "assets" / "covers"
READMES = (ROOT / "README.md", ROOT / "notebooks" / "README.md")
MORE = {
    "02": ("02_multi_resolution", "hv.figures.point_answers("),  # the first one looks like that of 00
    "exchange": ("00_quickstart", "hv.figures.exchange_steps("),
}
"""Name of the file -> the notebook, and words of the cell that shows the picture."""

WIDTHS = (960, 800, 640)  # px, the first at which the file is small enough
LARGEST_FILE = 150_000  # bytes
LONGEST_ALT = 180  # characters
SENTENCE = r"(?<=[\w”)]\.)\s"
COLOURS = 256


@dataclass(frozen=True)
class Stored:
    """A picture that a notebook holds, and its text alternative."""

    png: bytes
    alt: str


def pictures_of(cell: nbformat.NotebookNode) -> list[Stored]:
    """The pictures among a cell's outputs."""
    found = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "image/png" in data:
            alt = output.get("metadata", {}).get("image/png", {}).get("alt") or data.get("text/plain", "")
            found.append(Stored(base64.b64decode(data["image/png"]), alt))
    return found


def find_picture(path: Path, words: str | None = None) -> Stored:
    """Give the picture of the cell that holds these words, or that is tagged "cover", or the first of the notebook.

    Raises:
        LookupError: there is none.
    """
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if pictures_of(cell)]
    if words is not None:
        chosen = [cell for cell in cells if words in cell.source]
    else:
        chosen = [cell for cell in cells if "cover" in cell.metadata.get("tags", [])] or cells
    if not chosen:
        what = f"shows a picture with '{words}'" if words else "shows a picture"
        raise LookupError(
            f"No cell of {path.name} {what}: run `make notebooks`, or change MORE in {Path(__file__).name}."
        )
    return pictures_of(chosen[0])[0]


def shrink(png: bytes) -> bytes:
    """Scale a picture down until its file is small, and never up.

    Raises:
        ValueError: it stays too large at the smallest width.
    """
    stored = Image.open(io.BytesIO(png))
    picture = stored.convert("RGB")
    palette = stored if stored.mode == "P" else picture.quantize(COLOURS)
    for width in WIDTHS:
        share = min(1, width / picture.width)
        small = picture.resize((round(picture.width * share), round(picture.height * share)), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        small.quantize(palette=palette, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= LARGEST_FILE:
            return buffer.getvalue()
    raise ValueError(f"{buffer.tell()} bytes at a width of {width} px; at most {LARGEST_FILE}. Choose another picture.")


def shorten(alt: str) -> str:
    """Cut a long text alternative to its first and last sentence, or at a comma."""
    alt = " ".join(alt.split())
    if len(alt) > LONGEST_ALT:
        first, *_, last = re.split(SENTENCE, alt) * 2
        both = f"{first} {last}"
        alt = both if len(both) <= LONGEST_ALT else first
    if len(alt) > LONGEST_ALT:
        alt = alt[:LONGEST_ALT].rpartition(", ")[0] or alt[:LONGEST_ALT]
    return alt.strip().rstrip(".")


def tell_alts(text: str, alts: dict[str, str]) -> str:
    """Give a README's text with the right alternative at each `<img src=".../covers/NAME.png" ... alt="...">`."""

    def tell(match: re.Match[str]) -> str:
        alt = alts.get(match["name"])
        written = match["alt"] if alt is None else html.escape(alt).replace("|", "&#124;")  # it may stand in a table
        return f'{match["before"]}"{written}"'

    return re.sub(r'(?P<before><img src="[^"]*covers/(?P<name>\w+)\.png"[^>]*? alt=)"(?P<alt>[^"]*)"', tell, text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the covers and the text alternatives; returns 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notebooks", type=Path, default=ROOT / "notebooks", help="default: notebooks/")
    parser.add_argument("--folder", type=Path, default=COVERS, help="where to write; default: assets/covers/")
    parser.add_argument("--readmes", type=Path, nargs="*", default=READMES, help="default: README and notebooks/README")
    given = parser.parse_args(arguments)
    chosen = {path.stem[:2]: (path.stem, None) for path in sorted(given.notebooks.glob("*.ipynb"))} | MORE
    found = {name: find_picture(given.notebooks / f"{stem}.ipynb", words) for name, (stem, words) in chosen.items()}
    alts = {name: shorten(stored.alt) for name, stored in found.items()}
    given.folder.mkdir(parents=True, exist_ok=True)
    for name, stored in found.items():
        file = given.folder / f"{name}.png"
        file.write_bytes(shrink(stored.png))
        print(f"{file.name}: {file.stat().st_size / 1e3:.0f} kB, {alts[name]}")
    for readme in given.readmes:
        text = readme.read_text(encoding="utf8")
        readme.write_text(tell_alts(text, alts), encoding="utf8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
