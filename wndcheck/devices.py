"""Which device trains the nets."""

from __future__ import annotations

import shutil
from pathlib import Path


def resolve(name: str) -> str:
    """The torch device a name stands for: ``auto`` is CUDA where present, else the CPU.

    Raises ValueError for a device this machine does not have.
    """
    if name == "cpu" or (name == "auto" and not visible_gpus()):
        return "cpu"
    import torch

    if name == "auto":
        return "cuda"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device {name!r}: expected auto, cpu, cuda or cuda:N; try --wnd-device=auto") from None
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"device {name!r}: nets train on cpu or cuda; try --wnd-device=auto")
    present = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= present:
        raise ValueError(f"device {name!r}: this machine shows {present} CUDA device(s); try --wnd-device=auto")
    return name


def visible_gpus() -> int:
    """How many CUDA devices torch can use; torch is imported only where there is an NVIDIA driver."""
    if not (Path("/proc/driver/nvidia").exists() or shutil.which("nvidia-smi")):
        return 0
    import torch

    return torch.cuda.device_count()
