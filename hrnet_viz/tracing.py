"""Trace a photo: one forward pass, an immutable mapping from site to tensor.

No hook is registered anywhere, so nothing can be left behind and two threads cannot hear each other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from hrnet_viz.network.fingerprint import Fingerprint, check_forward, measure_numbers, take_fingerprint, walk
from hrnet_viz.network.net import HRNet
from hrnet_viz.network.plan import INPUT
from hrnet_viz.photos.preparation import Preparation, prepare, read_photos
from hrnet_viz.runner import Sites, check_base, run
from hrnet_viz.site_map import ReadOnly, SiteMap
from hrnet_viz.sites import Site, quote

if TYPE_CHECKING:
    from hrnet_viz.network.plan import Plan
    from hrnet_viz.photos.decode import ImageSource
    from hrnet_viz.photos.photo import Photo

Photos: TypeAlias = "Trace | ImageSource | Sequence[ImageSource]"
"""What a function that runs a net takes: photos, a ready tensor, or a trace of them."""


@dataclass(frozen=True, eq=False, repr=False)
class Trace(SiteMap[Tensor]):
    """One forward pass: site -> tensor. Immutable; a site may be named by address, ``Site`` or published name.

    Attributes:
        plan: the plan of the net that was traced.
        input: the photos as the net saw them, (N, 3, H, W).
        photos: the photos that they were made from, () if a tensor was given.
        classes: names of the outputs, () where they are not known.
        fingerprint: of the weights and numbers, compared when a pass starts from this trace; None compares nothing.
        preparation: how the net makes its input of a photo, and how a picture of the input is made again.
    """

    LACK = (
        "'{name}' exists in {net}, but this trace did not keep it. "
        "Ask for it: hv.trace(net, photo, sites=['{name}']), or sites='all' for every tensor."
    )

    plan: Plan
    input: Tensor
    tensors: Mapping[str, Tensor]
    photos: tuple[Photo, ...] = ()
    classes: tuple[str, ...] = ()
    fingerprint: Fingerprint | None = None
    preparation: Preparation = field(default_factory=Preparation)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", ReadOnly(self.tensors))

    def __repr__(self) -> str:
        n, _, height, width = self.input.shape
        photos = "1 photo" if n == 1 else f"{n} photos"
        return f"Trace({self.plan.owner}, {photos} of {height} x {width} px, {len(self)} sites)"

    @property
    def sites(self) -> tuple[Site, ...]:
        """What the net knows about each kept site, in plan order."""
        return tuple(self.plan.sites[name] for name in self.tensors)

    def check(self, net: nn.Module | None = None, sites: Iterable[str] | None = None) -> None:
        """Refuse a net that has changed, and numbers (of these sites) written into since, by a ValueError."""
        if self.fingerprint is not None:
            names = self.tensors if sites is None else sites
            numbers = {name: self.tensors[name] for name in names if name in self.tensors}
            words = "the trace", "Trace again: hv.trace(net, photo)."
            self.fingerprint.check(net, numbers, *words)
            self.fingerprint.check(None, {INPUT: self.input}, *words)  # which may be of another type than what is kept

    def running_sums(self, site: str | Site) -> tuple[Tensor, ...]:
        """Return the partial sums of a fuse or head sum: the first is its first input, the last the sum to the bit."""
        name = self.plan.resolve(site)
        inputs = self.plan.sites[name].inputs
        if len(inputs) < 2:
            raise ValueError(f"'{name}' is no sum: it is computed from {', '.join(inputs)} alone.")
        self.check(sites=inputs)
        sums = [self[inputs[0]]]
        for source in inputs[1:]:
            sums.append(sums[-1] + self[source])
        return tuple(sums)


def trace(
    net: HRNet,
    photos: ImageSource | Sequence[ImageSource],
    *,
    sites: Sites | None = "landmarks",
    grad: bool = False,
    store_device: torch.device | str | None = None,
    store_dtype: torch.dtype | None = None,
) -> Trace:
    """Run photos through a net once and keep the tensors that were asked for, and no others.

    The pass runs in eval mode; training flags, BatchNorm statistics, ``requires_grad``, hooks and random states are
    afterwards as they were, also if it raises.

    Args:
        net: the net.
        photos: one, several, or a ready float tensor (N, 3, H, W), which is used as it is.
        sites: "landmarks", "all", an address, a pattern such as "stage4.*.branch0", or several of them. Of a site it
            keeps all channels; ``trace["stage3.1.out0[3,5]"]`` are some of them.
        grad: keep gradients flowing, from any kept site back to any other and to ``trace.input``.
        store_device: move what is kept there, for example "cpu".
        store_dtype: store it in this type, for example torch.float16.

    Raises:
        SiteError: an address that names no site.
        ValueError: something that is no photo, or is smaller than 32 px; no such type or device to store in.
    """
    _check_store(store_device, store_dtype)
    pictures = () if isinstance(photos, Tensor) else tuple(read_photos(photos))
    x = prepare(net, pictures or photos)
    names = dict.fromkeys(place.site.name for place in net.plan.places("landmarks" if sites is None else sites))

    norms: dict[str, Tensor] = {}
    moved = store_device is not None or store_dtype is not None
    measured = names if len(names) <= len(net.plan.landmarks) else names.keys() & net.plan.landmarks

    def store(name: str, value: Tensor) -> Tensor:
        if moved:
            value = value.to(device=store_device, dtype=store_dtype)
        if name in measured:
            norms[name] = torch.linalg.vector_norm(value.detach())  # now, while the processor has it at hand
        return value

    check_forward(net, net.plan.called)
    with evaluating(net), torch.inference_mode(mode=False), torch.set_grad_enabled(grad):
        if grad and not (x.requires_grad or x.is_inference()):
            x = x.detach().requires_grad_()
        elif x.is_inference():
            x = x.clone().requires_grad_(grad)
        kept = run(net, x, keep=names, store=store)
    numbers = measure_numbers({name: kept[name] for name in norms}, norms) | measure_numbers({INPUT: x})
    return Trace(net.plan, x, kept, pictures, net.classes, take_fingerprint(net, numbers), net.preparation)


def _check_store(device: Any, dtype: Any) -> None:
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise ValueError(
            f"store_dtype={quote(dtype)} was given; a torch type with fractions was expected, such as torch.float16."
        )
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ValueError(f"store_device={quote(device)} was given; there is no such device here. Try 'cpu'.") from error


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Put a net into eval mode, and every module back as it was when the last thread leaves."""
    with _LOCK:
        borrowed = _BORROWED.setdefault(net, _Borrowed())
        if not borrowed.users:
            borrowed.training = [module for module in walk(net) if module.training]
            for module in borrowed.training:
                module.training = False
        borrowed.users += 1
    try:
        yield
    finally:
        with _LOCK:
            borrowed.users -= 1
            if not borrowed.users:
                for module in borrowed.training:
                    module.training = True
                del _BORROWED[net]


