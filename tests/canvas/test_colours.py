"""Colours: seen by everyone, on both pages, and evenly spaced in value."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from hrnet_viz.canvas.colours import (
    BRANCH_COLOURS,
    HEAD_COLOUR,
    SEQUENTIAL,
    SIGNED,
    STEM_COLOUR,
    THEMES,
    branch_colour,
    contrast,
    ink_on,
    lookup_table,
    mix,
    theme_colours,
    tint,
)

# Machado, Oliveira & Fernandes 2009, severity 1.0, for linear RGB.
SIGHT = {
    "full": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def seen(colour, sight):
    """CIELAB of a colour as it looks with a sight."""
    part = np.array(to_rgb(colour))
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(np.array(SIGHT[sight]) @ linear, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


# Ottosson 2020: linear RGB to cones, and their cube roots to OKLab, where distance is about visible difference.
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(colours):
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ TO_CONES.T) @ TO_OKLAB.T


@pytest.mark.parametrize("sight", SIGHT)
def test_branches_can_be_told_apart(sight):
    for one, other in combinations(BRANCH_COLOURS, 2):
        assert np.linalg.norm(seen(one, sight) - seen(other, sight)) > 16, (one, other)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("colour", [*BRANCH_COLOURS, STEM_COLOUR, HEAD_COLOUR])
def test_a_line_shows_on_the_page_and_text_on_a_box(colour, theme):
    colours = theme_colours(theme)
    assert contrast(colour, colours.page) >= 3
    assert contrast(ink_on(colour), colour) >= 4.5
    assert contrast(colours.ink, tint(colour, theme)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_text_of_second_rank_is_still_readable(theme):
    colours = theme_colours(theme)
    assert contrast(colours.muted, colours.page) >= 4.5
    assert contrast(colours.ink, colours.page) >= 12


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#123456", "#123456") == 1


def test_signed_map_is_symmetric_and_its_steps_look_equal():
    lab = oklab(SIGNED(np.arange(256))[:, :3])
    light = lab[:, 0]
    assert np.abs(light - light[::-1]).max() < 0.06  # as dark on the one side as on the other
    assert (np.diff(light[:128]) > 0).all()
    assert (np.diff(light[128:]) < 0).all()
    assert np.hypot(*lab[127, 1:]) < 0.01  # no colour at 0
    for arm in (lab[:128], lab[128:]):
        steps = np.linalg.norm(np.diff(arm[::8], axis=0), axis=1)
        assert steps.max() < 1.1 * steps.min()


@pytest.mark.parametrize("sight", SIGHT)
def test_both_signs_look_different_to_everyone(sight):
    table = lookup_table(SIGNED) / 255
    for step in (64, 100, 128):
        assert np.linalg.norm(seen(table[128 - step], sight) - seen(table[127 + step], sight)) > 25


def test_sequential_map_grows_lighter_all_the_way():
    assert (np.diff(oklab(SEQUENTIAL(np.arange(256))[:, :3])[:, 0]) > 0).all()


def test_lookup_table_is_what_a_picture_shows():
    table = lookup_table(SIGNED)
    assert (table.shape, table.dtype) == ((256, 3), np.uint8)
    assert np.array_equal(table[200], np.rint(np.array(SIGNED(200)[:3]) * 255))


def test_mix_and_tint_lie_between():
    assert mix("#000000", "#ffffff", 0) == "#000000"
    assert mix("#000000", "#ffffff", 1) == "#ffffff"
    assert tint("#000000", "light", 0.5) == "#808080"
    assert branch_colour(2) == BRANCH_COLOURS[2]
    assert branch_colour(None) == STEM_COLOUR


def test_an_unknown_theme_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"theme='blue' was given; .* theme='light' or theme='dark'"):
        theme_colours("blue")
