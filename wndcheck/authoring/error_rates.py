"""Rates of wrong verdicts from measured values: for normal values with their mean and sd, and resampled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from wndcheck.verdicts import power
from wndcheck.verdicts.checks import FEWEST, Check
from wndcheck.verdicts.power import SILENT, UNKNOWN, Rates
from wndcheck.verdicts.statistics import t_quantile

MOST_WRONG = 0.01  # the wrong-verdict rate that a primary check may have
FEWEST_RESAMPLED = 30  # values; fewer do not represent their distribution
DRAWS = 20_000  # a rate of 1 % is then known to ±0.0007, one standard error


@dataclass(frozen=True)
class Reliability:
    """Error rates of one check at `n` replicates per run; the measured mean is taken for the true one.

    `wrong` and `worst` are wrong-verdict rates: at that mean, and with the true mean on a border of the region;
    `resampled_*` the same for the measured residuals instead of a normal, NaN where there are too few values.
    `refutes_claim` is the rate at which it refutes its claim, one of m checks, with the true mean on a border:
    resampled, or for a normal where there are too few values. `nets` is the number of replicates that give the right
    verdict with 90 % probability: infinite beyond 10,000, NaN if unknown.
    """

    n: int
    mean: float = nan
    sd: float = nan
    rates: Rates = UNKNOWN
    wrong: float = nan
    worst: float = nan
    resampled_wrong: float = nan
    resampled_worst: float = nan
    refutes_claim: float = nan
    nets: float = nan

    @property
    def greatest_wrong(self) -> float:
        """The greatest wrong-verdict rate that is known, except `resampled_worst`; NaN if none is."""
        known = [rate for rate in (self.wrong, self.worst, self.resampled_wrong) if rate == rate]
        return max(known, default=nan)


def reliability(check: Check, values: NDArray[np.float64], n: int, m: int = 1) -> Reliability:
    """Return the reliability of a check, one of m, from the finite values (R,) of one run or of several, pooled.

    With fewer replicates than a verdict takes, every run is inconclusive.
    """
    if len(values) < 2:
        return Reliability(n, float(values.mean()) if len(values) else nan)
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    needed = power.nets_needed(check, mean, sd)
    if n < FEWEST:
        return Reliability(n, mean, sd, SILENT, 0.0, 0.0, 0.0, 0.0, 0.0, needed)
    rates = power.normal_rates(check, mean, sd, n)
    wrong = power.wrong_rate(check, rates, mean)
    borders = power.borders(check)
    worst = power.worst_rate(power.normal_rates(check, border, sd, n) for border in borders)
    if len(values) < FEWEST_RESAMPLED:
        refutes = max(power.normal_rates(check, border, sd, n, m).refuted for border in borders)
        return Reliability(n, mean, sd, rates, wrong, worst, refutes_claim=refutes, nets=needed)
    means, sds = draw(values, n)

    def resampled(truth: float) -> Rates:
        return resampled_rates(check, truth + means, sds, n)

    worst_resampled = power.worst_rate(map(resampled, borders))
    wrong_resampled = power.wrong_rate(check, resampled(mean), mean)
    refutes = max(resampled_rates(check, border + means, sds, n, m).refuted for border in borders)
    return Reliability(n, mean, sd, rates, wrong, worst, wrong_resampled, worst_resampled, refutes, needed)


def draw(values: NDArray[np.float64], n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw samples of n, with replacement, from the values minus their mean; return their means and sds (DRAWS,).

    The positions drawn depend only on the counts, so that checks differ only by their values. ValueError for
    fewer than two values, values that are not finite, or n below two.
    """
    if values.ndim != 1 or len(values) < 2 or n < 2 or not np.isfinite(values).all():
        raise ValueError(f"values of shape {values.shape}, n {n}: expected a row of two finite values or more, n >= 2")
    samples = (values - values.mean())[places(len(values), n)]
    return samples.mean(axis=1), samples.std(axis=1, ddof=1)


@lru_cache(maxsize=4)
def places(size: int, n: int) -> NDArray[np.int64]:
    return np.random.default_rng(20).integers(0, size, (DRAWS, n))


def resampled_rates(
    check: Check, means: NDArray[np.float64], sds: NDArray[np.float64], n: int, m: int | None = None
) -> Rates:
    """Apply `verdict_on` to samples of n with these means and sds; return the shares of the verdicts.

    With m they are those of the check as one of m that count for a claim, see `Check.strict_alpha`.
    """
    region = check.region
    half, strict = (t_quantile(1 - alpha, n) * sds / sqrt(n) for alpha in power.alphas(check, m))
    supported = (region.low <= means - half) & (means + half <= region.high)
    refuted = (means + strict < region.low) | (means - strict > region.high)
    return Rates.from_decided(float(supported.mean()), float(refuted.mean()))
