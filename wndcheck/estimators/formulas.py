"""Formulas of the estimators, in nats. ψ is the digamma function, M the number of samples."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .validation import check_base

if TYPE_CHECKING:
    from .pairwise_information import PairwiseInformation

ESTIMATORS = ("3h", "ksg1", "ksg2")
NORMAL_ENTROPY = (1 + math.log(2 * math.pi)) / 2  # of a standard normal variable, ½ log 2πe nats

T = TypeVar("T", float, NDArray[np.float64])


def entropy_from_log_distance(mean_log_distance: T, m: int, k: int, d: int) -> T:
    """ψ(M) − ψ(k) + d · mean log ε, where ε is twice the distance to the k-th neighbour in d dimensions (eq. A.1)."""
    return digamma(m) - digamma(k) + d * (mean_log_distance + math.log(2))


def information_from_digammas(mean_digammas: T, m: int, k: int, estimator: str) -> T:
    """Kraskov et al. (2004), eq. 8 ("ksg1") and eq. 9 ("ksg2"); n_x and n_y count the near samples along each axis.

    KSG1: ψ(k) + ψ(M) − ⟨ψ(n_x + 1) + ψ(n_y + 1)⟩. KSG2: ψ(k) − 1/k + ψ(M) − ⟨ψ(n_x) + ψ(n_y)⟩.
    """
    return digamma(k) - (1 / k if estimator == "ksg2" else 0.0) + digamma(m) - mean_digammas


@cache
def digamma(n: int) -> float:
    """ψ of a positive integer."""
    return math.fsum(1 / i for i in range(1, n)) - float(np.euler_gamma)


def nats_per_unit(base: float | None) -> float:
    """Logarithm of the base; 1 for nats (None)."""
    return 1.0 if base is None else math.log(base)


def normalize_mi(mi: ArrayLike | PairwiseInformation, *, base: float | None = None) -> NDArray[np.float64]:
    """Map mutual information to the scale of a correlation: √(1 − exp(−2 I)), Linfoot (1957).

    For a Gaussian pair this is |ρ|. A negative estimate keeps its sign, −√(1 − exp(−2 |I|)), so that the mean over
    independent pairs stays near 0.

    Parameters
    ----------
    mi : array-like, any shape, or the result of `pairwise_mi`
        In nats, or in units of the base. NaN stays NaN. Of a result its pair_mi, in the base that it has.
    base : float, optional
        Base of the logarithm of an array; nats by default, 2 for bits.

    Returns
    -------
    ndarray
        Values in [−1, 1], of the shape of mi, or of pair_mi.

    Raises
    ------
    TypeError, ValueError
        If base is not a number above 1, or is given with a result.

    Examples
    --------
    >>> normalize_mi(0.5 * np.log(1 / (1 - 0.6**2))).round(6)
    np.float64(0.6)
    """
    from .pairwise_information import PairwiseInformation  # which imports this module

    if isinstance(mi, PairwiseInformation):
        if base is not None:
            raise ValueError(f"base={base}: a result of pairwise_mi knows its base; leave it out")
        mi, base = mi.pair_mi, mi.meta["base"]
    check_base(base)
    nats = np.asarray(mi, dtype=np.float64) * nats_per_unit(base)
    with np.errstate(over="ignore"):  # of an information beyond half of the largest number, whose value is 1
        return np.sign(nats) * np.sqrt(-np.expm1(-2 * np.abs(nats)))
