"""Null distribution of the estimates from normal scores of ranks, tabulated by simulation.

The ranks of independent columns are independent random permutations, whatever the columns' distributions. So the null
depends on the estimator, the number of samples M, k and the number of columns d alone, and p-values need no shuffles.
`wndcheck.benchmarks.rank_null` makes the table.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .formulas import ESTIMATORS
from .validation import check_choice, check_integer

TABLE = Path(__file__).with_name("rank_null.json")
LARGEST_K = 50
LARGEST_M = 1_000_000  # of pairs; above the simulated 50,000 the polynomials are extrapolated to t = 0
ADVICE = "take estimator='ksg1', which needs no table, and p-values from null='shuffle'"
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


def score_grid(m: int) -> NDArray[np.float64]:
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
        Number of samples, from 20; for d = 2 to 1,000,000, else to the largest simulated.
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
    if str(d) not in table or estimator not in table[str(d)]["coefficients"]:
        raise ValueError(
            f"d={d} columns with {estimator!r}: the null is tabulated for d=2, with '3h' for d=2 to {max(table)}"
        )
    least, largest = table[str(d)]["least_m"], LARGEST_M if d == 2 else table[str(d)]["largest_m"]
    if not least <= m <= largest:
        raise ValueError(
            f"{m} samples: the null of {d} columns of ranks is tabulated for {least} to {largest}; {ADVICE}"
        )
    if k > min(LARGEST_K, m // 2):
        raise ValueError(
            f"k={k} of {m} samples: the null of ranks is tabulated for k to {LARGEST_K} and to half of them; {ADVICE}"
        )
    coefficients = table[str(d)]["coefficients"][estimator]
    mean, sd, skewness, kurtosis = (_moment(coefficients[moment], m, k, d, moment) for moment in range(4))
    correction = mean if estimator == "3h" else 0.0
    return RankNull(correction, mean - correction, sd, skewness, kurtosis)


def coordinates(m: Any, k: Any, d: int, moment: int) -> tuple[Any, Any, Any]:
    """Scale of a moment (0 to 3: mean, sd, skewness, excess kurtosis) and the variables of its polynomial.

    The scale is the moment's order for large M at a given k: an estimate is a mean of M locally dependent terms, and
    the distance to a neighbour is of order t = (k/M)^(1/d). The polynomial is one in t and log k, scaled to [−1, 1].
    """
    t = (k / m) ** (1 / d)
    scale = (t, (m * k) ** -0.5, (k / m) ** 0.5, k / m)[moment]
    return scale, 2 * t - 1, 2 * np.log(k) / math.log(LARGEST_K) - 1


def _moment(coefficients: list[list[float]], m: int, k: int, d: int, moment: int) -> float:
    from numpy.polynomial.chebyshev import chebval2d

    scale, t, log_k = coordinates(float(m), float(k), d, moment)
    return float(scale * chebval2d(t, log_k, coefficients))


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
    g = abs(null.skewness)
    root = g * math.sqrt(1 + g**2 / 4)
    lognormal = math.cbrt(1 + g**2 / 2 + root) + math.cbrt(1 + g**2 / 2 - root) - 1  # ω = exp(σ²)
    beta = 3 + max(null.kurtosis, _lognormal_kurtosis(lognormal) + LEAST_EXCESS)

    def tuenter_m(omega: float) -> float:
        return math.sqrt(max(4 + 2 * (omega**2 - (beta + 3) / (omega**2 + 2 * omega + 3)), 0.0)) - 2

    def excess(omega: float) -> float:
        m = tuenter_m(omega)
        return (omega - 1 - m) * (omega + 2 + m / 2) ** 2 - g**2

    least = _root(lambda omega: 3 + _lognormal_kurtosis(omega) - beta, 1.0, 10.0)
    symmetric = math.sqrt(math.sqrt(2 * (beta - 1)) - 1)  # ω without skewness, the largest
    omega = symmetric if excess(symmetric) >= 0 else _root(excess, least, symmetric)
    m, sign = tuenter_m(omega), math.copysign(1, null.skewness)
    delta = 1 / math.sqrt(math.log(omega))
    gamma = -sign * delta * math.asinh(math.sqrt(max((omega + 1) / (2 * omega) * ((omega - 1) / m - 1), 0.0)))
    scale = null.sd / (omega - 1) * math.sqrt(2 * m / (omega + 1))
    location = null.mean - sign * null.sd / (omega - 1) * math.sqrt(max(omega - 1 - m, 0.0))
    return gamma, delta, location, scale


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Zero of a function between two points at which its signs differ, by bisection; scipy.optimize imports slowly."""
    sign = math.copysign(1, function(low))
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if sign * function(middle) > 0 else (low, middle)
    return middle


def _lognormal_kurtosis(omega: float) -> float:
    return omega**4 + 2 * omega**3 + 3 * omega**2 - 6


@cache
def _table() -> dict[str, dict[str, Any]]:
    """By d: least_m and largest_m of the simulation, and by estimator the coefficients, (4, 11, 9)."""
    return json.loads(TABLE.read_text(encoding="utf-8"))
