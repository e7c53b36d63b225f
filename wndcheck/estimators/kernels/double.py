"""k-nearest-neighbour searches in double precision, by k-d trees: for pairs that single precision is too coarse for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.special import digamma


def mean_log_distances(
    z: NDArray[np.float64], pairs: NDArray[np.int64], *, k: int, n_jobs: int | None = None
) -> NDArray[np.float64]:
    """As `cpu.mean_log_distances`, of z (n_neurons, n_samples) in double precision, (P,); −inf for a distance of 0."""
    means = np.empty(len(pairs))
    for p, pair in enumerate(pairs):
        points = z[pair].T
        distances = KDTree(points).query(points, k=k + 1, p=np.inf, workers=n_jobs or -1)[0][:, k]
        with np.errstate(divide="ignore"):
            means[p] = np.log(distances).mean()
    return means


def mean_digammas(
    z: NDArray[np.float64], pairs: NDArray[np.int64], *, k: int, estimator: str, n_jobs: int | None = None
) -> NDArray[np.float64]:
    """As `cpu.mean_digammas`, of z (n_neurons, n_samples) in double precision, (P,)."""
    means = np.empty(len(pairs))
    for p, pair in enumerate(pairs):
        points = z[pair].T
        distances, neighbours = KDTree(points).query(points, k=k + 1, p=np.inf, workers=n_jobs or -1)
        total = 0.0
        for values in points.T:
            if estimator == "ksg1":  # strictly nearer samples; the tree counts those at the radius
                radius, added = np.nextafter(distances[:, -1], 0), 1
            else:
                radius, added = np.abs(values[neighbours] - values[:, None]).max(axis=1), 0
            column = values[:, None]
            counts = KDTree(column).query_ball_point(column, radius, p=np.inf, return_length=True) - 1
            if estimator == "ksg1":
                counts[distances[:, -1] == 0] = 0  # none is nearer than 0
            total += digamma(counts + added).mean()
        means[p] = total
    return means
