"""Intervals over trained nets, regions fixed beforehand, slopes over widths; one value per net."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, sqrt

import numpy as np
from scipy.special import stdtrit  # scipy.stats takes a second to import, in every worker

FEWEST_WIDTHS = 3  # of a slope or a rank correlation


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
