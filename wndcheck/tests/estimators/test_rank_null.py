"""The tabulated null of estimates from normal scores, compared with simulation by the kernels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import johnsonsu, kstest, norm

from wndcheck.benchmarks.rank_null import NODES, simulate
from wndcheck.benchmarks.samples import rows_of_ranks
from wndcheck.estimators import rank_null
from wndcheck.estimators.formulas import NORMAL_ENTROPY, entropy_from_log_distance, information_from_digammas
from wndcheck.estimators.kernels import cpu, reference
from wndcheck.estimators.rank_null import RankNull, p_values, quantile, score_grid

EXACT = 0.0005  # nats: what the table promises of the null's mean


def independent_estimates(estimator: str, m: int, k: int, pairs: int, seed: int = 0) -> np.ndarray:
    """Estimates of independent pairs of rows, (pairs,), before any correction."""
    rng = np.random.default_rng(seed)
    rows = rows_of_ranks(rng.permuted(np.tile(np.arange(m), (2 * pairs, 1)), axis=1), score_grid(m).astype(np.float32))
    indices = np.arange(2 * pairs).reshape(-1, 2)
    if estimator == "3h":
        return math.log(2 * math.pi * math.e) - entropy_from_log_distance(
            cpu.mean_log_distances(rows, indices, k=k), m, k, 2
        )
    return information_from_digammas(cpu.mean_digammas(rows, indices, k=k, estimator=estimator), m, k, estimator)


def assert_mean(values: np.ndarray, mean: float, errors: int = 4) -> None:
    """To 4 standard errors and the table's own; together below .002, so that a table that is off by .002 fails."""
    tolerance = errors * values.std() / math.sqrt(len(values)) + EXACT
    assert tolerance < 0.0019
    assert values.mean() == pytest.approx(mean, abs=tolerance)


# The moments

AT_NODES = [("3h", 50, 3, 80_000), ("3h", 1000, 3, 9000), ("ksg1", 1000, 20, 2000), ("ksg2", 200, 7, 20_000)]
BETWEEN = [("3h", 24, 7, 80_000), ("3h", 141, 20, 6000), ("3h", 1414, 3, 6000), ("ksg1", 61, 11, 20_000)]
LARGE = [("3h", 7000, 3, 1300), ("ksg1", 7000, 20, 200), ("3h", 60_000, 3, 150)]


@pytest.mark.parametrize(("estimator", "m", "k", "pairs"), AT_NODES + BETWEEN + LARGE)
def test_moments_agree_with_simulation(estimator, m, k, pairs):
    assert (m in NODES) == ((estimator, m, k, pairs) in AT_NODES)
    values, null = independent_estimates(estimator, m, k, pairs), rank_null.rank_null(estimator, m, k)
    assert_mean(values, null.correction + null.mean)
    standard_error = math.sqrt((2 + max(null.kurtosis, 0)) / (4 * pairs))  # of a relative standard deviation
    assert values.std() == pytest.approx(null.sd, rel=4 * standard_error + 0.01)


def test_a_table_that_is_off_by_two_thousandths_is_noticed():
    null = rank_null.rank_null("3h", 1414, 3)
    values = independent_estimates("3h", 1414, 3, 6000)
    for error in (-0.002, 0.002):
        with pytest.raises(AssertionError):
            assert_mean(values, null.correction + error)


@pytest.mark.parametrize(("d", "m", "trials", "errors"), [(3, 250, 5000, 4), (6, 120, 15_000, 3)])
def test_correction_of_more_columns_agrees_with_simulation(d, m, trials, errors):
    assert m not in NODES
    values = simulate(m, d, trials, seed=1)[:, 0]
    for k in (20, 40):
        assert_mean(values[:, k - 1], rank_null.rank_null("3h", m, k, d).correction, errors)


def entropy(points: np.ndarray, k: int) -> float:
    """Eq. A.1 by a k-d tree: `knn_entropy` refuses scores, which are evenly spaced."""
    return entropy_from_log_distance(
        float(np.log(reference.kth_distances(points, k=k)).mean()), len(points), k, points.shape[1]
    )


