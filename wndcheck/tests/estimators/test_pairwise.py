"""Invariances of pairwise estimates, scales, threads and devices, and the options that are refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wndcheck.benchmarks.closed_forms import normal_pair
from wndcheck.estimators import knn_entropy, mutual_information, pairwise_mi
from wndcheck.estimators.kernels import torch_common
from wndcheck.experiment.gaussian_experiments import gaussian_information
from wndcheck.tests.estimators.samples import ESTIMATORS, each_estimator

M = 1000
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.95])
def test_vanilla_estimate_of_unequal_scales(rho):
    """Appendix A: σx = 1e-4 and σy = 1, not standardized, compared with a k-d tree in float64."""
    x, y = (column[:, 0] for column in normal_pair(rho)(np.random.default_rng(3), (M, 1)))
    x = 1e-4 * x
    vanilla = mutual_information(x, y, margins="none")
    expected = knn_entropy(x) + knn_entropy(y) - knn_entropy(np.stack([x, y], axis=1), margins="none")
    assert vanilla == pytest.approx(expected, abs=2e-6)
    assert vanilla < gaussian_information(rho) - 0.5
    # One sample's estimate: 4 of its standard deviations, 0.05 each at most, and a bias below 0.03.
    assert mutual_information(x, y) == pytest.approx(gaussian_information(rho), abs=0.23)


@settings(deadline=None, max_examples=25)
@given(st.sampled_from([1, 3, 5]), st.integers(10, 300), st.sampled_from(["sd", "none"]), seeds)
def test_three_entropies(k, m, margins, seed):
    """Ĥ(x) + Ĥ(y) − Ĥ(x, y) with a k-d tree in float64; single precision in the kernel costs about 1e-6."""
    x, y = np.random.default_rng(seed).standard_normal((2, m)) * [[3], [20]]
    if margins == "sd":
        x, y = x / x.std(ddof=1), y / y.std(ddof=1)
    joint = knn_entropy(np.stack([x, y], axis=1), k=k, margins="none")
    expected = knn_entropy(x, k=k) + knn_entropy(y, k=k) - joint
    assert mutual_information(x, y, k=k, margins=margins) == pytest.approx(expected, abs=1e-5)


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(ESTIMATORS), st.sampled_from([1, 3, 5]), st.integers(6, 300), st.sampled_from(["sd", "none"]), seeds
)
def test_symmetric_to_the_last_bit(estimator, k, m, margins, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal(m), rng.standard_cauchy(m) if margins == "none" else rng.random(m)
    options = {"estimator": estimator, "k": k, "margins": margins}
    forth, back = (mutual_information(*pair, **options) for pair in ((x, y), (y, x)))
    assert forth == back


def rounding(estimator: str, m: int) -> float:
    """Tolerance for z-scores that differ by a rounding error in float32.

    1e-5 for 3H. For KSG the count of a sample or two may change by one: ψ(k + 1) − ψ(k) each.
    """
    return 1e-5 if estimator == "3h" else 2 / (3 * m)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(ESTIMATORS), st.floats(1e-9, 1e9), st.booleans(), st.floats(-100, 100), seeds)
def test_invariant_to_scale_sign_and_shift_of_a_neuron(estimator, a, negative, shift, seed):
    x, y = np.random.default_rng(seed).standard_normal((2, 200))
    moved = (-a if negative else a) * (x + shift)
    expected = mutual_information(x, y, estimator=estimator)
    assert mutual_information(moved, y, estimator=estimator) == pytest.approx(expected, abs=rounding(estimator, 200))


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(ESTIMATORS), st.permutations(range(60)), st.permutations(range(5)))
def test_invariant_to_the_order_of_samples_and_neurons(estimator, samples, neurons):
    X = np.random.default_rng(6).standard_normal((60, 5))
    expected = pairwise_mi(X, estimator=estimator)
    permuted = pairwise_mi(X[np.ix_(samples, neurons)], estimator=estimator)
    there = expected.mi[np.ix_(neurons, neurons)]
    np.testing.assert_allclose(permuted.mi, there, rtol=0, atol=rounding(estimator, 60))
    np.testing.assert_allclose(permuted.entropy, expected.entropy[neurons], rtol=0, atol=1e-12)


@pytest.mark.parametrize("margins", ["sd", "none"])
@each_estimator
def test_entropies_are_in_the_units_of_the_data(estimator, margins):
    X = np.random.default_rng(9).standard_normal((M, 3)) * [1e-5, 1, 1e5] + [1, 0, -1e6]
    expected = [knn_entropy(column) for column in X.T]
    found = pairwise_mi(X, estimator=estimator, margins=margins).entropy
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


@each_estimator
@pytest.mark.parametrize("n_jobs", [2, 5])
def test_threads_do_not_change_a_bit(n_jobs, estimator):
    X = np.random.default_rng(13).standard_normal((100, 40))
    options = {"estimator": estimator, "null": "shuffle", "n_shuffles": 2, "n_subsamples": 2}
    one, many = (pairwise_mi(X, n_jobs=n, **options) for n in (1, n_jobs))
    np.testing.assert_array_equal(many.pair_mi, one.pair_mi)
    np.testing.assert_array_equal(many.null_mi, one.null_mi)
    np.testing.assert_array_equal(many.subsample_mi, one.subsample_mi)
    np.testing.assert_array_equal(many.pair_corrected, one.pair_corrected)


# Devices


@each_estimator
def test_a_torch_device_uses_the_torch_kernel(monkeypatch, estimator):
    """On any machine: tensors for CUDA are created on the CPU."""
    X = np.random.default_rng(23).standard_normal((200, 5))
    X[:, 2] = 0
    moved = torch_common._moved
    monkeypatch.setattr(torch_common, "_moved", lambda array, device: moved(array, "cpu"))
    cpu, other = (
        pairwise_mi(X, estimator=estimator, null="shuffle", n_shuffles=2, device=device) for device in ("auto", "cuda")
    )
    for ours, theirs in ((other.pair_mi, cpu.pair_mi), (other.null_mi, cpu.null_mi)):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)
    assert (cpu.meta["device"], other.meta["device"]) == ("cpu", "cuda")


# Errors


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"estimator": "ksg"}, ValueError, r"'3h' or 'ksg1' or 'ksg2'; of the two of Kraskov .*'ksg1' .* take it"),
        ({"estimator": "KSG"}, ValueError, r"estimator=.KSG.: expected '3h' or 'ksg1' or 'ksg2'"),
        ({"k": 0}, ValueError, r"k=0: expected at least 1"),
        ({"k": 20}, ValueError, r"k=20 with 20 samples: expected more samples than k"),
        ({"random_state": -1}, ValueError, r"random_state=-1: expected at least 0"),
        ({"n_jobs": 0}, ValueError, r"n_jobs=0: expected at least 1, or -1 for all cores"),
        ({"pairs": [(0, 3)]}, ValueError, r"pairs holds \[0, 3\]: expected two different columns out of 0 to 2"),
        ({"pairs": [(0, 1), (2, 2)]}, ValueError, r"pairs holds \[2, 2\]: expected two different columns"),
        ({"pairs": [(1, -1)]}, ValueError, r"pairs holds \[-1, 1\]: expected two different columns"),
        ({"pairs": [(0.0, 1.0)]}, ValueError, r"pairs has shape \(1, 2\) and dtype float64: expected \(P, 2\)"),
        ({"pairs": [0, 1]}, ValueError, r"pairs has shape \(2,\)"),
        ({"pairs": np.zeros((0, 2), int)}, ValueError, r"pairs has shape \(0, 2\)"),
        ({"null": "bootstrap"}, ValueError, r"null='bootstrap': expected None or 'shuffle'"),
        ({"n_shuffles": 0}, ValueError, r"n_shuffles=0: expected at least 1"),
        ({"n_shuffles": 2.5}, TypeError, r"n_shuffles=2\.5: expected an integer"),
        ({"n_subsamples": -1}, ValueError, r"n_subsamples=-1: expected at least 0"),
        ({"n_subsamples": True}, TypeError, r"n_subsamples=True: expected an integer"),
        ({"k": True}, TypeError, r"k=True: expected an integer"),
        ({"random_state": 2.5}, TypeError, r"random_state=2\.5: expected an integer"),
        ({"n_jobs": 2.5}, TypeError, r"n_jobs=2\.5: expected an integer"),
        ({"jitter": 0}, ValueError, r"jitter=0: expected a number from 1e-06 to 0\.1"),
        ({"jitter": 0.2}, ValueError, r"jitter=0\.2: expected a number from"),
        ({"jitter": math.nan}, ValueError, r"jitter=nan: expected a number from"),
        ({"jitter": "1e-3"}, TypeError, r"jitter='1e-3': expected a number"),
        ({"jitter": True}, TypeError, r"jitter=True: expected a number"),
    ],
)
def test_bad_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        pairwise_mi(np.random.default_rng(25).standard_normal((20, 3)), **options)
