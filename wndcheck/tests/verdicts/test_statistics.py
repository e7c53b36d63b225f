from __future__ import annotations

from itertools import combinations
from math import inf, nan, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import optimize, stats

from wndcheck.verdicts.statistics import (
    Interval,
    Region,
    at_least,
    at_most,
    mean_interval,
    paired_difference,
    power_law,
    rank_correlations,
    rank_interval,
    ranks,
    slope_per_doubling,
    within,
)

WIDTHS = (5, 10, 20, 50, 100)
moderate = st.floats(-100, 100, allow_subnormal=False)


def interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, 8, 0.99)


@pytest.mark.parametrize("n", [2, 4, 8, 16])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_mean_interval_is_students(n: int, confidence: float) -> None:
    values = np.random.default_rng(n).normal(3, 2, n)
    expected = stats.ttest_1samp(values, 0).confidence_interval(confidence)
    found = mean_interval(values, confidence)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-12)
    assert found.estimate == pytest.approx(values.mean())
    assert (found.n, found.confidence) == (n, confidence)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_coverage_of_mean_interval(confidence: float) -> None:
    draws, n = 2000, 8
    rng = np.random.default_rng(7)
    intervals = [mean_interval(rng.normal(1, 2, n), confidence) for _ in range(draws)]
    coverage = np.mean([found.low <= 1 <= found.high for found in intervals])
    # Four standard errors of a share of 2000 independent draws.
    assert abs(coverage - confidence) < 4 * sqrt(confidence * (1 - confidence) / draws)


def test_mean_interval_without_spread_is_a_point_and_of_one_value_unbounded() -> None:
    assert mean_interval([0.25] * 5, 0.99) == Interval(0.25, 0.25, 0.25, 5, 0.99)
    assert mean_interval([0.25], 0.99) == Interval(0.25, -inf, inf, 1, 0.99)


@pytest.mark.parametrize("values", [[], [1.0, nan], [1.0, inf], [[1.0, 2.0]], 1.0])
def test_mean_interval_refuses_invalid_values(values: list) -> None:
    with pytest.raises(ValueError, match="expected a row of finite values, one per net; got shape"):
        mean_interval(values, 0.99)


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 99, nan])
def test_mean_interval_refuses_an_impossible_confidence(confidence: float) -> None:
    with pytest.raises(ValueError, match=r"confidence .*: expected a number between 0 and 1"):
        mean_interval([1.0, 2.0], confidence)


@settings(deadline=None)
@given(arrays(float, st.integers(2, 8), elements=moderate), moderate, st.floats(0.01, 10))
def test_mean_interval_moves_and_scales_with_its_values(values: np.ndarray, shift: float, scale: float) -> None:
    plain, moved = mean_interval(values, 0.99), mean_interval(shift + scale * values, 0.99)
    expected = [shift + scale * x for x in (plain.low, plain.estimate, plain.high)]
    assert (moved.low, moved.estimate, moved.high) == pytest.approx(expected, rel=1e-9, abs=1e-6)
    mirrored = mean_interval(-values, 0.99)
    assert (mirrored.low, mirrored.high) == pytest.approx((-plain.high, -plain.low), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("region", "low", "high", "contains", "excludes"),
    [
        (at_most(1), 0, 0.9, True, False),
        (at_most(1), 0, 1, True, False),
        (at_most(1), 0.9, 1.1, False, False),
        (at_most(1), 1, 2, False, False),  # touches the border
        (at_most(1), 1.1, 2, False, True),
        (at_most(1), -inf, inf, False, False),
        (at_least(1), 1.1, 2, True, False),
        (at_least(1), 0.9, 1.1, False, False),
        (at_least(1), 0, 1, False, False),  # touches the border
        (at_least(1), 0, 0.9, False, True),
        (within(-1, 2), -0.9, 1.9, True, False),
        (within(-1, 2), -1.1, 1.9, False, False),
        (within(-1, 2), -0.9, 2.1, False, False),
        (within(-1, 2), -3, 3, False, False),
        (within(-1, 2), -3, -1.1, False, True),
        (within(-1, 2), 2.1, 3, False, True),
        (within(-1, 2), 2, 3, False, False),  # touches the border
    ],
)
def test_region_contains_and_excludes(region: Region, low: float, high: float, contains: bool, excludes: bool) -> None:
    found = interval(low, high)
    assert (region.contains(found), region.excludes(found)) == (contains, excludes)


