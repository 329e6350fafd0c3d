"""What an explorer's page may ask, and the answers. The kernel-free file holds recorded answers to the same questions.

A question is a list: what is asked, then of what. Nothing here knows widgets or files.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import torch

from hrnet_viz.canvas.colours import SEQUENTIAL, SIGNED, lookup_table
from hrnet_viz.canvas.network_drawing import check_drawn
from hrnet_viz.canvas.painting import short
from hrnet_viz.canvas.panels import SIGNED_KINDS, count
from hrnet_viz.explorer.album import THUMBNAIL, Album
from hrnet_viz.explorer.answers import (
    Answer,
    Numbers,
    as_floats,
    list_answers,
    list_changes,
    list_shares,
    pack_floats,
    pack_maps,
    tell_change,
)
from hrnet_viz.explorer.description import CHOICES, describe_net
from hrnet_viz.outputs import find_output, output_names
from hrnet_viz.photos.decode import read_image
from hrnet_viz.photos.photo import PhotoError
from hrnet_viz.runner import run
from hrnet_viz.tracing import Trace, evaluating, trace

if TYPE_CHECKING:
    from hrnet_viz.attribution.cams import Cams
    from hrnet_viz.network.net import HRNet
    from hrnet_viz.photos.decode import ImageSource

KEPT = 2  # photos whose traces are kept: going back to the last one is common, and a trace is tens of megabytes
LARGEST_UPLOAD = 64_000_000  # bytes

CAM_WORDS = (
    "Brown speaks for {target}, blue against; the score is {score}. Each map has its own scale, written below it: "
    "values of different sites have no common unit, so colours can't be compared."
)

Question = Sequence[Any]


class Server:
    """Answers the questions of one page about one net and its photos."""

    def __init__(self, net: HRNet, photos: ImageSource | Sequence[ImageSource]) -> None:
        """Answer about a net; nothing is computed yet."""
        check_drawn(net)
        self.net = net
        self.album = Album(net, photos)
        self._traces: OrderedDict[str, Trace] = OrderedDict()
        self._cams: tuple[Question, dict[str, Cams]] = ((), {})
        self._pieces: list[bytes] = []
        self._answers: dict[str, Callable[..., Answer]] = {
            "net": self.describe_net,
            "samples": self.show_samples,
            "photo": self.show_photo,
            "maps": self.give_maps,
            "channel": self.give_channel,
            "floats": self.give_floats,
            "shares": self.measure_shares,
            "field": self.find_field,
            "cam": self.explain,
            "ablation": self.ablate,
            "upload": self.receive,
        }

    def answer(self, question: Question, data: bytes = b"") -> Answer:
        """Answer one question.

        Raises:
            ValueError: it is none, or names something that is not there; a sentence for the status line.
        """
        if not question or question[0] not in self._answers:
            raise ValueError(f"This is no question: {question!r}. Questions begin with {', '.join(self._answers)}.")
        self._check_net()
        what, *details = question
        return self._answers[what](*details, data) if what == "upload" else self._answers[what](*details)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the outputs, or "output 3" where they are not known."""
        return output_names(self.net)

    @property
    def methods(self) -> tuple[str, ...]:
        """Methods of class activation maps that exist at every site."""
        from hrnet_viz.attribution.methods import METHODS

        return tuple(name for name in METHODS if name != "cam")

    def rank_labels(self, photo: str) -> list[str]:
        """Return the labels, the one with the highest logit first."""
        order = self.trace(photo)["logits"][0].argsort(descending=True).tolist()
        return [self.labels[index] for index in order]

    def trace(self, photo: str) -> Trace:
        """Return all landmarks for a photo; traced when first asked for."""
        self._check_net()
        if photo not in self._traces:
            self._traces[photo] = trace(self.net, self.album[photo].input)
        self._traces.move_to_end(photo)
        while len(self._traces) > KEPT:
            self._traces.popitem(last=False)
        return self._traces[photo]

    def _check_net(self) -> None:
        """Refuse to mix what a page shows already with what another state of the net answers.

        Raises:
            ValueError: the weights are not those of the traces that are kept.
        """
        try:
            for known in [*self._traces.values()][:1]:
                known.check(self.net, sites=())
        except ValueError as error:
            raise ValueError("The net has changed since this explorer was opened: run the cell again.") from error

    def tensor(self, photo: str, site: str) -> torch.Tensor:
        """Return the tensor at any site, inner ones too, (C, H, W); (C, 1, 1) where it has no spatial extent."""
        name, base = self.net.plan.resolve(site), self.trace(photo)
        if name in base:
            value = base[name]
        else:
            with evaluating(self.net), torch.inference_mode(mode=False), torch.no_grad():
                value = run(self.net, base=base, keep=name)[name]
        return value[0].detach().float().reshape(*value.shape[1:], *(1, 1)[: 4 - value.dim()]).cpu()

    # ---- the net and its photos ---------------------------------------------------------------------------------

    def describe_net(self) -> Answer:
        """Return the map of the network, the names of everything that can be chosen, and the colours as tables."""
        return Answer(
            describe_net(self.net, self.labels), lookup_table(SEQUENTIAL).tobytes() + lookup_table(SIGNED).tobytes()
        )

    def show_samples(self) -> Answer:
        """Return names and thumbnails of all photos that can be chosen."""
        names, pictures = self.album.thumbnails()
        return Answer({"names": names, "side": THUMBNAIL}, pictures)

    def show_photo(self, name: str) -> Answer:
        """Return what the net sees of a photo, as RGB bytes, and what it answers."""
        from hrnet_viz.predictions import describe, read_predictions

        entry = self.album[name]
        prediction = replace(read_predictions(self.trace(name))[0], photo=entry.photo)
        outside = bool(prediction.classes) and not prediction.is_known()
        meta = {
            "name": entry.name,
            "credit": entry.credit,
            "rows": entry.picture.shape[0],
            "columns": entry.picture.shape[1],
            "box": entry.box,
            "sizes": [" × ".join(str(ceil(side / 2**k)) for side in entry.picture.shape[:2]) for k in (2, 3, 4, 5)],
            "words": describe(prediction),
            "outside": outside,
            "best": self.rank_labels(name)[0],
            "answers": list_answers(self.labels, prediction.logits.double().numpy(), outside=outside),
        }
        return Answer(meta, entry.picture.tobytes())

    def receive(self, name: str, piece: int, pieces: int, data: bytes) -> Answer:
        """Take a part of an uploaded file; with the last one, read it and give the name that the photo has here.

        It comes in parts because servers end a connection that carries a message of more than a few megabytes.

        Raises:
            PhotoError: it is no picture, with the sentence of ``read_image``.
        """
        self._pieces = [*(self._pieces if piece else []), data]
        if sum(map(len, self._pieces)) > LARGEST_UPLOAD:
            self._pieces = []
            raise PhotoError(f"{name} has more than {LARGEST_UPLOAD / 1e6:.0f} MB. Upload a smaller copy.")
        if piece + 1 < pieces:
            return Answer({"received": piece + 1})
        content, self._pieces = b"".join(self._pieces), []
        try:
            photo = read_image(content, name=PurePosixPath(name).stem or "photo")
        except PhotoError as error:
            raise PhotoError(f"{name} can't be used. {error}") from error
        return Answer({"photo": self.album.add(photo).name})

    # ---- tensors ------------------------------------------------------------------------------------------------

    def give_maps(self, photo: str, site: str) -> Answer:
        """Return all maps of a site as indices."""
        values = self.tensor(photo, site).numpy()
        kind = self.net.plan.sites[self.net.plan.resolve(site)].kind
        return pack_maps(values, signed=kind in SIGNED_KINDS or bool((values < 0).any()))

    def give_channel(self, photo: str, site: str, channel: int) -> Answer:
        """Return one map of a site, exactly."""
        values = self.tensor(photo, site)
        if not 0 <= channel < len(values):
            raise ValueError(f"'{site}' has channels 0 to {len(values) - 1}; channel {channel} was asked for.")
        return pack_floats(values[channel : channel + 1].numpy())

    def give_floats(self, photo: str, site: str) -> Answer:
        """Return all maps of a site exactly; those of a path that is enlarged, before it is."""
        known = self.net.plan.sites[self.net.plan.resolve(site)]
        enlarged = known.kind == "fuse_path" and (known.source or 0) > (known.branch or 0)
        answer = pack_floats(self.tensor(photo, f"{known.name}.bn" if enlarged else known.name).numpy())
        return (
            replace(answer, meta=answer.meta | {"enlarged": list(self.tensor(photo, known.name).shape[1:])})
            if enlarged
            else answer
        )

    def measure_shares(self, photo: str, module: str) -> Answer:
        """Return every measure of the paths of a module, and whether they add up to the sums to the bit."""
        from hrnet_viz.exchanges import MEASURES, shares

        base = self.trace(photo)
        part = {name: value for name, value in base.items() if name.startswith(f"{module}.")}
        found = shares(_only(base, part))
        sums = [name for name in found if name.startswith(f"{module}.")]
        exact = all(torch.equal(base.running_sums(name)[-1], base[name]) for name in sums)
        measures = {
            measure: list_shares(module, CHOICES["measure"][1][measure], found.matrix(module, measure)[0].cpu().numpy())
            for measure in MEASURES
        }
        return Answer({"measures": measures, "exact": exact})

    def find_field(self, photo: str, site: str) -> Answer:
        """Return the theoretical receptive field of every cell of a site: first and last row, first and last column."""
        from hrnet_viz.receptive_fields.fields import trace_intervals

        sides = self.album[photo].picture.shape[:2]
        name = self.net.plan.resolve(site)
        if self.net.plan.sites[name].stride is None:
            return Answer({"rows": [[0], [sides[0] - 1]], "columns": [[0], [sides[1] - 1]]})
        ends = {side: [end.tolist() for end in trace_intervals(self.net, name, side)] for side in set(sides)}
        return Answer({"rows": ends[sides[0]], "columns": ends[sides[1]]})

    # ---- classes ------------------------------------------------------------------------------------------------

    def cams(self, photo: str, target: str, contrast: str, method: str) -> Cams:
        """Return class activation maps; one pass serves all methods."""
        from hrnet_viz.attribution.cam import cam

        question = (photo, target, contrast)
        if self._cams[0] != question:
            wish = (target or None, contrast) if contrast else target or None
            found = cam(self.net, self.album[photo].input, wish, method=self.methods, sites=self.cam_sites)
            self._cams = (question, found)
        if method not in self._cams[1]:
            raise ValueError(f"There is no method '{method}' here. Methods are: {', '.join(self.methods)}.")
        return self._cams[1][method]

    def explain(self, photo: str, target: str, contrast: str, method: str) -> Answer:
        """Return the class activation maps of one method at every branch, exchange and step of the head."""
        cams = self.cams(photo, target, contrast, method)
        maps = [single[0].float().cpu().numpy() for single in cams.values()]
        sites = [
            {
                "site": site.name,
                "start": 4 * sum(other.size for other in maps[:number]),
                "rows": single.shape[0],
                "columns": single.shape[1],
                "note": cams.note(site),
                "column": site.name.rstrip("0123")
                if site.kind == "head"
                else site.name.rpartition(".")[0] or site.name,
                "row": (site.stride or 4).bit_length() - 3,
                "after": {"branch": "branches", "fuse_out": "exchange"}.get(site.kind, ""),
            }
            for number, (site, single) in enumerate(zip(cams.sites, maps, strict=True))
        ]
        columns = list(dict.fromkeys(site["column"] for site in sites))
        meta = {
            "target": cams.targets[0],
            "words": CAM_WORDS.format(target=cams.targets[0], score=short(float(cams.scores[0]), 4)),
            "columns": columns,
            "sites": [site | {"column": columns.index(site["column"])} for site in sites],
        }
        return Answer(meta, b"".join(map(as_floats, maps)))

    @property
    def cam_sites(self) -> tuple[str, ...]:
        """Where class activation maps are shown."""
        kinds = ("stage1", "branch", "fuse_out", "head")
        sites = (site for kind in kinds for site in self.net.sites(kind=kind))
        return tuple(site.name for site in sites if site.stride is not None and "down" not in site.name)

    def edit(self, photo: str, site: str, factor: float) -> tuple[Numbers, Numbers]:
        """Return the logits before and after scaling a site."""
        if factor == 1:
            same = self.trace(photo)["logits"][0].double().cpu().numpy()
            return same, same
        from hrnet_viz.interventions.ablation import ablate

        result = ablate(self.net, self.trace(photo), site, float(factor))
        before, after = (row[0].double().cpu().numpy() for row in (result.base_logits, result.logits))
        return before, after

    def ablate(self, photo: str, site: str, factor: float, target: str = "") -> Answer:
        """Return what scaling a site does to the logits, in words and as a table."""
        before, after = self.edit(photo, site, factor)
        label = self.check_label(target) if target else self.labels[int(before.argmax())]
        reached = len(self.net.plan.downstream([site]))
        words = f"{site} scaled by {short(factor)} reaches {count(reached, 'landmark')} further on. "
        words += f"{label}: {tell_change(before, after, self.labels.index(label))}."
        return Answer({"words": words} | list_changes(self.labels, before, after))

    def check_label(self, label: str) -> str:
        """Return a label back if it is one.

        Raises:
            ValueError: it is none; the message names the nearest.
        """
        return self.labels[find_output(self.net, label)]


def _only(base: Trace, tensors: dict[str, torch.Tensor]) -> Trace:
    return replace(base, tensors=tensors)
