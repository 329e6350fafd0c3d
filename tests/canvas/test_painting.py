"""One map: numbers, limits, cells, colour bar."""

import numpy as np
import pytest

from hrnet_viz.canvas.colours import SIGNED, THEMES
from hrnet_viz.canvas.painting import colour_bar, map_limits, short, show_map
from hrnet_viz.canvas.style import Picture
from tests.nets.made_trace import numbers_of


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1.234, "1.2"),
        (0.0342, "0.034"),
        (340.4, "340"),
        (3_420_000, "3.4e+06"),
        (-0.5, "−0.5"),
        (9.96, "10"),
        (99.9, "100"),
        (7.0, "7"),
        (0, "0"),
        (-0.0, "0"),
        (0.0009999, "0.001"),
        (0.000123, "1.2e-04"),
        (9999, "9999"),
        (12345, "1.2e+04"),
        (-2e-9, "−2e-09"),
        (float("inf"), "∞"),
        (float("-inf"), "−∞"),
        (float("nan"), "not a number"),
    ],
)
def test_short(value, words):
    assert short(value) == words
    assert short(3.14159, 4) == "3.142"


def test_limits():
    assert map_limits([[1, 5]], signed=False) == (1, 5)
    assert map_limits([[-1, 5]], signed=True) == (-5, 5)
    assert map_limits([[-7, 5, np.nan, np.inf]], signed=True) == (-7, 7)
    assert map_limits([[np.nan]], signed=False) == (0, 1)


def paint(values, theme="light", **options):
    """Draw one map over a whole picture, a file pixel per cell times 12; give the picture and its middle colours."""
    values = np.asarray(values, float)
    rows, columns = values.shape
    with Picture(columns / 8, rows / 8, theme) as picture:
        image = show_map(picture.inches(0, 0, columns / 8, rows / 8), values, **options)
    return picture, image, picture.pixels(1)[6::12, 6::12]


def test_cells_have_the_colours_of_their_values():
    _, _, colours = paint([[-2, 0, 2], [1, 2, -1]], signed=True)
    expected = np.rint(np.array(SIGNED(np.array([[0.0, 0.5, 1.0], [0.75, 1.0, 0.25]])))[:, :, :3] * 255)
    assert np.abs(colours - expected).max() <= 2


def test_cells_are_equally_large_with_sharp_edges():
    picture, _, _ = paint([[0, 1, 0, 1]])
    row = picture.pixels(2)[10]
    changes = np.flatnonzero((row[1:] != row[:-1]).any(axis=1)) + 1
    assert changes.tolist() == [24, 48, 72]


def test_signed_limits_are_symmetric_whatever_is_given():
    _, image, _ = paint([[-2, 0.5]], signed=True)
    assert image.get_clim() == (-2, 2)
    _, image, _ = paint([[-2, 0.5]], signed=True, vmin=-1, vmax=3)
    assert image.get_clim() == (-3, 3)


@pytest.mark.parametrize("theme", THEMES)
def test_what_is_not_finite_is_shown_as_a_fault(theme):
    _, _, colours = paint([[0, np.nan, np.inf, 1]], theme)
    fault = [int(THEMES[theme].fault[i : i + 2], 16) for i in (1, 3, 5)]
    assert colours[0, 1].tolist() == fault
    assert colours[0, 2].tolist() == fault
    assert colours[0, 0].tolist() != fault


def test_several_maps_at_once_are_refused():
    with pytest.raises(ValueError, match=r"draws one map \(H, W\); this array has shape \(3, 4, 4\)"):
        show_map(Picture(1, 1).inches(0, 0, 1, 1), np.zeros((3, 4, 4)))


@pytest.mark.parametrize(
    ("values", "signed", "words"),
    [
        ([[0, 3.21]], False, ["0", "3.2"]),
        ([[1.5, 3.21]], False, ["1.5", "3.2"]),
        ([[-1, 3]], True, ["−3", "0", "3"]),
        ([[-0.01, 3]], False, ["−0.01", "3"]),  # 0 would lie over −0.01
        ([[0, 0]], False, ["0"]),  # a dead channel has no range
        ([[0, 0]], True, ["0"]),
        ([[2, 2]], False, ["0", "2"]),
    ],
)
@pytest.mark.parametrize("orientation", ["horizontal", "vertical"])
def test_colour_bar_shows_raw_numbers(values, signed, words, orientation):
    with Picture(4, 4) as picture:
        image = show_map(picture.inches(0, 0, 2, 1), values, signed=signed)
        place = (0, 2, 2, 0.1) if orientation == "horizontal" else (3, 0, 0.1, 2)
        bar = colour_bar(image, picture.inches(*place), orientation=orientation, label="value")
    assert numbers_of(bar.ax) == words


def test_colour_bar_takes_its_room_from_axes_in_a_constrained_layout():
    with Picture(4, 3, constrained=True, caption="A caption.") as picture:
        image = show_map(picture.add_subplot(), [[0, 1]])
        colour_bar(image)
    picture.canvas.draw()
    assert len(picture.axes) == 2
    assert picture.axes[1].get_position().x0 > picture.axes[0].get_position().x1
