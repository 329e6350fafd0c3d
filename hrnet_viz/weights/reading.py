"""Read a checkpoint without running anything of it, and say what a file is instead."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from hrnet_viz.weights.keys import choose_part, find_parts, find_tensors
from hrnet_viz.weights.report import WeightsError, list_some

HARMLESS = (
    "argparse.Namespace", "types.SimpleNamespace", "collections.deque", "uuid.UUID", "decimal.Decimal",
    "numpy.ndarray", "numpy.dtype",
    *(f"builtins.{word}" for word in ("slice", "range", "set", "frozenset", "list", "tuple", "int", "float", "str",
                                      "bool", "complex", "bytes")),
    *(f"datetime.{word}" for word in ("datetime", "date", "time", "timedelta", "timezone")),
    *(f"{home}.{pure}{kind}Path" for home in ("pathlib", "pathlib._local") for pure in ("", "Pure")
      for kind in ("", "Posix", "Windows")),
    *(f"{home}.multiarray.{word}" for home in ("numpy.core", "numpy._core") for word in ("_reconstruct", "scalar")),
    *(f"numpy.dtypes.{kind}DType" for kind in ("Bool", "Int8", "Int16", "Int32", "Int64", "UInt8", "Float16",
                                               "Float32", "Float64")),
)  # fmt: skip
"""Types that stand beside the weights in checkpoints of training programs. None of them is made: see _Ignored."""


class _Ignored:
    """Stands for whatever is no tensor: takes everything and does nothing, so that nothing of a file runs."""

    def __new__(cls, *_: object, **__: object) -> Self:
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


def _ignore_default(*_: object) -> dict[object, object]:
    """Stands for ``defaultdict``, into which the unpickler then puts what it holds."""
    return {}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a file under the file's own names.

    Attributes:
        path: the file.
        tensors: name -> tensor, as stored.
        metadata: text that a safetensors file carries beside its tensors.
        part: the place in the file where the tensors lie, "" for the file itself.
        others: places of other nets in the file.
    """

    path: Path
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str] = field(default_factory=dict)
    part: str = ""
    others: tuple[str, ...] = ()


