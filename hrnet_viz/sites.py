"""The address of a tensor: parse, print, match, explain a wrong one.

A *site* is one named tensor of HRNet's forward pass. Its address reads aloud::

    stem   stage1   transition2.branch2
    stage3.1.branch0            output of branch 0 in module 1 of stage 3
    stage3.1.fuse0<-2           what branch 2 contributes to output 0
    stage3.1.sum0               the fuse sum, before ReLU
    stage3.1.out0               after it
    head.incre0   head.down0   head.sum1   head.final   head.pool   logits      classification
    heatmaps                                                                    pose
    head.up1   head.concat   head.mix   logits                                  segmentation; landmarks: heatmaps
    head.up1   head.concat   head.reduce   head.pool1   head.level0             pyramid
    head.up1   head.concat   head.aux   head.regions   head.pixels              ocr ...
    head.objects   head.attention   head.context   head.mix   logits            ... which goes on
    stage3.1.branch0.block2.bn1 an inner tensor: landmark address, then the part
    stage3.1.out0[0-2,5]        some channels of any of these: always in brackets, always last

The addresses up to ``logits`` are the *landmarks*; what lies inside one is *inner*. Nothing here knows torch.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import pairwise
from math import ceil
from typing import Any

KINDS = (
    *("stem", "stage1", "transition", "branch", "fuse_path", "fuse_sum", "fuse_out", "head", "logits", "heatmaps"),
    "inner",
)
"""What ``net.sites(kind=...)`` understands; all but the last are landmarks."""

LONGEST_QUOTE = 60

_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern + r"(?:\.(?P<inner>.+))?"))
    for kind, pattern in (
        ("transition", r"transition(?P<stage>\d+)\.branch(?P<branch>\d+)"),
        ("branch", r"stage(?P<stage>\d+)\.(?P<module>\d+)\.branch(?P<branch>\d+)"),
        ("fuse_path", r"stage(?P<stage>\d+)\.(?P<module>\d+)\.fuse(?P<branch>\d+)<-(?P<source>\d+)"),
        ("fuse_sum", r"stage(?P<stage>\d+)\.(?P<module>\d+)\.sum(?P<branch>\d+)"),
        ("fuse_out", r"stage(?P<stage>\d+)\.(?P<module>\d+)\.out(?P<branch>\d+)"),
        ("head", r"head\.(?:incre|down|sum|up)(?P<branch>\d+)"),
        ("head", r"head\.(?:pool|level)\d+"),
        ("head", r"head\.(?:final|pool|concat|mix|reduce|aux|regions|pixels|objects|attention|context)"),
        ("stem", r"stem"),
        ("stage1", r"stage(?P<stage>1)"),
        ("logits", r"logits"),
        ("heatmaps", r"heatmaps"),
    )
)


class SiteError(KeyError, ValueError):
    """An address that names no site. The message is a sentence with the nearest right addresses."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


