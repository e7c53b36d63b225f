"""Mutual information of two blocks of variables of any dimension, by k-d trees in float64."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .entropy import check_positive
from .formulas import NORMAL_ENTROPY, entropy_from_log_distance, information_from_digammas
from .kernels.double import mean_digamma
from .kernels.reference import kth_distances
from .rank_null import rank_null

LARGEST_DIMENSION = 5  # columns of both blocks; beyond, estimates fall short by more than a tenth and 0.1 nats
LARGEST_TABULATED = 6  # columns of a block with a tabulated null
WIDE = 0.5  # standard deviations: neighbourhoods of this half-width are those of high dimension


def block_information(
    x: NDArray[np.float64], y: NDArray[np.float64], k: int, estimator: str, margins: str = "none"
) -> float:
    """Mutual information of x (n_samples, d_x) and y (n_samples, d_y) in the max-norm, in nats.

    With margins="normal", x and y are normal scores of ranks. ValueError if "3h" finds a k-th distance of 0.
    """
    if estimator != "3h":
        return _kraskov(x, y, k, estimator)
    if margins == "normal":
        return _correlation_of_scores(np.hstack([x, y]), k) - sum(_correlation_of_scores(z, k) for z in (x, y))
    return _entropy(x, k) + _entropy(y, k) - _entropy(np.hstack([x, y]), k)


def check_full_rank(points: NDArray[np.float64], k: int) -> None:
    """ValueError if the columns of points (n_samples, d) are linearly dependent as far as k-th neighbours can tell.

    The entropy of eq. A.1 takes the density as constant within the k-th distance ε of a sample. Where the smallest
    standard deviation of any direction in the space of z-scores, √λ of their correlation matrix, is below ε / 2, the
    neighbourhood spans four of them, and with it 95 % of the samples in that direction: the estimate then is that of a
    set of fewer dimensions, and measures the wrong volume. In high dimension all neighbourhoods are wide, ε > ½, and
    count as ½: `LARGEST_DIMENSION` is about these.
    """
    z = (points - points.mean(axis=0)) / points.std(axis=0, ddof=1)
    thickness = math.sqrt(max(np.linalg.eigvalsh(z.T @ z / (len(z) - 1))[0], 0.0))
    if thickness >= WIDE / 2:
        return
    distance = float(np.median(kth_distances(z, k=k)))
    if thickness < min(distance, WIDE) / 2:
        raise ValueError(
            f"the {z.shape[1]} columns of x and y are linearly dependent or nearly so: in one direction their standard "
            f"deviation is {thickness:.2g}, less than half the distance to neighbour k={k}, {distance:.2g}, and 3H "
            "measures fewer dimensions; take estimator='ksg1', or leave out columns that follow from the others"
        )


def _entropy(points: NDArray[np.float64], k: int) -> float:
    logs = np.log(check_positive(kth_distances(points, k=k), points, k))
    return entropy_from_log_distance(float(logs.mean()), len(points), k, points.shape[1])


def _correlation_of_scores(scores: NDArray[np.float64], k: int) -> float:
    """Total correlation of normal scores (n_samples, d): d times ½ log 2πe, minus Ĥ, minus its tabulated bias."""
    m, d = scores.shape
    if d == 1:
        return 0.0
    return d * NORMAL_ENTROPY - _entropy(scores, k) - rank_null("3h", m, k, d).correction


def _kraskov(x: NDArray[np.float64], y: NDArray[np.float64], k: int, estimator: str) -> float:
    """Kraskov et al. (2004), eq. 8 ("ksg1") and eq. 9 ("ksg2")."""
    distances = kth_distances(np.hstack([x, y]), k=k)
    return information_from_digammas(mean_digamma((x, y), distances, estimator), len(x), k, estimator)
