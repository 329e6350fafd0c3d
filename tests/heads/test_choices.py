"""The heads in one picture: what is read, what comes out, and words that fit for every net."""

import pytest
import torch
from matplotlib.colors import to_hex

import hrnet_viz as hv
from hrnet_viz.canvas.colours import BRANCH_COLOURS
from hrnet_viz.heads.drawing import TALL, head_choices
from tests.nets.made_trace import complain_about_words, words_of


def choices_of(name="hrnet_w18", num_outputs=12, size=(224, 224)):
    with torch.device("meta"):
        return hv.heads.choices(hv.hrnet(name, num_outputs=num_outputs), *size)


def test_every_stream_and_every_output_is_named():
    words = [text for text, _ in words_of(head_choices(choices_of()))]
    assert words.count("18 × 56 × 56") == 5  # once per head
    assert words.count("not read") == 3
    assert words.count("512 × 56 × 56") == 3  # pixels, their context, both mixed
    assert "512 × 19: a mean\npixel per class" in words
    for shape in ("17 × 56 × 56", "19 × 56 × 56", "256 × 3 × 3", "1024 × 7 × 7", "2048", "12"):
        assert shape in words


def test_blocks_are_as_high_as_their_maps_have_rows():
    picture = head_choices(choices_of())
    heights = {round(patch.get_height() / TALL, 4) for patch in picture.axes[0].patches if hasattr(patch, "get_height")}
    assert {1, 1 / 2, 1 / 4, 1 / 8} <= heights


def test_ocr_has_a_row_of_its_own_wherever_it_stands_and_may_be_left_out():
    *four, ocr = choices_of()
    for some in ([ocr, *four], [four[0], ocr], [ocr]):
        picture = head_choices(some)
        assert not complain_about_words(picture)
    assert head_choices(four).get_figheight() < head_choices([*four, ocr]).get_figheight()
    assert head_choices(four).texts[0].get_text().startswith("Four ways")


def test_exactly_the_streams_that_v1_leaves_unread_are_dashed():
    patches = [patch for patch in head_choices(choices_of()).axes[0].patches if hasattr(patch, "get_height")]
    dashed = [to_hex(patch.get_edgecolor()) for patch in patches if patch.get_linestyle() != "solid"]
    assert dashed == list(BRANCH_COLOURS[1:])


def test_alt_text_tells_what_each_head_reads_and_gives():
    alt = head_choices(choices_of()).alt
    assert "V1 (pose) reads branch 0 only" in alt
    assert "V2p (detection) reads all four streams" in alt
    assert "out come 256 × 56 × 56, 256 × 28 × 28" in alt


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_looks_as_it_did(golden_figure, theme):
    golden_figure(f"head_choices_{theme}", head_choices(choices_of(), theme=theme))
