"""Probabilities of the three verdicts of a check for normal replicates, and the replicates that a verdict needs."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf, isfinite, nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

from wndcheck.verdicts.checks import FEWEST, Check, Verdict, verdict_on
from wndcheck.verdicts.statistics import Interval, Region, t_quantile

NODES = 256  # of the integral over the sample standard deviation; rates are then exact to about 1e-5
POWER = 0.9
MOST = 10_000  # replicates; `nets_needed` looks no further


@dataclass(frozen=True)
class Rates:
    """The probabilities of the three verdicts."""

    supported: float
    refuted: float
    inconclusive: float

    def of(self, verdict: Verdict) -> float:
        return {Verdict.SUPPORTED: self.supported, Verdict.REFUTED: self.refuted}.get(verdict, self.inconclusive)

    @classmethod
    def from_decided(cls, supported: float, refuted: float) -> Rates:
        supported, refuted = min(supported, 1.0), min(refuted, 1.0)  # sums of weights exceed 1 by a rounding error
        return cls(supported, refuted, max(0.0, 1 - supported - refuted))


SILENT = Rates(0.0, 0.0, 1.0)
UNKNOWN = Rates(nan, nan, nan)


def normal_rates(check: Check, mean: float, sd: float, n: int, m: int | None = None) -> Rates:
    """Return the rates for n independent normal replicates of that mean and standard deviation.

    With m they are those of the check as one of m that count for a claim, see `Check.strict_alpha`.
    The sample mean and the sample standard deviation s are independent; given s the rates are normal probabilities,
    which are integrated over the distribution of s. ValueError for fewer than two replicates, a mean that is not finite
    or an sd that is negative or not finite.
    """
    if n < 2 or not isfinite(mean) or not sd >= 0 or not isfinite(sd):
        raise ValueError(f"mean {mean}, sd {sd}, n {n}: expected finite numbers, sd >= 0 and n >= 2")
    if sd == 0:
        verdict = verdict_on(check, Interval(mean, mean, mean, n, 1 - check.alpha))
        return Rates.from_decided(float(verdict is Verdict.SUPPORTED), float(verdict is Verdict.REFUTED))
    scales, weights = scale_nodes(n - 1)
    error = sd / sqrt(n)
    # Of the intervals, in units of the standard error.
    half, strict = (t_quantile(1 - alpha, n) * scales for alpha in alphas(check, m))
    low, high = (check.region.low - mean) / error, (check.region.high - mean) / error
    supported = np.maximum(special.ndtr(high - half) - special.ndtr(low + half), 0)
    refuted = special.ndtr(low - strict) + special.ndtr(-(high + strict))
    return Rates.from_decided(float(weights @ supported), float(weights @ refuted))


def alphas(check: Check, m: int | None) -> tuple[float, float]:
    """1 minus the confidences at which the check is supported, and refuted, or with m refutes a claim."""
    return check.alpha, check.strict_alpha(m) if m else check.alpha


@lru_cache(maxsize=4096)
def scale_nodes(degrees: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights for integrals over s / σ = √(χ² / degrees): Gauss-Legendre over its probability."""
    nodes, weights = legendre_nodes()
    return np.sqrt(special.chdtri(degrees, 1 - nodes) / degrees), weights


@lru_cache(maxsize=1)
def legendre_nodes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return (nodes + 1) / 2, weights / 2


def borders(check: Check) -> tuple[float, ...]:
    """Return the finite borders of the check's region."""
    return tuple(border for border in (check.region.low, check.region.high) if isfinite(border))


def right_verdict(check: Check, truth: float) -> Verdict:
    """Return the verdict for a mean that is known exactly."""
    return Verdict.SUPPORTED if check.region.low <= truth <= check.region.high else Verdict.REFUTED


def wrong_rate(check: Check, rates: Rates, truth: float) -> float:
    """Return the probability of `refuted` if the true mean is inside the region, else that of `supported`."""
    return rates.refuted if right_verdict(check, truth) is Verdict.SUPPORTED else rates.supported


def worst_rate(rates_on_borders: Iterable[Rates]) -> float:
    """Return the largest wrong-verdict rate: that of a true mean just inside or just outside a border."""
    return max(max(rates.supported, rates.refuted) for rates in rates_on_borders)


def nets_needed_with_error(check: Check, mean: float, sd: float, systematic: tuple[float, float]) -> float:
    """Return what `nets_needed` does where intervals are widened by a systematic error; infinity if it spans a border.

    A check is then supported within narrower borders, and refuted beyond wider ones, than its own.
    """
    (low, high), region = (min(systematic[0], 0.0), max(systematic[1], 0.0)), check.region
    within = region.low + high, region.high + low
    beyond = Region(region.low + low, region.high + high)
    if within[0] <= mean <= within[1]:
        return nets_needed(replace(check, region=Region(*within)), mean, sd)
    is_beyond = not beyond.low <= mean <= beyond.high
    return nets_needed(replace(check, region=beyond), mean, sd) if is_beyond else inf


def nets_needed(check: Check, mean: float, sd: float) -> float:
    """Return the fewest replicates, at least `FEWEST`, that give the right verdict with probability `POWER`.

    Infinity where more than `MOST` are needed; on a border no number is enough. ValueError as in `normal_rates`.
    """
    verdict = right_verdict(check, mean)

    def enough(n: int) -> bool:
        return normal_rates(check, mean, sd, n).of(verdict) >= POWER

    if not enough(MOST):
        return inf
    return float(FEWEST + bisect_left(range(FEWEST, MOST), True, key=enough))
