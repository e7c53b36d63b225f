"""Appendix A, Figure A.1c: for a bivariate Gaussian with σx = 0.0001 and σy = 1, "the vanilla estimator severely
underestimated the MI; with stabilization, the estimator is able to provide a more accurate estimate".

Measured: Î less the truth, -½ log(1 - ρ²), for samples of size 1000; an experiment is a mean over 32 samples.
Supported: at every ρ the vanilla estimate lies more than .5 nats below the truth and the stabilised one within .05.
Refuted: one of them lies wholly outside. Shown beside it: between equal scales the vanilla estimate is faithful (within
.05); between unequal ones it is negative; and the stabilised one is the same whatever the scale.
Control: between equal scales there is nothing to rescue, so the vanilla check must be refuted there.
"""

import numpy as np
import pytest

from wndcheck.experiment.simulations import gaussian_information, information_estimates
from wndcheck.verdicts.checks import Check, Claim
from wndcheck.verdicts.statistics import at_most, within

CLAIM = Claim(
    "stabilisation",
    "§A, Fig. A.1c",
    "Unequal scales ruin the vanilla estimate; the stabilised one is right",
    figures=("figure-a1c-stabilisation",),
)
pytestmark = pytest.mark.claim(CLAIM)

VANILLA = Check("vanilla Î - I", at_most(-0.5), replicate="experiments")
STABILISED = Check("stabilised Î - I", within(-0.05, 0.05), replicate="experiments")
FAITHFUL = Check("vanilla Î - I, equal scales", within(-0.05, 0.05), primary=False, replicate="experiments")
NEGATIVE = Check("vanilla Î", at_most(0), primary=False, replicate="experiments")
INVARIANT = Check("Î(σx = 10⁻⁴) - Î(σx = 1), stabilised", within(-0.001, 0.001), primary=False, replicate="experiments")
some_rho = pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
every_rho = pytest.mark.parametrize("rho", [0.0, 0.25, 0.5, 0.75, 0.9, 0.99])


def errors(words, profile, rho, **how):
    truth = gaussian_information(rho)
    samples = (information_estimates(*words, i, trials=32, rho=rho, **how) for i in range(profile.experiments))
    return [x.mean() - truth for x in samples]


@every_rho
def test_vanilla(decide, profile, base_seed, rho):
    decide(VANILLA, errors((CLAIM.id, base_seed, rho), profile, rho, sd_x=1e-4, standardize=False))


@every_rho
def test_stabilised(decide, profile, base_seed, rho):
    decide(STABILISED, errors((CLAIM.id, base_seed, rho), profile, rho, sd_x=1e-4))


@some_rho
def test_equal_scales(decide, profile, base_seed, rho):
    decide(FAITHFUL, errors((CLAIM.id, base_seed, "equal", rho), profile, rho, standardize=False))


@some_rho
def test_negative(decide, profile, base_seed, rho):
    vanilla = errors((CLAIM.id, base_seed, rho), profile, rho, sd_x=1e-4, standardize=False)
    decide(NEGATIVE, np.add(vanilla, gaussian_information(rho)))


@some_rho
def test_scale_invariance(decide, profile, base_seed, rho):
    words = (CLAIM.id, base_seed, "invariance", rho)
    decide(INVARIANT, np.subtract(errors(words, profile, rho, sd_x=1e-4), errors(words, profile, rho)))


@pytest.mark.control(must_be="refuted")
def test_vanilla_on_equal_scales(decide, profile, base_seed):
    decide(VANILLA, errors((CLAIM.id, base_seed, "control"), profile, 0.5, standardize=False))
