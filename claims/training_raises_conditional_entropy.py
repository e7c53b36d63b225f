"""§3, eq. 5: "Combining … we have H(x_i(t) | x_j(t)) ≥ H(x_i(0) | x_j(0))": training leaves a neuron at least as
uncertain as it was, given another.

Measured: H(x | y) = H(x) - I(x; y), so that its change is ΔH - ΔI: the change of a layer's mean entropy less that of
its corrected score ι_c, in which the estimator's bias goes away; the least over the hidden layers of a net, at every
width above 20, and of the widest ensembles, in whose reading the proof is written. (Eq. 7 is the same inequality from
the other side; there each pair is held against its own entropies, uncorrected.)
Supported: the mean change is at least 0. Refuted: it lies wholly below. The share of pairs that break it is shown and
decides nothing: a single pair carries the estimator's noise of .06 nats.
Control: nets given a shared direction gain information without entropy, and must be refuted, in both readings.
"""

import pytest

from wndcheck.plugin.parametrized import every_activation, over_widths
from wndcheck.profiles import NARROW
from wndcheck.statistics import at_least, at_most
from wndcheck.verdicts import Check, Claim


def cells(profile, base_seed):
    ensembles = profile.ensemble_cells(base_seed) + profile.violating_ensemble_cells(base_seed)
    return profile.trained_cells(base_seed) + profile.violation_cells("shared", base_seed) + ensembles


CLAIM = Claim("conditional-entropy", "§3, eq. 5", "A neuron's entropy given another does not fall in training", cells)
pytestmark = pytest.mark.claim(CLAIM)

RISE = Check("least change of H(x | y) of a hidden layer", at_least(0))
IN_ENSEMBLES = Check("least change of H(x | y) of a hidden layer", at_least(0), replicate="ensembles")
SHARE = Check("largest share of pairs with H(x | y) fallen", at_most(0.05), primary=False, unit="")


def pytest_generate_tests(metafunc):
    over_widths(metafunc, NARROW + 1)


def change(grid, before):
    """Of every hidden layer of one width, (S, layers)."""
    information = grid.of("corrected_score") - before.of("corrected_score")
    return (grid.of("entropy_change") - information)[0][:, :-1]


@every_activation
def test_rises(decide, nets, activation, width):
    grid, before = (nets.trained(activation, stage).at(width) for stage in (-1, 0))
    decide(RISE, change(grid, before).min(axis=1), grid)


@every_activation
def test_share(decide, nets, activation, width):
    grid = nets.trained(activation).at(width)
    decide(SHARE, grid.of("lemma_broken")[0][:, :-1].max(axis=1), grid)


def test_in_ensembles(decide, nets, profile):
    grid, before = (nets.ensembles(stage).at(profile.ensembles.widths[-1]) for stage in (-1, 0))
    decide(IN_ENSEMBLES, change(grid, before).min(axis=1), grid)


@pytest.mark.control(must_be="refuted")
def test_shared_directions_lower_it(decide, nets):
    grid, before = (nets.violating("shared", stage).widest for stage in (-1, 0))
    decide(RISE, change(grid, before)[:, 0], grid)


@pytest.mark.control(must_be="refuted")
def test_shared_directions_lower_it_in_ensembles(decide, nets, profile):
    widest = profile.ensembles.widths[-1]
    grid, before = (nets.violating_ensembles(stage).at(widest) for stage in (-1, 0))
    decide(IN_ENSEMBLES, change(grid, before)[:, 0])
