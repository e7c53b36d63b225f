"""Appendix A, Figure A.1c: for a bivariate Gaussian with σx = 0.0001 and σy = 1, "the vanilla estimator severely
underestimated the MI; with stabilization, the estimator is able to provide a more accurate estimate".

Measured: Î minus the truth, -½ log(1 - ρ²), for samples of size 1000; an experiment is a mean over 32 samples.
Supported: at every ρ the vanilla estimate lies more than 0.5 nats below the truth and the stabilised one within 0.05.
Refuted: an interval lies entirely outside its region. Also shown: between equal scales the vanilla estimate is faithful
(within 0.05); between unequal ones it is negative; and the stabilised one is the same whatever the scale.
Control: between equal scales the vanilla estimate needs no stabilisation, so its check must be refuted there.
"""

import pytest

from wndcheck.experiment.gaussian_experiments import gaussian_information, information_estimates
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, at_most, within

CLAIM = Claim(
    "§A, Fig. A.1c",
    "Unequal scales ruin the vanilla estimate; the stabilised one is right",
    figures=("figure-a1c-stabilisation",),
)
SEED_WORD = "stabilisation"  # of the draws; frozen, whatever the claim's name

VANILLA = Check("vanilla Î - I", at_most(-0.5), replicate="experiments", scope=Scope.ESTIMATOR)
STABILISED = Check("stabilised Î - I", within(-0.05, 0.05), replicate="experiments", scope=Scope.ESTIMATOR)
FAITHFUL = Check(
    "vanilla Î - I, equal scales", within(-0.05, 0.05), primary=False, replicate="experiments", scope=Scope.ESTIMATOR
)
NEGATIVE = Check("vanilla Î", at_most(0), primary=False, replicate="experiments", scope=Scope.ESTIMATOR)
INVARIANT = Check(
    "Î(σx = 10⁻⁴) - Î(σx = 1), stabilised",
    within(-0.001, 0.001),
    primary=False,
    replicate="experiments",
    scope=Scope.ESTIMATOR,
)
some_rho = pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
every_rho = pytest.mark.parametrize("rho", [0.0, 0.25, 0.5, 0.75, 0.9, 0.99])


@pytest.fixture
def errors(experiments):
    """Î - I in each experiment, by the words of its draws, ρ and how it is estimated."""

    def minus_truth(*words, rho, **how):
        estimates = experiments(information_estimates, *words, trials=32, rho=rho, **how)
        return estimates.mean(axis=1) - gaussian_information(rho)

    return minus_truth


@check(VANILLA)
@every_rho
def test_vanilla(decide, errors, rho):
    decide(errors(rho, rho=rho, sd_x=1e-4, margins="none"))


@check(STABILISED)
@every_rho
def test_stabilised(decide, errors, rho):
    decide(errors(rho, rho=rho, sd_x=1e-4))


@check(FAITHFUL)
@some_rho
def test_equal_scales(decide, errors, rho):
    decide(errors("equal", rho, rho=rho, margins="none"))


@check(NEGATIVE)
@some_rho
def test_negative(decide, errors, rho):
    vanilla = errors(rho, rho=rho, sd_x=1e-4, margins="none")
    decide(vanilla + gaussian_information(rho))


@check(INVARIANT)
@some_rho
def test_scale_invariance(decide, errors, rho):
    decide(errors("invariance", rho, rho=rho, sd_x=1e-4) - errors("invariance", rho, rho=rho))


@control(VANILLA, must_be="refuted")
def test_vanilla_on_equal_scales(decide, errors):
    decide(errors("control", rho=0.5, margins="none"))
