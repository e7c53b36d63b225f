"""Reference implementation that the kernels are tested against: k-d trees, and all pairwise differences.

The k-d tree also serves `knn_entropy` in more than one dimension.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.spatial import KDTree


def kd_tree(points: NDArray[np.floating]) -> KDTree:
    """A k-d tree of points (n, d). The import takes a tenth of a second, and most layers need no tree."""
    from scipy.spatial import KDTree

    return KDTree(points)


def kth_distances(points: NDArray[np.floating], *, k: int) -> NDArray[np.float64]:
    """Max-norm distance of each point to its k-th neighbour, the point itself excluded.

    points: (n_samples, d), more than k of them. Returns (n_samples,), float64.
    """
    return kd_tree(points).query(points, k=k + 1, p=np.inf)[0][:, k]


def marginal_counts(
    x: NDArray[np.floating], y: NDArray[np.floating], *, k: int, estimator: str
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Number of other samples near each sample along x only and along y only, (n_samples,) each.

    "ksg1": strictly nearer than the k-th neighbour of (x, y) in the max-norm. "ksg2": no farther along that axis than
    the farthest of the k nearest neighbours (Kraskov et al. 2004, eq. 8 and 9). Differences are taken in the dtype of
    x and y.
    """
    along = [np.abs(values[:, None] - values) for values in (x, y)]
    for differences in along:
        np.fill_diagonal(differences, np.inf)
    joint = np.maximum(*along)
    reach = np.sort(joint, axis=1)[:, [k - 1]]
    if estimator == "ksg1":
        return tuple((differences < reach).sum(axis=1) for differences in along)  # pyright: ignore
    box = joint <= reach
    furthest = [np.where(box, differences, 0).max(axis=1, keepdims=True) for differences in along]
    return tuple((d <= most).sum(axis=1) for d, most in zip(along, furthest, strict=True))  # pyright: ignore
