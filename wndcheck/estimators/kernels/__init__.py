"""k-nearest-neighbour searches for many pairs of neurons in the max-norm, on a CPU or a GPU.

`cpu` (numba), `cuda` (Triton) and `eager` (torch on any other device) give the same distances and counts to the last
bit; tests compare them with `reference` (a k-d tree, and all pairwise differences). Each is imported on first use.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any


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

    if device.startswith("cuda") and find_spec("triton") and torch.cuda.is_available():
        from .cuda import KERNEL
    else:
        from .torch_fallback import KERNEL
    return KERNEL, {"device": device}
