"""Appendix A, Figure A.1c: for a bivariate Gaussian with σx = 0.0001 and σy = 1, "the vanilla estimator severely
underestimated the MI; with stabilization, the estimator is able to provide a more accurate estimate".

Measured: Î minus the truth, -½ log(1 - ρ²), for samples of size 1000; an experiment is a mean over 32 samples.
Supported: at every ρ the vanilla estimate lies more than .5 nats below the truth and the stabilised one within .05.
Refuted: one of them lies wholly outside. Shown beside it: between equal scales the vanilla estimate is faithful (within
.05); between unequal ones it is negative; and the stabilised one is the same whatever the scale.
Control: between equal scales the vanilla estimate needs no stabilisation, so its check must be refuted there.
"""

import numpy as np
import pytest

from wndcheck.experiment.simulations import gaussian_information, information_estimates
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.claims import Claim
from wndcheck.verdicts.statistics import at_most, within

CLAIM = Claim(
    "§A, Fig. A.1c",
    "Unequal scales ruin the vanilla estimate; the stabilised one is right",
    figures=("figure-a1c-stabilisation",),
)
SEED_WORD = "stabilisation"  # of the draws; frozen, whatever the claim's name

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


@check(VANILLA)
@every_rho
def test_vanilla(decide, profile, base_seed, rho):
    decide(errors((SEED_WORD, base_seed, rho), profile, rho, sd_x=1e-4, standardize=False))


@check(STABILISED)
@every_rho
def test_stabilised(decide, profile, base_seed, rho):
    decide(errors((SEED_WORD, base_seed, rho), profile, rho, sd_x=1e-4))


@check(FAITHFUL)
@some_rho
def test_equal_scales(decide, profile, base_seed, rho):
    decide(errors((SEED_WORD, base_seed, "equal", rho), profile, rho, standardize=False))


@check(NEGATIVE)
@some_rho
def test_negative(decide, profile, base_seed, rho):
    vanilla = errors((SEED_WORD, base_seed, rho), profile, rho, sd_x=1e-4, standardize=False)
    decide(np.add(vanilla, gaussian_information(rho)))


@check(INVARIANT)
@some_rho
def test_scale_invariance(decide, profile, base_seed, rho):
    words = (SEED_WORD, base_seed, "invariance", rho)
    decide(np.subtract(errors(words, profile, rho, sd_x=1e-4), errors(words, profile, rho)))


@control(VANILLA, must_be="refuted")
def test_vanilla_on_equal_scales(decide, profile, base_seed):
    decide(errors((SEED_WORD, base_seed, "control"), profile, 0.5, standardize=False))
