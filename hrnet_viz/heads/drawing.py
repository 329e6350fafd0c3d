"""The published heads in one picture: what each reads of the four streams, makes of it, and puts out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle

from hrnet_viz.canvas.colours import BRANCH_COLOURS, HEAD_COLOUR, Theme, tint
from hrnet_viz.canvas.style import LARGE, MARGIN, SMALL, WIDTH, Picture

if TYPE_CHECKING:
    from hrnet_viz.heads.tables import HeadChoice, Shape

PANEL = 4.96  # in, from the left edge of one panel to that of the next
HEADING = 0.74  # in, above the blocks of a panel
BODY = 2.26
FOOT = 0.3
TALL = 0.66  # in: height of a block with as many rows as the finest stream
PER_ROOT = 0.011  # in per root of the number of channels
TOPS = (0.0, 0.87, 1.42, 1.81, 2.11)  # in, of the blocks of stride 4, 8, 16, 32, 64
STREAMS, JOINED, REDUCED, LEVELS = 1.06, 1.8, 2.9, 3.62  # in, left edges
WIDENED, SUMS, FINAL, POOLED, LOGITS = 1.7, 2.88, 3.3, 4.2, 4.62
SECOND = 1.16  # in, top of a second row of blocks as high as the finest stream
GUESS, OBJECT, ASKED, TOLD, MIXED, ANSWER = 3.0, 4.7, 6.05, 7.15, 8.25, 9.3
RADIUS = 0.085
NUMBERS = {2: "Two", 3: "Three", 4: "Four", 5: "Five"}
ROOMY = 13  # letters of a shape that still fit with spaces in it
SIDES = {"l": "left", "c": "center", "r": "right", "t": "top", "b": "bottom"}


def head_choices(choices: Sequence[HeadChoice], *, theme: Theme | None = None) -> Picture:
    """Draw which streams each of ``hv.heads.choices`` reads, what it makes of them, and what comes out.

    A block is as high as its map has rows, and as wide as the root of the number of its channels. OCR has a row of its
    own; without it, as in ``choices[:4]``, the others fit a slide.
    """
    panel = HEADING + BODY + FOOT
    choices = sorted(choices, key=lambda choice: choice.name == "OCR")
    places = [number + number % 2 * (choice.name == "OCR") for number, choice in enumerate(choices)]
    high = (max(places, default=0) // 2 + 1) * panel
    with Picture(
        WIDTH,
        high,
        theme,
        title=f"{NUMBERS.get(len(choices), len(choices))} ways to read the same four streams",
        caption="Shapes are channels × rows × columns: a block is as high as its map has rows, and as wide as the root "
        "of the number of its channels. Dashed streams are not read.",
        alt=" ".join(map(_describe_choice, choices)),
    ) as picture:
        axes = picture.inches(0, 0, WIDTH, high, label="heads")
        axes.set(xlim=(0, WIDTH), ylim=(high, 0))
        axes.axis("off")
        for choice, place in zip(choices, places, strict=True):
            row, column = divmod(place, 2)
            _Head(picture, axes, choice, MARGIN + column * PANEL, row * panel + HEADING).draw()
    return picture


class _Head:
    """One head. Places are in inches from the top left corner of its first block row."""

    def __init__(self, picture: Picture, axes: Axes, choice: HeadChoice, left: float, top: float) -> None:
        self.picture, self.axes, self.choice, self.left, self.top = picture, axes, choice, left, top

    def draw(self) -> None:
        choice, count = self.choice, self.choice.count
        self.write(0, -HEADING + 0.1, choice.name, fontsize=LARGE, fontweight="bold")
        self.write(0, -HEADING + 0.33, f"{choice.task}: {choice.question}", muted=True)
        cost = f"{count.parameters:,} parameters, {count.macs / 1e9:.3f} billion multiply-adds"
        self.write(0, BODY + 0.02, cost, muted=True)
        for branch, shape in enumerate(choice.streams):
            self.block(STREAMS, branch, shape, BRANCH_COLOURS[branch], read=branch in choice.reads)
            self.write(STREAMS - 0.06, self.middle(branch, shape), _words(shape), "rc")
        heads = {"V1": self.draw_v1, "V2": self.draw_v2, "V2p": self.draw_v2p, "OCR": self.draw_ocr}
        heads.get(choice.name, self.draw_classification)()

    def draw_v1(self) -> None:
        self.arrow((self.right_of_stream(0), TALL / 2), (REDUCED, TALL / 2), words="1×1")
        self.block(REDUCED, 0, self.choice.outputs[0], label="beside")
        for branch in (1, 2, 3):
            y = self.middle(branch, self.choice.streams[branch])
            self.write(self.right_of_stream(branch) + 0.1, y, "not read", "lc", muted=True)

    def draw_stack(self) -> float:
        """Draw the streams enlarged and joined, one strip per stream; return the right edge."""
        shape = self.choice.between[0]
        x, whole = JOINED, _width(shape)
        for branch, stream in enumerate(self.choice.streams):
            strip, colour = whole * stream[0] / shape[0], BRANCH_COLOURS[branch]
            self.box(x, 0, strip, TALL, colour)
            start = (self.right_of_stream(branch), self.middle(branch, stream))
            self.arrow(start, (JOINED, TALL / 2 + 0.08 * branch), colour)
            x += strip
        self.write(JOINED + whole / 2, -0.04, _words(shape), "cb")
        self.write(JOINED + 0.1, TALL + 0.2, "enlarge,\njoin", muted=True)
        return x

    def draw_joined(self) -> float:
        """Draw the stack and what a 1x1 convolution makes of it; return the right edge."""
        self.arrow((self.draw_stack(), TALL / 2), (REDUCED, TALL / 2), words="1×1")
        return self.block(REDUCED, 0, self.choice.between[1], label="above")

    def draw_v2(self) -> None:
        after = self.draw_joined()
        self.write(REDUCED, TALL + 0.2, "BatchNorm,\nReLU", muted=True)
        self.arrow((after, TALL / 2), (LEVELS, TALL / 2), words="1×1")
        self.block(LEVELS, 0, self.choice.outputs[0], label="beside")

    def draw_v2p(self) -> None:
        after = self.draw_joined()
        self.write(LEVELS - 0.02, -0.04, "average, 3×3", "lb", muted=True)
        for level, shape in enumerate(self.choice.outputs):
            self.arrow((after, TALL / 2), (LEVELS, self.middle(level, shape)))
            self.block(LEVELS, level, shape, label="beside")

    def draw_ocr(self) -> None:
        _, guess, _, pixels, objects, *rest = self.choice.between
        joined, low, middle = self.draw_stack(), SECOND + TALL / 2, (TALL + SECOND) / 2
        fork, grey = GUESS - 0.28, self.picture.colours.muted
        self.arrow((joined, TALL / 2), (GUESS, TALL / 2), words="1×1, 1×1")
        self.line((fork, TALL / 2), (fork, low), grey)
        self.arrow((fork, low), (GUESS, low))
        self.write(fork - 0.06, low - 0.08, "3×3", "rt", muted=True)
        guessed = self.block(GUESS, 0, guess, label="above")
        self.arrow((guessed + 0.02, TALL / 2), (OBJECT, middle - 0.03))
        self.write(guessed + 0.12, TALL / 2 - 0.02, "softmax over all pixels", "lb", muted=True)
        wide, high, end = _width(objects), self.high(objects), 0.0
        self.box(OBJECT, middle - high / 2, wide, high, HEAD_COLOUR)
        self.write(OBJECT, middle + high / 2 + 0.04, f"{_words(objects[:2])}: a mean\npixel per class")
        steps = (GUESS, ""), (ASKED, "how like each object"), (TOLD, "mixture, 1×1"), (MIXED, "with pixels, 1×1")
        for (x, words), shape in zip((*steps, (ANSWER, "1×1")), (pixels, *rest, *self.choice.outputs), strict=True):
            centre = x + _width(shape) / 2
            self.box(x, SECOND, _width(shape), self.high(shape), HEAD_COLOUR)
            self.write(centre, SECOND + TALL + 0.04, _words(shape), "ct")
            self.write(centre, SECOND + TALL + 0.2, words, "ct", muted=True)
            self.arrow(
                (end, low) if end else (x + _width(shape), low - 0.1), (x, low) if end else (OBJECT, middle + 0.03)
            )
            if x in (ASKED, TOLD):  # the objects are compared with each pixel, and then mixed
                self.line((OBJECT + wide, middle), (centre, middle), grey)
                self.arrow((centre, middle), (centre, SECOND))
            end = x + _width(shape)

    def draw_classification(self) -> None:
        *inner, final, pooled = self.choice.between
        carried: tuple[float, float] = (0, 0)
        for branch, shape in enumerate(inner[::2]):
            y, colour = self.middle(branch, shape), BRANCH_COLOURS[branch]
            right = self.block(WIDENED, branch, shape, colour)
            self.arrow((self.right_of_stream(branch), y), (WIDENED, y), colour)
            self.write(WIDENED, TOPS[branch] - 0.02, _words(shape), "lb")
            if branch == 0:
                self.line((right, y), (SUMS, y), BRANCH_COLOURS[0])
                carried = (SUMS, y)
                continue
            self.arrow(carried, (SUMS, y - RADIUS), BRANCH_COLOURS[branch - 1])
            self.arrow((right, y), (SUMS - RADIUS, y), colour)
            page = self.picture.colours.page
            ring = Circle(self.place(SUMS, y), RADIUS, facecolor=page, edgecolor=colour, linewidth=1.5)
            self.axes.add_patch(ring)
            self.line((SUMS - 0.045, y), (SUMS + 0.045, y), colour)
            self.line((SUMS, y - 0.045), (SUMS, y + 0.045), colour)
            carried = (SUMS, y + RADIUS)
        self.write(SUMS + 0.1, TALL / 2, "each way down:\n3×3, stride 2", muted=True)
        y = self.middle(3, final)
        right = self.block(FINAL, 3, final, label="above")
        self.arrow((SUMS + RADIUS, y), (FINAL, y))
        ends = ((right, POOLED, "mean", pooled), (POOLED + 0.06, LOGITS, "linear", self.choice.outputs[0]))
        for start, end, words, shape in ends:
            self.box(end, y - 0.03, 0.06, 0.06, HEAD_COLOUR)
            self.arrow((start, y), (end, y))
            self.write((start + end) / 2, y + 0.08, words, "ct", muted=True)
            self.write(end + 0.03, y - 0.1, _words(shape), "cb")
        self.write(FINAL - 0.13, y + 0.08, "1×1", "ct", muted=True)
        self.write(WIDENED - 0.2, TOPS[3] + 0.18, "widen", "ct", muted=True)

    def right_of_stream(self, branch: int) -> float:
        return STREAMS + _width(self.choice.streams[branch])

    def high(self, shape: Shape) -> float:
        return max(TALL * shape[1] / self.choice.streams[0][1], 0.02)

    def middle(self, row: int, shape: Shape) -> float:
        return TOPS[row] + self.high(shape) / 2

    def place(self, x: float, y: float) -> tuple[float, float]:
        return self.left + x, self.top + y

    def block(
        self, x: float, row: int, shape: Shape, colour: str = HEAD_COLOUR, *, label: str = "", read: bool = True
    ) -> float:
        """Draw a block with its shape "above" or "beside" it, and return its right edge."""
        right = x + _width(shape)
        self.box(x, TOPS[row], _width(shape), self.high(shape), colour, read=read)
        if label == "above":
            self.write((x + right) / 2, TOPS[row] - 0.04, _words(shape), "cb")
        if label == "beside":
            self.write(right + 0.06, self.middle(row, shape), _words(shape), "lc")
        return right

    def box(self, x: float, y: float, wide: float, high: float, colour: str, *, read: bool = True) -> None:
        pale = tint(colour, self.picture.theme, 0.1)
        look: dict[str, Any] = {"facecolor": colour} if read else {"facecolor": pale, "linestyle": (0, (2, 2))}
        self.axes.add_patch(Rectangle(self.place(x, y), wide, high, edgecolor=colour, linewidth=0.8, **look))

    def line(self, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
        (x0, y0), (x1, y1) = self.place(*start), self.place(*end)
        self.axes.plot([x0, x1], [y0, y1], color=colour, linewidth=1.5, solid_capstyle="butt")

    def arrow(
        self, start: tuple[float, float], end: tuple[float, float], colour: str | None = None, words: str = ""
    ) -> None:
        begin = self.place(start[0] + 0.02 * (start[1] == end[1]), start[1])
        look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 8, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
        look["color"] = colour or self.picture.colours.muted
        self.axes.add_patch(FancyArrowPatch(begin, self.place(*end), **look))
        self.write((start[0] + end[0]) / 2, start[1] - 0.03, words, "cb", muted=True)

    def write(self, x: float, y: float, words: str, at: str = "lt", *, muted: bool = False, **look: Any) -> None:
        """Write words whose left, centre or right, and top, centre or bottom, is at a place: "lt", "cb", ..."""
        colours = self.picture.colours
        plain: dict[str, Any] = {
            "fontsize": SMALL,
            "color": colours.muted if muted else colours.ink,
            "linespacing": 1.1,
        }
        self.axes.text(*self.place(x, y), words, ha=SIDES[at[0]], va=SIDES[at[1]], **plain | look)


def _width(shape: Shape) -> float:
    return float(PER_ROOT * shape[0] ** 0.5)


def _words(shape: Shape) -> str:
    words = " × ".join(map(str, shape))
    return words if len(words) <= ROOMY else words.replace(" ", "")


def _describe_choice(choice: HeadChoice) -> str:
    branches = "all four streams" if len(choice.reads) > 1 else f"branch {choice.reads[0]} only"
    outputs = ", ".join(map(_words, choice.outputs))
    return (
        f"{choice.name} ({choice.task}) reads {branches}: {', '.join(choice.steps)}; out come {outputs}; "
        f"{choice.count.parameters:,} parameters."
    )
