"""Planted families: what breaks a claim by construction is refuted, and what cannot be decided is said."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from wndcheck.sweep.widths import WidthSweep
from wndcheck.tests.sweep.families import (
    SEEDS,
    WIDTHS,
    dead_layer,
    diverging_at,
    make_net,
    scaled,
    share_a_direction,
    share_ever_more,
    swept,
)
from wndcheck.verdicts.checks import CauseKind, decide
from wndcheck.verdicts.shared_checks import slopes, values

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def plain() -> WidthSweep:
    return swept(train=scaled(1.001))


def failed_controls(sweep: WidthSweep, *claims: str) -> list[str]:
    return [f"{name} {each.name}" for name in claims for each in sweep[name].controls if each.failed]


def test_a_family_as_the_paper_has_it(plain: WidthSweep) -> None:
    assert plain.grid.layers == ("0", "2", "4")
    assert plain.grid.trained.shape == (3, SEEDS)
    assert [plain.finding("weak_dependence", f"level[{layer}]").verdict for layer in "02"] == ["supported"] * 2
    assert [plain.finding("constant_entropy", f"level[{layer}]").verdict for layer in "02"] == ["supported"] * 2
    assert not failed_controls(plain, "weak_dependence", "constant_entropy", "initial_data_reading")
    assert plain.remarks == []


def test_the_estimands_of_the_claims_take_the_grid(plain: WidthSweep) -> None:
    found = plain.finding("weak_dependence", "trend[2]")
    np.testing.assert_array_equal(found.values, slopes(plain.grid, "corrected_score", 2))
    assert found.interval == decide(found.check, found.values, nets=15).interval
    assert plain.grid.nets == SEEDS
    np.testing.assert_array_equal(
        plain.finding("weak_dependence", "level[0]").values, values(plain.grid.at(80), "score", 1)
    )
    start = values(plain.grid.at_stage(0).at(80), "corrected_score", 2)
    np.testing.assert_array_equal(plain.finding("initial_data_reading", "independence[2]").values, start)
    last = values(plain.grid.at(80), "corrected_score", 3)
    np.testing.assert_array_equal(plain.finding("last_layer", "dependence").values, last)
    assert (start != values(plain.grid.at(80), "corrected_score", 2)).all()


def test_trends_are_over_the_widths_from_twenty_neurons_up() -> None:
    sweep = swept(widths=(10, *WIDTHS), seeds=2)
    expected = slopes(sweep.grid.at(*WIDTHS), "corrected_score", 1)
    np.testing.assert_array_equal(sweep.finding("weak_dependence", "trend[0]").values, expected)


@torch.no_grad()
def nearly_the_same(width: int) -> torch.nn.Module:
    """A net of weights that its seed hardly moves."""
    net, fixed = make_net(width), torch.Generator().manual_seed(0)
    for each in net.parameters():
        each.mul_(1e-6).add_(torch.randn(each.shape, generator=fixed), alpha=1 / 8)
    return net


def test_permutations_are_a_nets_own() -> None:
    grid = swept(nearly_the_same, widths=(20,), seeds=2).grid
    scores, permuted = (np.ptp(grid.of(name, 1)) for name in ("score", "shuffled_score"))
    assert scores < 1e-4
    assert permuted > 1e-3  # a mean over pairs of estimates that deviate by 0.05


def test_neurons_that_grow_by_a_tenth_of_a_percent_gain_that_entropy(plain: WidthSweep) -> None:
    # H(aX) = H(X) + log a, exactly so in the first layer.
    np.testing.assert_allclose(plain.grid.of("entropy_change", 1), np.log(1.001), atol=1e-5)


def test_a_shared_direction_is_refuted() -> None:
    sweep = swept(share_a_direction)
    assert sweep.finding("weak_dependence", "level[2]").verdict == "refuted"
    assert sweep.finding("weak_dependence", "trend[2]").verdict != "supported"
    assert sweep["weak_dependence"].verdict == sweep["initial_data_reading"].verdict == "refuted"
    assert "constant_entropy" not in {claim.id for claim in sweep.claims}, "nets are as built"
    with pytest.raises(AssertionError, match=r"level\[2\]: refuted"):
        sweep.assert_weakly_dependent(trend=False)
    assert sweep.assert_weakly_dependent("0", trend=False) is sweep, "a layer before it"
    with pytest.raises(ValueError, match=r"layer '4': expected one that was measured at every width, of 0, 2"):
        sweep.assert_weakly_dependent("4")


def test_a_dependence_that_grows_with_the_width_is_refuted_by_its_trend() -> None:
    sweep = swept(share_ever_more)
    assert sweep.finding("weak_dependence", "trend[2]").verdict == "refuted"
    assert sweep.finding("weak_dependence", "trend[0]").verdict != "refuted"
    assert "weak_dependence: refuted. Does not hold" in str(sweep)


def test_neurons_that_drift_are_refuted() -> None:
    sweep = swept(train=scaled(1.5))
    assert sweep["constant_entropy"].verdict == "refuted"
    assert sweep.finding("constant_entropy", "level[2]").verdict == "refuted"


def test_a_dead_layer_has_no_verdict_and_leaves_the_others_theirs() -> None:
    sweep = swept(dead_layer)
    found = sweep.finding("weak_dependence", "level[2]")
    assert (found.verdict, found.cause and found.cause.kind) == ("inconclusive", CauseKind.NOT_MEASURED)
    assert sweep.finding("weak_dependence", "level[0]").verdict == "supported"
    assert not failed_controls(sweep, "weak_dependence")
    assert sweep["weak_dependence"].verdict == "inconclusive"
    assert all(row["flagged"] == 1 for row in sweep.rows() if row["layer"] == "2")
    assert sweep.remarks == [
        f"2: at N = {width} 100 % of the neurons have no estimate: constant, tied or a point mass" for width in WIDTHS
    ]


def test_nets_that_diverge_at_a_width_did_not_train() -> None:
    sweep = swept(train=diverging_at(40))
    assert sweep.grid.widths == list(WIDTHS)
    assert sweep.grid.trained.sum(axis=1).tolist() == [SEEDS, 0, SEEDS]
    trend = sweep.finding("weak_dependence", "trend[0]")
    assert (trend.verdict, trend.cause and trend.cause.kind) == ("inconclusive", CauseKind.NOT_TRAINED)
    assert sweep.finding("weak_dependence", "level[0]").verdict == "supported"
    line = "N = 40: 5 of 5 nets failed (seed 0, 1, 2, 3, 4), diverged: its parameters are not finite at stage 2"
    assert line in sweep.remarks
    assert line in str(sweep)


def test_too_few_seeds_and_widths_are_said_with_the_number_that_would_do() -> None:
    sweep = swept(widths=(10, 40, 80), seeds=2)
    assert sweep["weak_dependence"].verdict == "inconclusive"
    assert sweep.remarks == [
        "trends are without N = 10, of which a layer has fewer than 20 neurons",
        "2 widths for a trend, which takes 3 or more",
        "2 seeds for a verdict, which takes 4 or more",
    ]


def test_undecided_checks_say_how_many_nets_would_do(plain: WidthSweep) -> None:
    undecided = [f for c in plain.claims for f in c.checks if f.cause and f.cause.kind is CauseKind.STRADDLES]
    assert undecided
    assert set(plain.needs) == {f"{f.claim} {f.name}" for f in undecided}
    assert all(need.endswith("would decide it") for need in plain.needs.values())


def test_without_a_trend_inconclusive_slopes_pass() -> None:
    sweep = swept(widths=(40, 80))
    sweep.assert_weakly_dependent(trend=False)
    with pytest.raises(AssertionError, match=r"trend\[0\]: inconclusive"):
        sweep.assert_weakly_dependent()
