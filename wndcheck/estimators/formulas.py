"""The estimators' formulas, from means over the samples to nats. ψ is the digamma function, M the number of samples."""

from __future__ import annotations

import math
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", float, NDArray[np.float64])


def entropy_from_log_distance(mean_log_distance: T, m: int, k: int, d: int) -> T:
    """ψ(M) − ψ(k) + d · mean log ε, with ε twice the distance to the k-th neighbour in d dimensions (eq. A.1)."""
    return digamma(m) - digamma(k) + d * (mean_log_distance + math.log(2))


def information_from_digammas(mean_digammas: T, m: int, k: int, estimator: str) -> T:
    """Kraskov et al. (2004), eq. 8 ("ksg1") and eq. 9 ("ksg2"), with n_x and n_y samples near along either margin.

    KSG1: ψ(k) + ψ(M) − ⟨ψ(n_x + 1) + ψ(n_y + 1)⟩. KSG2: ψ(k) − 1/k + ψ(M) − ⟨ψ(n_x) + ψ(n_y)⟩.
    """
    return digamma(k) - (1 / k if estimator == "ksg2" else 0.0) + digamma(m) - mean_digammas


def ceiling(m: int, k: int) -> float:
    """ψ(M) − ψ(k): what 3H and KSG1 return for a sample and itself, KSG2 1/k less; finite only because M is."""
    return digamma(m) - digamma(k)


@cache
def digamma(n: int) -> float:
    """ψ of a positive integer."""
    return math.fsum(1 / i for i in range(1, n)) - float(np.euler_gamma)


def nats_per_unit(base: float | None) -> float:
    """log of the base, 1 for nats."""
    return 1.0 if base is None else math.log(base)
