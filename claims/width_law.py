"""§3: "lim ΔI ≤ 0, hence lim I = 0", a limit of infinite width, which no net has and the paper does not extrapolate to.

Measured: the law ι_c = f + a N^-b, fitted for every hidden layer of trained nets, seed by seed, to the widths from N =
20 up: the floor f is what is left of the dependence in the limit, the exponent b how fast the rest vanishes.
(Correlations of order 1/√N, as of random weights, would give b = 1.) A seed has no value with fewer than four widths,
or where b ends at a border of the search, 0.05 to 3: there the widths do not determine the law. Exploratory: the law is
ours, and nothing but its fit speaks for it.
Supported: the floor is at most 0.01 nats, the paper's threshold of independence (floor). Refuted: an interval lies
entirely outside. Also shown: whether the exponent is in 0.5 … 1.5, 1 give or take a half (exponent), and whether the
law fits where the floor is read off: ι_c of the widest nets is the law's to 0.005 nats (fit).
Controls: laws of known floor and exponent with noise of 0.002 nats must be recovered: a floor of 0 and an exponent of 1
supported, a floor of 0.03 refuted, an exponent of 2 refuted. Planted dependence, which is the same at every width, must
not be supported.
"""

from dataclasses import replace

import numpy as np
import pytest

from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.seeds import derived_seed
from wndcheck.verdicts import Check, Claim, Scope, within
from wndcheck.verdicts.shared_checks import INDEPENDENT
from wndcheck.verdicts.statistics import power_law

CLAIM = Claim(
    "§3 (ours)",
    "Extrapolated to infinite width, hidden layers are independent",
    families=("trained/relu", "trained/tanh"),
)
SEED_WORD = "width-law"  # of the draws; frozen, whatever the claim's name

FLOOR = Check("floor f of ι_c = f + a N^-b", INDEPENDENT, scope=Scope.LEVEL)
FIT = Check("ι_c at the widest minus the law's", within(-0.005, 0.005), primary=False, scope=Scope.LEVEL)
EXPONENT = Check("exponent b of ι_c = f + a N^-b", within(0.5, 1.5), primary=False, unit="")
FLOOR_OF_SAMPLES, EXPONENT_OF_SAMPLES = (replace(each, replicate="laws") for each in (FLOOR, EXPONENT))


def floors(grid, layer, quantity="corrected_score"):
    """The floor of the law of a layer's ι_c, or of a control's, by seed (nats)."""
    return power_law(grid.widths, grid.of(quantity, layer)).floor


def exponents(grid, layer):
    """The exponent of the law of a layer's ι_c, by seed."""
    return power_law(grid.widths, grid.of("corrected_score", layer)).exponent


def residuals(grid, layer):
    """ι_c of the widest nets minus what the law of their seed gives (nats)."""
    return power_law(grid.widths, grid.of("corrected_score", layer)).residual


@pytest.fixture
def simulated(base_seed):
    """simulated(floor, exponent): the fits to 16 laws of six widths, .1 nats above the floor at N = 20, ± 0.002."""

    def fitted(floor, exponent):
        rng = np.random.default_rng(derived_seed(SEED_WORD, base_seed, floor, exponent))
        widths = np.array([20, 50, 100, 200, 500, 1000])
        means = floor + 0.1 * (widths / 20.0) ** -exponent
        return power_law(widths, means[:, None] + rng.normal(scale=0.002, size=(6, 16)))

    return fitted


@check(FLOOR)
def test_floor(decide, layer, trained):
    decide(floors, trained.wide, layer)


@check(EXPONENT)
def test_exponent(decide, layer, trained):
    decide(exponents, trained.wide, layer)


@check(FIT)
def test_fit(decide, layer, trained):
    decide(residuals, trained.wide, layer)


@control(FLOOR_OF_SAMPLES, must_be="supported")
def test_a_law_without_floor_is_recovered(decide, simulated):
    decide(simulated(floor=0.0, exponent=1.0).floor)


@control(FLOOR_OF_SAMPLES, must_be="refuted")
def test_a_law_with_a_floor_is_recovered(decide, simulated):
    decide(simulated(floor=0.03, exponent=1.0).floor)


@control(EXPONENT_OF_SAMPLES, must_be="supported")
def test_an_exponent_is_recovered(decide, simulated):
    decide(simulated(floor=0.0, exponent=1.0).exponent)


@control(EXPONENT_OF_SAMPLES, must_be="refuted")
def test_a_greater_exponent_is_recovered(decide, simulated):
    decide(simulated(floor=0.0, exponent=2.0).exponent)


@control(FLOOR, must_be="not supported")
def test_planted_dependence_has_no_low_floor(decide, layer, trained):
    decide(floors, trained.wide, layer, "planted_score")
