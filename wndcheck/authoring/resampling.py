"""The same rates without normality: measured residuals, pooled over runs and drawn with replacement."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from wndcheck.authoring.power import Rates, borders, worst_rate
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.statistics import Region, t_quantile

DRAWS = 20_000  # a rate of 1 % is then known to ±.0007, one standard error


@dataclass(frozen=True)
class Draws:
    """Means and standard deviations of `n` residuals, (draws,) each, as samples of a run would give them."""

    means: NDArray[np.float64]
    sds: NDArray[np.float64]
    n: int

    def rates(self, check: Check, truth: float) -> Rates:
        """How often each verdict falls when the residuals scatter about a true mean."""
        supported, refuted = verdicts_on(check, truth + self.means, self.sds, self.n)
        return Rates.from_decided(float(supported.mean()), float(refuted.mean()))

    def worst(self, check: Check) -> float:
        """The wrong-verdict rate with the true mean on a border of the region."""
        return worst_rate(self.rates(check, border) for border in borders(check))


def draws_of(values: NDArray[np.float64], n: int, draws: int = DRAWS) -> Draws:
    """Samples of n from the values less their mean. ValueError for fewer than two values, or n below two.

    The places drawn depend on the counts alone, so that checks differ by their values and not by luck.
    """
    if values.ndim != 1 or len(values) < 2 or n < 2 or not np.isfinite(values).all():
        raise ValueError(f"values of shape {values.shape}, n {n}: expected a row of two finite values or more, n >= 2")
    residuals = values - values.mean()
    samples = residuals[places(len(values), n, draws)]
    return Draws(samples.mean(axis=1), samples.std(axis=1, ddof=1), n)


@lru_cache(maxsize=4)
def places(size: int, n: int, draws: int) -> NDArray[np.int64]:
    return np.random.default_rng(20).integers(0, size, (draws, n))


def verdicts_on(
    check: Check, means: NDArray[np.float64], sds: NDArray[np.float64], n: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """`verdict_on` the intervals of many samples at once: which are supported, which refuted."""
    half = t_quantile(1 - check.alpha, n) * sds / sqrt(n)
    low, high = means - half, means + half

    def within(region: Region) -> NDArray[np.bool_]:
        return (region.low <= low) & (high <= region.high)

    outside = (high < check.region.low) | (low > check.region.high)
    return within(check.region), within(check.contradiction) if check.contradiction else outside
