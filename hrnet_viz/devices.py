"""The one place where a device is chosen."""

from __future__ import annotations

import os

import torch


def device() -> torch.device:
    """Return the device to work on: the one named by ``HV_DEVICE``, else a GPU where there is one, else the CPU.

    On a GPU, TensorFloat-32 is switched off, so that printed facts agree with those computed on a CPU.

    Raises:
        ValueError: ``HV_DEVICE`` names a device that this machine does not have.
    """
    name = os.environ.get("HV_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    if name.startswith("cuda"):
        if not torch.cuda.is_available():
            raise ValueError(f"HV_DEVICE={name} was asked for, but torch sees no CUDA device. Unset it, or set cpu.")
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"HV_DEVICE={name} names no device that torch knows; use cpu or cuda.") from error
