"""k-nearest-neighbour searches for many pairs of neurons in the max-norm, on a CPU or a GPU.

`cpu` (numba), `cuda` (Triton) and `eager` (torch on any other device) give the same distances and counts to the last
bit; tests compare them with `reference` (a k-d tree, and all pairwise differences). Each is imported on first use.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray


def mean_log_distances(
    z: NDArray[np.float32], pairs: NDArray[np.int64], *, k: int, device: str = "auto", n_jobs: int | None = None
) -> NDArray[np.float64]:
    """Mean over the samples of the log of the distance to the k-th neighbour, (P,).

    z: (n_neurons, n_samples). pairs: (P, 2), rows of z. device: "auto" and "cpu" use n_jobs threads, "cuda" all
    visible GPUs, any other name that torch device. ValueError if the device cannot be used.
    """
    kernel, where = _kernel(device, n_jobs)
    return kernel.mean_log_distances(z, pairs, k=k, **where)


def mean_digammas(
    z: NDArray[np.float32],
    pairs: NDArray[np.int64],
    *,
    k: int,
    estimator: str,
    device: str = "auto",
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Mean over the samples of ψ(n_x + 1) + ψ(n_y + 1) for "ksg1", of ψ(n_x) + ψ(n_y) for "ksg2", (P,).

    n_x and n_y are the numbers of samples near a sample along one neuron (`reference.marginal_counts`). The other
    parameters are those of `mean_log_distances`.
    """
    kernel, where = _kernel(device, n_jobs)
    return kernel.mean_digammas(z, pairs, k=k, estimator=estimator, **where)


def _kernel(device: str, n_jobs: int | None) -> tuple[Any, dict[str, Any]]:
    """The kernel of a device, and where it runs."""
    if device in ("auto", "cpu"):
        from . import cpu

        return cpu, {"n_jobs": n_jobs}
    import torch

    if device.startswith("cuda") and find_spec("triton") and torch.cuda.is_available():
        from .cuda import KERNEL
    else:
        from .eager import KERNEL
    return KERNEL, {"device": device}
