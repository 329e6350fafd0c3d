"""``hv.inspect``: what a weights file is, without making a net of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from hrnet_viz.weights.fit import match
from hrnet_viz.weights.published import hint_classes
from hrnet_viz.weights.report import list_some
from hrnet_viz.weights.sources import open_source


@dataclass(frozen=True, repr=False)
class Inspection:
    """What a file is and what of it fits; printing it tells all.

    Attributes:
        source: the file.
        task: name of the head in it, "" for streams without a head of this family.
        variant: "hrnet_w18" and so on.
        flavour: whose key names it has.
        outputs: their number, None where there are none to count.
        classes: names of the outputs, () where the file does not tell.
        upsample, align_corners: how a net loaded from it resamples; its keys do not tell, its task and flavour do.
        tensors: number of tensors in the file.
        fitting: number of those that fit.
        missing: tensors that the net has and the file lacks, where that does not matter: they become 0.
        absent: other tensors that it lacks.
        unexpected: names in it that the net has no place for.
        left_out: names of what stands beside the net in such files.
        misfits: name -> in what a tensor is of another shape or type.
        part: the place in the file where the net lies, "" for the file itself.
        others: places of other nets in the file.
        hint: what could be said to know more, as in a report of ``hv.load``.
        code: the line that loads it.
    """

    source: str
    task: str
    variant: str
    flavour: str
    outputs: int | None
    classes: tuple[str, ...]
    upsample: str
    align_corners: bool
    tensors: int
    fitting: int
    missing: tuple[str, ...]
    absent: tuple[str, ...]
    unexpected: tuple[str, ...]
    left_out: tuple[str, ...]
    misfits: Mapping[str, str] = field(default_factory=dict)
    part: str = ""
    others: tuple[str, ...] = ()
    hint: str = ""
    code: str = ""

    def __str__(self) -> str:
        """Return what the file is in a few lines."""
        head = self.task or "streams without a head"
        if self.task and self.outputs is not None:
            named = f" ({list_some(self.classes)})" if self.classes else ", without names"
            head += f", {self.outputs} outputs{named}"
        corners = f", align_corners={self.align_corners}" if self.upsample == "bilinear" else ""
        odd = [f"{name} is {reason}" for name, reason in self.misfits.items()]
        lists = (
            (self.missing, "missing, and become 0"),
            (self.absent, "missing"),
            (self.unexpected, "unexpected"),
            (odd, "of another shape or type"),
            (self.left_out, "of what stands beside the net, and left out"),
        )
        return "\n".join(
            [
                f"{self.source}: {self.variant} {head}",
                f"keys: {self.flavour}; exchanges resample with upsample='{self.upsample}'{corners}",
                f"{self.fitting} of {self.tensors} tensors fit",
                *(f"{len(names)} {what}: {list_some(names)}" for names, what in lists if names),
                *([f"other nets in the file: {list_some(map(repr, self.others))}"] if self.others else []),
                *([self.hint] if self.hint else []),
                f"load it: {self.code}",
            ]
        )

    __repr__ = __str__


def inspect(source: str | os.PathLike[str], *, name: str | None = None, part: str | None = None) -> Inspection:
    """Return what a file is: task, variant, flavour of its keys, outputs, what fits and what does not.

    The file is read as ``hv.load`` reads it, without running anything of it; no net is loaded.

    Args:
        source: a file, or a name that ``hv.load`` takes.
        name: variant, where the file does not tell it.
        part: place of the net in a file that holds several.

    Raises:
        WeightsError: no file, a broken one, or no HRNet; in a sentence that says what it is instead.
    """
    origin = open_source(source, name=name, part=part)
    where, flavour = str(origin.checkpoint.path), origin.flavour
    # Streams without a head are compared with a pose net, of which every net of the family has what it has.
    head = flavour.task or "pose"
    found = match(origin.tensors, flavour, where, variant=origin.variant, head=head, upsample=origin.card.upsample)
    task = found.net.task
    outputs = found.outputs if flavour.task else None
    words = {
        "name": name,
        "head": None if flavour.task else head,
        "part": part,
        "partial": bool(found.absent or found.unexpected or found.misfits) or None,
    }
    given = [repr(os.fspath(source)), *(f"{key}={value!r}" for key, value in words.items() if value is not None)]
    return Inspection(
        source=where,
        task=flavour.task,
        variant=found.net.variant.name,
        flavour=flavour.name,
        outputs=outputs,
        classes=origin.card.classes,
        upsample=task.upsample,
        align_corners=task.align_corners,
        tensors=len(origin.tensors),
        fitting=len(found.fitting),
        missing=found.missing,
        absent=found.absent,
        unexpected=found.unexpected,
        left_out=found.left_out,
        misfits=found.misfits,
        part=origin.checkpoint.part,
        others=origin.checkpoint.others,
        hint="" if origin.card.classes else hint_classes(head, outputs),
        code=f"hv.load({', '.join(given)})",
    )
