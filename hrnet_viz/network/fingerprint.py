"""What a trace was computed from: enough of the weights, and of its own numbers, to notice that they have changed.

Hashing every weight would cost a tenth of a forward pass, so a *sample* is compared to the bit: all of BatchNorm and
every bias, and of each weight matrix its diagonals, which cross every filter and every input channel. Within a process
torch's own version counters also show each ordinary in-place write; a write through ``.data`` or numpy that leaves all
sampled numbers as they were is the one change that nobody sees.
"""

# ruff: noqa: SLF001  # torch's public ways to modules, tensors and hooks are many times slower
from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, isclose, isnan

import torch
from torch import Tensor, nn

AGAIN = "Trace again: hv.trace(net, photo)."


@dataclass(frozen=True)
class Fingerprint:
    """Of which net and numbers a trace is.

    Attributes:
        kind: type and device of the weights, "float32 on cpu".
        sample: hash of a sample of the weights; "" for a net without numbers (on the meta device).
        norms: site -> norm of its tensor.
        versions: address of a tensor in memory -> torch's version counter; of this process alone, so not pickled.
    """

    kind: str
    sample: str
    norms: Mapping[str, float]
    versions: Mapping[int, int] = field(default_factory=dict, repr=False)

    def __getstate__(self) -> dict[str, object]:
        return vars(self) | {"versions": {}}

    def check(self, net: nn.Module, tensors: Mapping[str, Tensor]) -> None:
        """Refuse a net or numbers that are not those of the trace.

        Raises:
            ValueError: in a sentence that says what has changed.
        """
        now = take_fingerprint(net, {})
        if now.kind != self.kind:
            raise ValueError(f"The trace is of a net in {self.kind}, this net is in {now.kind}. {AGAIN}")
        written = any(self.versions.get(place, version) != version for place, version in now.versions.items())
        if now.sample != self.sample or written:
            raise ValueError(f"The weights of this net are not those that the trace was made with. {AGAIN}")
        for name, norm in measure_norms(tensors).items():
            before = self.norms.get(name, norm)
            if not (isclose(norm, before, rel_tol=1e-5) or (isnan(norm) and isnan(before))):
                raise ValueError(
                    f"The numbers of '{name}' have been written into since they were traced; a view of them, such as "
                    f"trace[site].numpy(), shares their memory. {AGAIN} Change a copy: trace[site].clone()."
                )


@torch.no_grad()
def take_fingerprint(net: nn.Module, tensors: Mapping[str, Tensor]) -> Fingerprint:
    """Return the fingerprint of a net and of the tensors of a trace of it."""
    weights = [value for module in walk(net) for value in (*module._parameters.values(), *module._buffers.values())]
    held = [value for value in weights if value is not None]
    like = next((value for value in held if value.is_floating_point()), torch.empty(0))
    kind = f"{str(like.dtype).removeprefix('torch.')} on {like.device}"
    if any(value.is_meta for value in held):
        return Fingerprint(kind, "", {})
    pieces = [piece.reshape(-1) for value in held for piece in _sample(value)]
    numbers = torch.cat([piece.to(like) for piece in pieces]).cpu().contiguous()
    sample = hashlib.blake2b(numbers.view(torch.uint8).numpy().tobytes(), digest_size=16).hexdigest()
    versions = {value.data_ptr(): value._version for value in held if not value.is_inference()}
    return Fingerprint(kind, sample, measure_norms(tensors), versions)


@torch.no_grad()
def measure_norms(tensors: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the norm of each tensor, the same for equal numbers up to rounding."""
    groups: dict[tuple[torch.dtype, torch.device], list[str]] = {}
    for name, value in tensors.items():
        groups.setdefault((value.dtype, value.device), []).append(name)
    found: dict[str, float] = {}
    for (dtype, device), names in groups.items():
        if dtype.is_floating_point and device.type != "meta":
            norms = torch._foreach_norm([tensors[name] for name in names])
            found.update(zip(names, torch.stack(norms).tolist(), strict=True))
    return found


def check_forward(net: nn.Module, called: frozenset[str], own: type[nn.Module]) -> None:
    """Say so where the plan of a net can't be what its ``forward`` does.

    Args:
        net: the net.
        called: names of the modules that the plan calls; what lies inside them is called by them.
        own: the class whose ``forward`` the plan describes.

    Raises:
        ValueError: modules that write over their input, so that what was kept before would be wrong.
    """
    in_place, unheard, waiting = [], [], [("", net, False)]
    for name in ("forward", "streams", "merge"):
        if getattr(type(net), name) is not getattr(own, name) or name in vars(net):
            warnings.warn(
                f"hv runs a net by its plan, which knows nothing of {type(net).__name__}.{name}: what it gives may "
                "differ from net(x).",
                stacklevel=3,
            )
    while waiting:
        name, module, inside = waiting.pop()
        inside = inside or name in called
        if getattr(module, "inplace", False):
            in_place.append(name)
        if not inside and (module._forward_hooks or module._forward_pre_hooks):
            unheard.append(name or "the net itself")
        dot = f"{name}." if name else ""
        waiting += [(f"{dot}{key}", child, inside) for key, child in module._modules.items() if child is not None]
    if in_place:
        raise ValueError(
            f"inplace=True is set on {len(in_place)} modules ({in_place[-1]}, ...): they write over the tensors that a "
            "trace keeps. Set it to False first: for m in net.modules(): m.inplace = False."
        )
    if unheard:
        warnings.warn(
            f"hv runs a net by its plan, which does not fire the hooks of {', '.join(sorted(unheard))}: what it gives "
            "may differ from net(x). Put hooks on single layers, or edit tensors with hv.run(net, x, edit=...).",
            stacklevel=3,
        )


def walk(net: nn.Module) -> Iterator[nn.Module]:
    """Yield every module of a net, quicker than ``net.modules()``."""
    waiting: list[nn.Module] = [net]
    while waiting:
        module = waiting.pop()
        yield module
        waiting += [child for child in module._modules.values() if child is not None]


def _sample(value: Tensor) -> list[Tensor]:
    """Return all of a vector; of a matrix (of a kernel its middle) diagonals that cross all rows and columns."""
    if not value.is_floating_point() or value.dim() < 2:
        return [value]
    rows, columns = value.shape[:2]
    middle = value
    while middle.dim() > 2:
        middle = middle.select(2, middle.shape[2] // 2)
    short, sign = (rows, 1) if rows < columns else (columns, -1)
    return [middle.diagonal(sign * step * short) for step in range(ceil(max(rows, columns) / max(short, 1)))]
