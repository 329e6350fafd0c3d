"""Plain sliders, made of ipywidgets alone: over the streams of a trace, over any maps, over the strength of a part.

A slider only changes a number; the picture is a small palette PNG, swapped into one ``Image``. Nothing is drawn by
matplotlib and no output is cleared, so nothing flickers.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import matplotlib as mpl
import numpy as np
import torch
import traitlets
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from hrnet_viz.activations.maps import channel_grid
from hrnet_viz.canvas.colours import HEAD_COLOUR, SEQUENTIAL, SIGNED, Theme, lookup_table, theme_colours
from hrnet_viz.canvas.painting import map_limits, short
from hrnet_viz.canvas.style import Picture, default_theme
from hrnet_viz.doors import Choices, guard
from hrnet_viz.exchanges.contributions import contributions
from hrnet_viz.interventions.first_order_figures import response_curves
from hrnet_viz.outputs import find_output, output_names
from hrnet_viz.runner import run
from hrnet_viz.tracing import Trace, evaluating

if TYPE_CHECKING:
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.photo import Photo

SIDE = 448  # px of a single map; its cells are enlarged to whole pixels
WIDE = 960  # px, of a row of maps
GAP = 4  # px, between maps
LOWEST, HIGHEST, STEP = 0.0, 2.0, 0.05  # of the factor
MOST_BARS, ROW, WORDS, NUMBERS = 12, 22, 104, 52  # bars; px: of a bar, left for names, right for numbers


class DescribedImage(widgets.Image):  # type: ignore[misc]  # ipywidgets has no types
    """An image with a text alternative: its tooltip.

    The views of ipywidgets put a tooltip on an element only where a description is there, and empty.
    """

    description = traitlets.Unicode().tag(sync=True)


class ImageSliders(Choices, widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Base of sliders: a picture and a line of words below controls that set traits of the same names."""

    def __init__(self, controls: Mapping[str, Any]) -> None:
        self._controls = dict(controls)
        self._image = DescribedImage(
            format="png", layout={"align_self": "flex-start", "max_width": "100%", "margin": "4px 0"}
        )
        self._words = widgets.HTML()
        super().__init__([*controls.values(), self._image, self._words])
        for name, control in controls.items():
            widgets.link((self, name), (control, "value"))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def _show(self, png: bytes, site: str, words: str, alt: str) -> None:
        self._image.value, self._image.tooltip = png, f"{site}{alt}"
        self._words.value = f"<code>{site.replace('<', '&lt;')}</code>{words}"


class MapSliders(ImageSliders):
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
        names = {"stage": 1, "module": 0, "branch": 0, "channel": 0}
        layout = {"width": f"{SIDE}px"}
        sliders = {
            name: widgets.IntSlider(description=name, min=low, max=4, layout=layout) for name, low in names.items()
        }
        super().__init__({**sliders, "exchanged": widgets.Checkbox(description="after the exchange", indent=True)})
        self.observe(self._refresh, ["stage", "module", "branch", "channel", "exchanged"])
        for name, value in state.items():
            setattr(self, name, value)
        self._refresh()

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
        low, high = short(float(values.min())), short(float(values.max()))
        height, width = values.shape
        facts = f", channel {self.channel}: {height} x {width} cells, dark is {low}, bright is {high}"
        self._show(draw_maps([values]), self.site, facts, facts)

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
        self._controls[name].max = most
        setattr(self, name, min(max(getattr(self, name), 0), most))
        self._controls[name].disabled = most == 0


class FunctionSliders(ImageSliders):
    """Sliders over any maps, see ``sliders``; what they choose are traits: ``made.channel = 7``."""

    def __init__(self, maps: Callable[..., Any], photo: Photo | None, choices: Mapping[str, Sequence[Any]]) -> None:
        self._maps, self._photo, self._chosen = maps, photo, tuple(choices)
        self.add_traits(**{name: traitlets.Enum(list(values), values[0]) for name, values in choices.items()})
        layout = {"width": f"{SIDE}px"}
        super().__init__(
            {
                name: widgets.SelectionSlider(description=name, options=list(values), layout=layout)
                for name, values in choices.items()
            }
        )
        self.observe(self._refresh, list(choices))
        self._refresh()

    def __repr__(self) -> str:
        return "FunctionSliders()"

    def _refresh(self, _change: object = None) -> None:
        found = self._maps(**{name: getattr(self, name) for name in self._chosen})
        named = found if isinstance(found, Mapping) else {"map": found}
        values = {str(name): _read_map(one) for name, one in named.items()}
        facts = "; ".join(f"{name} {short(one.min())} to {short(one.max())}" for name, one in values.items())
        signed = any(one.min() < 0 for one in values.values())
        chosen = ", ".join(f"{name} {getattr(self, name)}" for name in self._chosen)
        png = draw_maps(list(values.values()), signed=signed, photo=self._photo)
        self._show(png, chosen, f": {facts}", f": {facts}")


