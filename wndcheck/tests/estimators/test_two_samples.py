"""Blocks of variables compared with brute force, with the one-column estimators and with the Gaussian closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import digamma

from wndcheck.estimators import mutual_information
from wndcheck.estimators.multivariate import block_information
from wndcheck.tests.estimators.samples import ESTIMATORS, each_estimator

COVARIANCE = np.array([[1, 0.3, 0.6], [0.3, 1, 0.5], [0.6, 0.5, 1]])


def normal_block(m: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((m, 3)) @ np.linalg.cholesky(COVARIANCE).T


def distances_between(points: np.ndarray) -> np.ndarray:
    """Distances (M, M) in the max-norm, infinite between a point and itself."""
    distances = np.abs(points[:, None] - points).max(axis=2)
    np.fill_diagonal(distances, np.inf)
    return distances


def standardized(z: np.ndarray) -> np.ndarray:
    return (z - z.mean(axis=0)) / z.std(axis=0, ddof=1)


def brute_force(x: np.ndarray, y: np.ndarray, k: int, estimator: str) -> float:
    """Eq. A.1, and equations 8 and 9 of Kraskov et al. (2004), from all pairwise distances."""
    m, joint = len(x), np.hstack([x, y])
    if estimator == "3h":
        signed = ((x, 1), (y, 1), (joint, -1))
        logs = [
            sign * points.shape[1] * np.log(2 * np.sort(distances_between(points), axis=1)[:, k - 1]).mean()
            for points, sign in signed
        ]
        return digamma(m) - digamma(k) + sum(logs)
    nearest = np.argsort(distances_between(joint), axis=1)[:, :k]
    means = []
    for distances in (distances_between(x), distances_between(y)):
        if estimator == "ksg1":
            reach = np.take_along_axis(distances_between(joint), nearest[:, [-1]], axis=1)
            means.append(digamma((distances < reach).sum(axis=1) + 1).mean())
        else:
            furthest = np.take_along_axis(distances, nearest, axis=1).max(axis=1, keepdims=True)
            means.append(digamma((distances <= furthest).sum(axis=1)).mean())
    return digamma(k) + digamma(m) - sum(means) - (1 / k if estimator == "ksg2" else 0)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(ESTIMATORS),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(1, 9),
    st.integers(10, 120),
    st.integers(0, 2**32 - 1),
)
def test_blocks_of_any_dimension_equal_brute_force(estimator, d_x, d_y, k, m, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((m, d_x)), rng.standard_exponential((m, d_y))
    y[:, 0] += x[:, 0]
    expected = brute_force(x, y, k, estimator)
    assert block_information(x, y, k, estimator) == pytest.approx(expected, abs=1e-11)
    if d_x + d_y > 2 and (estimator != "3h" or m > 80):  # a few samples of six columns are nearly dependent
        vanilla = mutual_information(x, y, k=k, estimator=estimator, margins="none")
        assert vanilla == pytest.approx(expected, abs=1e-11)


@each_estimator
def test_invariant_to_the_order_of_blocks_columns_and_samples(estimator):
    z = normal_block(300, 0)
    there = mutual_information(z[:, :2], z[:, 2:], estimator=estimator)
    for x, y in ((z[:, 2], z[:, :2]), (z[:, 1::-1], z[:, [2]]), (z[::-1, :2], z[::-1, 2])):
        assert mutual_information(x, y, estimator=estimator) == pytest.approx(there, abs=1e-12)


@pytest.mark.filterwarnings("ignore:3H is -1.65 nats and KSG1 0.14")
@each_estimator
def test_invariant_to_scale_sign_and_shift_of_a_column(estimator):
    """But the vanilla estimate is not."""
    z = normal_block(300, 1)
    moved = z * [1e-3, -20, 5] + [1, 0, 1e3]
    expected = mutual_information(z[:, :2], z[:, 2], estimator=estimator)
    assert mutual_information(moved[:, :2], moved[:, 2], estimator=estimator) == pytest.approx(expected, abs=1e-9)
    vanilla = mutual_information(moved[:, :2], moved[:, 2], estimator=estimator, margins="none")
    assert abs(vanilla - expected) > 0.05


@pytest.mark.parametrize(("estimator", "bias"), [("3h", 0.03), ("ksg1", 0.01), ("ksg2", 0.01)])
def test_mean_is_near_the_gaussian_closed_form(estimator, bias):
    """½ log (|Σx| |Σy| / |Σ|) = 0.32 nats; 40 trials, 4 standard errors, and the bias of 3H in three dimensions."""
    truth = 0.5 * math.log(np.linalg.det(COVARIANCE[:2, :2]) / np.linalg.det(COVARIANCE))
    blocks = [normal_block(1000, 100 + trial) for trial in range(40)]
    mi = np.array([mutual_information(z[:, :2], z[:, 2], estimator=estimator) for z in blocks])
    standard_error = mi.std(ddof=1) / math.sqrt(len(mi))
    assert abs(mi.mean() - truth) < 4 * standard_error + bias, f"mean {mi.mean():.4f}, expected {truth:.4f}"
    assert standard_error < 0.01


@each_estimator
def test_one_column_is_a_single_sample(estimator):
    x, y = normal_block(200, 2)[:, :2].T
    expected = mutual_information(x, y, estimator=estimator)
    for first, second in ((x[:, None], y), (x, y[:, None]), (x[:, None], y[:, None])):
        assert mutual_information(first, second, estimator=estimator) == expected


@each_estimator
@pytest.mark.parametrize("k", [1, 3, 5])
def test_trees_and_kernels_agree_for_one_column_each(estimator, k):
    """To 2e-6 for 3H; a count that single precision changes by one moves KSG by 1 / (k M) at most."""
    z = normal_block(1000, 3)[:, 1:]
    x, y = ((z - z.mean(axis=0)) / z.std(axis=0, ddof=1)).T
    kernels = mutual_information(x, y, k=k, estimator=estimator)
    trees = block_information(x[:, None], y[:, None], k, estimator)
    assert trees == pytest.approx(kernels, abs=5e-6 if estimator == "3h" else 3e-3)


def test_jitter_is_in_units_of_the_z_scores():
    """Also for the vanilla estimate: a thousandth of a standard deviation hardly changes small numbers."""
    z = 1e-3 * normal_block(500, 5)
    clean, jittered = (
        mutual_information(z[:, :2], z[:, 2], estimator="ksg1", margins="none", jitter=jitter)
        for jitter in (None, 1e-3)
    )
    assert abs(jittered - clean) < 0.02


@pytest.mark.parametrize("k", [1, 3])
def test_a_row_repeated_in_all_columns(k):
    """5 × 5 columns: KSG counts no sample as nearer than a distance of 0, and 3H says how often it is 0."""
    z = np.random.default_rng(10).standard_normal((500, 10))
    z[: k + 1] = z[0]
    x, y = z[:, :5], z[:, 5:]
    for estimator in ("ksg1", "ksg2"):
        expected = brute_force(*np.split(standardized(z), 2, axis=1), k, estimator)
        with pytest.warns(UserWarning, match="10 columns in all"):
            found = mutual_information(x, y, k=k, estimator=estimator)
        assert found == pytest.approx(expected, abs=1e-9)
    message = (
        rf"the distance to neighbour k={k} is 0 for {k + 1} of 500 samples, which coincide: give k={k + 1} or more"
    )
    with pytest.raises(ValueError, match=message):
        block_information(x, y, k, "3h")


FLAGGED = {
    "point mass": (lambda x: np.maximum(x, 0), r"point mass: \d\d\.\d % of samples at 0"),
    "constant": (lambda x: np.full_like(x, 0.1), "constant"),
    "rounded": (lambda x: np.round(60 * x, 1), r"tied: .* in steps of 0\.1"),
}


@each_estimator
@pytest.mark.parametrize("margins", ["sd", "none"])
@pytest.mark.parametrize("kind", FLAGGED)
def test_a_column_without_a_density_is_refused(estimator, margins, kind):
    z = normal_block(500, 7)
    make, reason = FLAGGED[kind]
    block = np.stack([z[:, 0], make(z[:, 1])], axis=1)
    for x, y, name in ((block, z[:, 2], "x"), (z[:, 2], block, "y")):
        message = rf"^column 1 of {name} has no {estimator.upper()} estimate \({reason}\): "
        with pytest.raises(ValueError, match=message):
            mutual_information(x, y, estimator=estimator, margins=margins)


@pytest.mark.parametrize("estimator", ["ksg1", "ksg2"])
def test_jitter_separates_a_point_mass_in_a_block(estimator):
    z = normal_block(500, 7)
    block = np.stack([z[:, 0], np.maximum(z[:, 1], 0)], axis=1)
    options = {"estimator": estimator, "jitter": 1e-3}
    first, again, other = (mutual_information(block, z[:, 2], **options, random_state=seed) for seed in (0, 0, 1))
    assert first == again != other


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((10, 2)), np.zeros(9), r"x has 10 samples and y has 9: expected equally many"),
        (np.arange(10.0), np.zeros((10, 0)), r"y has shape \(10, 0\): expected at least one column"),
        (np.zeros((10, 2)), np.zeros((10, 2, 2)), r"y has shape \(10, 2, 2\): expected \(n_samples,\) or"),
        (np.arange(10.0), 3.0, r"y has shape \(\): expected \(n_samples,\) or \(n_samples, n_columns\)"),
        (np.zeros((10, 2)), np.full((10, 2), np.inf), r"column 0 of y holds inf at sample 0: expected finite numbers"),
        ([1.0, 2.0, 3.0, np.inf, 5.0], np.arange(5.0), r"x holds inf at sample 3"),
        (np.arange(3.0), np.arange(3.0), r"k=3 with 3 samples: expected more samples than k"),
        (np.arange(10.0), np.zeros((10, 1)), r"y has no 3H estimate \(constant\): it shares no information; leave it"),
    ],
)
def test_bad_samples_are_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        mutual_information(x, y)
