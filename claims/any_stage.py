"""Abstract: "any two pre-activations of the same layer have arbitrarily low dependence regardless of the training
stage"; §1: "regardless of the training stage".

Measured: the dependence scores ι and ι_c of every hidden layer at every stage before the last (the claim
weak_dependence is about the last).
Supported: at each stage the rules of weak_dependence hold: ι_c decreases with log N from N = 20 up (trend), and at the
paper's widest ι is at most 0.054 (vicinity). The first layer of untrained nets is the exception: its neurons are sums
of the images' pixels with random weights, whose law has nothing of the width in it, so that its ι_c does not rise: its
slope lies within ±0.005 a doubling. Refuted: an interval lies entirely outside its region. Also shown: ι_c is at most
0.01 (literal).
Controls: at each stage the same activations, independently permuted, must be in the vicinity, and in untrained nets
have no slope, and planted dependence must be found; nets whose layers share a direction, the more so the wider they
are, must not have a decreasing trend, and must have a slope.
"""

import pytest

from wndcheck.experiment.profiles import HIDDEN_LAYERS
from wndcheck.pytest_plugin.declarations import check, control, over
from wndcheck.verdicts import Check, Claim, within
from wndcheck.verdicts.shared_checks import hidden_mean, literal, slopes, values, weak_dependence
from wndcheck.verdicts.statistics import slope_per_doubling

CLAIM = Claim(
    "Abstract, §1",
    "Hidden layers are weakly dependent at every stage of training",
    families=("trained/relu", "trained/tanh", "violation/shared"),
    figures=("figure-trajectories",),
)

TREND, VICINITY = weak_dependence()
LITERAL = literal(primary=False)
NO_RISE = Check("slope of ι_c per doubling of N, first layer untrained", within(-0.005, 0.005))


def pytest_generate_tests(metafunc):
    if metafunc.function is test_trend:
        over(metafunc, "epoch,layer", all_but_the_untrained_first_layer)
    else:
        over(metafunc, "epoch", lambda profile: profile.training.stages[:-1])


def all_but_the_untrained_first_layer(profile):
    places = [(epoch, layer) for epoch in profile.training.stages[:-1] for layer in HIDDEN_LAYERS]
    return [place for place in places if place != (0, 1)]


@pytest.fixture
def grid(nets, profile, activation, epoch):
    return nets[f"trained/{activation}"].at_stage(profile.training.stages.index(epoch))


@check(TREND)
def test_trend(decide, layer, grid):
    decide(slopes, grid.wide, "corrected_score", layer)


@check(NO_RISE)
def test_no_rise(decide, trained):
    decide(slopes, trained.at_stage(0).wide, "corrected_score", layer=1)


@check(LITERAL)
def test_literal(decide, layer, grid):
    decide(values, grid.widest, "corrected_score", layer)


@check(VICINITY)
def test_vicinity(decide, layer, grid):
    decide(values, grid.widest, "score", layer)


@control(VICINITY, must_be="supported")
def test_independently_permuted_activations_are_in_the_vicinity(decide, grid):
    decide(hidden_mean, grid.widest, "shuffled_score")


@control(NO_RISE, must_be="supported")
def test_independently_permuted_activations_have_no_slope(decide, trained):
    # All hidden layers together: the few pairs of one leave an interval as wide as the margin.
    grid = trained.at_stage(0).wide
    decide(slope_per_doubling(grid.widths, grid.of("shuffled_score")[..., :-1].mean(axis=-1)), grid)


@control(VICINITY, must_be="refuted")
def test_planted_dependence_is_found(decide, grid):
    decide(hidden_mean, grid.widest, "planted_strong_score")


@control(TREND, must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    decide(slopes, nets["violation/shared"], "corrected_score", layer=1)


@control(NO_RISE, must_be="refuted")
def test_shared_directions_have_a_slope(decide, nets):
    decide(slopes, nets["violation/shared"], "corrected_score", layer=1)
