"""Layers of independent neurons for the benchmarks, and a reference estimate for a pair of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, ndtri

from wndcheck.estimators import knn_entropy
from wndcheck.estimators.formulas import information_from_digammas
from wndcheck.estimators.kernels import reference
from wndcheck.estimators.kernels.rows import SortedRows, sort_rows

DISTRIBUTIONS = {
    "normal": np.random.Generator.standard_normal,
    "uniform": np.random.Generator.random,
    "student t, 3": lambda rng, shape: rng.standard_t(3, shape),
}


def layer(neurons: int, *, m: int = 1000, distribution: str = "normal") -> NDArray[np.float64]:
    """z-scores (m, neurons), so that packages with and without standardization estimate the same."""
    X = DISTRIBUTIONS[distribution](np.random.default_rng(0), (m, neurons))
    return (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)


def rows(X: NDArray[np.float64]) -> SortedRows:
    """The samples as the kernels take them."""
    return sort_rows(np.ascontiguousarray(X.T, np.float32))


def rank_rows(X: NDArray[np.float64]) -> SortedRows:
    """Normal scores of the ranks: all rows hold the same values."""
    m = len(X)
    return rows_of_ranks(X.argsort(axis=0).argsort(axis=0).T, ndtri((np.arange(m) + 0.5) / m).astype(np.float32))


def reference_information(X: NDArray[np.float64], *, k: int, estimator: str) -> float:
    """Mutual information of the first two neurons by a k-d tree and all differences, in nats."""
    x, y = X[:, 0], X[:, 1]
    if estimator == "3h":
        return knn_entropy(x, k=k) + knn_entropy(y, k=k) - knn_entropy(X[:, :2], k=k)
    counts = np.array(reference.marginal_counts(x, y, k=k, estimator=estimator))
    means = digamma(counts + (1 if estimator == "ksg1" else 0)).sum(axis=0).mean()
    return information_from_digammas(float(means), len(X), k, estimator)


def rows_of_ranks(ranks: NDArray[np.integer], grid: NDArray[np.float32]) -> SortedRows:
    """Rows with the values grid[ranks]: every row of ranks (N, M) is a permutation of 0 to M − 1, grid (M,) ascends."""
    return SortedRows(grid[ranks], np.argsort(ranks, axis=1).astype(np.uint32), np.broadcast_to(grid, ranks.shape))
