"""What a trace was computed from: enough of the weights, and of its own numbers, to notice that they have changed.

Hashing every weight would cost a tenth of a forward pass, so a *sample* is compared to the bit: all of BatchNorm and
every bias, and of each weight matrix its diagonals, which cross every filter and every input channel. Within a process
torch's own version counters also show each ordinary in-place write.
"""

# ruff: noqa: SLF001  # torch's public ways to modules, tensors and hooks are many times slower
from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from math import isclose, isnan
from typing import cast
from weakref import WeakKeyDictionary
from zlib import crc32

import torch
from torch import Tensor, nn

SAMPLE = 512  # about so many numbers of each tensor are looked at to the bit
_VIEWS: WeakKeyDictionary[nn.Module, tuple[tuple[int, ...], list[list[Tensor]]]] = WeakKeyDictionary()
"""Net -> where its numbers lie, and views of the sampled ones: making these would take half of the time.

Those without gaps and those with: one strided tensor among them slows ``torch.cat`` down for all.
"""


@dataclass(frozen=True)
class Fingerprint:
    """Of which net and numbers a trace is.

    Attributes:
        kind: type and device of the weights, "float32 on cpu".
        sample: hash of a sample of the weights; "" for a net without numbers (on the meta device).
        numbers: site -> norm of its tensor, and check sum of a sample of its numbers.
        versions: place in memory -> torch's version counter of what lies there; of this process alone, so not pickled.
    """

    kind: str
    sample: str
    numbers: Mapping[str, tuple[float, int]]
    versions: Mapping[int, int] = field(default_factory=dict, repr=False)

    def __getstate__(self) -> dict[str, object]:
        return vars(self) | {"versions": {}}

    def check(self, net: nn.Module | None, tensors: Mapping[str, Tensor], made: str, again: str) -> None:
        """Refuse a net that is not as it was, and tensors that have been written into.

        Args:
            net: the net, None if it does not matter.
            tensors: site -> tensor; what is not known is not looked at.
            made: what the net made and the tensors are part of, "the trace".
            again: the sentence that says how to make it anew.

        Raises:
            ValueError: in a sentence that says what has changed.
        """
        now = self if net is None else take_fingerprint(net)
        if now.kind != self.kind:
            raise ValueError(f"A net in {self.kind} made {made}, this net is in {now.kind}. {again}")
        written = any(self.versions.get(place, version) != version for place, version in now.versions.items())
        if now.sample != self.sample or written:
            raise ValueError(f"The weights of this net are not those that made {made}. {again}")
        known = {name: tensor for name, tensor in tensors.items() if name in self.numbers}
        for name, (norm, total) in measure_numbers(known).items():
            before, sum_before = self.numbers[name]
            same = isclose(norm, before, rel_tol=1e-5) or (isnan(norm) and isnan(before))
            if not same or total != sum_before:
                raise ValueError(
                    f"The numbers of '{name}' in {made} have been written into; a view of them, such as what .numpy() "
                    f"gives, shares their memory. {again} Then change a copy: .clone()."
                )


@torch.no_grad()
def take_fingerprint(net: nn.Module, numbers: Mapping[str, tuple[float, int]] | None = None) -> Fingerprint:
    """Return the fingerprint of a net and of what was measured of tensors that it made."""
    held = [value for value in walk_tensors(net) if value.is_floating_point()]
    like = held[0] if held else torch.empty(0)
    kind = f"{str(like.dtype).removeprefix('torch.')} on {like.device}"
    places = tuple(map(Tensor.data_ptr, held))
    if not all(places):
        return Fingerprint(kind, "", numbers or {})
    known, views = _VIEWS.get(net, ((), []))
    if known != places:  # views of the numbers as they lie in memory now
        every = [view for value in held for view in (_diagonals(value) if value.dim() > 1 else [value.view(-1)])]
        views = [[view for view in every if view.is_contiguous() is dense] for dense in (True, False)]
        _VIEWS[net] = places, views
    picked = torch.cat([torch.cat(some) for some in views if some]).cpu()  # of several types, all become the widest
    sample = hashlib.blake2b(picked.view(torch.uint8).numpy(), digest_size=16).hexdigest()  # type: ignore[arg-type]
    versions = (0 if value.is_inference() else value._version for value in held)
    return Fingerprint(kind, sample, numbers or {}, dict(zip(places, versions, strict=True)))


