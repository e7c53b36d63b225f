"""Appendix B, Figure B.1b: on CIFAR-10 "we observe a similar weak neural dependence phenomenon".

Measured: the dependence scores ι and ι_c of the hidden layers of ReLU nets on CIFAR-10, as on MNIST.
Supported: ι_c falls with log N from N = 20 up (trend); at the paper's widest it is at most .01 (literal), and ι at most
.054 (vicinity). Refuted: one lies wholly outside. Shown beside it, for "the observations we made previously in Section
4 still apply": the logits stay more dependent than every hidden layer, by .02 nats.
Controls: the same activations shuffled apart must come out independent, a planted .047 nats must be found; nets whose
layers share a direction, more so the wider they are, must have no falling trend.
"""

import pytest

from wndcheck.pytest_plugin.parametrized import every_hidden_layer
from wndcheck.verdicts.checks import Check, Claim
from wndcheck.verdicts.rules import weak_dependence
from wndcheck.verdicts.statistics import at_least, slope_per_doubling


def cells(profile, base_seed):
    return profile.cifar10_cells(base_seed) + profile.violation_cells("shared", base_seed)


CLAIM = Claim(
    "cifar-weak-dependence",
    "§B, Fig. B.1b",
    "On CIFAR-10, too, the mean pairwise MI of hidden layers falls to about 0.01 nats",
    cells,
    figures=("figure-b1-cifar10",),
)
pytestmark = pytest.mark.claim(CLAIM)

TREND, LITERAL, VICINITY = weak_dependence()
LAST = Check("ι of the logits - largest ι of a hidden layer at the widest", at_least(0.02), primary=False)


@every_hidden_layer
def test_trend(decide, nets, layer):
    grid = nets.cifar10().wide
    decide(TREND, slope_per_doubling(grid.widths, grid.of("corrected_score", layer)), grid)


@every_hidden_layer
def test_literal(decide, nets, layer):
    widest = nets.cifar10().widest
    decide(LITERAL, widest.of("corrected_score", layer)[0], widest)


@every_hidden_layer
def test_vicinity(decide, nets, layer):
    widest = nets.cifar10().widest
    decide(VICINITY, widest.of("score", layer)[0], widest)


def test_last_layer(decide, nets):
    widest = nets.cifar10().widest
    scores = widest.of("score")[0]
    decide(LAST, scores[:, -1] - scores[:, :-1].max(axis=1), widest)


@pytest.mark.control(must_be="supported")
def test_shuffled_activations_are_independent(decide, nets):
    widest = nets.cifar10().widest
    decide(LITERAL, widest.over_hidden_layers("shuffled_score")[0], widest)


@pytest.mark.control(must_be="refuted")
def test_planted_dependence_is_found(decide, nets):
    widest = nets.cifar10().widest
    decide(LITERAL, widest.over_hidden_layers("planted_score")[0], widest)


@pytest.mark.control(must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    grid = nets.violating("shared")
    decide(TREND, slope_per_doubling(grid.widths, grid.of("corrected_score", 1)), grid)
