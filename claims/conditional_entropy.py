"""§3, eq. 5: "Combining … we have H(x_i(t) | x_j(t)) ≥ H(x_i(0) | x_j(0))": training leaves a neuron at least as
uncertain as it was, given another.

Measured: H(x | y) = H(x) - I(x; y), so that its change is ΔH - ΔI: the change of a layer's mean entropy less that of
its corrected score ι_c, in which the estimator's bias goes away; of every hidden layer, at every width above 20, and of
the widest ensembles, in whose reading the proof is written. (Eq. 7 is the same inequality from the other side; there
each pair is held against its own entropies, uncorrected.)
Supported: the mean change is at least 0. Refuted: it lies wholly below. The share of pairs that break it is shown and
decides nothing: a single pair carries the estimator's noise of .06 nats.
Control: nets given a shared direction gain information without entropy, and must be refuted, in both readings.
"""

import pytest

from wndcheck.experiment.profiles import NARROW
from wndcheck.pytest_plugin.parametrized import every_activation, every_hidden_layer, over_widths
from wndcheck.verdicts.checks import Check, Claim
from wndcheck.verdicts.statistics import at_least, at_most


def cells(profile, base_seed):
    ensembles = profile.ensemble_cells(base_seed) + profile.violating_ensemble_cells(base_seed)
    return profile.trained_cells(base_seed) + profile.violation_cells("shared", base_seed) + ensembles


CLAIM = Claim("conditional-entropy", "§3, eq. 5", "A neuron's entropy given another does not fall in training", cells)
pytestmark = pytest.mark.claim(CLAIM)

RISE = Check("change of H(x | y)", at_least(0))
IN_ENSEMBLES = Check("change of H(x | y)", at_least(0), replicate="ensembles")
SHARE = Check("share of pairs with H(x | y) fallen", at_most(0.05), primary=False, unit="")


def pytest_generate_tests(metafunc):
    over_widths(metafunc, NARROW + 1)


def change(grid, before, layer):
    """Of a layer of one width, (S,)."""
    information = grid.of("corrected_score", layer) - before.of("corrected_score", layer)
    return (grid.of("entropy_change", layer) - information)[0]


@every_activation
@every_hidden_layer
def test_rises(decide, nets, activation, layer, width):
    grid, before = (nets.trained(activation, stage).at(width) for stage in (-1, 0))
    decide(RISE, change(grid, before, layer), grid)


@every_activation
@every_hidden_layer
def test_share(decide, nets, activation, layer, width):
    grid = nets.trained(activation).at(width)
    decide(SHARE, grid.of("lemma_broken", layer)[0], grid)


@every_hidden_layer
def test_in_ensembles(decide, nets, layer):
    grid, before = (nets.ensembles(stage).widest for stage in (-1, 0))
    decide(IN_ENSEMBLES, change(grid, before, layer), grid)


@pytest.mark.control(must_be="refuted")
def test_shared_directions_lower_it(decide, nets):
    grid, before = (nets.violating("shared", stage).widest for stage in (-1, 0))
    decide(RISE, change(grid, before, 1), grid)


@pytest.mark.control(must_be="refuted")
def test_shared_directions_lower_it_in_ensembles(decide, nets):
    grid, before = (nets.violating_ensembles(stage).widest for stage in (-1, 0))
    decide(IN_ENSEMBLES, change(grid, before, 1))
