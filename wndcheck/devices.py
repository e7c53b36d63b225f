"""Which device trains the nets."""

from __future__ import annotations


def resolve(name: str) -> str:
    """The torch device a name stands for: ``auto`` is CUDA where present, else the CPU.

    Raises ValueError for a device this machine does not have.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
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
