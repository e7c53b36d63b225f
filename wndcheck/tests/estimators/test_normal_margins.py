"""Normal scores of ranks in place of the values: invariance to the last bit, agreement with trees, and blocks."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from wndcheck.estimators import mutual_information, pairwise_mi
from wndcheck.estimators.formulas import NORMAL_ENTROPY, entropy_from_log_distance, information_from_digammas
from wndcheck.estimators.kernels import reference
from wndcheck.estimators.preprocessing import normal_scores
from wndcheck.estimators.rank_null import rank_null
from wndcheck.tests.estimators.samples import each_estimator, of_pairs, reference_digammas
from wndcheck.tests.estimators.test_two_samples import COVARIANCE, normal_block

seeds = st.integers(0, 2**32 - 1)

INCREASING: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # of integers up to 1000 in magnitude, exactly
    "cube": lambda x: x**3,
    "exponential": lambda x: np.exp(x / 2),
    "tails": lambda x: np.where(x > 900, 1e300 * x, x),
    "tiny": lambda x: x * 1e-300,
    "step": lambda x: x + 1e6 * (x > 0),
    "ranks": lambda x: np.unique(x, return_inverse=True)[1],
}


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(["ksg1", "ksg2", "3h"]), st.sampled_from(sorted(INCREASING)), st.booleans(), st.booleans(), seeds
)
def test_invariant_to_the_last_bit_under_increasing_maps(estimator, name, of_x, of_y, seed):
    """Of integers, of which one in twelve is repeated."""
    rng = np.random.default_rng(seed)
    x, y = (rng.permutation(np.resize(rng.permutation(2001)[:240] - 1000, 260)).astype(float) for _ in range(2))
    expected = mutual_information(x, y, margins="normal", estimator=estimator)
    change = INCREASING[name]
    moved = mutual_information(
        change(x) if of_x else x, change(y) if of_y else y, margins="normal", estimator=estimator
    )
    assert moved == expected


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(["ksg1", "ksg2"]), st.booleans(), st.booleans(), seeds)
def test_invariant_under_decreasing_maps(estimator, of_x, of_y, seed):
    """The scores are symmetric to the last bit; without ties, whose order is drawn."""
    x, y = np.random.default_rng(seed).standard_normal((2, 200))
    expected = mutual_information(x, y, margins="normal", estimator=estimator)
    moved = mutual_information(-x if of_x else x, -y if of_y else y, margins="normal", estimator=estimator)
    assert moved == pytest.approx(expected, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from([3, 20]), st.integers(50, 300), seeds)
def test_pairs_equal_all_differences_of_their_scores(k, m, seed):
    """The scores in single precision, as kernels take them; 3H by a k-d tree."""
    x, y = np.random.default_rng(seed).standard_cauchy((2, m))
    scores = normal_scores(np.stack([x, y], axis=1), 0)[0].astype(np.float32)
    for estimator in ("ksg1", "ksg2"):
        means = reference_digammas(scores, np.array([(0, 1)]), k, estimator)
        expected = information_from_digammas(float(means[0]), m, k, estimator)
        found = mutual_information(x, y, k=k, estimator=estimator, margins="normal")
        assert found == pytest.approx(expected, abs=1e-12)
    log_distance = np.log(reference.kth_distances(scores.T.astype(np.float64), k=k)).mean()
    joint = entropy_from_log_distance(float(log_distance), m, k, 2)
    expected = 2 * NORMAL_ENTROPY - joint - rank_null("3h", m, k).correction
    assert mutual_information(x, y, k=k, estimator="3h", margins="normal") == pytest.approx(expected, abs=1e-5)


def test_scores_are_those_of_van_der_waerden():
    x = np.array([[3.0, -1], [1e9, 5], [2, 0], [7, 2]])
    expected = ndtri((np.array([[1, 3, 0, 2], [0, 3, 1, 2]]) + 0.5) / 4)
    np.testing.assert_allclose(normal_scores(x, 0)[0], expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", [None, np.float16])
def test_repeated_values_do_no_harm(dtype):
    """ρ = .8, M = 10,000, rounded to .01 or in half precision: 4 standard errors of .03 / √10, and a bias of .005."""
    x, noise = np.random.default_rng(0).standard_normal((2, 10_000))
    columns = [np.round(column, 2) if dtype is None else column.astype(dtype) for column in (x, 0.8 * x + 0.6 * noise)]
    found = mutual_information(*columns, margins="normal")
    assert found == pytest.approx(0.5108, abs=4 * 0.03 / math.sqrt(10) + 0.005)


@each_estimator
@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_point_masses_leave_the_information_as_it_is(estimator, share):
    """Of 40 pairs, ρ = .8 and 0, a share of the samples of x at one value: the rest has I = .511 nats.

    4 standard errors, and a bias of .02.
    """
    rng = np.random.default_rng(1)
    x, noise = rng.standard_normal((2, 1000, 40))
    kept = rng.random(x.shape) >= share
    dependent = of_pairs(np.where(kept, x, 0), 0.8 * x + 0.6 * noise, margins="normal", estimator=estimator).pair_mi
    assert dependent.mean() == pytest.approx((1 - share) * 0.5108, abs=4 * dependent.std() / math.sqrt(40) + 0.02)
    nothing = of_pairs(np.where(kept, x, 0), noise, margins="normal", estimator=estimator)
    assert abs(nothing.score) < 4 * nothing.pair_mi.std() / math.sqrt(40)
    assert not nothing.dependent().any()


def test_rectified_pairs_need_no_jitter():
    """ρ = .8 rectified has .3464 nats by quadrature; 4 standard errors of 40 pairs, and the bias of .007 of KSG1."""
    x, noise = np.random.default_rng(2).standard_normal((2, 1000, 40))
    found = of_pairs(np.maximum(x, 0), np.maximum(0.8 * x + 0.6 * noise, 0), margins="normal").pair_mi
    assert found.mean() == pytest.approx(0.3464, abs=4 * found.std() / math.sqrt(40) + 0.01)


def test_a_constant_is_refused():
    with pytest.raises(
        ValueError, match=r"^x has no KSG1 estimate \(constant\): it shares no information; leave it out"
    ):
        mutual_information(np.ones(1000), np.random.default_rng(1).standard_normal(1000), margins="normal")


# --- blocks -----------------------------------------------------------------------------------------------------------


@each_estimator
def test_blocks_with_normal_margins(estimator):
    """½ log (|Σx| |Σy| / |Σ|) = .32 nats, also of exponentials of the columns; a bias of up to .015."""
    truth = 0.5 * math.log(np.linalg.det(COVARIANCE[:2, :2]) / np.linalg.det(COVARIANCE))
    found = []
    for trial in range(20):
        z = normal_block(1000, 200 + trial)
        value = mutual_information(z[:, :2], z[:, 2], margins="normal", estimator=estimator)  # k = 3 for blocks
        moved = np.exp(z[:, :2] * [1, 5])
        assert mutual_information(moved, z[:, 2], margins="normal", estimator=estimator, k=3) == value
        found.append(value)
    error = np.std(found, ddof=1) / math.sqrt(20)
    assert np.mean(found) == pytest.approx(truth, abs=4 * error + 0.015)
    assert error < 0.012


@pytest.mark.filterwarnings("ignore:x and y have 6 columns")
@pytest.mark.parametrize(("d_x", "d_y"), [(1, 2), (2, 2), (1, 4), (3, 3)])
def test_independent_blocks_share_no_information(d_x, d_y):
    """3H with normal margins: the bias of each block's entropy is tabulated. 20 trials, 4 standard errors."""
    rng = np.random.default_rng(d_x)
    options = {"margins": "normal", "estimator": "3h"}
    found = [
        mutual_information(rng.standard_normal((1000, d_x)), rng.exponential(size=(1000, d_y)), **options)
        for _ in range(20)
    ]
    assert abs(np.mean(found)) < 4 * np.std(found, ddof=1) / math.sqrt(20) + 0.003


