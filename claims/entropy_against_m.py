"""Appendix A, Figure A.1b: "a sample size of around 1000 strikes the balance between estimation bias and computation
burden"; "the biases are tolerable with M = 1000 and k = 3".

Measured: bias and root-mean-square error of Ĥ (eq. A.1, k = 3) on standard Gaussian samples of growing size; an
experiment is 64 samples of each size. Supported: |bias| ≤ 0.02 nats at M = 1000, and the error falls at least half as
fast as M^-½ (a slope of log RMSE on log M of at most -0.25). Refuted: an interval lies entirely outside its region.
Control: an estimator that sees only the first 100 points, whatever M, must be refuted.
"""

import numpy as np
import pytest

from wndcheck.experiment.gaussian_experiments import entropy_errors
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, at_most, within

CLAIM = Claim(
    "§A, Fig. A.1b",
    "The entropy estimate's bias is tolerable at M = 1000; its error falls",
    figures=("figure-a1b-entropy-m",),
)
SEED_WORD = "entropy-against-m"  # of the draws; frozen, whatever the claim's name

SIZES = (100, 300, 1000, 3000, 10_000)
BIAS = dict.fromkeys(
    SIZES, Check("bias of Ĥ", within(-0.02, 0.02), primary=False, replicate="experiments", scope=Scope.ESTIMATOR)
)
BIAS[1000] = Check("bias of Ĥ at M = 1000", within(-0.02, 0.02), replicate="experiments", scope=Scope.ESTIMATOR)
RATE = Check("slope of log RMSE on log M", at_most(-0.25), unit="", replicate="experiments", scope=Scope.ESTIMATOR)


def rates(errors):
    """Slope of log RMSE on log M, from the errors of each size, (experiments, 64): (experiments,)."""
    log_rmse = [0.5 * np.log((error**2).mean(axis=1)) for error in errors]
    return np.polyfit(np.log(SIZES), np.stack(log_rmse), 1)[0]


@check(BIAS, by="m")
@pytest.mark.parametrize("m", SIZES)
def test_bias(decide, experiments, m):
    decide(experiments(entropy_errors, m, trials=64, m=m, k=3).mean(axis=1))


@check(RATE)
def test_error_falls(decide, experiments):
    decide(rates([experiments(entropy_errors, m, trials=64, m=m, k=3) for m in SIZES]))


@control(RATE, must_be="refuted")
def test_hundred_points_whatever_m(decide, experiments):
    decide(rates([experiments(entropy_errors, m, trials=64, m=100, k=3) for m in SIZES]))