def read_checkpoint(path: str | Path, part: str | None = None) -> Checkpoint:
    """Read a safetensors file or a torch checkpoint; the content decides, not the name.

    A torch checkpoint is read with ``weights_only``: it may hold tensors, numbers, text, containers and a few types
    that training programs write beside them, which are not made. The net is looked for in every mapping in it.

    Args:
        path: the file.
        part: the place of the net in it, where there are several.

    Raises:
        WeightsError: no such file, not a checkpoint, a broken one, or one that would have to run code to be read.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise WeightsError(f"There is no file {path}.")
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise WeightsError(f"{path} can't be opened ({error.strerror or error}). Check who may read it.") from error
    _refuse_look_alikes(path, start)
    if start[8:9] == b"{":  # safetensors: eight bytes of length, then JSON
        content, metadata = _read_safetensors(path)
    else:
        content, metadata = _read_torch(path, start), {}
    return _choose(path, content, metadata, part)


def _refuse_look_alikes(path: Path, start: bytes) -> None:
    if not start:
        raise WeightsError(f"{path} is empty. Get it again.")
    if start.lstrip()[:1] == b"<":
        raise WeightsError(
            f"{path} is a web page, not a checkpoint: what was saved is the page around it. Get it again."
        )
    if start.startswith(b"version https://git-lfs"):
        raise WeightsError(f"{path} only points to the real file (Git LFS). Fetch that one with `git lfs pull`.")
    if kind := name_kind(path, start):
        raise WeightsError(f"{path} is no checkpoint: it is {kind}.")


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118  # no mapping
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} is a broken safetensors file ({error}). Get it again.") from error


def _read_torch(path: Path, start: bytes) -> Any:
    stand_ins: list[Any] = [(_Ignored, name) for name in HARMLESS]
    try:
        with torch.serialization.safe_globals([*stand_ins, (_ignore_default, "collections.defaultdict")]):
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
        known = start.startswith((b"PK", b"\x80"))  # what torch.save writes begins so
        advice = "It may be cut short: get it again." if known else "Is it the right file?"
        raise WeightsError(f"{path} is not a checkpoint that torch can read ({reason}). {advice}") from error


def _code_asked_for(path: Path, message: str) -> list[str]:
    """Name the functions and classes that a refused pickle asks for; none if it is no pickle at all."""
    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception:  # noqa: BLE001  # whatever a hostile or old file provokes: the message knows one name
        return re.findall(r"(?:GLOBAL|global:?|class|type) ([\w.]+\.\w+)", message)[:1]


def _choose(path: Path, content: Any, metadata: Mapping[str, str], part: str | None) -> Checkpoint:
    """Take the net out of what was read."""
    if isinstance(content, Mapping) and {"recipe", "average"} <= content.keys():
        raise WeightsError(
            f"{path} is a checkpoint of this project's training, which is not yet a net to look at. "
            "Make one with `python -m recipes.teaching_net export`."
        )
    parts = find_parts(content)
    if parts:
        chosen = choose_part(parts, part, str(path))
        return Checkpoint(path, parts[chosen], metadata, chosen, tuple(one for one in parts if one != chosen))
    tensors = find_tensors(content)  # of another net, which later gets its sentence
    if not tensors:
        what = (
            f"the entries {list_some(map(str, content)) or '(none)'}"
            if isinstance(content, Mapping)
            else f"a {type(content).__name__}"
        )
        raise WeightsError(f"{path} holds {what}, but no tensors with names, as a state dict has.")
    return Checkpoint(path, tensors, metadata)


CHECKPOINTS = (".safetensors", ".pth", ".pt", ".pth.tar", ".bin", ".ckpt")
BEGINNINGS = (
    (b"\x89HDF", "an HDF5 file, as Keras and TensorFlow write them. Weights for PyTorch are needed"),
    (b"\x1f\x8b", "packed with gzip. Unpack it, and give the file in it"),
    (b"BZh", "packed with bzip2. Unpack it, and give the file in it"),
    (b"\xfd7zXZ", "packed with xz. Unpack it, and give the file in it"),
    (b"7z\xbc\xaf", "a 7z archive. Unpack it, and give the file in it"),
    (b"Rar!", "a RAR archive. Unpack it, and give the file in it"),
    (b"GGUF", "a GGUF file of a language model"),
    (b"\x93NUMPY", "a numpy array. Weights have names: save a state dict with torch.save"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"%PDF", "a PDF"),
)


def name_kind(path: Path, start: bytes) -> str:
    """Return what a file is, after "it is", where it is something known that holds no named tensors; else ""."""
    known = next((kind for beginning, kind in BEGINNINGS if start.startswith(beginning)), "")
    if known:
        return known
    if start.startswith(b"PK\x03\x04"):
        return _name_archive(path)
    if b"onnx" in start.lower() or b"pytorch" in start[:32] or path.suffix == ".onnx":
        return "an ONNX model. Save the state dict of the net that it was made of"
    with path.open("rb") as file:
        if file.read(263)[257:262] == b"ustar":
            return "a tar archive. Unpack it, and give the file in it"
    if start and all(32 <= byte < 127 or byte in b"\t\r\n" for byte in start):
        return "a text file"
    return ""


def _name_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        # A damaged directory is left to torch, which has the last word.
        return "cut short: its end is missing. Get it again" if isinstance(error, zipfile.BadZipFile) else ""
    parts = {name.partition("/")[2] for name in names} | set(names)
    if any(name.startswith("code/") for name in parts) or "constants.pkl" in parts:
        return "a TorchScript program. Save its weights: torch.save(torch.jit.load(path).state_dict(), 'new.pth')"
    if "archive_format" in parts or any(name.startswith("models/") for name in parts):
        return "a program of torch.export. Save its weights: torch.save(torch.export.load(path).state_dict, 'new.pth')"
    if "data.pkl" in parts:  # what torch.save writes
        return ""
    inside = [name for name in names if name.endswith(CHECKPOINTS)]
    if any(name.endswith(".npy") for name in names):
        return "a numpy archive. Save its arrays as a state dict of tensors with torch.save"
    return f"a zip archive. Unpack it, and give {inside[0] if inside else 'the file in it'}"


def suggest_files(folder: Path) -> str:
    """Return a sentence about the checkpoints in a folder."""
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.name.endswith(CHECKPOINTS))
    if not found:
        return "No checkpoint lies in it."
    return f"Give one of the files in it: {', '.join(found[:5])}{', ...' if len(found) > 5 else ''}."
