"""How every picture looks, reads and shows itself: page, text, theme, and the PNG that a notebook stores.

A figure function makes a ``Picture``, draws inside it and returns it::

    with Picture(10, 4, theme, title="...", caption="...", alt="...") as picture:
        image = show_map(picture.inches(0, 0, 3, 3), values, signed=True)
        colour_bar(image, picture.inches(3.2, 0, 0.1, 3))
    return picture

Pages are opaque, in the colour of JupyterLab's own, so that a picture has no edge in a notebook of the same theme and
can be read in one of the other.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, ExitStack
from math import ceil
from typing import Any, Self

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path
from numpy.typing import NDArray

from hrnet_viz.canvas.colours import BRANCH_COLOURS, SEQUENTIAL, Theme, ThemeColours, theme_colours
from hrnet_viz.canvas.painting import encode_png

CSS_PIXELS = 96  # per inch: a 10 in picture is 960 px wide in a notebook, and 1920 px in its file
SHARPNESS = 2  # file pixels per CSS pixel, so that text is crisp on a dense screen and on a projector
FONT = "DejaVu Sans"  # comes with matplotlib, so it is the same everywhere
SMALL, NORMAL, LARGE = 9, 10, 13  # pt; nothing is smaller than 9 pt at a width of 10 in
WIDTH = 10.0  # in: fills a notebook and a slide, and keeps 9 pt text readable on both
MARGIN = 0.12  # in, on each side
ROOM = WIDTH - 2 * MARGIN
_TITLE = 0.42  # in
_CAPTION_LINE = 0.17  # in
_CAPTION_GAP = 0.16  # in, between the drawing and its caption

_theme: Theme = "light"


def default_theme() -> Theme:
    """Return the theme that pictures are drawn in when none is asked for; light unless ``use_theme`` said otherwise."""
    return _theme


def use_theme(theme: Theme) -> None:
    """Draw pictures in this theme, "light" or "dark", from now on, where a call does not name one.

    Raises:
        ValueError: no such theme.
    """
    global _theme  # noqa: PLW0603  # one setting for a whole session is what a user of dark notebooks wants
    theme_colours(theme)
    _theme = theme


def _settings(theme: Theme) -> dict[str, Any]:
    """Return the matplotlib settings of a theme."""
    colours = theme_colours(theme)
    sides: dict[str, Any] = {}
    for axis in ("xtick", "ytick"):
        sides |= {f"{axis}.color": colours.muted, f"{axis}.labelcolor": colours.muted, f"{axis}.labelsize": SMALL}
        sides |= {f"{axis}.major.size": 3, f"{axis}.major.width": 0.8, f"{axis}.minor.visible": False}
    return sides | {
        "font.family": [FONT],
        "font.size": NORMAL,
        "text.color": colours.ink,
        "text.usetex": False,
        "text.parse_math": False,  # a dollar sign in a class name is a dollar sign
        "axes.titlesize": NORMAL,
        "axes.titlecolor": colours.ink,
        "axes.titleweight": "normal",
        "axes.labelsize": NORMAL,
        "axes.labelcolor": colours.ink,
        "axes.edgecolor": colours.grid,
        "axes.facecolor": colours.page,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.unicode_minus": True,
        "axes.prop_cycle": cycler(color=BRANCH_COLOURS),
        "grid.color": colours.grid,
        "grid.linewidth": 0.6,
        "lines.linewidth": 1.8,
        "legend.frameon": False,
        "legend.fontsize": SMALL,
        "legend.labelcolor": colours.ink,
        "image.cmap": SEQUENTIAL.name,
        "image.interpolation": "nearest",
        "image.origin": "upper",
        "figure.facecolor": colours.page,
        "savefig.facecolor": "auto",
        "savefig.bbox": None,
        "svg.hashsalt": "hrnet_viz",
    }


class Picture(Figure):
    """A matplotlib figure that knows its theme, title, caption and text alternative, and shows itself in a notebook.

    It is made without pyplot, so nothing holds on to it. As a context manager it draws in its own theme, whatever the
    user's matplotlib settings are.
    """

    def __init__(
        self,
        width_in: float,
        height_in: float,
        theme: Theme | None = None,
        *,
        title: str = "",
        caption: str = "",
        alt: str = "",
        accent: str | None = None,
        constrained: bool = False,
    ) -> None:
        """Make an empty page; the height in inches is that of the drawing, title and caption are added to it.

        An accent is the colour of a mark before the title: that of the branch that the picture is about. With
        ``constrained`` matplotlib arranges ``add_subplot`` axes in the drawing (title and caption stay clear); without
        it, place axes with ``picture.inches``.

        Raises:
            ValueError: no such theme.
        """
        self.theme, self.title, self.caption, self.alt = theme or default_theme(), title, caption, alt
        self._stack = ExitStack()
        lines = wrap(caption, width_in - 2 * MARGIN)
        self._above = _TITLE if title else 0.0
        below = _CAPTION_GAP + _CAPTION_LINE * len(lines) + 0.06 if lines else 0.0
        height = ceil((self._above + height_in + below) * CSS_PIXELS) / CSS_PIXELS  # whole pixels at either sharpness
        with self.styled():
            super().__init__(figsize=(round(width_in * CSS_PIXELS) / CSS_PIXELS, height), dpi=CSS_PIXELS)
            FigureCanvasAgg(self)
            left = MARGIN / width_in
            plain: dict[str, Any] = {"ha": "left", "va": "top"}
            heading: dict[str, Any] = {"fontsize": LARGE, "fontweight": "bold"}
            if title:
                self.text(left + bool(accent) * 0.13 / width_in, 1 - 0.1 / height, title, **heading, **plain)
            if title and accent:
                mark = Rectangle((left, 1 - 0.285 / height), 0.06 / width_in, 0.185 / height, color=accent, linewidth=0)
                self.add_artist(mark)
            for number, line in enumerate(lines):
                y = (below - _CAPTION_GAP - number * _CAPTION_LINE) / height
                self.text(left, y, line, fontsize=SMALL, color=self.colours.muted, **plain)
        if constrained:
            drawing = (0, below / height, 1, 1 - (below + self._above) / height)
            self.set_layout_engine(ConstrainedLayoutEngine(rect=drawing, w_pad=0.06, h_pad=0.06))

    @property
    def colours(self) -> ThemeColours:
        """Colours of the page."""
        return theme_colours(self.theme)

    def styled(self) -> AbstractContextManager[None]:
        """Return a context in which matplotlib draws in this picture's theme."""
        chosen: Any = _settings(self.theme)  # newer stubs of matplotlib list every key, older ones say str
        return mpl.rc_context(chosen)

    def __enter__(self) -> Self:
        self._stack.enter_context(self.styled())
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def inches(self, left: float, top: float, width: float, height: float, **options: Any) -> Axes:
        """Make axes at a place in inches, measured from the top left corner of the drawing (below the title).

        The place is rounded to whole pixels of the file, so that the cells of a map stay equally large.
        """
        pixels = CSS_PIXELS * SHARPNESS
        left, top, width, height = (round(x * pixels) / pixels for x in (left, top + self._above, width, height))
        across, down = self.get_size_inches()
        return self.add_axes((left / across, 1 - (top + height) / down, width / across, height / down), **options)

    def write(self, left: float, top: float, words: str, **options: Any) -> None:
        """Write text at a place in inches from the top left corner of the drawing; top aligned by default."""
        placed: dict[str, Any] = {"va": "top"} | options
        self.text(*self.locate(left, top), words, **placed)

    def note(self, left: float, top: float, words: str, **options: Any) -> None:
        """Write small muted text at a place in inches."""
        self.write(left, top, words, **{"fontsize": SMALL, "color": self.colours.muted} | options)

    def locate(self, left: float, top: float) -> tuple[float, float]:
        """Return the figure coordinates of a place in inches from the top left corner of the drawing."""
        across, down = self.get_size_inches()
        return left / across, 1 - (top + self._above) / down

    def draw(self, renderer: RendererBase) -> None:
        """Draw in this picture's theme."""
        with self.styled():
            super().draw(renderer)

    def pixels(self, sharpness: float = SHARPNESS) -> NDArray[np.uint8]:
        """Draw, and return the pixels (H, W, 3) uint8, ``sharpness`` of them per CSS pixel in each direction."""
        before = self.dpi
        try:
            self.dpi = CSS_PIXELS * sharpness
            canvas: Any = FigureCanvasAgg(self)  # its methods have no types
            canvas.draw()
            drawn: NDArray[np.uint8] = np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
        finally:
            self.dpi = before
        return drawn

    def png(self, sharpness: float = SHARPNESS) -> bytes:
        """Return the picture as PNG; equal pictures are equal bytes."""
        return encode_png(self.pixels(sharpness))

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        width, height = (round(side * CSS_PIXELS) for side in self.get_size_inches())
        # JupyterLab reads the size, which keeps a sharp picture from being shown at twice its size; it knows no
        # alternative text for pictures (looked up in 4.6), nor does nbconvert's "lab" template; its "classic" one does.
        return self.png(), {"width": width, "height": height, "alt": self.alt}

    def _repr_mimebundle_(self, **_named: object) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the PNG and the text alternative, in the form that Jupyter asks for."""
        _outrank_pyplot()
        png, facts = self._repr_png_()
        return {"image/png": png, "text/plain": self.alt}, {"image/png": facts}

    def __repr__(self) -> str:
        return f"Picture({self.title or self.alt[:60]!r})"


def _outrank_pyplot() -> None:
    """Keep IPython's formatter for all figures, which pyplot registers, from cropping and re-encoding a picture.

    It would also win over the bundle above. IPython prefers a formatter of the nearest class, so this class gets one.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None:
        shell.display_formatter.formatters["image/png"].for_type(Picture, Picture._repr_png_)


def wrap(words: str, width_in: float) -> list[str]:
    """Break a text into lines that are at most so wide, as drawn in small letters."""
    font = FontProperties(family=FONT, size=SMALL)
    lines: list[str] = []
    for word in words.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_to_path.get_text_width_height_descent(longer, font, ismath=False)[0] <= width_in * 72:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
