"""Appendix B, Figure B.1b: on CIFAR-10 "we observe a similar weak neural dependence phenomenon".

Measured: the dependence scores ι and ι_c of the hidden layers of ReLU nets on CIFAR-10, as on MNIST.
Supported: ι_c decreases with log N from N = 20 up (trend); at the paper's widest it is at most .01 (literal), and ι at
most .054 (vicinity). Refuted: one lies wholly outside. Shown beside it, for "the observations we made previously in
Section 4 still apply": the logits stay more dependent than every hidden layer, by .02 nats.
Controls: the same activations, independently permuted, must come out independent; a planted .047 nats must be found;
nets whose layers share a direction, the more so the wider they are, must not have a decreasing trend.
"""

from wndcheck.pytest_plugin.declarations import check, control, every_hidden_layer
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.claims import Claim
from wndcheck.verdicts.rules import slopes, weak_dependence
from wndcheck.verdicts.statistics import at_least

CLAIM = Claim(
    "§B, Fig. B.1b",
    "On CIFAR-10, too, the mean pairwise MI of hidden layers falls to about 0.01 nats",
    families=("cifar10", "violation/shared"),
    figures=("figure-b1-cifar10",),
)

TREND, LITERAL, VICINITY = weak_dependence()
LAST = Check("ι of the logits - largest ι of a hidden layer at the widest", at_least(0.02), primary=False)


@check(TREND)
@every_hidden_layer
def test_trend(decide, nets, layer):
    grid = nets["cifar10"].wide
    decide(slopes(grid, "corrected_score", layer), grid)


@check(LITERAL)
@every_hidden_layer
def test_literal(decide, nets, layer):
    widest = nets["cifar10"].widest
    decide(widest.of("corrected_score", layer)[0], widest)


@check(VICINITY)
@every_hidden_layer
def test_vicinity(decide, nets, layer):
    widest = nets["cifar10"].widest
    decide(widest.of("score", layer)[0], widest)


@check(LAST)
def test_last_layer(decide, nets):
    widest = nets["cifar10"].widest
    scores = widest.of("score")[0]
    decide(scores[:, -1] - scores[:, :-1].max(axis=1), widest)


@control(LITERAL, must_be="supported")
def test_independently_permuted_activations_are_independent(decide, nets):
    widest = nets["cifar10"].widest
    decide(widest.over_hidden_layers("shuffled_score")[0], widest)


@control(LITERAL, must_be="refuted")
def test_planted_dependence_is_found(decide, nets):
    widest = nets["cifar10"].widest
    decide(widest.over_hidden_layers("planted_score")[0], widest)


@control(TREND, must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    grid = nets["violation/shared"]
    decide(slopes(grid, "corrected_score", layer=1), grid)
