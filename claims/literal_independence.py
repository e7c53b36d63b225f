"""§4: "the MI estimator gives 0.012 ± 0.042 over 1000 trials, hence we may roughly view 0.01 as a threshold for
independence"; at the paper's widest, "neurons are nearly independent".

Measured: ι_c, the mean pairwise 3H estimate with the estimator's bias removed by permutations, of every hidden layer of
trained nets of the paper's greatest width.
Supported: ι_c is at most 0.01: neurons are independent by the threshold taken literally. The paper says no more than
that the score comes to the vicinity of it, which is the claim weak_dependence. Refuted: an interval lies entirely
above.
Controls: the same activations, independently permuted, must come out independent. Planted dependence must be found:
pairs mixed to 0.047 and 0.223 nats, a shared latent variable, copies of neurons. Nets whose layers share a direction
must be refuted. Nets whose neurons are constant have no information, and must get no verdict.
"""

import pytest

from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Claim
from wndcheck.verdicts.shared_checks import hidden_mean, literal, values

CLAIM = Claim(
    "§4",
    "At the paper's widest, neurons of hidden layers are independent by its threshold of 0.01 nats",
    families=("trained/relu", "trained/tanh", "violation/shared", "violation/constant"),
    figures=("figure-3-dependence",),
)

LITERAL = literal()


@check(LITERAL)
def test_literal(decide, layer, trained):
    decide(values, trained.widest, "corrected_score", layer)


@control(LITERAL, must_be="supported")
def test_independently_permuted_activations_are_independent(decide, trained):
    decide(hidden_mean, trained.widest, "shuffled_score")


@control(LITERAL, must_be="refuted")
@pytest.mark.parametrize("planted", ["planted_score", "planted_strong_score", "latent_score", "duplicated_score"])
def test_planted_dependence_is_found(decide, layer, trained, planted):
    decide(values, trained.widest, planted, layer)


@control(LITERAL, must_be="refuted")
def test_shared_directions_are_dependent(decide, nets):
    decide(values, nets["violation/shared"].widest, "corrected_score", layer=1)


@control(LITERAL, must_be="inconclusive")
def test_constant_neurons_get_no_verdict(decide, nets):
    decide(values, nets["violation/constant"], "corrected_score", layer=1)
