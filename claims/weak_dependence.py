"""§4, Figure 3: "the MIs of all layers but the last converged to the vicinity of this threshold [0.01], indicating
neurons are nearly independent".

Measured: the dependence score of every hidden layer of trained nets: ι, the paper's mean pairwise 3H estimate, and ι_c,
the same with the estimator's bias removed by permutations.
Supported: ι_c decreases with log N from N = 20 up (trend), and at the paper's widest ι is in the vicinity of the
threshold, at most 0.054 = 0.012 + 0.042, what the paper found for independent Gaussians (vicinity). 0.042 is the
deviation of a single pair's estimate, not that of a mean over pairs, so that a layer may be in the vicinity and yet be
found dependent; whether ι_c is at most the threshold itself is the claim literal_independence. Refuted: an interval
lies entirely outside its region. Also shown, for the lemma speaks of any two neurons: the 95 % point of the pairs is
below that of independent Gaussians, 0.081.
Controls: the same activations, independently permuted, must be in the vicinity. Planted dependence must not be: pairs
mixed to 0.223 nats, copies of neurons. Nets whose layers share a direction, the more so the wider they are, must not
have a decreasing trend and must leave the vicinity; so must nets with a bottleneck between any two layers, and nets of
copies. Nets whose neurons are constant have no information, and must get no verdict.
"""

import pytest

from wndcheck.experiment.record_schema import PAIR_QUANTILES
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, at_most
from wndcheck.verdicts.shared_checks import hidden_mean, slopes, values, weak_dependence

CLAIM = Claim(
    "§4, Fig. 3",
    "The mean pairwise MI of hidden layers falls to the vicinity of 0.01 nats",
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

TREND, VICINITY = weak_dependence()
UPPER_PAIRS = Check("95 % point of the pairs at the widest", at_most(0.081), scope=Scope.LEVEL, primary=False)


def upper_pairs(grid, layer):
    """The 95 % point of a layer's pairs in nets of one width, (S,)."""
    return values(grid, "pair_quantiles", layer)[:, PAIR_QUANTILES.index(0.95)]


@check(TREND)
def test_trend(decide, layer, trained):
    decide(slopes, trained.wide, "corrected_score", layer)


@check(VICINITY)
def test_vicinity(decide, layer, trained):
    decide(values, trained.widest, "score", layer)


@check(UPPER_PAIRS)
def test_upper_pairs(decide, layer, trained):
    decide(upper_pairs, trained.widest, layer)


@control(VICINITY, must_be="supported")
def test_independently_permuted_activations_are_in_the_vicinity(decide, trained):
    decide(hidden_mean, trained.widest, "shuffled_score")


@control(VICINITY, must_be="refuted")
@pytest.mark.parametrize("planted", ["planted_strong_score", "duplicated_score"])
def test_planted_dependence_is_found(decide, layer, trained, planted):
    decide(values, trained.widest, planted, layer)


@control(TREND, must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    decide(slopes, nets["violation/shared"], "corrected_score", layer=1)


@control(VICINITY, must_be="refuted")
def test_shared_directions_leave_the_vicinity(decide, nets):
    decide(values, nets["violation/shared"].widest, "score", layer=1)


@control(VICINITY, must_be="refuted")
@pytest.mark.parametrize("kind", ["bottleneck", "tied"])
def test_nets_of_few_directions_leave_the_vicinity(decide, nets, kind):
    decide(hidden_mean, nets[f"violation/{kind}"], "score")


@control(VICINITY, must_be="inconclusive")
def test_constant_neurons_get_no_verdict(decide, nets):
    decide(values, nets["violation/constant"], "score", layer=1)
