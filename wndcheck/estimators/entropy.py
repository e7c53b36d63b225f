"""k-nearest-neighbour estimate of differential entropy, eq. A.1, in the max-norm."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .samples import check_k, real_samples, resolution_of, z_scores

T = TypeVar("T", float, NDArray[np.float64])


def knn_entropy(x: ArrayLike, *, k: int = 3, standardize: bool = False) -> float:
    """Differential entropy of a sample, in nats (eq. A.1).

    x: (n_samples,) or (n_samples, d), integers or floating-point numbers; d > 1 estimates the joint entropy.
    k: the neighbour whose distance is taken. standardize: the entropy of the z-scores (sample standard deviation)
    rather than of x itself.

    TypeError if x does not hold real numbers. ValueError if its shape is another, if it holds NaN or infinity, has no
    more than k samples, or if a k-th neighbour distance is 0 (ties): a point mass has no density.

    >>> x = np.random.default_rng(0).standard_normal(100_000)
    >>> round(knn_entropy(x), 2)  # ½ log 2πe
    1.42
    """
    samples = real_samples(x, "x", ndim=(1, 2))
    columns = samples if samples.ndim == 2 else samples[:, None]
    m, d = columns.shape
    if d == 0:
        raise ValueError(f"x has shape {samples.shape}: expected at least one column")
    check_k(k, m)
    if standardize:
        z = z_scores(columns, resolution_of(x)).z
        constant = np.flatnonzero(np.isnan(z[:, 0]))
        if len(constant):
            raise ValueError(f"column {constant[0]} of x is constant: it has no standard deviation to divide by")
        columns = z.T
    return entropy_from_log_distance(float(np.log(_kth_distances(columns, k)).mean()), m, k, d)


def entropy_from_log_distance(mean_log_distance: T, m: int, k: int, d: int) -> T:
    """ψ(M) − ψ(k) + d · mean log ε, with ε twice the distance to the k-th neighbour (eq. A.1)."""
    return _digamma_difference(m, k) + d * (mean_log_distance + math.log(2))


def row_entropies(z: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """One-dimensional entropies of the rows of z (n_rows, n_samples), (n_rows,); −inf where a distance is 0."""
    m = z.shape[1]
    with np.errstate(divide="ignore"):
        logs = np.log(_kth_distances_on_a_line(np.sort(z, axis=1), k))
    return entropy_from_log_distance(logs.mean(axis=1), m, k, 1)


def _digamma_difference(m: int, k: int) -> float:
    """ψ(m) − ψ(k) of two integers, k ≤ m."""
    return math.fsum(1 / n for n in range(k, m))


def _kth_distances(columns: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    if columns.shape[1] == 1:
        distances = _kth_distances_on_a_line(np.sort(columns.T, axis=1), k)[0]
    else:
        from .neighbours import reference

        distances = reference.kth_distances(columns, k=k)
    tied = int((distances == 0).sum())
    if tied:
        raise ValueError(
            f"the distance to neighbour k={k} is 0 for {tied} of {len(distances)} samples: repeated samples (a point "
            "mass, or rounding) have no density to estimate; give samples without ties"
        )
    return distances


def _kth_distances_on_a_line(ascending: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Distances of the points of every sorted row to their k-th neighbour.

    The k-th neighbour closes the tightest window of k + 1 consecutive points around a point, so the distance is the
    least, over these windows, of the distance to the window's farther end.
    """
    distances = np.full_like(ascending, np.inf)
    m = ascending.shape[1]
    for below in range(k + 1):  # points of the window below the query
        queries = slice(below, m - (k - below))
        to_first = ascending[:, queries] - ascending[:, : m - k]
        to_last = ascending[:, k:] - ascending[:, queries]
        np.minimum(distances[:, queries], np.maximum(to_first, to_last), out=distances[:, queries])
    return distances
