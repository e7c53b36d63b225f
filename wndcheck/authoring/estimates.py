"""What is known of one check's reliability, from the values that it was decided on."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan

import numpy as np
from numpy.typing import NDArray

from wndcheck.authoring import power, resampling
from wndcheck.authoring.power import SILENT, UNKNOWN, Rates
from wndcheck.verdicts.checks import FEWEST, Check

MOST_WRONG = 0.01  # the wrong-verdict rate that a primary check may have
FEWEST_RESAMPLED = 30  # values below which resampling says more of them than of what they are drawn from


@dataclass(frozen=True)
class Reliability:
    """Rates of one check at `n` replicates a run, with the measured mean taken for the truth.

    `wrong` and `worst` are wrong-verdict rates: at that truth, and with the truth on a border of the region;
    `resampled_*` the same for the measured residuals instead of a normal; NaN where there are too few values. `nets`
    are the replicates that give the right verdict with 90 % probability, infinite beyond 10,000, NaN if unknown.
    """

    n: int
    mean: float
    sd: float
    rates: Rates = UNKNOWN
    wrong: float = nan
    worst: float = nan
    resampled_wrong: float = nan
    resampled_worst: float = nan
    nets: float = nan

    @property
    def greatest_wrong(self) -> float:
        """The greatest wrong-verdict rate that is known; NaN if none is."""
        known = [rate for rate in (self.wrong, self.worst, self.resampled_wrong) if rate == rate]
        return max(known, default=nan)


def reliability(check: Check, values: NDArray[np.float64], n: int, decides: bool = True) -> Reliability:
    """The reliability of a check from the finite values of one run or of several, pooled.

    With `decides` false (a level, in a profile that does not decide levels) or fewer replicates than a verdict takes,
    the rule is always silent.
    """
    if len(values) < 2:
        return Reliability(n, float(values.mean()) if len(values) else nan, nan)
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    if not decides:
        return Reliability(n, mean, sd, SILENT, 0.0, 0.0, 0.0, 0.0)
    nets = power.nets_needed(check, mean, sd)
    needed = inf if nets is None else float(nets)
    if n < FEWEST:
        return Reliability(n, mean, sd, SILENT, 0.0, 0.0, 0.0, 0.0, needed)
    rates = power.normal_rates(check, mean, sd, n)
    wrong = power.wrong_rate(check, rates, mean)
    worst = power.worst_rate(power.normal_rates(check, border, sd, n) for border in power.borders(check))
    if len(values) < FEWEST_RESAMPLED:
        return Reliability(n, mean, sd, rates, wrong, worst, nets=needed)
    drawn = resampling.draws_of(values, n)
    resampled = power.wrong_rate(check, drawn.rates(check, mean), mean)
    return Reliability(n, mean, sd, rates, wrong, worst, resampled, drawn.worst(check), needed)
