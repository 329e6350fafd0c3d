"""Plain sliders, made of ipywidgets alone: over the streams of a trace, over any maps, over the strength of a part.

A slider only changes a number; the picture is a small palette PNG, swapped into one ``Image``. Nothing is drawn by
matplotlib and no output is cleared, so nothing flickers.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import matplotlib as mpl
import numpy as np
import torch
import traitlets
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont
from torch import Tensor

from hrnet_viz.activations.maps import channel_grid
from hrnet_viz.canvas.colours import HEAD_COLOUR, SEQUENTIAL, SIGNED, Theme, lookup_table, mix, theme_colours
from hrnet_viz.canvas.painting import map_limits, short
from hrnet_viz.canvas.panels import count
from hrnet_viz.canvas.style import Picture, default_theme
from hrnet_viz.doors import Choices, guard
from hrnet_viz.exchanges.contributions import contributions
from hrnet_viz.interventions.first_order_figures import response_curves
from hrnet_viz.network.net import HRNet
from hrnet_viz.outputs import find_output, output_names
from hrnet_viz.photos.decode import ImageSource, read_image
from hrnet_viz.photos.photo import Photo
from hrnet_viz.runner import run
from hrnet_viz.sites import quote
from hrnet_viz.tracing import Trace, evaluating

FONT = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
SIDE = 448  # px of a single map; its cells are enlarged to whole pixels
WIDE = 960  # px, of a row of maps
GAP, HEAD = 6, 18  # px, between maps of a row, and for the names above them
SHADES = 239  # of a palette's 256 colours are the map's; odd, so that one of them is 0 in the middle
PAGE, FRAME, NO_NUMBER = SHADES, SHADES + 3, SHADES + 8  # the other 17 go from the page to its ink
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
        height, width = values.shape
        ends = _name_range(values, "dark is {}, bright is {}")
        facts = f", channel {self.channel}: {height} x {width} cells, {ends}"
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
        self.add_traits(**{name: traitlets.Enum(values, values[0]) for name, values in choices.items()})
        layout = {"width": f"{SIDE}px"}
        controls = {
            name: widgets.SelectionSlider(description=name, options=[(str(one), one) for one in values], layout=layout)
            for name, values in choices.items()
        }
        super().__init__(controls)
        self.observe(self._refresh, list(choices))
        self._refresh()

    def _refresh(self, _change: object = None) -> None:
        found = self._maps(**{name: getattr(self, name) for name in self._chosen})
        values = _read_maps(found if isinstance(found, Mapping) else {"map": found})
        facts = "; ".join(f"{name} {_name_range(one)}" for name, one in values.items())
        signed = any((one < 0).any() for one in values.values())
        chosen = ", ".join(f"{name} {getattr(self, name)}" for name in self._chosen)
        names = [*values] * isinstance(found, Mapping)
        png = draw_maps([*values.values()], names, signed=signed, photo=self._photo)
        self._show(png, chosen, f": {facts}", f": {facts}")


def sliders(
    maps: Callable[..., Tensor | NDArray[Any] | Mapping[str, Tensor | NDArray[Any]]],
    *,
    photo: ImageSource | None = None,
    **choices: Iterable[Any],
) -> FunctionSliders:
    """Return sliders over any maps, which never flicker: a move computes them and swaps one small picture.

    Args:
        maps: from what is chosen, by name, to a map (H, W), or to several by name, which stand in a row on one scale.
            Brown is above 0 and blue below where there are negative values; cells without a number are grey.
        photo: stands at the left, in grey, in the shape of the first map.
        choices: name -> what can be chosen, in order: ``channel=range(18)``.

    Raises:
        TypeError: ``maps`` is no function.
        ValueError: nothing to choose, a choice named like a part of the widget, or what is no map and no photo.
    """
    if not callable(maps):
        raise TypeError(f"sliders takes a function first, like lambda channel: maps[channel]; {quote(maps)} was given.")
    read: dict[str, list[Any]] = {}
    for name, given in choices.items():
        FunctionSliders.check_free(name)
        read[name] = [] if isinstance(given, str) or not hasattr(given, "__iter__") else [*given]
    wrong = ", ".join(f"{name}={quote(choices[name])}" for name, values in read.items() if not values)
    if wrong or not read:
        raise ValueError(f"sliders needs something to choose, like channel=range(18); {wrong or 'nothing'} was given.")
    return FunctionSliders(maps, None if photo is None else read_image(photo), read)


def _read_maps(named: Mapping[Any, object]) -> dict[str, NDArray[np.float64]]:
    maps = {}
    for name, given in (named or {"map": named}).items():
        try:
            array = np.asarray(given.detach().cpu().double() if isinstance(given, Tensor) else given, dtype=float)
        except (TypeError, ValueError):  # text, nothing at all, rows of different lengths
            array = np.empty(0)
        if array.ndim != 2 or not array.size:
            raise ValueError(f"A map (H, W) was expected for '{name}', not {quote(given)}: return one photo's channel.")
        maps[" ".join(str(name).split())] = array  # it is written on one line
    return maps


def _name_range(values: NDArray[np.floating[Any]], words: str = "{} to {}") -> str:
    known = values[~np.isnan(values)]
    if not known.size:
        return "no numbers"
    missing = f", {count(values.size - known.size, 'cell')} without a number (grey)" * (known.size < values.size)
    return f"{words.format(short(float(known.min())), short(float(known.max())))}{missing}"


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
    font = ImageFont.truetype(FONT, 12)
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
    maps: Sequence[NDArray[Any]], names: Sequence[str] = (), *, signed: bool = False, photo: Photo | None = None
) -> bytes:
    """Return maps (H, W) in a row on one scale as a palette PNG, below their names; a photo in grey at the left."""
    low, high = map_limits(np.concatenate([one.ravel() for one in maps]), signed=signed)
    shades = SHADES if photo is None else SHADES // 2
    number = len(maps) + (photo is not None)
    frame = int(number > 1)
    room = (SIDE if number <= 2 else WIDE) // number - (GAP + 2) * frame
    tiles = []
    for one in maps:
        # Of a row, of the same size whatever the number of cells, so that nothing jumps when another map is chosen.
        times = room / max(one.shape) if frame else max(1, room // max(one.shape))
        shade = np.rint(np.clip((one.astype(float) - low) / ((high - low) or 1.0), 0, 1) * (shades - 1))
        tile = Image.fromarray(np.where(np.isnan(one), NO_NUMBER, shade).astype(np.uint8))
        height, width = (max(1, round(cells * times)) for cells in one.shape)
        tiles.append(tile.resize((width, height), Image.Resampling.NEAREST))
    steps = np.rint(np.linspace(0, 255, shades)).astype(np.uint8)
    palette = lookup_table(SIGNED if signed else SEQUENTIAL)
    palette[:shades] = palette[steps]
    if photo is not None:
        grey = np.asarray(Image.fromarray(photo.pixels).convert("L").resize(tiles[0].size))
        tiles.insert(0, Image.fromarray(np.rint(shades + grey * ((shades - 1) / 255)).astype(np.uint8)))
        palette[shades : 2 * shades] = steps[:, None]
    colours = theme_colours(default_theme())
    palette[PAGE:] = [ImageColor.getrgb(mix(colours.page, colours.ink, share)) for share in np.linspace(0, 1, 17)]
    left, top, font = 0, HEAD * bool(names), ImageFont.truetype(FONT, 12)
    width = sum(tile.width + 2 * frame + GAP for tile in tiles) - GAP
    picture = Image.new("P", (width, top + max(tile.height for tile in tiles) + 2 * frame), PAGE)
    pen = ImageDraw.Draw(picture)
    pen.fontmode = "L"  # letters mix the numbers of colours, which from the page to its ink is mixing the colours
    for tile, name in zip(tiles, [""] * (len(tiles) - len(names)) + [*names], strict=True):
        shorter = [name, *(f"…{name[at:]}" for at in range(1, len(name)))]  # addresses differ at their ends
        fitting = (one for one in shorter if font.getlength(one) <= tile.width)
        pen.text((left + frame, 0), next(fitting, ""), 255, font)
        pen.rectangle((left, top, left + tile.width + 1, top + tile.height + 1), outline=FRAME)
        picture.paste(tile, (left + frame, top + frame))
        left += tile.width + 2 * frame + GAP
    picture.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
