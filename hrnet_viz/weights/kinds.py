"""What a file is that is no checkpoint, from its first bytes and what lies in it, for a sentence that helps."""

from __future__ import annotations

import zipfile
from pathlib import Path

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
