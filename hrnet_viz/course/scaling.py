"""A slider that scales one path or branch of a net while the logits follow, and its static twin.

A move of the slider runs only what the scaled tensor reaches and swaps one small PNG: nothing is drawn by matplotlib
and no output is cleared, so nothing flickers.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import matplotlib as mpl
import torch
import traitlets
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from hrnet_viz.canvas.colours import HEAD_COLOUR, Theme, theme_colours
from hrnet_viz.canvas.style import Picture, default_theme
from hrnet_viz.doors import Choices, guard
from hrnet_viz.exchanges.contributions import contributions
from hrnet_viz.explorer.sliders import DescribedImage
from hrnet_viz.interventions.first_order_figures import response_curves
from hrnet_viz.runner import run
from hrnet_viz.targets import find_class, output_names
from hrnet_viz.tracing import Trace, evaluating

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet

LOWEST, HIGHEST, STEP = 0.0, 2.0, 0.05
MOST_BARS = 12
WIDTH, ROW, WORDS, NUMBERS = 448, 22, 104, 52  # px: of the picture, per bar, left for names, right for numbers


class ScaleSlider(Choices, widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Scale one path or branch and see every logit; settable from Python: ``slider.factor = 0``.

    Attributes:
        target: number of the class that stands out.
        site: the fuse path or branch that is scaled.
        factor: by what; 1 changes nothing, 0 switches it off.
    """

    target = 0
    site = traitlets.Unicode()
    factor = traitlets.Float(1.0)

    @guard
    def __init__(self, net: HRNet, trace: Trace, target: str | int, site: str, **state: Any) -> None:
        """Start at ``site``; the first photo of the trace is shown, ``target`` is the class that stands out."""
        self._net, self._trace = net, trace
        self.target = find_class(net, target)
        self._base = self._logits_at(site, 1.0)
        self._rows = choose_rows(self._base, self.target)
        site = net.plan.resolve(site)
        names = dict.fromkeys([one.name for kind in ("fuse_path", "branch") for one in net.sites(kind=kind)] + [site])
        self._sites = widgets.Dropdown(description="scale", options=list(names), value=site)
        self._slider = widgets.FloatSlider(
            description="by", min=LOWEST, max=HIGHEST, step=STEP, value=1.0, layout={"width": f"{WIDTH}px"}
        )
        self._image = DescribedImage(format="png", layout={"width": f"{WIDTH}px", "margin": "4px 0"})
        self._words = widgets.HTML()
        super().__init__([self._sites, self._slider, self._image, self._words])
        self.site = site
        widgets.link((self, "site"), (self._sites, "value"))
        widgets.link((self, "factor"), (self._slider, "value"))
        self.observe(self._refresh, ["site", "factor"])
        self._refresh({"name": "site"})
        for name, value in state.items():
            setattr(self, name, value)

    def __repr__(self) -> str:
        return "ScaleSlider()"

    @property
    def logits(self) -> Tensor:
        """The logits that are shown, (K,)."""
        return self._logits

    @property
    def base_logits(self) -> Tensor:
        """The logits of the unscaled pass, (K,)."""
        return self._base

    def figure(self, *, theme: Theme | None = None) -> Picture:
        """Return the static twin: every logit over the factor, and the straight line that the gradient predicts."""
        factors = [LOWEST + (HIGHEST - LOWEST) * k / 16 for k in range(17)]
        logits = torch.stack([self._logits_at(self.site, factor) for factor in factors])
        slope = contributions(self._net, self._trace.input[:1], self.target, sites=self.site)[self.site]
        names = output_names(self._net)
        return response_curves(
            factors, logits[:, self._rows], [names[row] for row in self._rows],
            target=self._rows.index(self.target), slope=float(slope[0]), site=self.site, theme=theme,
        )  # fmt: skip

    def _logits_at(self, site: str, factor: float) -> Tensor:
        with evaluating(self._net), torch.no_grad():
            after = run(self._net, base=self._trace, keep="logits", edit={site: lambda value: value * factor})
        return after["logits"][0].cpu()

    def _refresh(self, change: Any) -> None:
        if change["name"] == "site":
            ends = torch.stack([self._base, *(self._logits_at(self.site, end) for end in (LOWEST, HIGHEST))])
            self._limits = (float(ends[:, self._rows].min()), float(ends[:, self._rows].max()))
        self._logits = self._logits_at(self.site, self.factor)
        rows = self._rows
        before, after, names = self._base[rows].tolist(), self._logits[rows].tolist(), output_names(self._net)
        shown = [names[row] for row in rows]
        self._image.value = draw_bars(before, after, shown, target=rows.index(self.target), limits=self._limits)
        self._image.tooltip = f"Logits with {self.site} times {self.factor:.2f}, before in brackets: " + ", ".join(
            f"{name} {new:.2f} ({old:.2f})" for name, new, old in zip(shown, after, before, strict=True)
        )
        moved = float(self._logits[self.target] - self._base[self.target])
        self._words.value = (
            f"<code>{self.site.replace('<', '&lt;')}</code> times {self.factor:.2f}: the logit of "
            f"{output_names(self._net)[self.target]} moves by {moved:+.3f}. Bars: now. Marks: before."
        )


def choose_rows(logits: Tensor, target: int) -> list[int]:
    """Return the outputs that are shown, in class order: all if they are few, else the highest ones and the target."""
    if len(logits) <= MOST_BARS:
        return list(range(len(logits)))
    highest = [row for row in logits.argsort(descending=True).tolist() if row != target]
    return sorted([target, *highest[: MOST_BARS - 1]])


def draw_bars(
    before: Sequence[float],
    after: Sequence[float],
    names: Sequence[str],
    *,
    target: int,
    limits: tuple[float, float],
    theme: Theme | None = None,
) -> bytes:
    """Draw one bar per class from 0, with a mark where it was before, as a small palette PNG."""
    colours = theme_colours(theme or default_theme())
    low, high = min(limits[0], 0.0), max(limits[1], 0.0)
    span = (high - low) or 1.0

    def at(value: float) -> int:
        return round(WORDS + (min(max(value, low), high) - low) / span * (WIDTH - WORDS - NUMBERS))

    picture = Image.new("RGB", (WIDTH, ROW * len(names) + 8), colours.page)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), 12)
    for row, (old, new, name) in enumerate(zip(before, after, names, strict=True)):
        top = row * ROW + 4
        fill = HEAD_COLOUR if row == target else colours.muted
        ink = HEAD_COLOUR if row == target else colours.ink
        left, right = sorted((at(0.0), at(new)))
        pen.text((WORDS - 10, top + 10), name[:14], ink, font, anchor="rm")
        pen.rectangle((left, top + 4, right, top + 16), fill)
        pen.rectangle((at(old) - 1, top, at(old) + 1, top + 20), colours.ink)
        pen.text((WIDTH - 2, top + 10), f"{new:.2f}".replace("-", "\u2212"), colours.ink, font, anchor="rm")
    pen.line((at(0.0), 0, at(0.0), picture.height), colours.grid)
    buffer = io.BytesIO()
    picture.quantize(32).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
