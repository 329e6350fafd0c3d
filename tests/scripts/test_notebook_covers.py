"""``make covers``: the right picture of each notebook, small, and its words in the READMEs."""

import base64
import io

import nbformat
import numpy as np
import pytest
from PIL import Image

from scripts import notebook_covers
from scripts.notebook_covers import LARGEST_FILE, LONGEST_ALT, find_picture, main, shorten, shrink, tell_alts


def draw(colour=(200, 30, 30), size=(60, 20)):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def cell(source, png=None, alt="", tags=()):
    outputs = []
    if png is not None:
        metadata = {"image/png": {"alt": alt}} if alt else {}
        data = {"image/png": base64.b64encode(png).decode(), "text/plain": "shown as text"}
        outputs = [nbformat.v4.new_output("display_data", data, metadata=metadata)]
    return nbformat.v4.new_code_cell(source, outputs=outputs, metadata={"tags": list(tags)})


def write(folder, name, *cells):
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# x"), *cells]), path)
    return path


def test_the_first_picture_a_tagged_one_or_one_by_its_words(tmp_path):
    first, second = draw(), draw((0, 0, 200))
    path = write(tmp_path, "00_a", cell("setup"), cell("draw()", first, "first"), cell("exchange()", second))
    assert find_picture(path).png == first
    assert find_picture(path).alt == "first"
    assert find_picture(path, "exchange(").png == second
    assert find_picture(path, "exchange(").alt == "shown as text"
    assert find_picture(write(tmp_path, "01_b", cell("a", first), cell("b", second, tags=["cover"]))).png == second
    with pytest.raises(LookupError, match=r"No cell of 00_a\.ipynb shows a picture with 'nothing'"):
        find_picture(path, "nothing")
    with pytest.raises(LookupError, match="make notebooks"):
        find_picture(write(tmp_path, "02_c", cell("never run")))


def test_a_large_picture_becomes_small_and_a_small_one_stays():
    noise = np.random.default_rng(0).integers(0, 256, (1920, 1920, 3), np.uint8)
    smooth = np.linspace(0, 255, 1920, dtype=np.uint8)[None, :, None].repeat(700, 0).repeat(3, 2)
    buffers = []
    for pixels in (smooth, noise):
        buffers.append(io.BytesIO())
        Image.fromarray(pixels).save(buffers[-1], "PNG")
    large = shrink(buffers[0].getvalue())
    assert len(large) <= LARGEST_FILE
    assert Image.open(io.BytesIO(large)).size == (960, 350)
    assert Image.open(io.BytesIO(shrink(draw()))).size == (60, 20)
    with pytest.raises(ValueError, match="Choose another picture"):
        shrink(buffers[1].getvalue())


def test_a_palette_keeps_its_own_colours():
    colours = np.arange(256, dtype=np.uint8)
    stored = Image.fromarray(np.tile(colours, (64, 3)))
    stored.putpalette(np.stack([colours, 255 - colours, colours // 2], 1).tobytes())
    buffer = io.BytesIO()
    stored.save(buffer, "PNG")
    small = np.asarray(Image.open(io.BytesIO(shrink(buffer.getvalue()))).convert("RGB")).astype(int)
    assert np.abs(small - np.asarray(stored.convert("RGB"))).max() <= 2


@pytest.mark.parametrize(
    ("alt", "short"),
    [
        ("One line, as it is.", "One line, as it is"),
        (f"First at 0.5. {'Middle, long. ' * 20}Last one.", "First at 0.5. Last one"),
        (f"First “cat”. {'middle ' * 40}.", "First “cat”"),
        (f"{'part of it, ' * 30}end.", ", ".join(["part of it"] * 15)),
    ],
)
def test_words_are_cut_where_a_sentence_ends(alt, short):
    assert shorten(alt) == short
    assert len(shorten(alt)) <= LONGEST_ALT


def test_words_stand_beside_their_picture_and_can_break_nothing():
    readme = (
        '| <img src="../assets/covers/00.png" width="9" alt="old"> | <img src="a/covers/own.png" alt="mine"> | "00" |'
    )
    told = tell_alts(readme, {"00": 'a "b" | <c>'})
    assert told == readme.replace("old", "a &quot;b&quot; &#124; &lt;c&gt;")
    assert tell_alts(told, {"00": "old"}) == readme


def test_the_command_writes_every_cover_and_the_words(tmp_path, monkeypatch):
    monkeypatch.setattr(notebook_covers, "MORE", {"blue": ("01_b", "second(")})
    for name in ("00_a", "01_b"):
        write(tmp_path / "notebooks", name, cell("first()", draw(), f"{name} red"), cell("second()", draw((0, 0, 200))))
    readme = tmp_path / "README.md"
    readme.write_text('<img src="covers/01.png" alt=""> <img src="covers/blue.png" alt="">')
    arguments = ["--notebooks", tmp_path / "notebooks", "--folder", tmp_path / "covers", "--readmes", readme]
    assert main([str(argument) for argument in arguments]) == 0
    assert {file.name for file in (tmp_path / "covers").iterdir()} == {"00.png", "01.png", "blue.png"}
    assert Image.open(tmp_path / "covers" / "blue.png").convert("RGB").getpixel((3, 3))[2] >= 190
    assert (
        readme.read_text() == '<img src="covers/01.png" alt="01_b red"> <img src="covers/blue.png" alt="shown as text">'
    )
