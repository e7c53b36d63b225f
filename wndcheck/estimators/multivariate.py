"""Mutual information of two blocks of variables of any dimension, by k-d trees in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.special import digamma

from .entropy import check_positive
from .formulas import entropy_from_log_distance, information_from_digammas


def block_information(x: NDArray[np.float64], y: NDArray[np.float64], k: int, estimator: str) -> float:
    """Mutual information of x (n_samples, d_x) and y (n_samples, d_y) in the max-norm, in nats.

    ValueError if the distance to a k-th neighbour is 0.
    """
    return _three_entropies(x, y, k) if estimator == "3h" else _kraskov(x, y, k, estimator)


def _three_entropies(x: NDArray[np.float64], y: NDArray[np.float64], k: int) -> float:
    def entropy(points: NDArray[np.float64]) -> float:
        logs = np.log(check_positive(_nearest(points, k)[0][:, -1], k))
        return entropy_from_log_distance(float(logs.mean()), len(points), k, points.shape[1])

    return entropy(x) + entropy(y) - entropy(np.hstack([x, y]))


def _kraskov(x: NDArray[np.float64], y: NDArray[np.float64], k: int, estimator: str) -> float:
    """Kraskov et al. (2004), eq. 8 ("ksg1") and eq. 9 ("ksg2")."""
    distances, neighbours = _nearest(np.hstack([x, y]), k)
    check_positive(distances[:, -1], k)
    means = []
    for block in (x, y):
        if estimator == "ksg1":
            below = np.nextafter(distances[:, -1], 0)  # eq. 8 counts strictly nearer samples; the tree counts d <= r
            means.append(digamma(_count(block, below) + 1).mean())
        else:
            furthest = np.abs(block[neighbours] - block[:, None]).max(axis=(1, 2))
            means.append(digamma(_count(block, furthest)).mean())
    return information_from_digammas(float(sum(means)), len(x), k, estimator)


def _nearest(points: NDArray[np.float64], k: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distances and indices of the k nearest neighbours of each point, (n_samples, k) each, ascending."""
    distances, indices = KDTree(points).query(points, k=k + 1, p=np.inf)
    return np.asarray(distances)[:, 1:], np.asarray(indices)[:, 1:]


def _count(points: NDArray[np.float64], radius: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of other points at most `radius` away from each point, (n_samples,)."""
    return KDTree(points).query_ball_point(points, radius, p=np.inf, return_length=True) - 1
