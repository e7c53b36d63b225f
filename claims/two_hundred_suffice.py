"""§4: "in this example, a width larger than 200 usually suffices for the theory".

Measured: the corrected dependence score of every hidden layer at N = 200 less that at the paper's widest, net by net.
Beside it the same from N = 100, for §1 says "a width larger than 100 usually suffices".
What a greater width would still change is decided here; whether the level that is left is low, by weak-dependence.
Supported: the difference lies within ±.01. Refuted: it lies wholly outside. A profile that ends at N = 200 shows the
step before it and gives no verdict.
Controls: activations shuffled apart must show no difference; nets that share more the wider they are must show one.
"""

import numpy as np
import pytest

from wndcheck.experiment.profiles import HIDDEN_LAYERS
from wndcheck.pytest_plugin.parametrized import every_activation, every_hidden_layer
from wndcheck.verdicts.checks import Check, Claim
from wndcheck.verdicts.statistics import within


def cells(profile, base_seed):
    return profile.trained_cells(base_seed) + profile.violation_cells("shared", base_seed)


CLAIM = Claim(
    "two-hundred-suffice",
    "§4",
    "Beyond a width of 200 the dependence score hardly falls",
    cells,
    figures=("figure-3-dependence",),
)
pytestmark = pytest.mark.claim(CLAIM)


def check(narrow, wide, *, primary=True):
    return Check(f"ι_c({narrow}) - ι_c({wide})", within(-0.01, 0.01), level=True, primary=primary)


def compared_widths(profile):
    """200 and the widest; the two widest where the profile ends at 200."""
    return (200, profile.widest) if profile.widest > 200 else profile.widths[-2:]


def difference(grid, name, layer, narrow, wide):
    return (grid.at(narrow).of(name, layer) - grid.at(wide).of(name, layer))[0]


@every_activation
@every_hidden_layer
def test_difference(decide, nets, profile, activation, layer):
    widths, grid = compared_widths(profile), nets.trained(activation)
    decide(check(*widths), difference(grid, "corrected_score", layer, *widths), grid)


@every_activation
@every_hidden_layer
def test_from_hundred(decide, nets, profile, activation, layer):
    widths, grid = (100, profile.widest), nets.trained(activation)
    decide(check(*widths, primary=False), difference(grid, "corrected_score", layer, *widths), grid)


@pytest.mark.control(must_be="supported")
@every_activation
def test_shuffled_activations_do_not_differ(decide, nets, profile, activation):
    # All hidden layers at all stages together: the few pairs of one leave an interval as wide as the margin.
    widths = compared_widths(profile)
    grids = [nets.trained(activation, stage) for stage in range(len(profile.training.stages))]
    differences = [difference(grid, "shuffled_score", layer, *widths) for grid in grids for layer in HIDDEN_LAYERS]
    decide(check(*widths), np.mean(differences, axis=0), grids[-1])


@pytest.mark.control(must_be="refuted")
def test_shared_directions_differ(decide, nets):
    grid = nets.violating("shared")
    decide(check(*grid.widths[1:]), difference(grid, "corrected_score", 1, *grid.widths[1:]), grid)