@pytest.mark.parametrize(
    ("low", "high"), [(2, 1), (-inf, inf), (nan, 1), (1, nan), (inf, inf), (-inf, -inf), (inf, -inf)]
)
def test_region_refuses_invalid_bounds(low: float, high: float) -> None:
    with pytest.raises(ValueError, match=r"region from .*: expected low <= high, at least one of them finite"):
        Region(low, high)


@pytest.mark.parametrize(
    ("region", "low", "high", "inside", "outside"),
    [
        (within(-1, 2), 1, 1.5, 0.5, -1),
        (within(-1, 2), -0.75, 0, 0.25, -1),
        (within(-1, 2), 4, 5, -3, 2),
        (within(-1, 2), -5, -4, -4, 3),
        (at_most(1), -5, -4, 5, -6),
        (at_least(1), -5, -4, -6, 5),
        (at_least(1), 0, 2, -1, -1),
    ],
)
def test_distances_are_from_the_nearest_end_to_the_nearest_border(region, low, high, inside, outside) -> None:
    found = interval(low, high)
    assert (region.distance_inside(found), region.distance_outside(found)) == (inside, outside)


def test_region_as_text() -> None:
    assert [str(r) for r in (at_most(0.1), at_least(2), within(-0.5, 1))] == ["≤ 0.1", "≥ 2", "-0.5 … 1"]


def test_differences_are_of_the_first_nets_of_both() -> None:
    more, fewer = np.array([1.0, 2.0, 4.0, 8.0]), np.array([5.0, 5.0])
    assert paired_difference(more, fewer).tolist() == [-4, -3]
    assert paired_difference(fewer, more).tolist() == [4, 3]


def test_slope_is_the_least_squares_one() -> None:
    values = np.random.default_rng(0).standard_normal((len(WIDTHS), 4))
    expected = [stats.linregress(np.log2(WIDTHS), column).slope for column in values.T]
    np.testing.assert_allclose(slope_per_doubling(WIDTHS, values), expected, rtol=1e-12)


@pytest.mark.parametrize("missing", [nan, inf])
def test_slope_of_a_seed_that_lacks_a_width_is_nan(missing: float) -> None:
    values = np.stack([2.0 * np.log2(WIDTHS)] * 3, axis=1)
    values[0, 1] = missing
    np.testing.assert_allclose(slope_per_doubling(WIDTHS, values), [2, nan, 2], atol=1e-12)


def test_slope_needs_three_widths() -> None:
    assert np.isnan(slope_per_doubling(WIDTHS[:2], np.ones((2, 4)))).all()


@pytest.mark.parametrize("shape", [(5,), (4, 3), (3, 5), (5, 3, 2)])
def test_slope_refuses_values_that_do_not_fit_the_widths(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"values of shape .*: expected \(5 widths, seeds\)"):
        slope_per_doubling(WIDTHS, np.zeros(shape))


@settings(deadline=None)
@given(
    arrays(float, (len(WIDTHS), 3), elements=moderate),
    st.permutations(range(len(WIDTHS))),
    moderate,
    st.floats(-10, 10, allow_subnormal=False),
    st.floats(0.5, 20),
)
def test_slope_invariances(values: np.ndarray, order: list[int], shift: float, scale: float, wider: float) -> None:
    slopes = slope_per_doubling(WIDTHS, values)
    widths = np.array(WIDTHS, dtype=float)
    np.testing.assert_allclose(slope_per_doubling(widths[order], values[order]), slopes, atol=1e-9)
    np.testing.assert_allclose(slope_per_doubling(widths, values + shift), slopes, atol=1e-9)
    np.testing.assert_allclose(slope_per_doubling(widths, values * scale), slopes * scale, atol=1e-9)
    np.testing.assert_allclose(slope_per_doubling(widths * wider, values), slopes, atol=1e-9)
    np.testing.assert_array_equal(slope_per_doubling(widths, values[:, ::-1]), slopes[::-1])


