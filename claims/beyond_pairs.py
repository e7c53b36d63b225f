"""§6, future work: "strengthening the lemma from pairwise independence to general independence".

Measured: the total correlation of some groups of three and of five neurons of every hidden layer of trained nets, less
what the same neurons show when shuffled apart. Pairs that are independent may hold dependence in threes.
Supported: it falls with log N from N = 20 up. Refuted: it rises. Shown beside it: whether at the paper's widest it is
at most .01 nats for every pair in the group. The paper makes no claim here; this is what its question comes to.
Controls: nets whose layers share a direction, more so the wider they are, must have no falling trend; nets with a
bottleneck between any two layers must not come out independent.
"""

import pytest

from wndcheck.experiment.records import GROUP_SIZES
from wndcheck.pytest_plugin.parametrized import every_activation, every_hidden_layer
from wndcheck.verdicts.checks import Check, Claim
from wndcheck.verdicts.statistics import at_most, slope_per_doubling


def cells(profile, base_seed):
    planted = profile.violation_cells("shared", base_seed) + profile.violation_cells("bottleneck", base_seed)
    return profile.trained_cells(base_seed) + planted


CLAIM = Claim("beyond-pairs", "§6", "The dependence of three and of five neurons falls with the width, too", cells)
pytestmark = pytest.mark.claim(CLAIM)

TREND = Check("slope of the total correlation per doubling of N", at_most(0))
LEVEL = {
    size: Check("total correlation at the widest", at_most(0.01 * size * (size - 1) / 2), level=True, primary=False)
    for size in GROUP_SIZES
}
every_size = pytest.mark.parametrize("size", GROUP_SIZES)


@every_activation
@every_hidden_layer
@every_size
def test_trend(decide, nets, activation, layer, size):
    grid = nets.trained(activation).wide
    decide(TREND, slope_per_doubling(grid.widths, grid.of(f"total_correlation_{size}", layer)), grid)


@every_activation
@every_hidden_layer
@every_size
def test_level(decide, nets, activation, layer, size):
    widest = nets.trained(activation).widest
    decide(LEVEL[size], widest.of(f"total_correlation_{size}", layer)[0], widest)


@pytest.mark.control(must_be="refuted")
@every_size
def test_shared_directions_have_no_falling_trend(decide, nets, size):
    grid = nets.violating("shared")
    decide(TREND, slope_per_doubling(grid.widths, grid.of(f"total_correlation_{size}", 1)), grid)


@pytest.mark.control(must_be="refuted")
@every_size
def test_bottlenecks_are_dependent(decide, nets, size):
    # All hidden layers together: how dependent a deep one is differs much from net to net.
    grid = nets.violating("bottleneck")
    decide(LEVEL[size], grid.over_hidden_layers(f"total_correlation_{size}")[0], grid)
