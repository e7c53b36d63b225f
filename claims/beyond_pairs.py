"""§6, future work: "strengthening the lemma from pairwise independence to general independence".

Measured: the total correlation of some groups of three and of five neurons of every hidden layer of trained nets, minus
that of the same neurons when independently permuted. Groups of pairwise independent neurons may still be dependent.
Supported: it decreases with log N from N = 20 up. Refuted: it rises. Also shown: whether at the paper's widest it is at
most 0.01 nats for every pair in the group. The paper makes no claim here; this is what its question comes to.
Controls: nets whose layers share a direction, the more so the wider they are, must not have a decreasing trend; nets
with a bottleneck between any two layers must not come out independent.
"""

import pytest

from wndcheck.experiment.record_schema import GROUP_SIZES
from wndcheck.pytest_plugin.declarations import check, control
from wndcheck.verdicts import Check, Claim, Scope, at_most
from wndcheck.verdicts.shared_checks import hidden_mean, slopes, values

CLAIM = Claim(
    "§6",
    "The dependence of three and of five neurons falls with the width, too",
    families=("trained/relu", "trained/tanh", "violation/shared", "violation/bottleneck"),
)

TREND = Check("slope of the total correlation per doubling of N", at_most(0))
LEVEL = {
    size: Check(
        "total correlation at the widest", at_most(0.01 * size * (size - 1) / 2), scope=Scope.LEVEL, primary=False
    )
    for size in GROUP_SIZES
}


@pytest.fixture(params=GROUP_SIZES)
def size(request):
    return request.param


@check(TREND)
def test_trend(decide, size, layer, trained):
    decide(slopes, trained.wide, f"total_correlation_{size}", layer)


@check(LEVEL, by="size")
def test_level(decide, size, layer, trained):
    decide(values, trained.widest, f"total_correlation_{size}", layer)


@control(TREND, must_be="refuted")
def test_shared_directions_have_no_falling_trend(decide, nets, size):
    decide(slopes, nets["violation/shared"], f"total_correlation_{size}", layer=1)


@control(LEVEL, by="size", must_be="refuted")
def test_bottlenecks_are_dependent(decide, nets, size):
    decide(hidden_mean, nets["violation/bottleneck"], f"total_correlation_{size}")
