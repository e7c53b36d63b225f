"""Mutual information of two blocks of variables of any dimension, by k-d trees in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .entropy import check_positive
from .formulas import entropy_from_log_distance, information_from_digammas
from .kernels.double import mean_digamma
from .kernels.reference import kth_distances


def block_information(x: NDArray[np.float64], y: NDArray[np.float64], k: int, estimator: str) -> float:
    """Mutual information of x (n_samples, d_x) and y (n_samples, d_y) in the max-norm, in nats.

    ValueError if the distance to a k-th neighbour is 0.
    """
    return _three_entropies(x, y, k) if estimator == "3h" else _kraskov(x, y, k, estimator)


def _three_entropies(x: NDArray[np.float64], y: NDArray[np.float64], k: int) -> float:
    def entropy(points: NDArray[np.float64]) -> float:
        logs = np.log(check_positive(kth_distances(points, k=k), k))
        return entropy_from_log_distance(float(logs.mean()), len(points), k, points.shape[1])

    return entropy(x) + entropy(y) - entropy(np.hstack([x, y]))


def _kraskov(x: NDArray[np.float64], y: NDArray[np.float64], k: int, estimator: str) -> float:
    """Kraskov et al. (2004), eq. 8 ("ksg1") and eq. 9 ("ksg2")."""
    distances = check_positive(kth_distances(np.hstack([x, y]), k=k), k)
    return information_from_digammas(mean_digamma((x, y), distances, estimator), len(x), k, estimator)
