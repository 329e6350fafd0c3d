"""The golden helpers, seen to fail."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tests.conftest import Golden
from tests.looking.pictures import explain_difference

FAILED = pytest.fail.Exception


def draw_chart(values):
    figure, axes = plt.subplots(figsize=(6, 4))
    axes.plot(values)
    axes.set_title("energy over the depth")
    return figure


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "golden"


def golden_of(folder, *, overwrite=False):
    return Golden(folder, overwrite=overwrite, refused=folder.parent)


def store(folder, kind, *given):
    getattr(golden_of(folder, overwrite=True), kind)(*given)


def test_text_passes_when_equal_and_fails_when_changed(folder):
    store(folder, "text", "table", "a 1\nb 2\n")
    golden = golden_of(folder)
    golden.text("table", "a 1\nb 2\n")
    with pytest.raises(AssertionError, match=r"table\.out differs"):
        golden.text("table", "a 1\nb 3\n")


def test_figure_passes_when_drawn_again_in_another_font_size(folder):
    store(folder, "figure", "chart", draw_chart(np.arange(50) ** 2))
    with plt.rc_context({"font.size": 9}):
        golden_of(folder).figure("chart", draw_chart(np.arange(50) ** 2))


OTHER_DATA = {"flipped": np.arange(50)[::-1] ** 2, "straight": np.arange(50), "flat": np.zeros(50)}


@pytest.mark.parametrize("values", OTHER_DATA.values(), ids=OTHER_DATA)
def test_figure_fails_with_other_data_and_leaves_the_picture_to_look_at(folder, values):
    store(folder, "figure", "chart", draw_chart(np.arange(50) ** 2))
    with pytest.raises(FAILED, match=r"mean colours|cells show"):
        golden_of(folder).figure("chart", draw_chart(values))
    assert (folder.parent / "chart.png").exists()


@pytest.mark.parametrize(("kind", "given"), [("text", "some text"), ("figure", b"some bytes")])
def test_missing_golden_says_what_to_do(folder, kind, given):
    with pytest.raises(FAILED, match="--overwrite-goldens"):
        getattr(golden_of(folder), kind)("nothing", given)


def test_transparent_is_not_the_same_as_white(folder):
    figure = draw_chart([0, 1])
    store(folder, "figure", "chart", figure)
    figure.patch.set_alpha(0)
    with pytest.raises(FAILED, match="mean colours"):
        golden_of(folder).figure("chart", figure)


def test_garbage_is_no_picture():
    assert "the stored picture is 7 bytes that are not a readable picture" in explain_difference(b"garbage", b"")