def test_simulation_agrees_with_the_kernels_and_with_a_tree():
    m, k, seed = 101, 7, 5
    values = simulate(m, 2, 1, seed)[0, :, k - 1]
    scores = score_grid(m)
    ranks = np.stack([np.arange(m), np.random.default_rng(seed).permuted([np.arange(m)], axis=1)[0]])
    rows = rows_of_ranks(ranks, scores.astype(np.float32))
    for value, estimator in zip(values[1:], ("ksg1", "ksg2"), strict=True):
        means = cpu.mean_digammas(rows, np.array([[0, 1]]), k=k, estimator=estimator)
        assert value == pytest.approx(information_from_digammas(means[0], m, k, estimator), abs=1e-12)
    assert values[0] == pytest.approx(2 * NORMAL_ENTROPY - entropy(scores[ranks].T, k), abs=1e-12)
    ranks = np.random.default_rng(seed).permuted(np.tile(np.arange(m), (3, 1)), axis=1)
    joint = entropy(np.column_stack([scores, *scores[ranks]]), k)
    assert simulate(m, 4, 1, seed)[0, 0, k - 1] == pytest.approx(4 * NORMAL_ENTROPY - joint, abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("3h", 19, 3), "19 samples.*20 to 1000000"),
        (("ksg1", 2_000_000, 20), "20 to 1000000"),
        (("3h", 20_000, 3, 6), "of 6 columns"),
        (("ksg1", 1000, 51), "k=51"),
        (("ksg1", 39, 20), "half"),
        (("ksg1", 1000, 3, 3), "'3h' for d=2 to 6"),
        (("3h", 1000, 3, 7), "d=7"),
        (("ksg", 1000, 3), "estimator='ksg'"),
        (("3h", 1000, 0), "k"),
    ],
)
def test_outside_the_table_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        rank_null.rank_null(*arguments)


# p-values


@pytest.mark.parametrize(
    ("estimator", "m", "k"), [("3h", 200, 3), ("ksg1", 300, 20), ("ksg2", 120, 7), ("3h", 90, 30), ("ksg1", 20, 3)]
)
def test_p_values_are_uniform_and_right_in_the_tail(estimator, m, k):
    null = rank_null.rank_null(estimator, m, k)
    p = p_values(independent_estimates(estimator, m, k, 40_000, seed=2) - null.correction, null)
    assert kstest(p[:10_000], "uniform").pvalue > 0.001
    for level in (0.05, 0.01, 0.001):  # 4 standard errors, and a tenth for the law that is fitted to four moments
        assert (p < level).mean() == pytest.approx(level, abs=4 * math.sqrt(level / len(p)) + 0.1 * level)


def test_p_values_fall_and_stay_positive():
    null = rank_null.rank_null("ksg1", 1000, 20)
    p = p_values(np.linspace(-0.02, 0.1, 500), null)
    assert (np.diff(p) < 0).all()
    assert p_values(6.0, null) > 0
    assert np.isnan(p_values([np.nan, 0.0], null)).tolist() == [True, False]


@pytest.mark.parametrize("probability", [0.001, 0.5, 0.99, 0.9999])
def test_quantile_is_the_inverse_of_the_p_value(probability):
    null = rank_null.rank_null("ksg1", 100, 20)
    assert p_values(quantile(null, probability), null) == pytest.approx(1 - probability, rel=1e-9)


@pytest.mark.parametrize(
    ("skewness", "kurtosis"), [(0.0, 0.5), (0.02, 0.01), (0.77, 1.29), (-0.5, 0.6), (0.3, 0.17), (2.0, 9.0)]
)
def test_fitted_law_has_the_four_moments(skewness, kurtosis):
    parameters = rank_null._johnson_su(RankNull(0.0, 0.3, 2.0, skewness, kurtosis))
    moments = johnsonsu(*parameters).stats("mvsk")
    assert np.array(moments) == pytest.approx([0.3, 4.0, skewness, kurtosis], abs=1e-6)


def test_kurtosis_below_the_law_s_limit_is_raised():
    null = RankNull(0.0, 0.0, 1.0, 0.0, -0.1)
    assert quantile(null, 0.999) == pytest.approx(norm.ppf(0.999), abs=1e-3)


# Normal scores


@pytest.mark.parametrize("m", [20, 21, 1000])
def test_score_grid_are_symmetric_quantiles(m):
    scores = score_grid(m)
    np.testing.assert_allclose(scores, norm.ppf((np.arange(1, m + 1) - 0.5) / m), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(scores, -scores[::-1])
