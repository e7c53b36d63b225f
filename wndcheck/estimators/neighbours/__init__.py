"""Distance to the k-th neighbour: `cpu` and `cuda` for many pairs, `reference` (a k-d tree) to check them against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def mean_log_distances(
    z: NDArray[np.float32], pairs: NDArray[np.int64], *, k: int, device: str = "auto", n_jobs: int | None = None
) -> NDArray[np.float64]:
    """Mean log max-norm distance to the k-th neighbour, (P,), of the pairs (P, 2) of rows of z (n_neurons, n_samples).

    device: "auto" and "cpu" take the compiled sweep with n_jobs threads, any other name a torch device.
    numba and torch are imported here, once they are needed.
    """
    if device in ("auto", "cpu"):
        from . import cpu

        return cpu.mean_log_distances(z, pairs, k=k, n_jobs=n_jobs)
    from . import cuda

    return cuda.mean_log_distances(z, pairs, k=k, device=device)
