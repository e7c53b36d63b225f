"""§4: "Given two independent standard Gaussian sample with 1000 points, the MI estimator gives 0.012 ± 0.042 over 1000
trials, hence we may roughly view 0.01 as a threshold for independence."

Measured: the paper's experiment, all 1000 trials of it, 16 times; each gives a mean and a standard deviation.
Supported: the mean lies in 0.012 ± 0.004 and the standard deviation in 0.042 ± 0.003. Refuted: an interval lies
entirely outside its region.
Control: a correlation of 0.3 (0.047 nats) must be distinguished from independence.
"""

from wndcheck.experiment.gaussian_experiments import information_estimates
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, within

CLAIM = Claim("§4", "The 3H estimate of independent Gaussians, M=1000, is 0.012 ± 0.042")
SEED_WORD = "estimator-null"  # of the draws; frozen, whatever the claim's name

MEAN = Check("mean of 1000 trials", within(0.008, 0.016), replicate="experiments", scope=Scope.ESTIMATOR)
SPREAD = Check(
    "standard deviation of 1000 trials", within(0.039, 0.045), replicate="experiments", scope=Scope.ESTIMATOR
)


@check(MEAN)
def test_mean(decide, experiments):
    decide(experiments(information_estimates, trials=1000).mean(axis=1))


@check(SPREAD)
def test_standard_deviation(decide, experiments):
    decide(experiments(information_estimates, trials=1000).std(axis=1, ddof=1))


@control(MEAN, must_be="refuted")
def test_dependent_gaussians(decide, experiments):
    decide(experiments(information_estimates, "control", trials=100, rho=0.3).mean(axis=1))
