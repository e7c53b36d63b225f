"""What a level owes to the recipe: limits of a paired difference, the width and stage of it, and other choices."""

from __future__ import annotations

from dataclasses import replace
from math import isnan

import numpy as np
import pytest

from wndcheck.experiment.cells import Training
from wndcheck.experiment.counterparts import Pair, cells_beside, paper_pairs, varied_pairs
from wndcheck.experiment.families import trained_cell
from wndcheck.experiment.grids import Grid, grid
from wndcheck.experiment.profiles import FULL, MEDIUM, QUICK
from wndcheck.tests.tiny import TINY_CELL, random_measurement
from wndcheck.verdicts.recipes import FARTHEST, changes_by_choice, recipe_error
from wndcheck.verdicts.shared_checks import values
from wndcheck.verdicts.statistics import Interval, mean_interval

NETS = 6
STAGES = (0, 1, 6, 30)
NOISE = np.array([1.0, -1.0, 0.5, -0.5, 2.0, -2.0])  # of δ, from net to net; its mean is 0


def nets(width: int, score: np.ndarray | float, stages: tuple[int, ...] = STAGES) -> Grid:
    """Nets of one width with the score at each stage, (stages,) or (stages, S), in every layer."""
    cell = replace(TINY_CELL, width=width, seeds=tuple(range(NETS)), protocol=Training(0.1, 32, stages=stages))
    measurement = random_measurement(cell)
    measurement["accuracy"][:] = 1
    scores = np.broadcast_to(np.atleast_2d(np.asarray(score, dtype=float).T).T, (len(stages), NETS))
    measurement["score"][:] = scores[..., None]
    return grid([cell], lambda _: measurement, MEDIUM, "trained/relu")


def pair(width: int, differences: list[float], noise: float = 0.0) -> Pair:
    """Nets by the usual recipe, and by the paper's up to as many stages as there are differences."""
    usual = np.arange(4)[:, None] + np.zeros(NETS)
    other = usual[: len(differences)] - np.array(differences)[:, None] - noise * NOISE
    return Pair(nets(width, usual), nets(width, other, STAGES[: len(differences)]))


def of_layer(of: Grid) -> np.ndarray:
    return values(of, "score", 1)


def limits(of: Grid, *pairs: Pair) -> tuple[float, float, tuple[int, ...]]:
    found = recipe_error(of_layer, of, pairs)
    return pytest.approx(found.low), pytest.approx(found.high), found.widths


def test_limits_are_those_of_the_mean_paired_difference() -> None:
    found = recipe_error(of_layer, nets(50, np.zeros(4)), [pair(50, [0, 0.1, 0.2, 0.3], noise=0.01)])
    expected = mean_interval(0.3 + 0.01 * NOISE, 0.99)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.widths == (50,)


def test_limits_of_an_earlier_stage_are_of_that_stage() -> None:
    both = pair(50, [0, 0.1, 0.2, 0.3]), pair(200, [0, 0.5, 0.7])
    assert limits(nets(50, np.zeros(4)).at_stage(1), *both) == (0.1, 0.1, (50,))
    assert limits(nets(200, np.zeros(4)).at_stage(1), *both) == (0.5, 0.5, (200,))
    assert limits(nets(200, np.zeros(4)).at_stage(0), *both) == (0.0, 0.0, (200,))


def test_where_training_ended_early_the_change_since_then_is_added_of_the_nearest_width_that_has_it() -> None:
    # The nearest by ratio; by difference it would be the other.
    far, near, begun = pair(30, [0, 0, 0, 9]), pair(100, [0, 0.1, 0.2, 0.25]), pair(60, [0, 0.5, 0.7])
    assert limits(nets(60, np.zeros(4)), far, near, begun) == (0.75, 0.75, (60,))
    noisy = recipe_error(of_layer, nets(200, np.zeros(4)), [pair(100, [0, 0, 0, 0]), pair(200, [0, 0, 0], noise=0.1)])
    half = mean_interval(0.1 * NOISE, 0.99).high
    assert (noisy.low, noisy.high) == pytest.approx((-half, half))


