"""A picture: deterministic small PNG, its words, its theme, and how it shows itself in a notebook."""

import io
from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.pylabtools import select_figure_formats
from matplotlib.figure import Figure
from PIL import Image

from hrnet_viz.canvas import style
from hrnet_viz.canvas.colours import THEMES
from hrnet_viz.canvas.painting import encode_png, show_map
from hrnet_viz.canvas.style import Picture, use_theme, wrap

SENTENCE = "A caption that says what there is to see, in words enough to need more than one line of this picture. "


def example(theme="light", **options):
    words = {"title": "A title", "caption": SENTENCE * 2, "alt": "Two lines cross."}
    with Picture(5, 2, theme, **words | options) as picture:
        show_map(picture.inches(0.2, 0.2, 1.5, 1.5), np.arange(225.0).reshape(15, 15))
        axes = picture.inches(2.4, 0.2, 2.4, 1.3)
        axes.plot([0, 1], [0, 1])
        axes.set_xlabel("depth")
    return picture


def decode(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_png_holds_only_pixels_and_is_the_same_each_time():
    first, second = example().png(), example().png()
    assert first == second
    names = [first[i + 4 : i + 8] for i in chunk_places(first)]
    assert set(names) <= {b"IHDR", b"PLTE", b"IDAT", b"IEND"}


def chunk_places(png):
    place = 8
    while place < len(png):
        yield place
        place += 12 + int.from_bytes(png[place : place + 4], "big")


def test_png_shows_what_was_drawn():
    picture = example()
    off = np.abs(decode(picture.png()).astype(int) - picture.pixels())
    assert off.max() <= 24
    assert np.mean(off.max(axis=2) > 6) <= 0.005


def test_png_is_twice_as_fine_as_it_is_shown_and_the_bundle_says_so():
    picture = example()
    data, facts = picture._repr_mimebundle_()
    height, width = decode(data["image/png"]).shape[:2]
    assert facts["image/png"] == {"width": width // 2, "height": height // 2, "alt": "Two lines cross."}
    assert data["text/plain"] == "Two lines cross."
    assert width == 960


@pytest.mark.parametrize("theme", THEMES)
def test_page_is_opaque_and_exactly_the_theme_s(theme):
    page = [int(THEMES[theme].page[i : i + 2], 16) for i in (1, 3, 5)]
    assert decode(example(theme).png())[0, 0].tolist() == page


def test_a_picture_with_too_many_colours_is_kept_as_it_is():
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    assert np.array_equal(decode(encode_png(noise)), noise)


def test_the_user_s_matplotlib_settings_change_nothing():
    expected = example().png()
    strange = {"font.size": 30, "axes.facecolor": "red", "font.family": "serif", "lines.linewidth": 9, "figure.dpi": 33}
    with mpl.rc_context(strange):
        assert example().png() == expected
        assert mpl.rcParams["font.size"] == 30


def test_settings_end_with_the_picture_also_after_an_error():
    before = mpl.rcParams["axes.titlesize"]
    with pytest.raises(ZeroDivisionError), Picture(2, 2, "dark"):
        1 / 0 if mpl.rcParams["text.color"] == THEMES["dark"].ink else None
    assert mpl.rcParams["axes.titlesize"] == before


def test_default_theme_is_used_where_none_is_named():
    assert Picture(2, 2).theme == "light"
    use_theme("dark")
    try:
        assert Picture(2, 2).theme == "dark"
        assert Picture(2, 2, "light").theme == "light"
    finally:
        use_theme("light")
    with pytest.raises(ValueError, match="theme='sepia' was given"):
        use_theme("sepia")
    assert style.default_theme() == "light"


def test_caption_and_title_make_the_picture_higher_and_leave_the_drawing_alone():
    def height_of_map(picture):
        return picture.axes[0].bbox.height

    bare, full = example(title="", caption=""), example()
    assert full.get_figheight() > bare.get_figheight() + 0.7
    assert height_of_map(full) == pytest.approx(height_of_map(bare))


def test_lines_of_a_caption_are_as_long_as_fits_and_no_longer():
    lines = wrap(SENTENCE * 3, 3)
    assert " ".join(lines) == " ".join((SENTENCE * 3).split())
    for line, following in pairwise(lines):
        assert len(wrap(line, 3)) == 1
        assert len(wrap(f"{line} {following.split()[0]}", 3)) == 2


def test_places_are_measured_from_the_top_left_in_whole_pixels():
    picture = Picture(4, 2, title="T")
    axes = picture.inches(0.2501, 0.1003, 1, 1)
    box = axes.get_position()
    width, height = picture.get_size_inches() * 192
    assert box.x0 * width == pytest.approx(48)
    assert (1 - box.y1) * height == pytest.approx(round((0.1003 + 0.42) * 192))
    assert picture.locate(0, 0)[1] == pytest.approx(1 - 0.42 / picture.get_figheight())


def test_constrained_axes_stay_clear_of_title_and_caption():
    with Picture(4, 2, title="T", caption=SENTENCE, constrained=True) as picture:
        axes = picture.add_subplot()
        axes.set_xlabel("depth")
    picture.canvas.draw()
    low = axes.get_tightbbox().y0 / picture.bbox.height
    high = axes.get_tightbbox().y1 / picture.bbox.height
    caption = [text for text in picture.texts if text.get_text() != "T"]
    assert len(caption) > 1
    assert low > max(text.get_window_extent().y1 for text in caption) / picture.bbox.height
    assert high < 1 - 0.3 / picture.get_figheight()


def test_dollar_signs_are_words():
    picture = Picture(4, 1, caption="$a$ and $b_c$", title="$x$")
    assert picture.png() != Picture(4, 1, caption="a and bc", title="x").png()
    assert all(not text.get_parse_math() for text in picture.texts)


def test_shows_itself_the_same_beside_pyplot_s_own_formatter():
    """Importing pyplot in a notebook registers a formatter for all figures, which would crop and re-encode it."""
    shell = InteractiveShell.instance()
    try:
        select_figure_formats(shell, {"png"})
        png = shell.display_formatter.formatters["image/png"]
        assert any(kind is Figure for kind in png.type_printers)
        picture = example("dark")
        data, facts = shell.display_formatter.format(picture)
        assert data == {"image/png": picture.png(), "text/plain": "Two lines cross."}
        assert facts["image/png"]["alt"] == "Two lines cross."
        plain, _ = shell.display_formatter.format(Figure())
        assert plain["text/plain"].startswith("<Figure")
    finally:
        InteractiveShell.clear_instance()


def test_without_ipython_it_still_gives_its_bundle(monkeypatch):
    monkeypatch.delitem(__import__("sys").modules, "IPython", raising=False)
    assert set(example()._repr_mimebundle_()[0]) == {"image/png", "text/plain"}


def test_repr_is_short():
    assert repr(example()) == "Picture('A title')"


def test_pyplot_knows_nothing_of_it():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    example()
    assert plt.get_fignums() == before
