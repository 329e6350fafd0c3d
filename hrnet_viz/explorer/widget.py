"""The explorer in JupyterLab: every choice a trait, every question a custom message."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from hrnet_viz.doors import Choices, guard
from hrnet_viz.explorer.description import CHOICES, STATE
from hrnet_viz.explorer.page import read_module, read_style
from hrnet_viz.explorer.server import Server
from hrnet_viz.explorer.static import draw_small, draw_static
from hrnet_viz.files import check_place
from hrnet_viz.sites import quote

if TYPE_CHECKING:
    from hrnet_viz.canvas.style import Picture
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.decode import ImageSource

LARGEST_FACTOR = 2.0

# Every front end shows all outputs of a cell. So the picture is an output of its own before the widget, and this style,
# an output before both, lets one of the two be seen. The first rule knows no front end's names: of three neighbours the
# one in the middle loses its picture, if the last holds a living explorer and the first this style and nothing else.
# The others are for JupyterLab, which leaves room around what is hidden, and shows a widget without its model as an
# error. Each asks for a direct child: what is true of an output is also true of every container around it.
ONE_OF_TWO = """<style class="hv-one-of-two">
:has(.hv-one-of-two):not(:has(img)) + :has(+ * .hv-explorer) img,
.jp-OutputArea-child:has(> .jp-OutputArea-output > .hv-one-of-two),
.jp-OutputArea-child:has(> * > .hv-one-of-two) + .jp-OutputArea-child:has(+ .jp-OutputArea-child .hv-explorer),
.jp-OutputArea-child:has(> * > .hv-one-of-two) + .jp-OutputArea-child + .jp-OutputArea-child:not(:has(.hv-explorer)) {
  display: none;
}
</style>"""


def _choice(name: str) -> Any:
    values = list(CHOICES[name][1])
    return traitlets.Enum(values, values[0], help=CHOICES[name][0]).tag(sync=True)


class Explorer(Choices, anywidget.AnyWidget):
    """HRNet on one screen. Every choice can be set here or on the page, and observed: ``ex.site = "stage4.2.sum0"``.

    Attributes:
        panel: what is shown: "maps", "branches", "exchange", "cam", "ablation" or "photos".
        photo: name of the photo, one of those given, a sample, or an uploaded one.
        site: address of the tensor that is looked at; inner ones too, published names are understood.
        channel: the chosen channel.
        sort: order of the channels: "index", "mean", "max" or "energy".
        scale: "map" or "site", what shares one colour scale.
        overlay: lay maps over the photo.
        zoom: 1, 2, 4 or 8.
        place: (row, column) of the picture that the net sees.
        field: draw the receptive field of the cell at the place.
        show: what "branches" shows: "energy", "strongest" or "channel".
        measure: of the shares of a module, see ``hrnet_viz.exchanges.shares``.
        target: class that "cam" and "ablation" look at; "" for the top class.
        contrast: class that it is compared with; "" for none.
        method: of the class activation maps.
        after: whether "cam" shows modules before their exchange ("branches") or after it ("exchange").
        edited: the site that "ablation" scales.
        factor: by how much, 0 to 2.
        theme: "auto", "light" or "dark".
    """

    _esm = read_module("kernel")
    _css = read_style()

    panel = _choice("panel")
    photo = traitlets.Unicode().tag(sync=True)
    site = traitlets.Unicode("stage1").tag(sync=True)
    channel = traitlets.Int(0, min=0).tag(sync=True)
    sort = _choice("sort")
    scale = _choice("scale")
    overlay = traitlets.Bool(default_value=False).tag(sync=True)
    zoom = _choice("zoom")
    place = traitlets.Tuple(traitlets.Int(min=0), traitlets.Int(min=0)).tag(sync=True)
    field = traitlets.Bool(default_value=False).tag(sync=True)
    show = _choice("show")
    measure = _choice("measure")
    target = traitlets.Unicode().tag(sync=True)
    contrast = traitlets.Unicode().tag(sync=True)
    method = _choice("method")
    after = _choice("after")
    edited = traitlets.Unicode().tag(sync=True)
    factor = traitlets.Float(1.0, min=0.0, max=LARGEST_FACTOR).tag(sync=True)
    theme = _choice("theme")
    _wanted: int | None = None
    _opened: Server | None = None

    @guard
    def __init__(self, net: HRNet, photos: ImageSource | Sequence[ImageSource], **state: Any) -> None:
        """Open an explorer; see ``explore``."""
        for name in state:
            self.check_choice(name)
        self._opened = Server(net, photos)
        entry = self._server.album[self._server.album.first]
        rows, columns = entry.picture.shape[:2]
        start = {
            "photo": entry.name,
            "site": net.sites(kind="branch", stage=3)[0].name,
            "place": (rows // 2, columns // 2),
            "edited": net.sites(kind="fuse_path")[-1].name,
        }
        try:
            super().__init__(**(start | state))
        except traitlets.TraitError as error:
            raise ValueError(str(error)) from error
        self.on_msg(self._hear)

    def __repr__(self) -> str:
        return "Explorer()"

    @property
    def _server(self) -> Server:
        if self._opened is None:
            raise ValueError("This explorer was closed. Open another one: hv.explore(net, photo).")
        return self._opened

    def figure(self, **options: Any) -> Picture:
        """Return the static twin: a figure of what the chosen panel shows, for paper, GitHub and screen readers."""
        return draw_static(self._server, self.choices, **options)

    def save(self, path: str | Path, **options: Any) -> Path:
        """Write one file that does the same on any computer with a browser, without a kernel and without a network.

        It holds the photo that is shown, with what can be computed beforehand; see ``hrnet_viz.explorer.page``.

        Args:
            path: where: "something.html", "~" being home.
            options: see ``hrnet_viz.explorer.page.write_page``.

        Returns:
            The path.

        Raises:
            ValueError: nothing can be written there, or an option that there is not; before anything is computed.
        """
        from hrnet_viz.explorer.page import write_page

        place = check_place(path)
        if place.suffix.lower() not in (".html", ".htm"):
            raise ValueError(
                f"An explorer is saved as a page, but {quote(str(path))} does not end in .html. For a picture: "
                "ex.figure().savefig('cat.png')."
            )
        return write_page(place, self._server, self.choices, self.figure, **options)

    @property
    def choices(self) -> dict[str, Any]:
        """Every choice as it is now, by name."""
        return {name: getattr(self, name) for name in STATE}

    def close(self) -> None:
        """Close the explorer and let go of the net, the photos and all tensors."""
        self.layout.close()  # a widget of its own, which would stay
        super().close()
        self.on_msg(self._hear, remove=True)
        self._opened = None

    def _ipython_display_(self, **_options: Any) -> None:
        """Show the stored picture and the explorer, of which the page shows one."""
        from IPython import display

        publish: Any = display.publish_display_data
        picture = self.figure()
        publish({"text/html": ONE_OF_TWO, "text/plain": ""})
        stored = {"image/png": draw_small(picture), "text/plain": "Explorer, stored picture"}
        publish(stored, {"image/png": {"alt": picture.alt}})
        bundle: Any = self._repr_mimebundle_()  # data and metadata
        publish(*bundle)  # the metadata tell Colab what shows foreign widgets

    def _hear(self, _widget: object, content: dict[str, Any], buffers: list[memoryview]) -> None:
        if "ask" not in content:
            return
        try:
            answer = self._server.answer(content["question"], b"".join(bytes(part) for part in buffers))
        except Exception as error:  # noqa: BLE001  # a page that gets no answer would wait for ever
            self.send({"answer": content["ask"], "error": str(error) or type(error).__name__})
        else:
            self.send({"answer": content["ask"], "meta": answer.meta}, [answer.data])

    @traitlets.validate("site", "edited")
    def _check_site(self, proposal: dict[str, Any]) -> str:
        plan, address = self._server.net.plan, proposal["value"]
        if proposal["trait"].name != "site":
            return plan.resolve(address)
        place = plan.place(address)
        if place.site.name != self.site:
            self._wanted = place.channel  # "stage3.1.out0[5]" names the channel too
        elif place.channel is not None:
            self.channel = place.channel
        return place.site.name

    @traitlets.validate("photo")
    def _check_photo(self, proposal: dict[str, Any]) -> str:
        return self._server.album[proposal["value"]].name

    @traitlets.validate("target", "contrast")
    def _check_class(self, proposal: dict[str, Any]) -> str:
        label: str = proposal["value"]
        return self._server.check_label(label) if label else ""

    @traitlets.validate("channel")
    def _check_channel(self, proposal: dict[str, Any]) -> int:
        channels = self._server.net.plan.sites[self.site].channels
        if proposal["value"] >= channels:
            raise traitlets.TraitError(
                f"'{self.site}' has {channels} channels, counted from 0; channel {proposal['value']} was asked for."
            )
        return int(proposal["value"])

    @traitlets.observe("site")
    def _keep_channel(self, _change: object) -> None:
        wanted, self._wanted = self._wanted, None
        last = self._server.net.plan.sites[self.site].channels - 1
        self.channel = min(self.channel, last) if wanted is None else wanted


def explore(net: HRNet, photos: ImageSource | Sequence[ImageSource], **state: Any) -> Explorer:
    """Open the explorer: the whole network on one screen, in JupyterLab; ``.save("cat.html")`` for anywhere else.

    Args:
        net: the net.
        photos: one, several, or a ready float tensor (N, 3, H, W), which is used as it is.
        state: choices to start with, for example ``site="stage4.1.branch0"``; see ``Explorer``.

    Raises:
        ValueError: something that is no photo, or a choice that there is not.
    """
    return Explorer(net, photos, **state)
