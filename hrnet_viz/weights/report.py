"""What loading tells: the report that every loaded net carries, the warning for what was not taken over, the error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

SHOWN_NAMES = 4


class WeightsError(ValueError):
    """Weights that cannot be had or do not fit, told in a sentence: what was given, what was expected, what to do."""


class UnreachableError(WeightsError):
    """A file that could not be had from its address: no network, no such host, no such file there."""


class LoadWarning(UserWarning):
    """Something of the net was not taken from the file; the message says what."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Where the weights of a net came from, and which of its tensors did not; kept as ``net.load_report``.

    Attributes:
        source: the file.
        variant: "hrnet_w18" and so on.
        flavour: whose key names the file has, see ``hrnet_viz.weights.keys``.
        tried: whether this flavour's key map could be tried on a real file.
        loaded: number of tensors taken over from the file.
        zeroed: tensors that the file does not need to have and that are 0: biases of a bias-free head, batch counters.
        renewed: tensors that start at random.
        left_over: names in the file that this net has no place for.
        sha256: of the file, where it was computed.
        temperature: what the logits of the file were divided by to be calibrated; 1 if by nothing.
        provenance: what the file says about its own making.
        part: the place in the file where the net lies, "" for the file itself.
        others: places of other nets in the file, for ``hv.load(..., part=...)``.
        hint: what could be said to know more about the net.
    """

    source: str
    variant: str
    flavour: str
    tried: bool
    loaded: int
    zeroed: tuple[str, ...] = ()
    renewed: tuple[str, ...] = ()
    left_over: tuple[str, ...] = ()
    sha256: str = ""
    temperature: float = 1.0
    provenance: Mapping[str, object] = field(default_factory=dict)
    part: str = ""
    others: tuple[str, ...] = ()
    hint: str = ""

    def __str__(self) -> str:
        """Tell it in a few lines."""
        lines = [f"{self.variant}: {self.loaded} tensors from {self.source} ({self.flavour} keys)"]
        for names, what in (
            (self.zeroed, "set to 0, as the file has none"),
            (self.renewed, "started at random"),
            (self.left_over, "in the file, but not in the net"),
        ):
            if names:
                lines.append(f"{len(names)} {what}: {list_some(names)}")
        if self.others:
            there = list_some([f"part={one!r}" for one in self.others])
            lines.append(f"taken from {self.part or 'the file itself'}; other weights are there too: {there}")
        if self.hint:
            lines.append(self.hint)
        if self.temperature != 1:
            lines.append(f"logits divided by the calibration temperature {self.temperature:.4g}")
        if not self.tried:
            lines.append("this key map could not be tried on a real file")
        return "\n".join(lines)


def list_some(names: Iterable[str], shown: int = SHOWN_NAMES) -> str:
    """List the first few names and count the rest: "a, b, c, d and 9 more"."""
    names = list(names)
    rest = len(names) - shown
    return ", ".join(names) if rest <= 0 else f"{', '.join(names[:shown])} and {rest} more"
