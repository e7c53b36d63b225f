"""§3, eq. 7: "Following (7), we have ΔI_ij ≤ ΔH_i": training adds no more to the information of a pair than to the
entropy of its neurons.

Measured: the mean over a layer's pairs of ΔI - ΔH, and the share of ordered pairs with ΔI above ΔH, from the initial to
the trained net; of every hidden layer, at every width above 20, and of the widest ensembles, in whose reading the proof
is written.
Supported: the mean is at most 0. Refuted: it lies wholly above. The share is shown and decides nothing: a single pair's
ΔI carries the estimator's noise of .06 nats. Shown beside it: what the bound is for, that at the paper's widest the
information itself does not grow, ΔI ≤ .01.
Control: nets given a shared direction gain information without entropy, and must be refuted, in both readings.
"""

import pytest

from wndcheck.experiment.profiles import NARROW
from wndcheck.pytest_plugin.parametrized import every_activation, every_hidden_layer, over_widths
from wndcheck.verdicts.checks import Check, Claim
from wndcheck.verdicts.rules import INDEPENDENT
from wndcheck.verdicts.statistics import at_most


def cells(profile, base_seed):
    ensembles = profile.ensemble_cells(base_seed) + profile.violating_ensemble_cells(base_seed)
    return profile.trained_cells(base_seed) + profile.violation_cells("shared", base_seed) + ensembles


CLAIM = Claim(
    "lemma-bound",
    "§3, eq. 7",
    "The information of a pair grows by no more than a neuron's entropy",
    cells,
    figures=("figure-information-entropy",),
)
pytestmark = pytest.mark.claim(CLAIM)

BOUND = Check("mean of ΔI - ΔH", at_most(0))
GROWTH = Check("Δι_c at the widest", INDEPENDENT, level=True, primary=False)
IN_ENSEMBLES = Check("mean of ΔI - ΔH", at_most(0), replicate="ensembles")
SHARE = Check("share of pairs with ΔI > ΔH", at_most(0.05), primary=False, unit="")


def pytest_generate_tests(metafunc):
    over_widths(metafunc, NARROW + 1)


@every_activation
@every_hidden_layer
def test_bound(decide, nets, activation, layer, width):
    grid = nets.trained(activation).at(width)
    decide(BOUND, grid.of("lemma_excess", layer)[0], grid)


@every_activation
@every_hidden_layer
def test_share(decide, nets, activation, layer, width):
    grid = nets.trained(activation).at(width)
    decide(SHARE, grid.of("lemma_broken", layer)[0], grid)


@every_activation
@every_hidden_layer
def test_information_does_not_grow(decide, nets, activation, layer):
    widest, before = (nets.trained(activation, stage).widest for stage in (-1, 0))
    decide(GROWTH, (widest.of("corrected_score", layer) - before.of("corrected_score", layer))[0], widest)


@every_hidden_layer
def test_in_ensembles(decide, nets, layer):
    grid = nets.ensembles().widest
    decide(IN_ENSEMBLES, grid.of("lemma_excess", layer)[0], grid)


@pytest.mark.control(must_be="refuted")
def test_shared_directions_break_the_bound(decide, nets):
    grid = nets.violating("shared").widest
    decide(BOUND, grid.of("lemma_excess", 1)[0], grid)


@pytest.mark.control(must_be="refuted")
def test_shared_directions_break_the_bound_in_ensembles(decide, nets):
    grid = nets.violating_ensembles().widest
    decide(IN_ENSEMBLES, grid.of("lemma_excess", 1)[0])
