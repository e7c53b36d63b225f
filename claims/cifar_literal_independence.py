"""Appendix B, Figure B.1b: on CIFAR-10 "we observe a similar weak neural dependence phenomenon"; §4: "we may roughly
view 0.01 as a threshold for independence".

Measured: ι_c, the dependence score without the estimator's bias, of the hidden layers of ReLU nets on CIFAR-10, of the
paper's greatest width.
Supported: ι_c is at most 0.01, as in the claim literal_independence. Refuted: an interval lies entirely above.
Controls: the same activations, independently permuted, must come out independent; a planted 0.047 nats must be found;
nets whose layers share a direction must be refuted.
"""

import numpy as np

from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Claim
from wndcheck.verdicts.shared_checks import hidden_mean, literal, values

CLAIM = Claim(
    "§B, Fig. B.1b",
    "On CIFAR-10, too, neurons of the widest hidden layers are independent by the threshold of 0.01 nats",
    families=("cifar10", "violation/shared"),
    figures=("figure-b1-cifar10",),
)

LITERAL = literal()


@check(LITERAL)
def test_literal(decide, nets, layer):
    decide(values, nets["cifar10"].widest, "corrected_score", layer)


@control(LITERAL, must_be="supported")
def test_independently_permuted_activations_are_independent(decide, nets):
    # At all stages together: where the widest nets are four, one stage leaves an interval nearly as wide as the margin.
    widest = nets["cifar10"].widest
    by_stage = [hidden_mean(widest.at_stage(stage), "shuffled_score") for stage in range(len(widest.epochs))]
    decide(np.mean(by_stage, axis=0), widest)


@control(LITERAL, must_be="refuted")
def test_planted_dependence_is_found(decide, nets):
    decide(hidden_mean, nets["cifar10"].widest, "planted_score")


@control(LITERAL, must_be="refuted")
def test_shared_directions_are_dependent(decide, nets):
    decide(values, nets["violation/shared"].widest, "corrected_score", layer=1)