def _diagonals(value: Tensor) -> list[Tensor]:
    """Return views of diagonals that cross all rows and columns of a matrix, or of the middle of a kernel."""
    while value.dim() > 2:
        value = value[..., value.shape[-1] // 2]
    rows, columns = value.shape
    parts: tuple[Tensor, ...] = torch.split(value, min(rows, columns) or 1, dim=int(columns > rows))
    return [part.diagonal() for part in parts]


@torch.no_grad()
def measure_numbers(
    tensors: Mapping[str, Tensor], norms: Mapping[str, Tensor] | None = None
) -> dict[str, tuple[float, int]]:
    """Return the norm of each tensor, and a check sum of a sample: other signs or places leave the norm as it is.

    What has no numbers (on the meta device) is left out; ``norms`` are those that are known already.
    """
    real = {name: value for name, value in tensors.items() if not value.is_meta and value.is_floating_point()}
    if not real:
        return {}
    known = norms or {}
    found = [known[name] if name in known else torch.linalg.vector_norm(value.detach()) for name, value in real.items()]
    samples = [_sample(value.detach()) for value in real.values()]
    picked = torch.cat(samples).cpu()
    exact = (picked if picked.dtype == torch.float64 else picked.float()).numpy()  # which holds half types to the bit
    ends = list(accumulate(map(len, samples)))
    sums = (crc32(exact[start:end].data) for start, end in pairwise([0, *ends]))
    return dict(zip(real, zip(torch.stack(found).tolist(), sums, strict=True), strict=True))


def _sample(value: Tensor) -> Tensor:
    """Return some hundred numbers of a tensor, in the order of memory where it has no gaps."""
    if value.is_contiguous(memory_format=torch.channels_last) if value.dim() == 4 else False:
        value = value.permute(0, 2, 3, 1)
    flat = value.reshape(-1)
    return flat[:: len(flat) // SAMPLE | 1]  # odd, so that it meets every column


def check_forward(net: nn.Module, called: frozenset[str]) -> None:
    """Warn where the plan of a net, which calls the modules ``called``, can't be what its ``forward`` does.

    Raises:
        ValueError: modules that write over their input, so that what was kept before would be wrong.
    """
    own = next(kind for kind in type(net).__mro__ if kind.__module__.startswith(__package__))
    for name in ("forward", "streams", "merge"):
        if getattr(type(net), name, None) is not getattr(own, name, None) or name in vars(net):
            warnings.warn(
                f"hv runs a net by its plan, which knows nothing of {type(net).__name__}.{name}: what it gives may "
                "differ from net(x).",
                stacklevel=3,
            )
    if not any(_is_hooked(module) or vars(module).get("inplace") for module in walk(net)):
        return  # names take four times as long
    modules = dict(net.named_modules())
    in_place = [name for name, module in modules.items() if getattr(module, "inplace", False)]
    if in_place:
        raise ValueError(
            f"inplace=True is set on {len(in_place)} modules ({in_place[0]}, ...): they write over the tensors that a "
            "trace keeps. Set it to False first: for m in net.modules(): m.inplace = False."
        )
    inside = tuple(f"{name}." for name in called)
    hooked = [name for name, module in modules.items() if _is_hooked(module)]
    unheard = [name or "the net itself" for name in hooked if name not in called and not name.startswith(inside)]
    if unheard:
        warnings.warn(
            f"hv runs a net by its plan, which does not fire the hooks of {', '.join(sorted(unheard))}: what it gives "
            "may differ from net(x). Put hooks on single layers, or edit tensors with hv.run(net, x, edit=...).",
            stacklevel=3,
        )


def _is_hooked(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks)


def walk(net: nn.Module) -> Iterator[nn.Module]:
    """Yield every module of a net, quicker than ``net.modules()``."""
    waiting: list[nn.Module] = [net]
    while waiting:
        module = waiting.pop()
        yield module
        waiting += [child for child in module._modules.values() if child is not None]


def walk_tensors(net: nn.Module) -> Iterator[Tensor]:
    """Yield every parameter and buffer of a net, ten times quicker than ``net.parameters()`` and ``net.buffers()``."""
    for module in walk(net):
        for values in (module._parameters, module._buffers):
            yield from (value for value in values.values() if value is not None)


def find_module(net: nn.Module, name: str) -> nn.Module:
    """Return a module by its dotted name, twenty times quicker than ``net.get_submodule``."""
    for part in name.split("."):
        net = cast("nn.Module", net._modules[part])
    return net
