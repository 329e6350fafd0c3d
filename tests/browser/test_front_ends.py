"""Picture and widget in front ends that are not here: their boxes have any names and depth, one of the two is seen."""

import pytest

from hrnet_viz.explorer.widget import ONE_OF_TWO

PICTURE = '<img width="300" height="40" alt="" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'
ALIVE, DEAD = '<section class="hv-explorer">alive</section>', "<pre>Explorer()</pre>"


def box(depth: int, *outputs: str) -> str:
    """One cell: its outputs as neighbours, each ``depth`` elements deep, with a prompt as some front ends have it."""
    return f"<div>{''.join('<div><i></i>' * depth + output + '</div>' * depth for output in outputs)}</div>"


@pytest.fixture
def see(chromium):
    """Show cells; gives which of their pictures are seen."""
    page = chromium.new_page()

    def see(*cells: str) -> list[bool]:
        page.set_content(f"<main>{''.join(cells)}</main>")
        return page.locator("img").evaluate_all("all => all.map(e => e.checkVisibility())")

    yield see
    page.close()


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_one_of_the_two_is_seen_whatever_the_boxes_are_called(see, depth):
    alive, dead = box(depth, ONE_OF_TWO, PICTURE, ALIVE), box(depth, ONE_OF_TWO, PICTURE, DEAD)
    own = box(depth, PICTURE)
    assert see(alive) == [False]
    assert see(dead) == [True]
    assert see(box(depth, ONE_OF_TWO, PICTURE)) == [True], "a front end that shows no widget at all"
    assert see(box(depth, "words", ONE_OF_TWO, PICTURE, ALIVE, PICTURE, ALIVE)) == [False, True]
    assert see(box(depth, ONE_OF_TWO, PICTURE, ALIVE, ONE_OF_TWO, PICTURE, DEAD)) == [False, True]
    assert see(alive, own, alive) == [False, True, False], "other cells keep their pictures"
    assert see(dead, own, alive) == [True, True, False]
    assert see(box(2, alive, own, dead)) == [False, True, True], "nested, as in an Output"
