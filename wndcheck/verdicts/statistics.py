"""Intervals over trained nets, regions fixed beforehand, slopes over widths; one value per net."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite, isnan, sqrt
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit  # scipy.stats takes a second to import, in every worker

FEWEST_WIDTHS = 3  # of a slope or a rank correlation
FEWEST_WIDTHS_OF_A_LAW = 4  # which has three parameters
UNKNOWN_LAW = (np.nan, np.nan, np.nan)
EXPONENTS = np.geomspace(0.05, 3, 60)  # between which the exponent of a law is searched


@dataclass(frozen=True)
class Interval:
    """A mean over independent replicates with its confidence interval."""

    estimate: float
    low: float
    high: float
    n: int
    confidence: float

    def __post_init__(self) -> None:
        if self.n < 0 or not 0 < self.confidence < 1:
            raise ValueError(f"n {self.n}, confidence {self.confidence}: expected n >= 0, 0 < confidence < 1")
        if self.low > self.high:
            raise ValueError(f"interval from {self.low} to {self.high}: expected low <= high")

    def widened(self, low: float, high: float) -> Interval:
        """The interval with a systematic error of the measuring between `low` and `high` taken in, never narrower."""
        return replace(self, low=self.low - max(high, 0.0), high=self.high - min(low, 0.0))

    def shifted(self, by: float) -> Interval:
        """The interval moved by a number; unbounded for NaN."""
        if isnan(by):
            return replace(self, low=-inf, high=inf)
        return replace(self, estimate=self.estimate + by, low=self.low + by, high=self.high + by)


@dataclass(frozen=True)
class Region:
    """The values from `low` to `high` that a statement allows."""

    low: float = -inf
    high: float = inf

    def __post_init__(self) -> None:
        if not self.low <= self.high or not (isfinite(self.low) or isfinite(self.high)):
            raise ValueError(
                f"region from {self.low} to {self.high}: expected low <= high, at least one of them finite"
            )

    def contains(self, interval: Interval) -> bool:
        """Whether the whole interval lies inside. (For a bounded region: two one-sided tests, equivalence.)"""
        return self.low <= interval.low and interval.high <= self.high

    def excludes(self, interval: Interval) -> bool:
        """Whether the whole interval lies outside, on one side. Touching the border is not outside."""
        return interval.high < self.low or interval.low > self.high

    def distance_inside(self, interval: Interval) -> float:
        """The distance from the end of the interval that is nearest to a border to that border; negative outside."""
        return min(interval.low - self.low, self.high - interval.high)

    def distance_outside(self, interval: Interval) -> float:
        """The distance from the region to the nearest end of the interval; negative where they overlap."""
        return max(self.low - interval.high, interval.low - self.high)

    def __str__(self) -> str:
        if self.low == -inf:
            return f"≤ {self.high:g}"
        if self.high == inf:
            return f"≥ {self.low:g}"
        return f"{self.low:g} … {self.high:g}"


def at_most(bound: float) -> Region:
    return Region(high=bound)


def at_least(bound: float) -> Region:
    return Region(low=bound)


def within(low: float, high: float) -> Region:
    return Region(low, high)


def mean_interval(values: Sequence[float] | np.ndarray, confidence: float) -> Interval:
    """Student's t interval of the mean of independent replicates; unbounded for a single one.

    Raises ValueError for no values, values that are not finite or not one-dimensional, or a confidence outside (0, 1).
    """
    x = np.asarray(values, dtype=float)
    if x.ndim != 1 or not x.size or not np.isfinite(x).all():
        raise ValueError(
            f"expected a row of finite values, one per net; got shape {x.shape} with {np.isnan(x).sum()} NaN"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence}: expected a number between 0 and 1")
    mean = float(x.mean())
    if x.size == 1:
        return Interval(mean, -inf, inf, 1, confidence)
    half = t_quantile(confidence, x.size) * float(x.std(ddof=1)) / sqrt(x.size)
    return Interval(mean, mean - half, mean + half, x.size, confidence)


def t_quantile(confidence: float, n: int) -> float:
    """Half the width of Student's interval of a mean of n replicates, over s / √n."""
    return float(stdtrit(n - 1, (1 + confidence) / 2))


def rank_interval(first: np.ndarray, second: np.ndarray, confidence: float) -> Interval:
    """How often a value of one group exceeds one of the other, ties counted by half, with a permutation interval.

    The interval excludes ½ exactly where the test of exchangeability, two-sided at 1 - confidence, rejects it: its half
    width is the test's critical distance from ½, by the exact distribution over all ways to part the values. It is the
    whole of 0 to 1 where no way is so rare. ValueError for groups of unequal size or values that are not finite.
    """
    first, second = (np.asarray(group, dtype=float) for group in (first, second))
    n = len(first)
    if first.shape != (n,) or second.shape != (n,) or not n or not np.isfinite([first, second]).all():
        raise ValueError(f"groups of shapes {first.shape} and {second.shape}: expected two equal rows of finite values")
    # Twice the ranks are whole numbers, whatever the ties.
    doubled = np.rint(2 * ranks(np.concatenate([first, second]))).astype(int)
    sums = np.arange(doubled.sum() + 1) / 2  # of the ranks of the first group
    shares = (sums - n * (n + 1) / 2) / n**2
    chances = rank_sum_chances(doubled, n)
    possible = np.flatnonzero(chances)
    estimate = float(shares[doubled[:n].sum()])
    above = np.cumsum(chances[possible][::-1])[::-1]  # the probability of at least this
    if above[-1] > (1 - confidence) / 2:
        return Interval(estimate, 0.0, 1.0, 2 * n, confidence)
    critical = int(np.argmax(above <= (1 - confidence) / 2))  # of the possible: the least that rejects
    half = float(shares[possible[critical - 1 : critical + 1]].mean()) - 0.5  # half a step below it
    return Interval(estimate, max(estimate - half, 0.0), min(estimate + half, 1.0), 2 * n, confidence)


