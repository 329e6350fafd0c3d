"""Read a checkpoint file into named tensors, without running any code that it may contain."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hrnet_viz.weights.report import WeightsError, list_some

WRAPPERS = ("state_dict", "model")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a file under the file's own names.

    Attributes:
        path: the file.
        tensors: name -> tensor, as stored.
        metadata: text that a safetensors file carries beside its tensors.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str] = field(default_factory=dict)


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a safetensors file or a torch checkpoint; the content decides, not the name.

    A torch checkpoint is read with ``weights_only``: it may hold tensors, numbers, text and containers. Tensors wrapped
    in ``state_dict`` or ``model`` (or one in the other) are taken out of there.

    Raises:
        WeightsError: no such file, not a checkpoint, a broken one, or one that would have to run code to be read.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"There is no file {path}.")
    with path.open("rb") as file:
        start = file.read(64)
    _refuse_look_alikes(path, start)
    if start[8:9] == b"{":  # safetensors: eight bytes of length, then JSON
        return _read_safetensors(path)
    return Checkpoint(path, _unwrap(path, _read_torch(path)))


def _refuse_look_alikes(path: Path, start: bytes) -> None:
    if not start:
        raise WeightsError(f"{path} is empty. Get it again.")
    if start.lstrip()[:1] == b"<":
        raise WeightsError(
            f"{path} is a web page, not a checkpoint: what was saved is the page around it. Get it again."
        )
    if start.startswith(b"version https://git-lfs"):
        raise WeightsError(f"{path} only points to the real file (Git LFS). Fetch that one with `git lfs pull`.")


def _read_safetensors(path: Path) -> Checkpoint:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return Checkpoint(path, {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {})  # noqa: SIM118  # no mapping
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is a broken safetensors file ({error}). Get it again.") from error


def _read_torch(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals(_numpy_scalars()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = _code_asked_for(path, str(error))
        if not wanted:
            raise WeightsError(f"{path} is not a checkpoint that torch can read. Is it the right file?") from error
        raise WeightsError(
            f"{path} was not read: to read it, code would have to run that it names ({list_some(wanted)}), and a file "
            "from elsewhere may name anything. Nothing of it has run. If you trust whoever made it, open it in the "
            "program that wrote it and save the bare tensors: torch.save(model.state_dict(), 'new.pth')."
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # a broken file makes the unpickler stumble in any way there is
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{path} is not a checkpoint that torch can read ({reason}). It may be cut short: get it again."
        ) from error


def _code_asked_for(path: Path, message: str) -> list[str]:
    """Name the functions and classes that a refused pickle asks for; none if it is no pickle at all."""
    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # noqa: BLE001  # whatever a hostile or old file provokes: the message knows one name
        return re.findall(r"(?:GLOBAL|global:?|class|type) ([\w.]+\.\w+)", message)[:1]


def _numpy_scalars() -> list[Any]:
    """What a numpy number in a training checkpoint (its best accuracy) consists of; none of it runs anything."""
    import numpy as np

    scalar = np.float64(0).__reduce__()[0]
    kinds = [type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64, np.bool_)]
    return [(scalar, "numpy.core.multiarray.scalar"), (scalar, "numpy._core.multiarray.scalar"), np.dtype, *kinds]


def _unwrap(path: Path, content: Any) -> dict[str, Tensor]:
    """Go down through the wrappers to the mapping that holds tensors."""
    if isinstance(content, Mapping) and {"recipe", "average"} <= content.keys():
        raise WeightsError(
            f"{path} is a checkpoint of this project's training, which is not yet a net to look at. "
            "Make one with `python -m hrnet_viz.training export`."
        )
    while isinstance(content, Mapping):
        inner = next((content[word] for word in WRAPPERS if isinstance(content.get(word), Mapping)), None)
        if inner is None:
            break
        content = inner
    tensors = (
        {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
        if isinstance(content, Mapping)
        else {}
    )
    if not tensors:
        what = (
            f"the entries {list_some(map(str, content))}"
            if isinstance(content, Mapping)
            else f"a {type(content).__name__}"
        )
        raise WeightsError(
            f"{path} holds {what}, but no tensors with names. Expected a state dict, bare or under "
            f"{' or '.join(repr(word) for word in WRAPPERS)}."
        )
    return tensors
