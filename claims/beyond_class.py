"""§4: the scores of wide hidden layers are near the threshold, "indicating neurons are nearly independent". Images of a
class are alike, and what neurons share may be no more than the class. The paper does not ask.

Measured: the corrected dependence score within classes of every hidden layer of trained nets: the same estimate as ι_c
with permutations within each class, so that it is what pairs share beyond the class.
Supported: it decreases with log N from N = 20 up (trend), and at the paper's widest is at most 0.01 nats, the paper's
threshold of independence (level): given the class, neurons are independent. Refuted: an interval lies entirely outside
its region. Also shown: whether the class explains at least a quarter, 0.25, of ι_c: 1 minus the ratio of the two scores
(explained); this margin is ours.
Controls: independently permuted activations, whose ι_c is taken, must be supported. Nets whose layers share a
direction, the more so the wider they are, must not have a decreasing trend, must not be independent given the class,
and the class must not explain what they share; nets with a bottleneck between any two layers must not be independent,
either. Nets whose neurons are constant have no information, and must get no verdict.
"""

import numpy as np

from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, at_least, at_most
from wndcheck.verdicts.shared_checks import INDEPENDENT, hidden_mean, slopes, values

CLAIM = Claim(
    "§4 (ours)",
    "Given the class of the image, neurons of a wide hidden layer are independent",
    families=("trained/relu", "trained/tanh", "violation/shared", "violation/bottleneck", "violation/constant"),
)

TREND = Check("slope of ι_c within classes per doubling of N", at_most(0))
LEVEL = Check("ι_c within classes at the widest", INDEPENDENT, scope=Scope.LEVEL)
EXPLAINED = Check(
    "share of ι_c that the class explains, at the widest", at_least(0.25), scope=Scope.LEVEL, primary=False, unit=""
)


def explained(grid, layer):
    """1 - ι_c within classes / ι_c of a layer in nets of one width; NaN where ι_c leaves nothing to be explained."""
    total, within = (values(grid, name, layer) for name in ("corrected_score", "within_class_score"))
    return 1 - within / np.where(total > 0, total, np.nan)


@check(TREND)
def test_trend(decide, layer, trained):
    decide(slopes, trained.wide, "within_class_score", layer)


@check(LEVEL)
def test_level(decide, layer, trained):
    decide(values, trained.widest, "within_class_score", layer)


@check(EXPLAINED)
def test_explained(decide, layer, trained):
    decide(explained, trained.widest, layer)


@control(LEVEL, must_be="supported")
def test_independently_permuted_activations_are_independent(decide, trained):
    decide(hidden_mean, trained.widest, "shuffled_score")


@control(TREND, must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    decide(slopes, nets["violation/shared"], "within_class_score", layer=1)


@control(LEVEL, must_be="refuted")
def test_shared_directions_are_dependent(decide, nets):
    decide(values, nets["violation/shared"].widest, "within_class_score", layer=1)


@control(EXPLAINED, must_be="refuted")
def test_shared_directions_are_not_explained(decide, nets):
    decide(explained, nets["violation/shared"].widest, layer=1)


@control(LEVEL, must_be="refuted")
def test_bottlenecks_are_dependent(decide, nets):
    decide(hidden_mean, nets["violation/bottleneck"], "within_class_score")


@control(LEVEL, must_be="inconclusive")
def test_constant_neurons_get_no_verdict(decide, nets):
    decide(values, nets["violation/constant"], "within_class_score", layer=1)