@dataclass(frozen=True, slots=True)
class Site:
    """An address, and what a given net knows about it.

    Attributes:
        name: the address itself.
        kind: one of ``KINDS``.
        landmark: the landmark that it names or lies in.
        stage, module, branch, source: the numbers in it, None where there is none. ``branch`` is the stream that the
            tensor belongs to (0 is the highest resolution); for a fuse path it is the output i and ``source`` is j.
        inner: the part after the landmark ("block2.bn1"), or "".
        channels: number of channels C of the tensor (N, C, H, W) or (N, C).
        stride: photo pixels per cell; None where there is no spatial extent.
        pooled: cells of a finer map along each side of which a cell is the mean; what is left over is dropped.
        cells: rows and columns where they have nothing to do with places: (K, 1) for OCR's objects.
        published: attribute name in the published implementation ("stage3.1.fuse_layers.0.2"), "" where it has none.
        inputs: addresses of the sites that it is computed from; "input" is the photo.
        feeds: addresses of the sites computed from it.
    """

    name: str
    kind: str
    landmark: str
    stage: int | None = None
    module: int | None = None
    branch: int | None = None
    source: int | None = None
    inner: str = ""
    channels: int = 0
    stride: int | None = None
    pooled: int = 1
    cells: tuple[int, int] | None = None
    published: str = ""
    inputs: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return rows and columns of the tensor for photos of this size in px; (1, 1) where it is (N, C)."""
        if self.stride is None:
            return self.cells or (1, 1)
        finer = self.stride // self.pooled
        return ceil(height / finer) // self.pooled, ceil(width / finer) // self.pooled

    @property
    def part(self) -> str:
        """The last word of an inner address ("bn1"), or the kind of a landmark."""
        return self.inner.rpartition(".")[2] if self.inner else self.kind


@dataclass(frozen=True, slots=True)
class Place:
    """A site and the channels of it that are meant, in rising order; None stands for all of them.

    Printed it is an address: "stage3.1.out0", "stage3.1.out0[0-2,5]".
    """

    site: Site
    channels: tuple[int, ...] | None = None

    def __str__(self) -> str:
        return self.site.name if self.channels is None else f"{self.site.name}[{_ranges(self.channels)}]"

    @property
    def narrowed(self) -> Site:
        """The site as it is with these channels alone."""
        return self.site if self.channels is None else replace(self.site, name=str(self), channels=len(self.channels))

    @property
    def channel(self) -> int | None:
        """The one channel that is meant, None for all of them; a ValueError for several."""
        if self.channels is not None and len(self.channels) > 1:
            raise ValueError(f"'{self}' names {len(self.channels)} channels; give one, as in '{self.site.name}[3]'.")
        return None if self.channels is None else self.channels[0]

    def take(self, value: Any) -> Any:
        """Return these channels of the site's tensor (N, C, H, W) or (N, C); the tensor itself where all are meant."""
        return value if self.channels is None else value[:, list(self.channels)]


def choose_channels(site: Site, channels: Sequence[int] | None) -> Place:
    """Return the place of these channels of a site, of all for None; a SiteError for one that is not there."""
    if channels is None:
        return Place(site)
    numbers = tuple(sorted(set(channels)))
    if numbers[-1] >= site.channels:
        wrong = next(number for number in numbers if number >= site.channels)
        raise SiteError(
            f"'{site.name}' has {site.channels} channels, 0 to {site.channels - 1}; channel {wrong} was asked for. "
            f"Give whole numbers, as in '{site.name}[0-2,5]'."
        )
    return Place(site, numbers)


def split_channels(name: str) -> tuple[str, tuple[int, ...] | None]:
    """Return an address or pattern and the channels in its brackets, None without; a SiteError for other brackets."""
    address, bracket, inside = name.partition("[")
    if not bracket:
        return name, None
    numbers: list[int] = []
    for part in inside.removesuffix("]").split(","):
        found = re.fullmatch(r"\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?", part, re.ASCII)
        meant = range(int(found[1]), int(found[2] or found[1]) + 1) if found else range(0)
        numbers += meant
        if not address or not inside.endswith("]") or not meant:
            raise SiteError(
                f"{quote(name)} can't be read: brackets hold channels and stand last, as in 'stage3.1.out0[3,5]' or "
                "'stage3.1.out0[0-2,5]'."
            )
    return address, tuple(numbers)


def parse(name: str) -> Site:
    """Return what an address alone says of its site; a SiteError shows the patterns of the language."""
    address, _ = split_channels(name)
    for kind, pattern in _PATTERNS:
        if found := pattern.fullmatch(address):
            groups = found.groupdict()
            inner = groups.pop("inner") or ""
            numbers: dict[str, Any] = {key: int(value) for key, value in groups.items() if value is not None}
            landmark = address[: -len(inner) - 1] if inner else address
            return Site(name=name, kind="inner" if inner else kind, landmark=landmark, inner=inner, **numbers)
    raise SiteError(
        f"'{name}' is not a site address. Addresses look like stem, stage1, transition2.branch2, stage3.1.branch0, "
        "stage3.1.fuse0<-2, stage3.1.sum0, stage3.1.out0, head.incre0, head.final, head.up1, logits, heatmaps, "
        "or an inner tensor such as stage3.1.branch0.block2.bn1; channels as in stage3.1.out0[3,5]."
    )


