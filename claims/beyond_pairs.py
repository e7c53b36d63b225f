"""§6, future work: "strengthening the lemma from pairwise independence to general independence".

Measured: the total correlation of some groups of three and of five neurons of every hidden layer of trained nets, minus
that of the same neurons when independently permuted. Groups of pairwise independent neurons may still be dependent.
Supported: it decreases with log N from N = 20 up. Refuted: it rises. Shown beside it: whether at the paper's widest it
is at most .01 nats for every pair in the group. The paper makes no claim here; this is what its question comes to.
Controls: nets whose layers share a direction, the more so the wider they are, must not have a decreasing trend; nets
with a bottleneck between any two layers must not come out independent.
"""

import pytest

from wndcheck.experiment.records import GROUP_SIZES
from wndcheck.pytest_plugin.declarations import check, control, every_activation, every_hidden_layer
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.claims import Claim
from wndcheck.verdicts.rules import slopes
from wndcheck.verdicts.statistics import at_most

CLAIM = Claim(
    "§6",
    "The dependence of three and of five neurons falls with the width, too",
    families=("trained/relu", "trained/tanh", "violation/shared", "violation/bottleneck"),
)

TREND = Check("slope of the total correlation per doubling of N", at_most(0))
LEVEL = {
    size: Check("total correlation at the widest", at_most(0.01 * size * (size - 1) / 2), level=True, primary=False)
    for size in GROUP_SIZES
}
every_size = pytest.mark.parametrize("size", GROUP_SIZES)


@check(TREND)
@every_activation
@every_hidden_layer
@every_size
def test_trend(decide, nets, activation, layer, size):
    grid = nets[f"trained/{activation}"].wide
    decide(slopes(grid, f"total_correlation_{size}", layer), grid)


@check(LEVEL, by="size")
@every_activation
@every_hidden_layer
@every_size
def test_level(decide, nets, activation, layer, size):
    widest = nets[f"trained/{activation}"].widest
    decide(widest.of(f"total_correlation_{size}", layer)[0], widest)


@control(TREND, must_be="refuted")
@every_size
def test_shared_directions_have_no_falling_trend(decide, nets, size):
    grid = nets["violation/shared"]
    decide(slopes(grid, f"total_correlation_{size}", layer=1), grid)


@control(LEVEL, by="size", must_be="refuted")
@every_size
def test_bottlenecks_are_dependent(decide, nets, size):
    grid = nets["violation/bottleneck"]
    decide(grid.over_hidden_layers(f"total_correlation_{size}")[0], grid)