def sliders(
    maps: Callable[..., Tensor | NDArray[Any] | Mapping[str, Tensor | NDArray[Any]]],
    *,
    photo: Photo | None = None,
    **choices: Sequence[Any],
) -> FunctionSliders:
    """Return sliders over any maps, which never flicker: a move computes them and swaps one small picture.

    Args:
        maps: from what is chosen, by name, to a map (H, W), or to several by name, which stand in a row on one scale.
            Brown is above 0 and blue below where there are negative values.
        photo: stands at the left, in grey.
        choices: name -> what can be chosen, in order: ``channel=range(18)``.

    Raises:
        ValueError: nothing to choose, or what is no map.
    """
    if not choices or not all(len(values) for values in choices.values()):
        raise ValueError("sliders needs something to choose, such as hv.sliders(draw, channel=range(18)).")
    return FunctionSliders(maps, photo, choices)


def _read_map(given: object) -> NDArray[np.float64]:
    values = given.detach().cpu() if isinstance(given, Tensor) else given
    array: NDArray[np.float64] = np.asarray(values, dtype=float)
    if array.ndim != 2 or not array.size:
        raise ValueError(f"A map (H, W) was expected; this has shape {array.shape}. Choose one photo and one channel.")
    return array


class ScaleSlider(ImageSliders):
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
        self.target = find_output(net, target)
        self._base = self._logits_at(site, 1.0)
        self._rows = choose_rows(self._base, self.target)
        site = net.plan.resolve(site)
        names = dict.fromkeys([one.name for kind in ("fuse_path", "branch") for one in net.sites(kind=kind)] + [site])
        self.site = site
        super().__init__(
            {
                "site": widgets.Dropdown(description="scale", options=list(names), value=site),
                "factor": widgets.FloatSlider(
                    description="by", min=LOWEST, max=HIGHEST, step=STEP, value=1.0, layout={"width": f"{SIDE}px"}
                ),
            }
        )
        self.observe(self._refresh, ["site", "factor"])
        self._refresh({"name": "site"})
        for name, value in state.items():
            setattr(self, name, value)

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
        moved, times = float(self._logits[self.target] - self._base[self.target]), f" times {self.factor:.2f}"
        self._show(
            draw_bars(before, after, shown, target=rows.index(self.target), limits=self._limits),
            self.site,
            f"{times}: the logit of {names[self.target]} moves by {moved:+.3f}. Bars: now. Marks: before.",
            f"{times}; logits, before in brackets: "
            + ", ".join(f"{name} {new:.2f} ({old:.2f})" for name, new, old in zip(shown, after, before, strict=True)),
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
        return round(WORDS + (min(max(value, low), high) - low) / span * (SIDE - WORDS - NUMBERS))

    picture = Image.new("RGB", (SIDE, ROW * len(names) + 8), colours.page)
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
        pen.text((SIDE - 2, top + 10), f"{new:.2f}".replace("-", "\u2212"), colours.ink, font, anchor="rm")
    pen.line((at(0.0), 0, at(0.0), picture.height), colours.grid)
    buffer = io.BytesIO()
    picture.quantize(32).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def draw_maps(
    maps: Sequence[NDArray[np.floating[Any]]], *, signed: bool = False, photo: Photo | None = None, side: int = SIDE
) -> bytes:
    """Return maps (H, W) in a row on one scale as a palette PNG; a photo in grey at the left."""
    low, high = map_limits(np.concatenate([one.ravel() for one in maps]), signed=signed)
    last = 255 if photo is None else 127  # of the map's colours
    height, width = max((one.shape for one in maps), key=max)
    number = len(maps) + (photo is not None)
    if number == 1:
        times = max(1, side // max(height, width))
    else:  # of the same size whatever the number of cells, so that nothing jumps when another map is chosen
        times = ((side if number == 2 else WIDE) // number - GAP) / max(height, width)
    size = round(width * times), round(height * times)
    tiles = [np.rint((one - low) * (last / ((high - low) or 1.0))).astype(np.uint8) for one in maps]
    tiles = [np.asarray(Image.fromarray(tile).resize(size, Image.Resampling.NEAREST)) for tile in tiles]
    colours = lookup_table(SIGNED if signed else SEQUENTIAL)
    palette = colours
    if photo is not None:
        grey = np.asarray(Image.fromarray(photo.pixels).convert("L").resize(size)) // 2 + 128
        tiles.insert(0, grey.astype(np.uint8))
        palette = np.concatenate([colours[::2], np.arange(0, 256, 2, dtype=np.uint8)[:, None].repeat(3, 1)])
    blank = round(min(max(-low / ((high - low) or 1.0), 0), 1) * last)  # between maps is what 0 looks like
    rows = [tiles[0], *(np.pad(tile, ((0, 0), (GAP, 0)), constant_values=blank) for tile in tiles[1:])]
    picture = Image.fromarray(np.hstack(rows), mode="P")
    picture.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
