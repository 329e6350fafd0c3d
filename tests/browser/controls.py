"""The things in a notebook's outputs that a person moves: find them, move them by keyboard, find what must follow."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.browser.lab import CHANGE_PATIENCE, Lab

OUTPUT = ".jp-Notebook .jp-OutputArea-output"
AROUND = "xpath=ancestor::div[contains(concat(' ', @class, ' '), ' jp-OutputArea-output ')][1]"
WIDGET = "xpath=ancestor-or-self::*[contains(@class, 'widget-inline-hbox') or contains(@class, 'widget-box')][1]"

# Where a control stands, from 0 to 1, or null when it has one position only.
SLIDER_PLACE = """e => {
  const [low, high, now] = ['aria-valuemin', 'aria-valuemax', 'aria-valuenow'].map(a => +e.getAttribute(a));
  return high > low ? (now - low) / (high - low) : null }"""
RANGE_PLACE = "e => +e.max > +e.min ? (+e.value - +e.min) / (+e.max - +e.min) : null"
SELECT_PLACE = "e => e.options.length > 1 ? e.selectedIndex / (e.options.length - 1) : null"
CHECK_PLACE = "e => +e.checked"
IN_EXPLORER = "e => !!e.closest('.hv-explorer')"


@dataclass(frozen=True)
class Kind:
    """A kind of control: how to find it, where it stands, which keys move it up and down."""

    selector: str
    place: str
    up: str
    down: str


# A <select> obeys End and Home: JupyterLab takes the arrow keys up and down for itself.
KINDS = {
    "slider": Kind("[role=slider]", SLIDER_PLACE, "ArrowRight", "ArrowLeft"),
    "range": Kind("input[type=range]", RANGE_PLACE, "ArrowRight", "ArrowLeft"),
    "dropdown": Kind("select", SELECT_PLACE, "End", "Home"),
    "checkbox": Kind("input[type=checkbox]", CHECK_PLACE, "Space", "Space"),
}


def find_controls(lab: Lab, kind: str) -> Iterator:
    """Visible controls of a kind, in all outputs, that have more than one position; Playwright locators.

    Each is judged when its turn comes: moving one slider may give another its positions. Of an explorer only the
    sliders: its lists and boxes act on other panels, too, and its own tests move each of them.
    """
    found = lab.page.locator(f"{OUTPUT} {KINDS[kind].selector}")
    for place in range(found.count()):
        control = found.nth(place)
        if kind in ("dropdown", "checkbox") and control.evaluate(IN_EXPLORER):
            continue
        if control.is_visible() and control.is_enabled() and control.evaluate(KINDS[kind].place) is not None:
            yield control


@dataclass(frozen=True)
class Surroundings:
    """The pictures around a control; where there are none, the whole output with the control painted over."""

    output: object
    control: object

    def screenshot(self, **options) -> bytes:
        pictures = self.output.locator("img:visible, canvas:visible")
        count = pictures.count()
        if count:
            return b"".join(pictures.nth(place).screenshot(**options) for place in range(count))
        return self.output.screenshot(mask=[self.control.locator(WIDGET)], **options)


def moves_its_picture(lab: Lab, kind: str, control, patience: float = CHANGE_PATIENCE) -> bool:
    """Move a control by one key press; True when the pictures around it change."""
    surroundings = Surroundings(control.locator(AROUND), control)
    before = lab.settled_hash(surroundings)
    at_the_end = control.evaluate(KINDS[kind].place) >= 1
    lab.press(control, KINDS[kind].down if at_the_end else KINDS[kind].up)
    return lab.wait_for_change(surroundings, before, patience)
