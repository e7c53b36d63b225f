"""Simulated worlds: how often a claim of 24 primary checks gets a wrong verdict, and how often the right one."""

from __future__ import annotations

import numpy as np
import pytest

from wndcheck.tests.factories import make_claim, make_finding
from wndcheck.verdicts.checks import Check
from wndcheck.verdicts.power import normal_rates
from wndcheck.verdicts.statistics import at_most

M = 24
SMALL = Check("the number", at_most(0))
RUNS = 2000


def verdicts(means: np.ndarray, nets: int, runs: int = RUNS) -> dict[str, float]:
    """The share of runs with each verdict, of a claim whose checks have these true means and a deviation of 1."""
    rng = np.random.default_rng(len(means) * nets)
    found: dict[str, float] = dict.fromkeys(("supported", "refuted", "inconclusive"), 0)
    for _ in range(runs):
        values = means[:, None] + rng.standard_normal((len(means), nets))
        checks = (make_finding(f"size[{i}]", each, SMALL, m=len(means)) for i, each in enumerate(values))
        found[make_claim("tiny", *checks).verdict] += 1 / runs
    return found


@pytest.mark.parametrize("nets", [4, 8])
def test_a_claim_on_the_border_is_refuted_in_at_most_one_run_of_a_hundred(nets: int) -> None:
    """In one of 24 · .01 / 48, half a percent; at 99 % for each check it would be one in nine."""
    found = verdicts(np.zeros(M), nets)
    assert found["refuted"] <= 0.01
    assert found["supported"] == 0


def test_a_claim_with_one_check_beyond_its_border_is_not_supported_more_often() -> None:
    """However near to the border it is."""
    means = np.full(M, -9.0)
    means[3] = 1e-9
    assert verdicts(means, 8)["supported"] <= 0.01


def test_a_claim_that_is_true_throughout_is_supported_with_enough_nets() -> None:
    """Enough that each check alone is in all but a tenth of a 24th of runs."""
    nets = next(n for n in range(4, 200) if normal_rates(SMALL, -0.5, 1, n).supported >= 1 - 0.1 / M)
    found = verdicts(np.full(M, -0.5), nets, runs=400)
    assert found["supported"] >= 0.9
    assert found["refuted"] == 0
