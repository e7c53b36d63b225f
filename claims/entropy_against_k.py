"""Appendix A, Figure A.1a: "we follow the guidelines … to set 2 ≤ k ≤ 5"; with M = 1000 "the biases are tolerable".

Measured: the bias of Ĥ (eq. A.1) on standard Gaussian samples of size 1000, for each k; an experiment is a mean over 64
samples. Supported: |bias| ≤ 0.02 nats, about two thirds of the standard deviation of one estimate. Refuted: its
interval lies entirely outside. Also shown: the estimates for different k hardly differ, for "the choice of k is in
general less important".
Control: samples 5 % wider than they are taken to be (an error of 0.049 nats) must be refuted.
"""

import pytest

from wndcheck.experiment.gaussian_experiments import entropy_errors
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, within

CLAIM = Claim(
    "§A, Fig. A.1a",
    "The entropy estimate's bias is tolerable for 2 ≤ k ≤ 5",
    figures=("figure-a1a-entropy-k",),
)
SEED_WORD = "entropy-against-k"  # of the draws; frozen, whatever the claim's name

BIAS = Check("bias of Ĥ", within(-0.02, 0.02), replicate="experiments", scope=Scope.ESTIMATOR)
AGREEMENT = Check("Ĥ(k) - Ĥ(3)", within(-0.02, 0.02), primary=False, replicate="experiments", scope=Scope.ESTIMATOR)


SAMPLES = {"trials": 64, "m": 1000}


@check(BIAS)
@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_bias(decide, experiments, k):
    decide(experiments(entropy_errors, k, **SAMPLES, k=k).mean(axis=1))


@check(AGREEMENT)
@pytest.mark.parametrize("k", [2, 4, 5])
def test_agreement(decide, experiments, k):
    at_k, at_3 = (experiments(entropy_errors, "agreement", **SAMPLES, k=each).mean(axis=1) for each in (k, 3))
    decide(at_k - at_3)


@control(BIAS, must_be="refuted")
def test_wider_samples(decide, experiments):
    decide(experiments(entropy_errors, "control", **SAMPLES, k=3, sd=1.05).mean(axis=1))
