"""Four ways to read the same four streams: V1, V2, V2p and the classification head, in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle

from hrnet_viz.canvas.style import (
    BRANCH_COLOURS,
    HEAD_COLOUR,
    LARGE,
    MARGIN,
    SMALL,
    Picture,
    Theme,
    new_picture,
    theme_colours,
    tint,
)

if TYPE_CHECKING:
    from hrnet_viz.heads.tables import HeadChoice, Shape

WIDTH = 10.0  # in
PANEL = 4.96  # in, from the left edge of one panel to that of the next
HEADING = 0.74  # in, above the blocks of a panel
BODY = 2.26
FOOT = 0.3
TALL = 0.66  # in: height of a block with as many rows as the finest stream
PER_ROOT = 0.011  # in per root of the number of channels
TOPS = (0.0, 0.87, 1.42, 1.81, 2.11)  # in, of the blocks of stride 4, 8, 16, 32, 64
STREAMS, JOINED, REDUCED, LEVELS = 1.06, 1.8, 2.9, 3.62  # in, left edges
WIDENED, SUMS, FINAL, POOLED, LOGITS = 1.7, 2.88, 3.3, 4.2, 4.62
RADIUS = 0.085
ROOMY = 13  # letters of a shape that still fit with spaces in it


def head_choices(choices: Sequence[HeadChoice], *, theme: Theme | None = None) -> Picture:
    """Draw which streams each head reads, what it makes of them, and what comes out.

    A block is as high as its map has rows, and as wide as the root of the number of its channels.

    Args:
        choices: what ``hv.heads.choices`` gave.
        theme: "light" or "dark"; the default theme if None.
    """
    panel = HEADING + BODY + FOOT
    with new_picture(
        WIDTH,
        2 * panel,
        theme,
        title="Four ways to read the same four streams",
        caption="Shapes are channels × rows × columns: a block is as high as its map has rows, and as wide as the root "
        "of the number of its channels. Dashed streams are not read.",
        alt=_describe(choices),
    ) as picture:
        axes = picture.inches(0, 0, WIDTH, 2 * panel, label="heads")
        axes.set(xlim=(0, WIDTH), ylim=(2 * panel, 0))
        axes.axis("off")
        for number, choice in enumerate(choices):
            row, column = divmod(number, 2)
            _Panel(picture, axes, choice, MARGIN + column * PANEL, row * panel + HEADING).draw()
    return picture


class _Panel:
    """One head. Places are in inches from the top left corner of its first block row."""

    def __init__(self, picture: Picture, axes: Axes, choice: HeadChoice, left: float, top: float) -> None:
        self.axes, self.choice, self.left, self.top = axes, choice, left, top
        self.theme = picture.theme
        self.colours = theme_colours(picture.theme)
        self.rows = choice.streams[0][1]

    def draw(self) -> None:
        choice = self.choice
        self.write(0, -HEADING + 0.1, choice.name, size=LARGE, bold=True)
        self.write(0, -HEADING + 0.33, f"{choice.task}: {choice.question}", colour=self.colours.muted)
        cost = f"{choice.count.parameters:,} parameters, {choice.count.macs / 1e9:.3f} billion multiply-adds"
        self.write(0, BODY + 0.02, cost, colour=self.colours.muted)
        for branch, shape in enumerate(choice.streams):
            self.block(STREAMS, branch, shape, BRANCH_COLOURS[branch], read=branch in choice.reads)
            middle = self.middle(branch, shape)
            self.write(STREAMS - 0.06, middle, _words(shape), across="right", down="center")
        {"V1": self.draw_v1, "V2": self.draw_v2, "V2p": self.draw_v2p}.get(choice.name, self.draw_classification)()

    def draw_v1(self) -> None:
        [out] = self.choice.outputs
        end = self.block(REDUCED, 0, out, HEAD_COLOUR)
        self.arrow((self.right_of_stream(0), TALL / 2), (REDUCED, TALL / 2), words="1×1")
        self.write(end + 0.06, TALL / 2, _words(out), down="center")
        for branch in (1, 2, 3):
            y = self.middle(branch, self.choice.streams[branch])
            self.write(self.right_of_stream(branch) + 0.1, y, "not read", colour=self.colours.muted, down="center")

    def draw_joined(self) -> float:
        """Draw the streams enlarged and joined, one strip per stream; give the right edge."""
        shape = self.choice.between[0]
        x = JOINED
        whole = _width(shape)
        for branch, stream in enumerate(self.choice.streams):
            strip = whole * stream[0] / shape[0]
            self.box(x, 0, strip, TALL, BRANCH_COLOURS[branch])
            start = (self.right_of_stream(branch), self.middle(branch, stream))
            target = TALL / 2 + 0.08 * branch
            self.arrow(start, (JOINED, target), colour=BRANCH_COLOURS[branch])
            x += strip
        self.write(JOINED + whole / 2, -0.04, _words(shape), across="center", down="bottom")
        words = "enlarge,\njoin"
        self.write(JOINED + 0.1, TALL + 0.2, words, colour=self.colours.muted)
        return x

    def draw_v2(self) -> None:
        end = self.draw_joined()
        [out] = self.choice.outputs
        mixed = self.choice.between[1]
        self.arrow((end, TALL / 2), (REDUCED, TALL / 2), words="1×1")
        after = self.block(REDUCED, 0, mixed, HEAD_COLOUR)
        self.write((REDUCED + after) / 2, -0.04, _words(mixed), across="center", down="bottom")
        self.write(REDUCED, TALL + 0.2, "BatchNorm,\nReLU", colour=self.colours.muted)
        self.arrow((after, TALL / 2), (LEVELS, TALL / 2), words="1×1")
        last = self.block(LEVELS, 0, out, HEAD_COLOUR)
        self.write(last + 0.06, TALL / 2, _words(out), down="center")

    def draw_v2p(self) -> None:
        end = self.draw_joined()
        reduced = self.choice.between[1]
        self.arrow((end, TALL / 2), (REDUCED, TALL / 2), words="1×1")
        after = self.block(REDUCED, 0, reduced, HEAD_COLOUR)
        self.write((REDUCED + after) / 2, -0.04, _words(reduced), across="center", down="bottom")
        self.write(LEVELS - 0.02, -0.04, "average, 3×3", colour=self.colours.muted, down="bottom")
        for level, shape in enumerate(self.choice.outputs):
            y = self.middle(level, shape)
            self.arrow((after, TALL / 2), (LEVELS, y))
            right = self.block(LEVELS, level, shape, HEAD_COLOUR)
            self.write(right + 0.06, y, _words(shape), down="center")

    def draw_classification(self) -> None:
        between = self.choice.between
        wide = [between[0], between[2], between[4], between[6]]
        carried: tuple[float, float] = (0, 0)
        for branch, shape in enumerate(wide):
            y, colour = self.middle(branch, shape), BRANCH_COLOURS[branch]
            right = self.block(WIDENED, branch, shape, colour)
            self.arrow((self.right_of_stream(branch), y), (WIDENED, y), colour=colour)
            self.write(WIDENED, TOPS[branch] - 0.02, _words(shape), down="bottom")
            if branch == 0:
                self.line((right, y), (SUMS, y), BRANCH_COLOURS[0])
                carried = (SUMS, y)
                continue
            self.arrow(carried, (SUMS, y - RADIUS), colour=BRANCH_COLOURS[branch - 1])
            self.arrow((right, y), (SUMS - RADIUS, y), colour=colour)
            ring = Circle(self.place(SUMS, y), RADIUS, facecolor=self.colours.page, edgecolor=colour, linewidth=1.5)
            self.axes.add_patch(ring)
            self.line((SUMS - 0.045, y), (SUMS + 0.045, y), colour)
            self.line((SUMS, y - 0.045), (SUMS, y + 0.045), colour)
            carried = (SUMS, y + RADIUS)
        self.write(SUMS + 0.1, TALL / 2, "each way down:\n3×3, stride 2", colour=self.colours.muted)
        final, pooled, [logits] = between[7], between[8], self.choice.outputs
        y = self.middle(3, final)
        right = self.block(FINAL, 3, final, HEAD_COLOUR)
        self.arrow((SUMS + RADIUS, y), (FINAL, y))
        self.write((FINAL + right) / 2, y - 0.1, _words(final), across="center", down="bottom")
        for start, end, words, shape in ((right, POOLED, "mean", pooled), (POOLED + 0.06, LOGITS, "linear", logits)):
            self.box(end, y - 0.03, 0.06, 0.06, HEAD_COLOUR)
            self.arrow((start, y), (end, y))
            self.write((start + end) / 2, y + 0.08, words, across="center", colour=self.colours.muted)
            self.write(end + 0.03, y - 0.1, _words(shape), across="center", down="bottom")
        self.write(FINAL - 0.13, y + 0.08, "1×1", across="center", colour=self.colours.muted)
        self.write(WIDENED - 0.2, TOPS[3] + 0.18, "widen", across="center", colour=self.colours.muted)

    def right_of_stream(self, branch: int) -> float:
        return STREAMS + _width(self.choice.streams[branch])

    def high(self, shape: Shape) -> float:
        return max(TALL * shape[1] / self.rows, 0.02)

    def middle(self, row: int, shape: Shape) -> float:
        return TOPS[row] + self.high(shape) / 2

    def place(self, x: float, y: float) -> tuple[float, float]:
        return self.left + x, self.top + y

    def block(self, x: float, row: int, shape: Shape, colour: str, *, read: bool = True) -> float:
        """Draw a block and give its right edge."""
        self.box(x, TOPS[row], _width(shape), self.high(shape), colour, read=read)
        return x + _width(shape)

    def box(self, x: float, y: float, wide: float, high: float, colour: str, *, read: bool = True) -> None:
        look: dict[str, Any] = (
            {"facecolor": colour} if read else {"facecolor": tint(colour, self.theme, 0.1), "linestyle": (0, (2, 2))}
        )
        self.axes.add_patch(Rectangle(self.place(x, y), wide, high, edgecolor=colour, linewidth=0.8, **look))

    def line(self, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
        (x0, y0), (x1, y1) = self.place(*start), self.place(*end)
        self.axes.plot([x0, x1], [y0, y1], color=colour, linewidth=1.5, solid_capstyle="butt")

    def arrow(
        self, start: tuple[float, float], end: tuple[float, float], *, colour: str | None = None, words: str = ""
    ) -> None:
        arrow = FancyArrowPatch(
            self.place(start[0] + 0.02, start[1]) if start[1] == end[1] else self.place(*start),
            self.place(*end),
            arrowstyle="-|>",
            mutation_scale=8,
            linewidth=1.2,
            shrinkA=0,
            shrinkB=0,
            color=colour or self.colours.muted,
        )
        self.axes.add_patch(arrow)
        if words:
            x = (start[0] + end[0]) / 2
            self.write(x, start[1] - 0.03, words, across="center", down="bottom", colour=self.colours.muted)

    def write(
        self,
        x: float,
        y: float,
        words: str,
        *,
        across: str = "left",
        down: str = "top",
        colour: str | None = None,
        size: float = SMALL,
        bold: bool = False,
    ) -> None:
        look: dict[str, Any] = {
            "ha": across,
            "va": down,
            "fontsize": size,
            "color": colour or self.colours.ink,
            "linespacing": 1.1,
        }
        self.axes.text(*self.place(x, y), words, fontweight="bold" if bold else "normal", **look)


def _width(shape: Shape) -> float:
    return float(PER_ROOT * shape[0] ** 0.5)


def _words(shape: Shape) -> str:
    words = " × ".join(map(str, shape))
    return words if len(words) <= ROOMY else words.replace(" ", "")


def _describe(choices: Sequence[HeadChoice]) -> str:
    told = []
    for choice in choices:
        branches = "all four streams" if len(choice.reads) > 1 else f"branch {choice.reads[0]} only"
        outputs = ", ".join(_words(shape) for shape in choice.outputs)
        told.append(
            f"{choice.name} ({choice.task}) reads {branches}: {', '.join(choice.steps)}; out come {outputs}; "
            f"{choice.count.parameters:,} parameters."
        )
    return " ".join(told)
