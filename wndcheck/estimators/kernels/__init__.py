"""k-nearest-neighbour searches for many pairs of neurons in the max-norm, on a CPU or a GPU.

`cpu` (numba), `cuda` (Triton) and `eager` (torch on any other device) give the same distances and counts to the last
bit; tests compare them with `reference` (a k-d tree, and all pairwise differences). Each is imported on first use.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib.util import find_spec
from threading import Lock
from typing import Any

import numpy as np

logger = logging.getLogger(__name__)
TRIAL_LOCK = Lock()


def select_kernel(device: str, n_jobs: int | None) -> tuple[Any, dict[str, Any]]:
    """The kernel of a device, and the options that tell its functions where to run.

    device: "auto" and "cpu" use n_jobs threads, "cuda" all visible GPUs, any other name that torch device; its
    functions raise ValueError if it cannot be used. With `rows.SortedRows` and pairs (P, 2) of them, a kernel has
    mean_log_distances(rows, pairs, k=...), the mean over the samples of the log of the distance to the k-th neighbour,
    (P,), and mean_digammas(rows, pairs, k=..., estimator=...), the mean of ψ(n_x + 1) + ψ(n_y + 1) for "ksg1", of
    ψ(n_x) + ψ(n_y) for "ksg2", (P,), where n_x and n_y are the `reference.marginal_counts`. `double` has the same
    functions of values in float64.
    """
    if device in ("auto", "cpu"):
        from . import cpu

        return cpu, {"n_jobs": n_jobs}
    import torch

    kernel = None
    if device.startswith("cuda") and torch.cuda.is_available():
        with TRIAL_LOCK:
            kernel = triton_kernel(device)
    if not kernel:
        from .torch_fallback import KERNEL as kernel
    return kernel, {"device": device}


@cache
def triton_kernel(device: str) -> Any:
    """The Triton kernel, after a trial; None, with a word, where it cannot be built or launched.

    A first launch takes a C compiler and Python's headers.
    """
    if not find_spec("triton"):
        return None
    import torch

    from .rows import sort_rows

    try:
        from .cuda import KERNEL

        two = sort_rows(np.arange(64, dtype=np.float32).reshape(2, 32))
        KERNEL.mean_digammas(two, np.array([[0, 1]]), k=3, estimator="ksg1", device=device)
    except (torch.OutOfMemoryError, ValueError):  # of the device, which torch's kernel would meet, too
        raise
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        logger.warning(
            "Triton cannot be used (%s): estimates take several times longer by torch alone. It needs a C compiler and "
            "Python's headers: install gcc and python3-dev, or their like",
            reason,
        )
        return None
    return KERNEL