# --- laws of the width ------------------------------------------------------------------------------------------------

FOUR_WIDTHS = np.array([20, 50, 100, 200])
SIX_WIDTHS = np.array([20, 50, 100, 200, 500, 1000])
either_sign = st.floats(0.01, 3) | st.floats(-3, -0.01)


@settings(deadline=None)
@given(st.floats(-1, 1), either_sign, st.floats(0.1, 2.5), st.sampled_from([FOUR_WIDTHS, SIX_WIDTHS]))
def test_a_power_law_is_recovered(floor: float, scale: float, exponent: float, widths: np.ndarray) -> None:
    law = power_law(widths, (floor + scale * (widths / 20) ** -exponent)[:, None])
    # The residuals' sum of squares is flat to rounding within some 1e-8 of the exponent.
    np.testing.assert_allclose(law.exponent, exponent, atol=1e-5)
    np.testing.assert_allclose(law.floor, floor, atol=1e-4 * abs(scale))
    np.testing.assert_allclose(law.residual, 0, atol=1e-6 * abs(scale))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.permutations(range(6)), st.floats(-1, 1), either_sign, st.floats(0.5, 20))
def test_power_law_invariances(seed: int, order: list[int], shift: float, scale: float, wider: float) -> None:
    noise = np.random.default_rng(seed).normal(scale=0.002, size=(6, 3))
    values = 0.02 + 2 / SIX_WIDTHS[:, None] + noise
    law = power_law(SIX_WIDTHS, values)
    other = power_law(SIX_WIDTHS[order] * wider, shift + scale * values[order])
    np.testing.assert_allclose(other.exponent, law.exponent, atol=1e-5)
    np.testing.assert_allclose(other.floor, shift + scale * law.floor, atol=1e-5)
    np.testing.assert_array_equal(power_law(SIX_WIDTHS, values[:, ::-1]).floor, law.floor[::-1])


def test_power_law_is_the_least_squares_one() -> None:
    values = 0.02 + 2 / SIX_WIDTHS + np.random.default_rng(0).normal(scale=0.002, size=6)
    (floor, *_, exponent), _ = optimize.curve_fit(
        lambda n, f, a, b: f + a * (n / 20) ** -b, SIX_WIDTHS, values, p0=(0.0, 0.1, 1.0)
    )
    law = power_law(SIX_WIDTHS, values[:, None])
    assert (law.floor[0], law.exponent[0]) == pytest.approx((floor, exponent), rel=1e-4)
    a = (values - floor).mean() / ((SIX_WIDTHS / 20) ** -exponent).mean()  # residuals sum to 0
    assert law.residual[0] == pytest.approx(values[-1] - floor - a * (SIX_WIDTHS[-1] / 20) ** -exponent, abs=1e-7)


@pytest.mark.parametrize(
    "values",
    [
        np.log(SIX_WIDTHS),  # the limit of exponent 0
        np.array([1.0, 0, 0, 0, 0, 0]),  # that of an infinite exponent
        2.0 + np.zeros(6),  # of no exponent
        np.array([0.1, nan, 0.02, 0.01, 0.004, 0.002]),
        np.array([inf, 0.04, 0.02, 0.01, 0.004, 0.002]),
    ],
)
def test_power_law_is_nan_where_the_values_do_not_determine_it(values: np.ndarray) -> None:
    law = power_law(SIX_WIDTHS, np.stack([values, 2 / SIX_WIDTHS], axis=1))
    np.testing.assert_allclose(law.exponent, [nan, 1], atol=1e-5)
    np.testing.assert_allclose(law.floor, [nan, 0], atol=1e-5)


def test_power_law_needs_four_widths() -> None:
    assert np.isnan(power_law(SIX_WIDTHS[:3], 2 / np.tile(SIX_WIDTHS[:3, None], 4))).all()


@pytest.mark.parametrize("shape", [(6,), (5, 3), (3, 6), (6, 3, 2)])
def test_power_law_refuses_values_that_do_not_fit_the_widths(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"values of shape .*: expected \(6 widths, seeds\)"):
        power_law(SIX_WIDTHS, np.zeros(shape))


