"""Nearest neighbours in double precision by k-d trees, for columns that are distinct in float64 but not in float32.

The functions have the names and results of a kernel's, but take the values (N, M) in float64. Distances of 0 are
allowed: then no sample is strictly nearer. `multivariate` counts in blocks of variables with `mean_digamma`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from .reference import kd_tree, kth_distances


def mean_log_distances(z: NDArray[np.float64], pairs: NDArray[np.int64], *, k: int) -> NDArray[np.float64]:
    """Mean over the samples of the log of the max-norm distance to the k-th neighbour, (P,); −inf where one is 0."""
    with np.errstate(divide="ignore"):
        return np.array([np.log(kth_distances(z[pair].T, k=k)).mean() for pair in pairs])


def mean_digammas(z: NDArray[np.float64], pairs: NDArray[np.int64], *, k: int, estimator: str) -> NDArray[np.float64]:
    """Mean over the samples of ψ(n_x + 1) + ψ(n_y + 1) for "ksg1", of ψ(n_x) + ψ(n_y) for "ksg2", (P,)."""
    columns = list(z[:, :, None])
    return np.array(
        [mean_digamma((columns[i], columns[j]), kth_distances(z[[i, j]].T, k=k), estimator) for i, j in pairs]
    )


def mean_digamma(blocks: Sequence[NDArray[np.float64]], distances: NDArray[np.float64], estimator: str) -> float:
    """Sum over the blocks, (n_samples, d) each, of the mean digamma of the number of samples near each sample.

    distances: (n_samples,), max-norm distance to the k-th neighbour in all blocks together. Near is strictly nearer
    than that for "ksg1", whose numbers are raised by one, and no farther along the block than the farthest of the
    samples within that distance for "ksg2" (Kraskov et al. 2004, eq. 8 and 9).
    """
    if estimator == "ksg1":
        below = np.nextafter(distances, 0)  # eq. 8 counts strictly nearer samples, the tree those at most as far
        near = [np.where(distances > 0, _count(block, below), 0) + 1 for block in blocks]
    else:
        near = [_count(block, furthest) for block, furthest in zip(blocks, _furthest(blocks, distances), strict=True)]
    return float(sum(digamma(numbers).mean() for numbers in near))


def _count(points: NDArray[np.float64], radius: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number of other points at most `radius` away from each point, (n_samples,)."""
    return kd_tree(points).query_ball_point(points, radius, p=np.inf, return_length=True) - 1


def _furthest(blocks: Sequence[NDArray[np.float64]], distances: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """For each block, its distance to the farthest of the samples within `distances` of each sample, (n_samples,)."""
    points = np.hstack(blocks)
    near = kd_tree(points).query_ball_point(points, distances, p=np.inf)
    numbers = np.array([len(indices) for indices in near])
    others, sample = np.concatenate(near).astype(np.int64), np.repeat(np.arange(len(points)), numbers)
    starts = np.append(0, numbers.cumsum()[:-1])
    return [np.maximum.reduceat(np.abs(block[others] - block[sample]).max(axis=1), starts) for block in blocks]
