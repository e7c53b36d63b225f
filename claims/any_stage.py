"""Abstract: "any two pre-activations of the same layer have arbitrarily low dependence regardless of the training
stage"; §1: "regardless of the training stage".

Measured: the dependence scores ι and ι_c of every hidden layer at every stage before the last (the claim
weak_dependence is about the last).
Supported: at each stage the rules of weak_dependence hold: ι_c decreases with log N from N = 20 up (trend), and at the
paper's widest is at most 0.01 (literal), ι at most 0.054 (vicinity). Refuted: an interval lies entirely outside its
region.
Controls: at each stage the same activations, independently permuted, must come out independent, and planted dependence
must be found; nets whose layers share a direction, the more so the wider they are, must not have a decreasing trend.
"""

import pytest

from wndcheck.pytest_plugin.declarations import check, control, over
from wndcheck.verdicts import Claim
from wndcheck.verdicts.shared_checks import hidden_mean, literal, slopes, values, weak_dependence

CLAIM = Claim(
    "Abstract, §1",
    "Hidden layers are weakly dependent at every stage of training",
    families=("trained/relu", "trained/tanh", "violation/shared"),
    figures=("figure-trajectories",),
)

TREND, VICINITY = weak_dependence()
LITERAL = literal()


def pytest_generate_tests(metafunc):
    over(metafunc, "epoch", lambda profile: profile.training.stages[:-1])


@pytest.fixture
def grid(nets, profile, activation, epoch):
    return nets[f"trained/{activation}"].at_stage(profile.training.stages.index(epoch))


@check(TREND)
def test_trend(decide, layer, grid):
    decide(*slopes(grid.wide, "corrected_score", layer))


@check(LITERAL)
def test_literal(decide, layer, grid):
    decide(*values(grid.widest, "corrected_score", layer))


@check(VICINITY)
def test_vicinity(decide, layer, grid):
    decide(*values(grid.widest, "score", layer))


@control(LITERAL, must_be="supported")
def test_independently_permuted_activations_are_independent(decide, grid):
    decide(*hidden_mean(grid.widest, "shuffled_score"))


@control(LITERAL, must_be="refuted")
def test_planted_dependence_is_found(decide, grid):
    decide(*hidden_mean(grid.widest, "planted_score"))


@control(TREND, must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    decide(*slopes(nets["violation/shared"], "corrected_score", layer=1))
