"""Estimators of other packages with one signature: all pairs of columns, one thread, in nats, with their defaults.

Each takes X (n_samples, n_neurons) and k, and returns (P,) in the order of numpy.triu_indices. A function for many
pairs is used where the package has one, otherwise a loop over pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Estimate = Callable[[NDArray[np.float64], int], NDArray[np.float64]]


class Peer(NamedTuple):
    distribution: str
    module: str
    estimator: str
    all_pairs: Estimate
    clipped: bool = False  # negative estimates are returned as 0

    @property
    def label(self) -> str:
        return f"{self.distribution} {version(self.distribution)}, {self.estimator.upper()}"

    @property
    def installed(self) -> bool:
        return find_spec(self.module) is not None


def _scikit_learn(X: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    from sklearn.feature_selection import mutual_info_regression

    others = range(X.shape[1] - 1)
    return np.concatenate(
        [mutual_info_regression(X[:, i + 1 :], X[:, i], n_neighbors=k, random_state=0, n_jobs=1) for i in others]
    )


def _ennemi(X: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    from ennemi import pairwise_mi

    return np.asarray(pairwise_mi(X, k=k, max_threads=1))[np.triu_indices(X.shape[1], 1)]


def _npeet_plus(X: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    from npeet_plus import mi

    return np.log(2) * _pair_by_pair(lambda x, y: mi(x[:, None], y[:, None], k=k), X)


def _entropy_estimators(X: NDArray[np.float64], k: int, estimator: str = "naive") -> NDArray[np.float64]:
    from entropy_estimators.continuous import get_mi

    return _pair_by_pair(lambda x, y: get_mi(x, y, k=k, estimator=estimator), X)


def _infomeasure(X: NDArray[np.float64], k: int, ksg_id: int = 1) -> NDArray[np.float64]:
    from infomeasure import mutual_information

    return _pair_by_pair(lambda x, y: mutual_information(x, y, approach="ksg", k=k, ksg_id=ksg_id), X)


def _normi(X: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    from normi import NormalizedMI

    # The default normalization takes a root of the product of entropies, and raises if one of them is negative.
    fitted = NormalizedMI(k=k, normalize_method="joint", n_jobs=1, verbose=False).fit(X)
    return np.asarray(fitted.mi_)[np.triu_indices(X.shape[1], 1)]


def _pair_by_pair(
    estimate: Callable[[NDArray[np.float64], NDArray[np.float64]], float], X: NDArray[np.float64]
) -> NDArray[np.float64]:
    columns = list(np.ascontiguousarray(X.T))
    return np.array([float(estimate(x, y)) for i, x in enumerate(columns) for y in columns[i + 1 :]])


PEERS = (
    Peer("scikit-learn", "sklearn", "ksg1", _scikit_learn, clipped=True),
    Peer("ennemi", "ennemi", "ksg1", _ennemi),
    Peer("npeet-plus", "npeet_plus", "ksg1", _npeet_plus),
    Peer("normi", "normi", "ksg1", _normi, clipped=True),
    Peer("infomeasure", "infomeasure", "ksg1", _infomeasure),
    Peer("entropy-estimators", "entropy_estimators", "3h", _entropy_estimators),
)

# These deviate from the estimator they are named after: in the tables of `accuracy`, in no comparison of times.
DEVIATING_PEERS = (
    Peer("entropy-estimators", "entropy_estimators", "ksg1", lambda X, k: _entropy_estimators(X, k, "ksg")),
    Peer("infomeasure", "infomeasure", "ksg2", lambda X, k: _infomeasure(X, k, 2)),
)
