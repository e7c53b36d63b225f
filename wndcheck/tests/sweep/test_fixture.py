"""The fixture width_sweep in a project of its own."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import torch
from wndcheck.tests.sweep.families import make_net, share_a_direction, swept

OPTIONS = dict(widths=[20, 40, 80], seeds=5, max_pairs=150)
x = torch.randn(600, 64, generator=torch.Generator().manual_seed(1))

def test_good(width_sweep):
    width_sweep(make_net, x, **OPTIONS).assert_weakly_dependent(layers=["0", "2"], trend=False)

def test_bad(width_sweep):
    width_sweep(share_a_direction, x, **OPTIONS).assert_weakly_dependent(trend=True)
"""


def test_a_family_that_breaks_the_claim_fails_its_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E*AssertionError: not shown to be weakly dependent:", "E*level[[]2[]]: refuted*"])
