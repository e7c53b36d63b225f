"""§4, Figure 3: "the MIs of all layers but the last converged to the vicinity of this threshold [0.01], indicating
neurons are nearly independent".

Measured: the dependence score of every hidden layer of trained nets: ι, the paper's mean pairwise 3H estimate, and ι_c,
the same with the estimator's bias removed by permutations.
Supported: ι_c decreases with log N from N = 20 up (trend); at the paper's widest ι_c is at most .01 (literal) and ι at
most .054, the null's mean plus its standard deviation (vicinity). Refuted: one lies wholly outside. Shown beside it,
for the lemma speaks of any two neurons: the 95 % point of the pairs lies below that of independent Gaussians, .081.
Controls: the same activations, independently permuted, must come out independent. Planted dependence must be found:
pairs mixed to .047 and .223 nats, a shared latent variable, copies of neurons. Nets whose layers share a direction, the
more so the wider they are, must not have a decreasing trend and must leave the vicinity; so must nets with a bottleneck
between any two layers, and nets of copies. Nets whose neurons are constant have no information, and must get no
verdict.
"""

import pytest

from wndcheck.experiment.records import PAIR_QUANTILES
from wndcheck.pytest_plugin.declarations import check, control, every_activation, every_hidden_layer
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.claims import Claim
from wndcheck.verdicts.rules import slopes, weak_dependence
from wndcheck.verdicts.statistics import at_most

CLAIM = Claim(
    "§4, Fig. 3",
    "The mean pairwise MI of hidden layers falls to about 0.01 nats",
    families=(
        "trained/relu",
        "trained/tanh",
        "violation/shared",
        "violation/bottleneck",
        "violation/tied",
        "violation/constant",
    ),
    figures=("figure-3-dependence", "figure-pairs"),
)

TREND, LITERAL, VICINITY = weak_dependence()
UPPER_PAIRS = Check("95 % point of the pairs at the widest", at_most(0.081), level=True, primary=False)


@check(TREND)
@every_activation
@every_hidden_layer
def test_trend(decide, nets, activation, layer):
    grid = nets[f"trained/{activation}"].wide
    decide(slopes(grid, "corrected_score", layer), grid)


@check(LITERAL)
@every_activation
@every_hidden_layer
def test_literal(decide, nets, activation, layer):
    widest = nets[f"trained/{activation}"].widest
    decide(widest.of("corrected_score", layer)[0], widest)


@check(VICINITY)
@every_activation
@every_hidden_layer
def test_vicinity(decide, nets, activation, layer):
    widest = nets[f"trained/{activation}"].widest
    decide(widest.of("score", layer)[0], widest)


@check(UPPER_PAIRS)
@every_activation
@every_hidden_layer
def test_upper_pairs(decide, nets, activation, layer):
    widest = nets[f"trained/{activation}"].widest
    decide(widest.of_pairs()[0][:, layer - 1, PAIR_QUANTILES.index(0.95)], widest)


@control(LITERAL, must_be="supported")
@every_activation
def test_independently_permuted_activations_are_independent(decide, nets, activation):
    widest = nets[f"trained/{activation}"].widest
    decide(widest.over_hidden_layers("shuffled_score")[0], widest)


@control(LITERAL, must_be="refuted")
@pytest.mark.parametrize("planted", ["planted_score", "planted_strong_score", "latent_score", "duplicated_score"])
@every_activation
@every_hidden_layer
def test_planted_dependence_is_found(decide, nets, activation, layer, planted):
    widest = nets[f"trained/{activation}"].widest
    decide(widest.of(planted, layer)[0], widest)


@control(TREND, must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    grid = nets["violation/shared"]
    decide(slopes(grid, "corrected_score", layer=1), grid)


@control(VICINITY, must_be="refuted")
def test_shared_directions_leave_the_vicinity(decide, nets):
    widest = nets["violation/shared"].widest
    decide(widest.of("score", layer=1)[0], widest)


@control(VICINITY, must_be="refuted")
@pytest.mark.parametrize("kind", ["bottleneck", "tied"])
def test_nets_of_few_directions_leave_the_vicinity(decide, nets, kind):
    grid = nets[f"violation/{kind}"]
    decide(grid.over_hidden_layers("score")[0], grid)


@control(LITERAL, must_be="inconclusive")
def test_constant_neurons_get_no_verdict(decide, nets):
    grid = nets["violation/constant"]
    decide(grid.of("corrected_score", layer=1)[0], grid)
