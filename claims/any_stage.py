"""Abstract: "any two pre-activations of the same layer have arbitrarily low dependence regardless of the training
stage"; §1: "regardless of the training stage".

Measured: the dependence scores ι and ι_c of every hidden layer at every stage before the last (the claim
weak-dependence has the last).
Supported: at each stage the rules of weak-dependence hold: ι_c falls with log N from N = 20 up (trend), and at the
paper's widest is at most .01 (literal), ι at most .054 (vicinity). Refuted: one lies wholly outside.
Controls: at each stage the same activations shuffled apart must come out independent, and planted dependence must be
found; nets whose layers share a direction, more so the wider they are, must have no falling trend.
"""

import pytest

from wndcheck.pytest_plugin.parametrized import every_activation, every_hidden_layer, over
from wndcheck.verdicts.checks import Claim
from wndcheck.verdicts.rules import weak_dependence
from wndcheck.verdicts.statistics import slope_per_doubling


def cells(profile, base_seed):
    return profile.trained_cells(base_seed) + profile.violation_cells("shared", base_seed)


CLAIM = Claim(
    "any-stage",
    "Abstract, §1",
    "Hidden layers are weakly dependent at every stage of training",
    cells,
    figures=("figure-trajectories",),
)
pytestmark = pytest.mark.claim(CLAIM)

TREND, LITERAL, VICINITY = weak_dependence()


def pytest_generate_tests(metafunc):
    over(metafunc, "epoch", lambda profile: profile.training.stages[:-1])


@pytest.fixture
def grid(nets, profile, activation, epoch):
    return nets.trained(activation, profile.training.stages.index(epoch))


@every_activation
@every_hidden_layer
def test_trend(decide, grid, layer):
    wide = grid.wide
    decide(TREND, slope_per_doubling(wide.widths, wide.of("corrected_score", layer)), wide)


@every_activation
@every_hidden_layer
def test_literal(decide, grid, layer):
    widest = grid.widest
    decide(LITERAL, widest.of("corrected_score", layer)[0], widest)


@every_activation
@every_hidden_layer
def test_vicinity(decide, grid, layer):
    widest = grid.widest
    decide(VICINITY, widest.of("score", layer)[0], widest)


@pytest.mark.control(must_be="supported")
@every_activation
def test_shuffled_activations_are_independent(decide, grid):
    widest = grid.widest
    decide(LITERAL, widest.over_hidden_layers("shuffled_score")[0], widest)


@pytest.mark.control(must_be="refuted")
@every_activation
def test_planted_dependence_is_found(decide, grid):
    widest = grid.widest
    decide(LITERAL, widest.over_hidden_layers("planted_score")[0], widest)


@pytest.mark.control(must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    grid = nets.violating("shared")
    decide(TREND, slope_per_doubling(grid.widths, grid.of("corrected_score", 1)), grid)