def test_3h_of_more_columns_than_are_tabulated_is_refused():
    x, y = np.random.default_rng(2).standard_normal((2, 200, 4))
    with pytest.raises(
        ValueError, match=r"x and y have 8 columns in all: expected 6 at most for 3H with normal margins"
    ):
        mutual_information(x, y, margins="normal", estimator="3h")


def test_a_layer_is_its_pairs():
    X = np.random.default_rng(3).exponential(size=(300, 4))
    layer = pairwise_mi(X, margins="normal")
    assert (layer.meta["estimator"], layer.meta["k"]) == ("ksg1", 6)
    for (i, j), value in zip(layer.pairs, layer.pair_mi, strict=True):
        assert mutual_information(X[:, i], X[:, j], margins="normal") == value


@each_estimator
def test_ties_are_ranked_by_what_a_column_holds(estimator):
    """Not by its place: a pair is the same in either order and in any layer; another random_state ranks them anew."""
    X = np.random.default_rng(4).integers(0, 5, (300, 4))
    X[:, 3] += X[:, 1]
    options = {"margins": "normal", "estimator": estimator}
    value = mutual_information(X[:, 1], X[:, 3], **options)
    assert mutual_information(X[:, 3], X[:, 1], **options) == value
    assert pairwise_mi(X, **options).mi[1, 3] == value
    assert mutual_information(X[:, 1], X[:, 3], **options, random_state=1) != value


def test_columns_of_equal_ranks_have_their_ties_ranked_independently():
    """I(x; x) of a fair coin is log 2, less some .1 by edges within neighbourhoods; in one order it would be 3.9."""
    x = np.random.default_rng(5).integers(0, 2, 1000)
    assert mutual_information(x, np.exp(x), margins="normal") == pytest.approx(math.log(2), abs=0.15)
