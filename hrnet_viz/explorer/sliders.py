"""Plain sliders for one map: stage, module, branch, channel. The smallest explorer, made of ipywidgets alone.

A slider only changes a number; the picture is a palette PNG of the map's 8-bit indices, swapped into one ``Image``.
Nothing is drawn by matplotlib and no output is cleared, so nothing flickers.
"""

from __future__ import annotations

import io
from typing import Any

import ipywidgets as widgets
import numpy as np
import traitlets
from numpy.typing import NDArray
from PIL import Image

from hrnet_viz.activations.maps import channel_grid
from hrnet_viz.canvas.colours import SEQUENTIAL, lookup_table
from hrnet_viz.canvas.painting import short
from hrnet_viz.canvas.style import Picture
from hrnet_viz.doors import Choices, guard
from hrnet_viz.tracing import Trace

SIDE = 448  # px of the picture's longer side; cells are enlarged to whole pixels
PALETTE = lookup_table(SEQUENTIAL).tobytes()


class DescribedImage(widgets.Image):  # type: ignore[misc]  # ipywidgets has no types
    """An image with a text alternative: its tooltip.

    The views of ipywidgets put a tooltip on an element only where a description is there, and empty.
    """

    description = traitlets.Unicode().tag(sync=True)


class MapSliders(Choices, widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Sliders that walk through the streams of a trace; settable from Python: ``sliders.stage = 4``.

    Attributes:
        stage: 1 to 4.
        module: module of the stage.
        branch: resolution stream, 0 is the highest.
        channel: channel of the map.
        exchanged: show what leaves the exchange ("out") instead of what enters it ("branch").
    """

    stage = traitlets.Int(1)
    module = traitlets.Int(0)
    branch = traitlets.Int(0)
    channel = traitlets.Int(0)
    exchanged = traitlets.Bool(default_value=False)

    @guard
    def __init__(self, trace: Trace, **state: Any) -> None:
        """Show a trace that keeps the branch and fuse outputs; ``state`` sets where to start."""
        self._trace, self._limiting = trace, False
        self._sliders = {
            name: widgets.IntSlider(description=name, min=low, max=4, continuous_update=True, layout={"width": "448px"})
            for name, low in (("stage", 1), ("module", 0), ("branch", 0), ("channel", 0))
        }
        self._after = widgets.Checkbox(description="after the exchange", indent=True)
        self._image = DescribedImage(format="png", layout={"width": f"{SIDE}px", "margin": "4px 0"})
        self._words = widgets.HTML()
        super().__init__([*self._sliders.values(), self._after, self._image, self._words])
        for name, slider in self._sliders.items():
            widgets.link((self, name), (slider, "value"))
        widgets.link((self, "exchanged"), (self._after, "value"))
        self.observe(self._refresh, ["stage", "module", "branch", "channel", "exchanged"])
        for name, value in state.items():
            setattr(self, name, value)
        self._refresh()

    def __repr__(self) -> str:
        return "MapSliders()"

    @property
    def site(self) -> str:
        """Address of the tensor that is shown."""
        if self.stage == 1:
            return "stage1"
        return f"stage{self.stage}.{self.module}.{'out' if self.exchanged else 'branch'}{self.branch}"

    @property
    def map(self) -> NDArray[np.float32]:
        """The map that is shown, (H, W), raw numbers."""
        values: NDArray[np.float32] = self._trace[self.site][0, self.channel].detach().float().cpu().numpy()
        return values

    def figure(self, **options: Any) -> Picture:
        """Return the static twin: all channels of the site as a figure."""
        return channel_grid(self._trace, self.site, **options)

    def _refresh(self, _change: object = None) -> None:
        if self._limiting:  # a limit that moves a slider calls here again, before all of them are right
            return
        self._limiting = True
        try:
            self._limit()
        finally:
            self._limiting = False
        values = self.map
        low, high = float(values.min()), float(values.max())
        self._image.value = draw_map(values)
        height, width = values.shape
        facts = f"channel {self.channel}: {height} x {width} cells, dark is {short(low)}, bright is {short(high)}"
        self._words.value = f"<code>{self.site.replace('<', '&lt;')}</code>, {facts}"
        self._image.tooltip = f"{self.site}, {facts}"

    def _limit(self) -> None:
        """Keep every slider within what the net has; a number that is too high moves to the last one."""
        plan = self._trace.plan
        self.stage = min(max(self.stage, 1), 4)
        modules = {site.module for site in plan.select(kind="branch", stage=self.stage)} or {0}
        branches = {site.branch for site in plan.select(kind="branch", stage=self.stage)} or {0}
        self._set("module", len(modules) - 1)
        self._set("branch", len(branches) - 1)
        self._set("channel", plan.sites[self.site].channels - 1)

    def _set(self, name: str, most: int) -> None:
        self._sliders[name].max = most
        setattr(self, name, min(max(getattr(self, name), 0), most))
        self._sliders[name].disabled = most == 0


def draw_map(values: NDArray[np.floating[Any]], side: int = SIDE) -> bytes:
    """Turn one map (H, W) into a palette PNG in the sequential colours, each cell a square of whole pixels."""
    low, high = float(values.min()), float(values.max())
    span = high - low or 1.0
    indices = np.rint((values - low) * (255 / span)).astype(np.uint8)
    times = max(1, side // max(indices.shape))
    picture = Image.fromarray(indices.repeat(times, axis=0).repeat(times, axis=1), mode="P")
    picture.putpalette(PALETTE)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
