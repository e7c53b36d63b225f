"""§4, Figure 3: "the MIs of all layers but the last converged to the vicinity of this threshold [0.01], indicating
neurons are nearly independent".

Measured: the dependence score of every hidden layer of trained nets: ι, the paper's mean pairwise 3H estimate, and ι_c,
the same with the estimator's bias removed by shuffling.
Supported: ι_c falls with log N from N = 20 up (trend); at the paper's widest ι_c is at most .01 (literal) and ι at most
.054, the null's mean plus its standard deviation (vicinity). Refuted: one lies wholly outside. Shown beside it, for the
lemma speaks of any two neurons: the 95 % point of the pairs lies below that of independent Gaussians, .081.
Controls: the same activations shuffled apart must come out independent. Planted dependence must be found: pairs mixed
to .047 and .223 nats, a shared latent variable, copies of neurons. Nets whose layers share a direction, more so the
wider they are, must have no falling trend and leave the vicinity; so must nets with a bottleneck between any two
layers, and nets of copies. Nets whose neurons are constant have no information, and must get no verdict.
"""

from itertools import chain

import pytest

from wndcheck.experiment.records import PAIR_QUANTILES
from wndcheck.pytest_plugin.parametrized import every_activation, every_hidden_layer
from wndcheck.verdicts.checks import Check, Claim
from wndcheck.verdicts.rules import weak_dependence
from wndcheck.verdicts.statistics import at_most, slope_per_doubling


def cells(profile, base_seed):
    planted = [profile.violation_cells(kind, base_seed) for kind in ("shared", "bottleneck", "tied", "constant")]
    return profile.trained_cells(base_seed) + tuple(chain(*planted))


CLAIM = Claim(
    "weak-dependence",
    "§4, Fig. 3",
    "The mean pairwise MI of hidden layers falls to about 0.01 nats",
    cells,
    figures=("figure-3-dependence", "figure-pairs"),
)
pytestmark = pytest.mark.claim(CLAIM)

TREND, LITERAL, VICINITY = weak_dependence()
UPPER_PAIRS = Check("95 % point of the pairs at the widest", at_most(0.081), level=True, primary=False)


@every_activation
@every_hidden_layer
def test_trend(decide, nets, activation, layer):
    grid = nets.trained(activation).wide
    decide(TREND, slope_per_doubling(grid.widths, grid.of("corrected_score", layer)), grid)


@every_activation
@every_hidden_layer
def test_literal(decide, nets, activation, layer):
    widest = nets.trained(activation).widest
    decide(LITERAL, widest.of("corrected_score", layer)[0], widest)


@every_activation
@every_hidden_layer
def test_vicinity(decide, nets, activation, layer):
    widest = nets.trained(activation).widest
    decide(VICINITY, widest.of("score", layer)[0], widest)


@every_activation
@every_hidden_layer
def test_upper_pairs(decide, nets, activation, layer):
    widest = nets.trained(activation).widest
    decide(UPPER_PAIRS, widest.of_pairs()[0][:, layer - 1, PAIR_QUANTILES.index(0.95)], widest)


@pytest.mark.control(must_be="supported")
@every_activation
def test_shuffled_activations_are_independent(decide, nets, activation):
    # All hidden layers together: the few pairs of one leave an interval nearly as wide as the margin.
    widest = nets.trained(activation).widest
    decide(LITERAL, widest.over_hidden_layers("shuffled_score")[0], widest)


@pytest.mark.control(must_be="refuted")
@pytest.mark.parametrize("planted", ["planted_score", "planted_strong_score", "latent_score", "duplicated_score"])
@every_activation
@every_hidden_layer
def test_planted_dependence_is_found(decide, nets, activation, layer, planted):
    widest = nets.trained(activation).widest
    decide(LITERAL, widest.of(planted, layer)[0], widest)


@pytest.mark.control(must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    grid = nets.violating("shared")
    decide(TREND, slope_per_doubling(grid.widths, grid.of("corrected_score", 1)), grid)


@pytest.mark.control(must_be="refuted")
def test_shared_directions_leave_the_vicinity(decide, nets):
    widest = nets.violating("shared").widest
    decide(VICINITY, widest.of("score", 1)[0], widest)


@pytest.mark.control(must_be="refuted")
@pytest.mark.parametrize("kind", ["bottleneck", "tied"])
def test_nets_of_few_directions_leave_the_vicinity(decide, nets, kind):
    # All hidden layers together: how dependent a deep one is differs much from net to net.
    grid = nets.violating(kind)
    decide(VICINITY, grid.over_hidden_layers("score")[0], grid)


@pytest.mark.control(must_be="inconclusive")
def test_constant_neurons_get_no_verdict(decide, nets):
    grid = nets.violating("constant")
    decide(LITERAL, grid.of("corrected_score", 1)[0], grid)
