"""The hook that looks at pictures inside ``pytest --nbval notebooks/``, seen to fail on seeded defects."""

import base64
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image, ImageOps

ROOT = Path(__file__).resolve().parents[2]
SETTING = ("pyproject.toml", "conftest.py", "tests/looking")

MAKE_PICTURE = """
import base64
import io
import numpy as np
from PIL import Image
y, x = np.mgrid[:96, :128]
maps = np.dstack([x + y, 2 * x, 255 - y]).astype(np.uint8)
buffer = io.BytesIO()
Image.fromarray(maps).save(buffer, "PNG")
from IPython.display import display
display({"image/png": base64.b64encode(buffer.getvalue()).decode(), "text/plain": "Map from 1.2 to −4e+06."}, raw=True)
""".strip()


def draw_the_same() -> Image.Image:
    y, x = np.mgrid[:96, :128]
    return Image.fromarray(np.dstack([x + y, 2 * x, 255 - y]).astype(np.uint8))


def encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def store(path: Path, png: bytes | None, *, tags=(), execution_count=1, words="Map from 1.2 to −4e+06.") -> None:
    """Write a notebook of one cell that makes the picture, with ``png`` as what it is said to have shown."""
    cell = nbformat.v4.new_code_cell(MAKE_PICTURE, execution_count=execution_count, metadata={"tags": list(tags)})
    if png is not None:
        data = {"text/plain": words}
        if png:
            data["image/png"] = base64.b64encode(png).decode()
        cell.outputs = [nbformat.v4.new_output("display_data", data)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel}), path)


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8))
SEEDED = {
    # name: (stored picture, options, what the report must say or None for a pass)
    "same": (encode(draw_the_same()), {}, None),
    "two_pixels_wider": (encode(draw_the_same().resize((130, 97))), {}, None),
    "flipped": (encode(ImageOps.mirror(draw_the_same())), {}, "mean colours of 16 x 16 blocks differ"),
    "noise": (encode(NOISE), {}, "mean colours of 16 x 16 blocks differ"),
    "garbage": (b"\x89PNG\r\n\x1a\n" + bytes(range(200)), {}, "the stored picture is 208 bytes that are not"),
    "cut_off": (encode(NOISE)[:5000], {}, "the stored picture is 5000 bytes that are not"),
    "other_size": (encode(draw_the_same().resize((256, 192))), {}, "stored 256 x 192 px, fresh 128 x 96 px"),
    "only_text_left": (b"", {}, "Cell outputs differ"),
    "stripped": (None, {}, "Unexpected output fields"),
    "never_run": (None, {"execution_count": None}, "stored without having been run"),
    "varies": (encode(NOISE), {"tags": ["picture-varies"]}, None),
    "other_numbers_in_words": (encode(draw_the_same()), {"words": "Map from 1.25 to −3e+06."}, None),
    "other_words": (encode(draw_the_same()), {"words": "Nap from 1.2 to −4e+06."}, "mismatch 'text/plain'"),
    "varies_but_garbage": (b"no picture", {"tags": ["picture-varies"]}, "the stored picture is 10 bytes that are not"),
}


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> str:
    """Everything that exactly ``pytest --nbval notebooks/`` prints in a copy of this project with seeded notebooks."""
    project = tmp_path_factory.mktemp("project")
    for name in SETTING:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (project / name).parent.mkdir(exist_ok=True)
        copy(ROOT / name, project / name)
    (project / "notebooks").mkdir()
    for name, (png, options, _) in SEEDED.items():
        store(project / "notebooks" / f"{name}.ipynb", png, **options)
    command = [sys.executable, "-m", "pytest", "--nbval", "notebooks/"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False).stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", SEEDED)
def test_only_the_seeded_defects_fail(report, name):
    expected = SEEDED[name][2]
    section = re.search(rf"notebooks/{name}\.ipynb::Cell 0 _+\n(.*?)(?=\n_{{5,}}|\n={{5,}})", report, re.DOTALL)
    if expected is None:
        assert f"notebooks/{name}.ipynb ." in report, report
        assert section is None, section and section.group(0)
    else:
        assert f"notebooks/{name}.ipynb F" in report, report
        assert expected in section.group(1)


@pytest.mark.slow
def test_report_says_where_both_pictures_lie(report):
    folder = re.search(r"Look at both in (.*)", report).group(1)
    assert {p.name for p in Path(folder).glob("flipped-*")} == {
        "flipped-cell0-1-stored.png",
        "flipped-cell0-1-fresh.png",
    }
