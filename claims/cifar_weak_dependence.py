"""Appendix B, Figure B.1b: on CIFAR-10 "we observe a similar weak neural dependence phenomenon".

Measured: the dependence scores ι and ι_c of the hidden layers of ReLU nets on CIFAR-10, as on MNIST.
Supported: ι_c decreases with log N from N = 20 up (trend), and at the paper's widest ι is at most 0.054 = 0.012 +
0.042, the second of which is a single pair's deviation (vicinity, as in weak_dependence). Refuted: an interval lies
entirely outside its region. Also shown, for "the observations we made previously in Section 4 still apply": the logits
stay more dependent than every hidden layer, by 0.02 nats.
Controls: the same activations, independently permuted, must be in the vicinity, and pairs mixed to 0.223 nats must not;
nets whose layers share a direction, the more so the wider they are, must not have a decreasing trend and must leave the
vicinity.
"""

from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, at_least
from wndcheck.verdicts.shared_checks import hidden_mean, slopes, values, weak_dependence

CLAIM = Claim(
    "§B, Fig. B.1b",
    "On CIFAR-10, too, the mean pairwise MI of hidden layers falls to the vicinity of 0.01 nats",
    families=("cifar10", "violation/shared"),
    figures=("figure-b1-cifar10",),
)

TREND, VICINITY = weak_dependence()
LAST = Check("ι of the logits - largest ι of a hidden layer at the widest", at_least(0.02), primary=False)


@check(TREND)
def test_trend(decide, nets, layer):
    decide(slopes, nets["cifar10"].wide, "corrected_score", layer)


@check(VICINITY)
def test_vicinity(decide, nets, layer):
    decide(values, nets["cifar10"].widest, "score", layer)


@check(LAST)
def test_last_layer(decide, nets):
    widest = nets["cifar10"].widest
    scores = widest.of("score")[0]
    decide(scores[:, -1] - scores[:, :-1].max(axis=1), widest)


@control(VICINITY, must_be="supported")
def test_independently_permuted_activations_are_in_the_vicinity(decide, nets):
    decide(hidden_mean, nets["cifar10"].widest, "shuffled_score")


@control(VICINITY, must_be="refuted")
def test_planted_dependence_is_found(decide, nets):
    decide(hidden_mean, nets["cifar10"].widest, "planted_strong_score")


@control(TREND, must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    decide(slopes, nets["violation/shared"], "corrected_score", layer=1)


@control(VICINITY, must_be="refuted")
def test_shared_directions_leave_the_vicinity(decide, nets):
    decide(values, nets["violation/shared"].widest, "score", layer=1)
