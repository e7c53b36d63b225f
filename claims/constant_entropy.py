"""§2, Assumption 1 (eq. 1), Figure 2: the change of a neuron's entropy in training, ΔH, goes to zero with the width;
"with sufficiently large N, ΔH becomes insignificant".

Measured: |ΔH|, the change of a layer's mean neuron entropy from the initial to the trained net, for hidden layers.
Supported: |ΔH| falls with log N from N = 20 up (trend), and is at most .1 nats at the paper's widest (level). Refuted:
it rises, or stays above. Shown beside it, for the intuition behind the assumption ("a single neuron is not overall
important, and thereby the distribution of z should not differ much from its initialization"): how far a neuron's
distribution moves in training, in its initial standard deviations, and how many images are classified otherwise without
a neuron.
Controls: nets whose weights drift by a factor that grows with the width must be refuted, by trend, by level and by
their distributions; nets whose weights have grown by less than a hundredth must be supported; nets whose neurons are
constant have no entropy, and must get no verdict.
"""

from itertools import chain

import pytest

from wndcheck.pytest_plugin.parametrized import every_activation, every_hidden_layer
from wndcheck.verdicts.checks import Check, Claim
from wndcheck.verdicts.rules import ENTROPY_LEVEL, ENTROPY_TREND, entropy_moved
from wndcheck.verdicts.statistics import at_most, slope_per_doubling


def cells(profile, base_seed):
    planted = [profile.violation_cells(kind, base_seed) for kind in ("drift", "still", "constant")]
    return profile.trained_cells(base_seed) + tuple(chain(*planted))


CLAIM = Claim(
    "constant-entropy",
    "§2, Fig. 2",
    "The entropy of hidden neurons stays constant in wide layers",
    cells,
    figures=("figure-2-entropy",),
)
pytestmark = pytest.mark.claim(CLAIM)

MOVED = "distance of a neuron's distribution from its initial one"
DISTRIBUTION_TREND = Check(f"slope of the {MOVED} per doubling of N", at_most(0), primary=False, unit="sd")
DISTRIBUTION_LEVEL = Check(f"{MOVED} at the widest", at_most(0.1), level=True, primary=False, unit="sd")
IMPORTANCE = Check("slope per doubling of N of the images a neuron decides", at_most(0), primary=False, unit="")


@every_activation
@every_hidden_layer
def test_trend(decide, nets, activation, layer):
    grid = nets.trained(activation).wide
    decide(ENTROPY_TREND, slope_per_doubling(grid.widths, entropy_moved(grid, layer)), grid)


@every_activation
@every_hidden_layer
def test_level(decide, nets, activation, layer):
    widest = nets.trained(activation).widest
    decide(ENTROPY_LEVEL, entropy_moved(widest, layer)[0], widest)


@every_activation
@every_hidden_layer
def test_distribution_trend(decide, nets, activation, layer):
    grid = nets.trained(activation).wide
    decide(DISTRIBUTION_TREND, slope_per_doubling(grid.widths, grid.of("distribution_change", layer)), grid)


@every_activation
@every_hidden_layer
def test_distribution_level(decide, nets, activation, layer):
    widest = nets.trained(activation).widest
    decide(DISTRIBUTION_LEVEL, widest.of("distribution_change", layer)[0], widest)


@every_activation
@every_hidden_layer
def test_importance(decide, nets, activation, layer):
    grid = nets.trained(activation).wide
    decide(IMPORTANCE, slope_per_doubling(grid.widths, grid.of("importance", layer)), grid)


@pytest.mark.control(must_be="refuted")
def test_drifting_nets_have_no_falling_trend(decide, nets):
    grid = nets.violating("drift")
    decide(ENTROPY_TREND, slope_per_doubling(grid.widths, entropy_moved(grid, 1)), grid)


@pytest.mark.control(must_be="refuted")
def test_drifting_nets_do_not_keep_the_level(decide, nets):
    widest = nets.violating("drift").widest
    decide(ENTROPY_LEVEL, entropy_moved(widest, 1)[0], widest)


@pytest.mark.control(must_be="supported")
@every_hidden_layer
def test_nets_that_hardly_move_keep_the_level(decide, nets, layer):
    grid = nets.violating("still")
    decide(ENTROPY_LEVEL, entropy_moved(grid, layer)[0], grid)


@pytest.mark.control(must_be="refuted")
def test_drifting_distributions_are_noticed(decide, nets):
    grid = nets.violating("drift")
    decide(DISTRIBUTION_TREND, slope_per_doubling(grid.widths, grid.of("distribution_change", 1)), grid)


@pytest.mark.control(must_be="inconclusive")
def test_constant_neurons_get_no_verdict(decide, nets):
    grid = nets.violating("constant")
    decide(ENTROPY_LEVEL, entropy_moved(grid, 1)[0], grid)
