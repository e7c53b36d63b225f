"""The permutation test on distances from the medians of widths: how often it is wrong, and which nets it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from wndcheck.verdicts.checks import Verdict, decide
from wndcheck.verdicts.coverage.claim_files import imported

FILE = Path(__file__).parents[3] / "claims" / "narrow_is_irregular.py"
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="the claims are in the repository, not in the package")


@dataclass(frozen=True)
class Scores:
    """In place of a grid: a layer's scores, (widths, S)."""

    widths: list[int]
    scores: np.ndarray

    @property
    def trained(self) -> np.ndarray:
        return np.isfinite(self.scores)

    def at(self, *widths: int) -> Scores:
        is_chosen = np.isin(self.widths, widths)
        return replace(self, widths=np.array(self.widths)[is_chosen].tolist(), scores=self.scores[is_chosen])

    def of(self, name: str, layer: int) -> np.ndarray:
        return self.scores.copy()


@pytest.fixture(scope="module")
def claim() -> ModuleType:
    return imported(FILE)


def test_nets_as_regular_at_all_widths_are_found_irregular_in_at_most_one_run_of_a_hundred(claim: ModuleType) -> None:
    rng, runs = np.random.default_rng(5), 1500
    level = np.array([[0.2], [0.15], [0.06], [-0.01]])  # of ι, which differs from width to width
    found = [
        decide(claim.IRREGULAR, claim.distances(Scores([10, 15, 200, 500], level + rng.normal(0, 0.01, (4, 8))), 1))
        for _ in range(runs)
    ]
    allowed = 0.01 * runs + 4 * np.sqrt(0.01 * runs)  # with four standard errors
    for verdict in (Verdict.SUPPORTED, Verdict.REFUTED):
        assert sum(each.verdict is verdict for each in found) <= allowed


@pytest.mark.parametrize(
    ("widths", "taken"),
    [
        ((10, 15, 20, 200, 500, 1000), [10, 15, 200, 500]),
        ((10, 20, 50, 200), [10, 200]),
        ((10, 15, 200, 1000), [10, 200]),
        ((15, 200, 500), [15, 500]),
    ],
)
def test_as_many_narrow_widths_as_wide_ones_are_taken(claim: ModuleType, widths, taken) -> None:
    scores = np.random.default_rng(1).normal(size=(len(widths), 5))
    grid = claim.both_ends(Scores(list(widths), scores))
    found = claim.distances(grid, 1)
    assert grid.widths == taken
    assert found.shape == (len(taken) * 5,)
    assert found[0] == abs(scores[widths.index(taken[0]), 0] - np.median(scores[widths.index(taken[0])]))


def test_as_many_nets_of_every_width_are_taken(claim: ModuleType) -> None:
    scores = np.arange(12.0).reshape(2, 6) ** 2
    scores[0, [0, 3]] = nan
    found = claim.distances(Scores([10, 200], scores), 1)
    np.testing.assert_array_equal(np.isnan(found), [True, False, False, True, False, False] + [False] * 4 + [True] * 2)


def test_a_profile_without_such_widths_has_no_value(claim: ModuleType) -> None:
    found = claim.distances(claim.both_ends(Scores([20, 200], np.zeros((2, 6)))), 1)
    assert decide(claim.IRREGULAR, found).verdict is Verdict.INCONCLUSIVE
