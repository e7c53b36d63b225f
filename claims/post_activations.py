"""§1: "although we prove the lemma for pre-activations of MLPs, the extension to post-activations can be made directly
under the same proof framework"; §5 likewise.

Measured: the dependence scores of the hidden layers' post-activations φ(z): by 3H for tanh; by KSG1 for ReLU, whose
point mass at 0 has no differential entropy.
Supported: the rules of weak-dependence hold: ι_c falls with log N from N = 20 up (trend), and at the paper's widest is
at most .01 (literal), ι at most .054 (vicinity). Refuted: one lies wholly outside. Shown beside them: post-activations
share no more than pre-activations, as the data-processing inequality says of any φ.
Controls: nets whose layers share a direction, more so the wider they are, must have no falling trend, and must leave
the vicinity; so must nets with a bottleneck between any two layers.
"""

import pytest

from wndcheck.pytest_plugin.parametrized import every_activation, every_hidden_layer
from wndcheck.verdicts.checks import Check, Claim
from wndcheck.verdicts.rules import weak_dependence
from wndcheck.verdicts.statistics import at_most, slope_per_doubling


def cells(profile, base_seed):
    planted = profile.violation_cells("shared", base_seed) + profile.violation_cells("bottleneck", base_seed)
    return (*profile.trained_cells(base_seed), *planted, profile.relu_bottleneck(base_seed))


CLAIM = Claim("post-activations", "§1, §5", "Post-activations of wide hidden layers are weakly dependent, too", cells)
pytestmark = pytest.mark.claim(CLAIM)

TREND, LITERAL, VICINITY = weak_dependence(" of φ(z)")
NO_MORE = Check("Î after φ less before, by KSG1", at_most(0.005), primary=False)


@every_activation
@every_hidden_layer
def test_trend(decide, nets, activation, layer):
    grid = nets.trained(activation).wide
    decide(TREND, slope_per_doubling(grid.widths, grid.of("post_corrected_score", layer)), grid)


@every_activation
@every_hidden_layer
def test_literal(decide, nets, activation, layer):
    widest = nets.trained(activation).widest
    decide(LITERAL, widest.of("post_corrected_score", layer)[0], widest)


@every_activation
@every_hidden_layer
def test_vicinity(decide, nets, activation, layer):
    widest = nets.trained(activation).widest
    decide(VICINITY, widest.of("post_score", layer)[0], widest)


@every_activation
@every_hidden_layer
def test_no_more_than_before(decide, nets, activation, layer):
    widest = nets.trained(activation).widest
    decide(NO_MORE, widest.of("post_change", layer)[0], widest)


@pytest.mark.control(must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets):
    grid = nets.violating("shared")
    decide(TREND, slope_per_doubling(grid.widths, grid.of("post_corrected_score", 1)), grid)


@pytest.mark.control(must_be="refuted")
def test_shared_directions_leave_the_vicinity(decide, nets):
    widest = nets.violating("shared").widest
    decide(VICINITY, widest.of("post_score", 1)[0], widest)


@pytest.mark.control(must_be="refuted")
@every_activation
def test_bottlenecks_leave_the_vicinity(decide, nets, activation):
    # All hidden layers together: how dependent a deep one is differs much from net to net.
    grid = nets.violating("bottleneck") if activation == "tanh" else nets.relu_bottleneck()
    decide(VICINITY, grid.over_hidden_layers("post_score")[0], grid)