def is_pattern(name: str) -> bool:
    """Whether an address stands for several sites: ``stage4.*.branch0``, ``stage3.1.fuse?<-2``."""
    return "*" in name or "?" in name


def match(pattern: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that a pattern with ``*`` and ``?`` stands for, in their order."""
    return tuple(name for name in names if fnmatchcase(name, pattern))


def resolve(name: str, known: Mapping[str, Site], aliases: Mapping[str, str], owner: str) -> str:
    """Return the canonical address for one of the ``known`` sites or a published name, a key of ``aliases``.

    Raises:
        SiteError: neither; the message names the nearest right addresses of the net, which it calls ``owner``.
    """
    if name in known:
        return name
    if name in aliases:
        return aliases[name]
    raise SiteError(_explain(name, known, aliases, owner))


def _explain(name: str, known: Mapping[str, Site], aliases: Mapping[str, str], owner: str) -> str:
    """Return why an address names no site of a net, and which ones it may have meant."""
    try:
        address = parse(name)
    except SiteError as error:
        near = difflib.get_close_matches(name, [*known, *aliases], n=3, cutoff=0.6)
        return f"{owner} has no site '{name}'. Did you mean {_join(near)}?" if near else str(error)
    if address.inner and address.landmark in known:
        inside = [site.inner for site in known.values() if site.landmark == address.landmark and site.inner]
        if not inside:
            return f"'{address.landmark}' of {owner} has no inner tensors, so '{name}' does not exist."
        near = difflib.get_close_matches(address.inner, inside, n=3, cutoff=0.3) or inside[:6]
        return f"{owner} has no tensor '{address.inner}' inside {address.landmark}. Nearest there: {_join(near)}."
    kind = parse(address.landmark).kind
    same = [site for site in known.values() if site.kind == kind and not site.inner]
    in_stage = [site.name for site in same if site.stage == address.stage]
    there = in_stage or [site.name for site in same]
    near = difflib.get_close_matches(address.landmark, there, n=6, cutoff=0.0)
    what = f"{kind} sites" + (f" of stage {address.stage}" if in_stage and address.stage is not None else "")
    return (
        f"'{name}' is a well-formed address, but {owner} does not have it. "
        f"It has {len(there)} {what}, among them {_join(near)}."
    )


def _ranges(numbers: tuple[int, ...]) -> str:
    """Write (0, 1, 2, 5) as "0-2,5"."""
    starts = [numbers[0], *(b for a, b in pairwise(numbers) if b != a + 1)]
    ends = [*(a for a, b in pairwise(numbers) if b != a + 1), numbers[-1]]
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def _join(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def read_integer(value: object) -> int | None:
    """Return an integer of any library (Python, numpy, a tensor of one element) as ``int``; None for anything else."""
    if "bool" in str(getattr(value, "dtype", type(value))):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]  # what is none raises the TypeError
    except TypeError:
        return None


def check_index(index: object, photos: int) -> int:
    """Return the number of a photo as ``int``; an IndexError says which ones there are."""
    number = read_integer(index)
    if number is None or not 0 <= number < photos:
        there = "is only photo 0" if photos == 1 else f"are photos 0 to {photos - 1}"
        raise IndexError(f"index={quote(index)} was asked for, but there {there}.")
    return number


def check_whole(name: str, value: object, low: int = 1) -> int:
    """Return a whole number of any library as ``int``; a ValueError names the argument of anything else."""
    number = read_integer(value)
    if number is None or number < low:
        raise ValueError(f"{name}={quote(value)} was given; a whole number from {low} on was expected.")
    return number


def quote(value: object) -> str:
    """Return what was given as an error sentence quotes it: short values as they are written, others by their kind."""
    if value is None or isinstance(value, (str, int, float)):
        text = repr(value)
        return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}..."
    if isinstance(value, type):
        return value.__name__
    kind = f"something of type {type(value).__name__}"
    if (shape := getattr(value, "shape", None)) is not None:
        return f"{kind} and shape {tuple(shape)}"
    return f"{kind} and length {len(value)}" if isinstance(value, Sized) else kind