def rank_sum_chances(doubled: np.ndarray, n: int) -> np.ndarray:
    """Probability of each sum of n of these whole numbers, drawn without replacement: (sum of all + 1,)."""
    ways = np.zeros((n + 1, doubled.sum() + 1))  # by how many are drawn, and their sum
    ways[0, 0] = 1
    for value in doubled:
        ways[1:, value:] += ways[:-1, : ways.shape[1] - value].copy()
    return ways[n] / ways[n].sum()


def paired_difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Net by net, of the nets that both have: (S,) and (S',) -> (min(S, S'),). The first seeds of both are the same."""
    both = min(len(first), len(second))
    return first[:both] - second[:both]


def slope_per_doubling(widths: Sequence[float] | np.ndarray, values: np.ndarray) -> np.ndarray:
    """Least-squares slope of each net's values on log2 of the width: (widths, S) -> (S,).

    A seed gives one slope, so slopes are independent replicates whatever its nets of different widths share. It is NaN
    for a seed without a finite value at one of the widths, since a slope over other widths would be another quantity,
    and for all seeds with fewer than three widths.
    """
    doublings = np.log2(np.asarray(widths, dtype=float))
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or len(values) != len(doublings):
        raise ValueError(f"values of shape {values.shape}: expected ({len(doublings)} widths, seeds)")
    if len(values) < FEWEST_WIDTHS:
        return np.full(values.shape[1], np.nan)
    x = doublings - doublings.mean()
    return x @ np.where(np.isfinite(values), values, np.nan) / (x @ x)


class PowerLaw(NamedTuple):
    """Floor and exponent of the law f + a N^-b, seed by seed: (S,) each.

    `residual` is the value at the greatest width minus the law's: where the floor is read off.
    """

    floor: np.ndarray
    exponent: np.ndarray
    residual: np.ndarray


def power_law(widths: Sequence[float] | np.ndarray, values: np.ndarray) -> PowerLaw:
    """The least-squares fit of f + a N^-b to each net's values, (widths, S).

    A law is NaN for a seed without a finite value at one of the widths, for one whose exponent ends at a
    border of EXPONENTS, so that the widths do not determine the law, and for all seeds with fewer than four widths.
    """
    n, values = np.asarray(widths, dtype=float), np.asarray(values, dtype=float)
    if values.ndim != 2 or len(values) != len(n):
        raise ValueError(f"values of shape {values.shape}: expected ({len(n)} widths, seeds)")
    laws = [fitted_law(n, y) if len(n) >= FEWEST_WIDTHS_OF_A_LAW else UNKNOWN_LAW for y in values.T]
    return PowerLaw(*np.array(laws, dtype=float).reshape(-1, 3).T)


def fitted_law(n: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """One net's law, y at the widths n; given the exponent it is a linear regression."""
    from scipy.optimize import minimize_scalar

    if not np.isfinite(y).all() or np.ptp(y) == 0:
        return UNKNOWN_LAW

    def regression(b: float) -> tuple[float, float, float]:
        """Sum of squares of the residuals, the floor, and the residual at the greatest width."""
        x = (n / n.min()) ** -b
        centred = x - x.mean()
        slope = centred @ y / (centred @ centred)
        residuals = y - y.mean() - slope * centred
        return residuals @ residuals, y.mean() - slope * x.mean(), residuals[n.argmax()]

    best = int(np.argmin([regression(b)[0] for b in EXPONENTS]))
    if best in (0, len(EXPONENTS) - 1):
        return UNKNOWN_LAW
    between = (EXPONENTS[best - 1], EXPONENTS[best + 1])
    b = minimize_scalar(lambda b: regression(b)[0], bounds=between, method="bounded", options={"xatol": 1e-9}).x
    _, floor, residual = regression(b)
    return floor, b, residual


def largest_contrast(values: np.ndarray) -> np.ndarray:
    """The largest difference between any two widths, seed by seed: (widths, S) -> (S,); NaN where a value is."""
    return np.ptp(np.asarray(values, dtype=float), axis=0)


def ranks(values: np.ndarray) -> np.ndarray:
    """Rank of each value, counted from 1, ties with the mean of theirs; (n,) to (n,)."""
    ascending = np.sort(values)
    return (np.searchsorted(ascending, values, "left") + np.searchsorted(ascending, values, "right") + 1) / 2


def rank_correlations(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation over the widths, seed by seed: (widths, S) twice -> (S,).

    NaN for a seed without a finite value at one of the widths, or with only one value; all NaN with fewer than three.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if x.ndim != 2 or x.shape != y.shape:
        raise ValueError(f"values of shapes {x.shape} and {y.shape}: expected (widths, seeds), both alike")

    def correlation(a: np.ndarray, b: np.ndarray) -> float:
        is_known = np.isfinite(a).all() and np.isfinite(b).all()
        if len(a) < FEWEST_WIDTHS or not is_known or np.ptp(a) == 0 or np.ptp(b) == 0:
            return float("nan")
        return float(np.corrcoef(ranks(a), ranks(b))[0, 1])

    return np.array([correlation(a, b) for a, b in zip(x.T, y.T, strict=True)])