@dataclass
class _Borrowed:
    users: int = 0
    training: list[nn.Module] = field(default_factory=list)


_LOCK = threading.Lock()
_BORROWED: WeakKeyDictionary[nn.Module, _Borrowed] = WeakKeyDictionary()


def exact(net: HRNet, base: Trace) -> Trace:
    """Return what passes of a net can start from: a trace checked once, without tensors that lost precision.

    Tensors stored in another type or on another device than they were made are left out, so that a pass computes them.

    Raises:
        ValueError: the trace is of another net or of other weights, or its numbers were written into.
    """
    check_base(net, base)
    like = base.input
    kept = {name: value for name, value in base.items() if (value.dtype, value.device) == (like.dtype, like.device)}
    return replace(base, tensors=kept, fingerprint=None)


def read_input(net: HRNet, photos: Photos) -> tuple[Tensor, tuple[str, ...]]:
    """Return what the net sees of photos, (N, 3, H, W), and their names, () if a tensor was given."""
    if isinstance(photos, Trace):
        check_base(net, photos)
        return photos.input, tuple(photo.name for photo in photos.photos)
    if isinstance(photos, Tensor):
        return prepare(net, photos), ()
    pictures = read_photos(photos)
    return prepare(net, pictures), tuple(photo.name for photo in pictures)
