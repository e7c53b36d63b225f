"""§4, Figure 3: "the MIs of all layers but the last converged to the vicinity of this threshold [0.01], indicating
neurons are nearly independent".

Measured: the dependence score of every hidden layer of trained nets: ι, the paper's mean pairwise 3H estimate, and ι_c,
the same with the estimator's bias removed by shuffling.
Supported: ι_c falls with log N (trend); at the paper's widest ι_c is at most .01 (literal) and ι at most .054, the
null's mean plus its standard deviation (vicinity). Refuted: one lies wholly outside.
Controls: the same activations shuffled apart must come out independent; a planted .047 nats must be found; nets whose
layers share a direction, more so the wider they are, must be refuted.
"""

import pytest

from wndcheck.profiles import ACTIVATIONS, HIDDEN_LAYERS
from wndcheck.statistics import at_most, slope_per_doubling
from wndcheck.verdicts import Check, Claim


def cells(profile, base_seed):
    return profile.trained_cells(base_seed) + profile.violation_cells("shared", base_seed)


CLAIM = Claim("weak-dependence", "§4, Fig. 3", "The mean pairwise MI of hidden layers falls to about 0.01 nats", cells)
pytestmark = pytest.mark.claim(CLAIM)

TREND = Check("slope of ι_c per doubling of N", at_most(0))
LITERAL = Check("ι_c at the widest", at_most(0.01), level=True)
VICINITY = Check("ι at the widest", at_most(0.054), level=True)
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
every_hidden_layer = pytest.mark.parametrize("layer", HIDDEN_LAYERS)


@every_activation
@every_hidden_layer
def test_trend(decide, nets, activation, layer):
    grid = nets.trained(activation)
    decide(TREND, slope_per_doubling(grid.widths, grid.of("corrected_score", layer)), grid)


@every_activation
@every_hidden_layer
def test_literal(decide, nets, profile, activation, layer):
    widest = nets.trained(activation).at(profile.widest)
    decide(LITERAL, widest.of("corrected_score", layer)[0], widest)


@every_activation
@every_hidden_layer
def test_vicinity(decide, nets, profile, activation, layer):
    widest = nets.trained(activation).at(profile.widest)
    decide(VICINITY, widest.of("score", layer)[0], widest)


@pytest.mark.control(must_be="supported")
@every_activation
@every_hidden_layer
def test_shuffled_activations_are_independent(decide, nets, profile, activation, layer):
    widest = nets.trained(activation).at(profile.widest)
    decide(LITERAL, widest.of("shuffled_score", layer)[0], widest)


@pytest.mark.control(must_be="refuted")
@every_activation
@every_hidden_layer
def test_planted_dependence_is_found(decide, nets, profile, activation, layer):
    widest = nets.trained(activation).at(profile.widest)
    decide(LITERAL, widest.of("planted_score", layer)[0], widest)


@pytest.mark.control(must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    grid = nets.violating("shared")
    decide(TREND, slope_per_doubling(grid.widths, grid.of("corrected_score", 1)), grid)


@pytest.mark.control(must_be="refuted")
def test_shared_directions_leave_the_vicinity(decide, nets):
    widest = nets.violating("shared").at(200)
    decide(VICINITY, widest.of("score", 1)[0], widest)