def test_a_width_between_two_takes_the_wider_of_their_limits() -> None:
    both = pair(200, [0, 0, 0, -0.1]), pair(1000, [0, 0, 0, 0.2])
    assert limits(nets(500, np.zeros(4)), *both) == (-0.1, 0.2, (200, 1000))


@pytest.mark.parametrize(("width", "widths"), [(10, (50,)), (9, ()), (250, (50,)), (251, ()), (50, (50,))])
def test_a_width_more_than_five_times_away_is_untested(width: int, widths: tuple[int, ...]) -> None:
    assert FARTHEST == 5
    found = recipe_error(of_layer, nets(width, np.zeros(4)), [pair(50, [0, 0, 0, 0.3])])
    assert found.widths == widths
    assert (found.low, found.high) == ((pytest.approx(0.3),) * 2 if widths else (0.0, 0.0))
    assert found.of_paper


def test_what_the_paper_has_no_nets_of_is_said() -> None:
    assert not recipe_error(of_layer, nets(50, np.zeros(4)), []).of_paper


def test_three_values_are_too_few() -> None:
    usual, other = pair(50, [0, 0, 0, 0.3])
    other.measurements[0]["score"][-1, 3:] = np.nan
    assert recipe_error(of_layer, nets(50, np.zeros(4)), [Pair(usual, other)]).widths == ()


def test_untrained_nets_count_as_they_do_in_the_grid() -> None:
    usual, other = pair(50, [0, 0, 0, 0.3])
    other.measurements[0]["accuracy"][:] = 0.5
    of = nets(50, np.zeros(4))
    assert recipe_error(of_layer, of, [Pair(usual, other)]).widths == ()
    assert recipe_error(of_layer, of.whole, [Pair(usual, other)]).widths == (50,)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-0.1, 0.3, (0.7, 2.1)), (0.1, 0.3, (0.7, 2.0)), (-0.3, -0.1, (1.0, 2.3)), (0, 0, (1.0, 2.0))],
)
def test_an_interval_is_widened_at_the_end_that_an_error_can_move_it_to_and_never_narrowed(low, high, expected) -> None:
    widened = Interval(1.5, 1.0, 2.0, 8, 0.99).widened(low, high)
    assert (widened.low, widened.high) == pytest.approx(expected)
    assert widened.estimate == 1.5


def test_other_choices_change_the_estimand_by_the_mean_over_nets() -> None:
    choices = {"half": pair(200, [0, 0, 0, 0.3], noise=0.1), "none": pair(200, [0, 0, 0, np.nan])}
    found = changes_by_choice(of_layer, nets(1000, np.zeros(4)), choices)
    assert found["half"] == pytest.approx(-0.3)
    assert isnan(found["none"])


def test_medium_pairs_its_nets_with_the_papers_by_seed() -> None:
    for family, widths in {
        "trained/relu": [50, 100, 200, 1000],
        "trained/tanh": [50, 100, 200],
        "cifar10": [50, 200],
    }.items():
        pairs = paper_pairs(family, MEDIUM, 3)
        assert sorted(each.other.width for each in pairs) == widths
        for usual, other in pairs:
            both = min(len(usual.seeds), len(other.seeds))
            assert usual.seeds[:both] == other.seeds[:both]
            assert len(other.seeds) == both  # no net of the paper's recipe is without its counterpart
            assert replace(usual, seeds=other.seeds, protocol=other.protocol, probe=other.probe) == other
            assert usual.protocol.stages[: len(other.protocol.stages)] == usual.protocol.stages[:3] + (30,) * (
                len(other.protocol.stages) == 4
            )


def test_all_choices_are_paired_with_the_profiles_own() -> None:
    pairs, usual = varied_pairs("trained/relu", MEDIUM, 0), trained_cell(MEDIUM, "relu", 200, 0)
    assert len(pairs) == 6
    assert all(each.usual == usual != each.other for each in pairs.values())
    assert not varied_pairs("trained/tanh", MEDIUM, 0)
    assert not paper_pairs("trained/relu", QUICK, 0) + paper_pairs("convnets", MEDIUM, 0)
    assert len(cells_beside(["trained/relu"], FULL, 0)) == 7