# --- ranks ------------------------------------------------------------------------------------------------------------


@given(arrays(float, st.integers(1, 12), elements=st.integers(-3, 3).map(float)))
def test_ranks_equal_scipys_rankdata(values: np.ndarray) -> None:
    assert ranks(values).tolist() == stats.rankdata(values).tolist()


def test_rank_correlations_are_spearmans() -> None:
    x, y = np.random.default_rng(0).integers(0, 4, (2, 9, 5)).astype(float)
    y[7, 4] = nan
    expected = [stats.spearmanr(x[:, seed], y[:, seed])[0] for seed in range(4)]
    assert rank_correlations(x, y) == pytest.approx([*expected, nan], nan_ok=True)


def test_rank_correlations_are_nan_for_constant_values_or_two_widths() -> None:
    assert np.isnan(rank_correlations(np.ones((4, 2)), np.arange(8.0).reshape(4, 2))).all()
    assert np.isnan(rank_correlations(np.arange(4.0).reshape(2, 2), np.arange(4.0).reshape(2, 2))).all()


# --- ranks of two groups ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [0.98, 1 - 0.02 / 4, 0.8])
@pytest.mark.parametrize("n", [4, 6, 8])
def test_a_rank_interval_excludes_a_half_where_scipys_exact_test_rejects(n: int, confidence: float) -> None:
    rng = np.random.default_rng(n)
    tail = (1 - confidence) / 2
    outcomes = set()
    for shift in np.linspace(-3, 3, 60):
        first, second = rng.normal(shift, 1, n), rng.normal(0, 1, n)
        found = rank_interval(first, second, confidence)
        assert found.estimate == pytest.approx(np.mean(first[:, None] > second))
        above, below = (
            stats.mannwhitneyu(first, second, alternative=side, method="exact").pvalue for side in ("greater", "less")
        )
        outcome = (at_least(0.5).contains(found), at_least(0.5).excludes(found))
        assert outcome == (above <= tail, below <= tail)
        outcomes.add(outcome)
    assert len(outcomes) == 3 or n == 4  # for which 1 of 70 ways is too common


def test_ties_are_counted_by_half_and_in_the_exact_distribution() -> None:
    first, second = np.array([3.0, 2, 2, 5]), np.array([1.0, 2, 0, 3])
    pool = np.concatenate([first, second])

    def share(chosen: tuple[int, ...]) -> float:
        others = np.delete(pool, chosen)
        return float(np.mean(np.sign(pool[list(chosen)][:, None] - others) / 2 + 0.5))

    by_chance = np.array([share(chosen) for chosen in combinations(range(8), 4)])
    found = rank_interval(first, second, 0.6)
    assert found.estimate == pytest.approx(share((0, 1, 2, 3)))
    rejects = {np.mean(by_chance >= some - 1e-9) <= 0.2: some for some in sorted(by_chance, reverse=True)}
    step = (rejects[True] + max(some for some in by_chance if some < rejects[True] - 1e-9)) / 2 - 0.5
    assert (found.low, found.high) == pytest.approx((found.estimate - step, min(1, found.estimate + step)))


@given(arrays(float, 10, elements=moderate))
def test_exchanging_the_groups_reflects_a_rank_interval(values: np.ndarray) -> None:
    one, other = rank_interval(values[:5], values[5:], 0.98), rank_interval(values[5:], values[:5], 0.98)
    assert (one.estimate, one.low, one.high) == pytest.approx((1 - other.estimate, 1 - other.high, 1 - other.low))


def test_few_values_leave_a_rank_interval_whole() -> None:
    found = rank_interval(np.array([9.0, 8, 7]), np.array([1.0, 2, 3]), 0.98)
    assert (found.estimate, found.low, found.high, found.n) == (1, 0, 1, 6)


@pytest.mark.parametrize(("first", "second"), [([1.0, 2], [1.0]), ([], []), ([1.0, nan], [1.0, 2]), ([[1.0]], [[2.0]])])
def test_groups_that_are_not_exchangeable_are_refused(first: list[float], second: list[float]) -> None:
    with pytest.raises(ValueError, match="expected two equal rows of finite values"):
        rank_interval(np.array(first), np.array(second), 0.98)
