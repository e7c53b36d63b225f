"""Null distribution of the estimates from normal scores of ranks, tabulated by simulation.

The ranks of independent columns are independent random permutations, whatever the columns' distributions. So the null
depends on the estimator, the number of samples M, k and the number of columns d alone, and p-values need no shuffles.
`wndcheck.benchmarks.rank_null` makes the table.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .validation import check_choice, check_integer

TABLE = Path(__file__).with_name("rank_null.npz")
ESTIMATORS = ("3h", "ksg1", "ksg2")
LARGEST_K = 50
LEAST_EXCESS = 1e-4  # of the kurtosis above that of a lognormal law, the limit of Johnson's S_U


class RankNull(NamedTuple):
    """Moments of the estimate of independent columns, in nats, and what is subtracted from the raw estimate.

    The raw estimate of "3h" is (d/2) log(2πe) − Ĥ(joint), Ĥ by eq. A.1: its null mean c(M, k, d) is the correction, and
    the mean of the estimate is 0. KSG has no correction.
    """

    correction: float
    mean: float
    sd: float
    skewness: float
    kurtosis: float  # excess, 0 for a normal law


def normal_scores(m: int) -> NDArray[np.float64]:
    """Φ⁻¹((rank − ½)/M) of the ranks 1 to M, (m,); the scores of ranks r and M + 1 − r have the same magnitude.

    For few samples equal distances along two columns are frequent, so the table holds for these numbers only.
    """
    from scipy.special import ndtri

    lower = ndtri((np.arange(m // 2) + 0.5) / m)
    return np.concatenate([lower, np.zeros(m % 2), -lower[::-1]])


@cache
def rank_null(estimator: str, m: int, k: int, d: int = 2) -> RankNull:
    """The null of the estimate from M normal scores a column.

    Parameters
    ----------
    estimator : {"3h", "ksg1", "ksg2"}
    m : int
        Number of samples. Between the nodes of the table its moments are interpolated in log M.
    k : int
        Number of the nearest neighbour, at most 50 and at most m / 2.
    d : int
        Number of columns; above 2, the null of the total correlation by "3h".

    Raises
    ------
    TypeError, ValueError
        If an argument is not one of these, or m is outside the table.
    """
    check_choice(estimator, "estimator", ESTIMATORS)
    for value, name in ((m, "m"), (k, "k"), (d, "d")):
        check_integer(value, name, least=1)
    table = _table()
    largest_d = max(int(name.removeprefix("m_")) for name in table if name.startswith("m_"))
    if not 2 <= d <= largest_d or (d > 2 and estimator != "3h"):
        raise ValueError(
            f"d={d} columns with {estimator!r}: the null is tabulated for 2, with '3h' for 2 to {largest_d}"
        )
    nodes, moments = table[f"m_{d}"], table[f"moments_{d}"][:, ESTIMATORS.index(estimator)]
    if not nodes[0] <= m <= nodes[-1]:
        raise ValueError(
            f"{m} samples: the null of {d} columns of ranks is tabulated for {nodes[0]} to {nodes[-1]}; "
            "give fewer samples, or margins='sd' and null='shuffle'"
        )
    if k > min(LARGEST_K, m // 2):
        raise ValueError(
            f"k={k} of {m} samples: the null of ranks is tabulated for k to {LARGEST_K} and to half of them"
        )
    from scipy.interpolate import CubicSpline

    kept = nodes > k
    curve = CubicSpline(np.log(nodes[kept]), moments[:, kept, k - 1].astype(np.float64), axis=1)
    mean, sd, skewness, kurtosis = (float(moment) for moment in curve(math.log(m)))
    correction = mean if estimator == "3h" else 0.0
    return RankNull(correction, mean - correction, sd / math.sqrt(m), skewness, kurtosis)


def p_values(estimates: ArrayLike, null: RankNull) -> NDArray[np.float64]:
    """One-sided p-values: the probability of an estimate at least this large under independence. NaN stays NaN."""
    from scipy.special import ndtr

    gamma, delta, location, scale = _johnson_su(null)
    deviate = gamma + delta * np.arcsinh((np.asarray(estimates, dtype=np.float64) - location) / scale)
    return np.maximum(ndtr(-deviate), np.finfo(np.float64).tiny)


def quantile(null: RankNull, probability: float) -> float:
    """The estimate that independent columns stay below with this probability."""
    from scipy.special import ndtri

    gamma, delta, location, scale = _johnson_su(null)
    return location + scale * math.sinh((float(ndtri(probability)) - gamma) / delta)


@cache
def _johnson_su(null: RankNull) -> tuple[float, float, float, float]:
    """γ, δ, location and scale of Johnson's S_U law with the null's four moments (Tuenter 2001).

    A variable of this law is location + scale · sinh((Z − γ)/δ), Z standard normal. Its kurtosis exceeds that of the
    lognormal law of the same skewness, its limit; a smaller one is raised, which raises small p-values.
    """
    from scipy.optimize import brentq

    g = abs(null.skewness)
    root = g * math.sqrt(1 + g**2 / 4)
    lognormal = math.cbrt(1 + g**2 / 2 + root) + math.cbrt(1 + g**2 / 2 - root) - 1  # ω = exp(σ²)
    beta = 3 + max(null.kurtosis, _lognormal_kurtosis(lognormal) + LEAST_EXCESS)

    def m_of(omega: float) -> float:
        return math.sqrt(max(4 + 2 * (omega**2 - (beta + 3) / (omega**2 + 2 * omega + 3)), 0.0)) - 2

    def excess(omega: float) -> float:
        m = m_of(omega)
        return (omega - 1 - m) * (omega + 2 + m / 2) ** 2 - g**2

    least = brentq(lambda omega: 3 + _lognormal_kurtosis(omega) - beta, 1, 10)
    omega = brentq(excess, least, math.sqrt(math.sqrt(2 * (beta - 1)) - 1), xtol=1e-15)
    m, sign = m_of(omega), math.copysign(1, null.skewness)
    delta = 1 / math.sqrt(math.log(omega))
    gamma = -sign * delta * math.asinh(math.sqrt(max((omega + 1) / (2 * omega) * ((omega - 1) / m - 1), 0.0)))
    scale = null.sd / (omega - 1) * math.sqrt(2 * m / (omega + 1))
    location = null.mean - sign * null.sd / (omega - 1) * math.sqrt(max(omega - 1 - m, 0.0))
    return gamma, delta, location, scale


def _lognormal_kurtosis(omega: float) -> float:
    return omega**4 + 2 * omega**3 + 3 * omega**2 - 6


@cache
def _table() -> dict[str, NDArray]:
    """m_d: the nodes, (nodes,); moments_d: mean, sd · √M, skewness, kurtosis, (4, estimators, nodes, LARGEST_K)."""
    with np.load(TABLE) as table:
        return dict(table)
