"""A finished diagram: PNG and SVG, and its source in the DOT language."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from hrnet_viz.canvas.diagrams.geometry import Place
from hrnet_viz.canvas.diagrams.render import Mark, draw_png, draw_svg, make_figure

FEW_COLOURS = 60
"""A drawing of so few colours fits a palette as it is: three times smaller, and only the edges of letters soften."""

NOTEBOOK_DPI = 144
"""Two pixels per point: what a notebook stores is sharp on a fine screen, and shown at half that size."""


@dataclass(frozen=True, repr=False)
class Diagram:
    """A diagram, drawn when it is asked for; the same picture on every machine.

    Attributes:
        source: the same in the DOT language, with the place of everything.
        caption: what to see in it.
        alt: the text alternative.
        size: width and height in points (1/72 inch).
        page: colour of the page.
        marks: what is on it.
        places: where each thing with a name is, in points from the top left corner.
        pictures: what is laid over the drawing, and where.
    """

    source: str
    caption: str
    alt: str
    size: tuple[float, float]
    page: str
    marks: tuple[Mark, ...] = ()
    places: dict[str, Place] = field(default_factory=dict)
    pictures: tuple[tuple[Place, Image.Image], ...] = ()

    def svg(self) -> str:
        """Draw as SVG, pictures embedded. Every site has its address as ``id`` and tells itself under the pointer."""
        drawn = draw_svg(make_figure(self.marks, self.size, self.page), self.marks, self.alt)
        body, end, tail = drawn.rpartition("</svg>")
        return body + "".join(self._svg_picture(place, image) for place, image in self.pictures) + end + tail

    def _svg_picture(self, place: Place, image: Image.Image) -> str:
        buffer = io.BytesIO()
        image.save(buffer, format="PNG", optimize=True)
        data = base64.b64encode(buffer.getvalue()).decode()
        smooth = "auto" if image.width > place.width else "pixelated"
        left, top = place.left[0], place.top[1]
        # What lies under it must still hear the pointer, since that knows the site.
        return (
            f'<image x="{left:.2f}" y="{top:.2f}" width="{place.width:.2f}" height="{place.height:.2f}" '
            f'style="image-rendering:{smooth};pointer-events:none" xlink:href="data:image/png;base64,{data}"/>\n'
        )

    def png(self, dpi: float = NOTEBOOK_DPI) -> bytes:
        """Draw as PNG: a slide of 13.33 in is 1,920 px wide at 144 dpi."""
        page = draw_png(make_figure(self.marks, self.size, self.page), dpi)
        scale = dpi / 72
        for place, image in self.pictures:
            width, height = max(round(place.width * scale), 1), max(round(place.height * scale), 1)
            way = Image.Resampling.NEAREST if width >= image.width else Image.Resampling.LANCZOS
            small = image.resize((width, height), way)
            corner = (round(place.left[0] * scale), round(place.top[1] * scale))
            page.paste(small, corner, small if small.mode == "RGBA" else None)
        buffer = io.BytesIO()
        if not self.pictures:
            few = len(set(re.findall(r'"#[0-9a-f]{6}"', self.source))) <= FEW_COLOURS
            # Numbers laid over bring many colours: only a palette that is fitted to them keeps each where it was.
            means = 0 if few else 1
            page = page.quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=means, dither=Image.Dither.NONE)
        page.save(buffer, format="PNG")
        return buffer.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write an SVG, a PNG or the source, by the ending: .svg, .png, .gv or .dot.

        Raises:
            ValueError: another ending.
        """
        path = Path(path)
        if path.suffix == ".svg":
            path.write_text(self.svg(), encoding="utf-8")
        elif path.suffix == ".png":
            path.write_bytes(self.png())
        elif path.suffix in {".gv", ".dot"}:
            path.write_text(self.source, encoding="utf-8")
        else:
            raise ValueError(f"'{path.name}' ends in '{path.suffix}'; a diagram is saved as .svg, .png, .gv or .dot.")
        return path

    def _repr_mimebundle_(
        self,
        include: object = None,  # noqa: ARG002  # Jupyter gives both by name
        exclude: object = None,  # noqa: ARG002
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the PNG and the text alternative, in the form that Jupyter asks for."""
        png = self.png()
        width, height = Image.open(io.BytesIO(png)).size
        facts = {"width": round(width / 2), "height": round(height / 2), "alt": self.alt}
        return {"image/png": png, "text/plain": self.alt}, {"image/png": facts}

    def __repr__(self) -> str:
        return f"Diagram({self.caption[:60]!r})"
