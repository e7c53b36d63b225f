"""Abstract: "any two pre-activations of the same layer have arbitrarily low dependence regardless of the training
stage"; §1: "regardless of the training stage".

Measured: the dependence scores ι and ι_c of every hidden layer at every stage before the last (the claim
weak_dependence is about the last).
Supported: at each stage the rules of weak_dependence hold: ι_c decreases with log N from N = 20 up (trend), and at the
paper's widest is at most .01 (literal), ι at most .054 (vicinity). Refuted: one lies wholly outside.
Controls: at each stage the same activations, independently permuted, must come out independent, and planted dependence
must be found; nets whose layers share a direction, the more so the wider they are, must not have a decreasing trend.
"""

import pytest

from wndcheck.pytest_plugin.declarations import check, control, every_activation, every_hidden_layer, over
from wndcheck.verdicts.claims import Claim
from wndcheck.verdicts.rules import slopes, weak_dependence

CLAIM = Claim(
    "Abstract, §1",
    "Hidden layers are weakly dependent at every stage of training",
    families=("trained/relu", "trained/tanh", "violation/shared"),
    figures=("figure-trajectories",),
)

TREND, LITERAL, VICINITY = weak_dependence()


def pytest_generate_tests(metafunc):
    over(metafunc, "epoch", lambda profile: profile.training.stages[:-1])


@pytest.fixture
def grid(nets, profile, activation, epoch):
    return nets[f"trained/{activation}"].at_stage(profile.training.stages.index(epoch))


@check(TREND)
@every_activation
@every_hidden_layer
def test_trend(decide, grid, layer):
    decide(slopes(grid.wide, "corrected_score", layer), grid.wide)


@check(LITERAL)
@every_activation
@every_hidden_layer
def test_literal(decide, grid, layer):
    decide(grid.widest.of("corrected_score", layer)[0], grid.widest)


@check(VICINITY)
@every_activation
@every_hidden_layer
def test_vicinity(decide, grid, layer):
    decide(grid.widest.of("score", layer)[0], grid.widest)


@control(LITERAL, must_be="supported")
@every_activation
def test_independently_permuted_activations_are_independent(decide, grid):
    decide(grid.widest.over_hidden_layers("shuffled_score")[0], grid.widest)


@control(LITERAL, must_be="refuted")
@every_activation
def test_planted_dependence_is_found(decide, grid):
    decide(grid.widest.over_hidden_layers("planted_score")[0], grid.widest)


@control(TREND, must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    grid = nets["violation/shared"]
    decide(slopes(grid, "corrected_score", layer=1), grid)
