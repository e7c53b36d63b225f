"""How many processes fill the store together, and what threads and device each of them gets. No torch here."""

from __future__ import annotations

import os

from wndcheck import devices

# One thread a worker: several workers with a thread a core each are slower than one alone.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def one_thread_each() -> None:
    """Before workers start, which inherit it; what the user has set stays."""
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, "1")


def automatic_workers(device: str) -> int:
    """One worker a visible GPU, or one a core."""
    if not devices.resolve(device).startswith("cuda"):
        return devices.usable_cores()
    return devices.visible_gpus() if device in ("auto", "cuda") else 1


def own_device(device: str, worker: int | None = None) -> str:
    """The device of the worker of that number; they take the visible GPUs in turn. One process leaves them to torch."""
    resolved = devices.resolve(device)
    return resolved if worker is None or resolved != "cuda" else f"cuda:{worker % devices.visible_gpus()}"
