"""Entropies compared with closed forms and the formula by hand; exact properties of differential entropy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import digamma

from wndcheck.estimators import knn_entropy
from wndcheck.estimators.entropy import sorted_entropies
from wndcheck.estimators.kernels import reference

M = 1000
TRIALS = 300

# distribution: (sampler, entropy, bias of the exact estimator for M = 1000 and k = 3, its sd), from 600 trials
LAWS = {
    "normal": (np.random.Generator.standard_normal, 0.5 * math.log(2 * math.pi * math.e), -0.0006, 0.0330),
    "uniform": (np.random.Generator.random, 0.0, 0.0004, 0.0246),
    "exponential": (np.random.Generator.standard_exponential, 1.0, -0.0004, 0.0405),
    "laplace": (lambda rng, size: rng.laplace(size=size), 1 + math.log(2), -0.0028, 0.0395),
    "logistic": (lambda rng, size: rng.logistic(size=size), 2.0, -0.0015, 0.0363),
    "gumbel": (lambda rng, size: rng.gumbel(size=size), 1 + np.euler_gamma, -0.0003, 0.0350),
    "student t, 3": (lambda rng, size: rng.standard_t(3, size=size), 1.77348, -0.0013, 0.0413),
    "cauchy": (np.random.Generator.standard_cauchy, math.log(4 * math.pi), -0.0053, 0.0631),
    "lognormal": (lambda rng, size: rng.lognormal(size=size), 0.5 * math.log(2 * math.pi * math.e), -0.0015, 0.0454),
    "arcsine": (lambda rng, size: rng.beta(0.5, 0.5, size=size), math.log(math.pi / 4), 0.0063, 0.0360),
    "tanh of a normal": (lambda rng, size: np.tanh(rng.standard_normal(size)), 0.66980, 0.0013, 0.0263),
}


@pytest.mark.parametrize("law", LAWS)
def test_mean_and_sd_agree_with_the_closed_form(law):
    """Mean within 4 standard errors of truth + bias; sd within 4 of its own, √½n each, plus a tenth for heavy tails."""
    sampler, entropy, bias, sd = LAWS[law]
    estimates = sorted_entropies(np.sort(sampler(np.random.default_rng(0), (TRIALS, M)), axis=1), 3)
    error = abs(estimates.mean() - entropy - bias)
    assert error < 4 * sd * math.sqrt(1 / TRIALS + 1 / 600), f"{law}: mean {estimates.mean():.4f}, {entropy + bias:.4f}"
    assert estimates.std(ddof=1) == pytest.approx(sd, rel=4 * math.sqrt(0.5 / TRIALS + 0.5 / 600) + 0.1), law


def test_the_formula_by_hand():
    """k = 1 of 0, 1, 3: distances 1, 1, 2, so ε = 2, 2, 4, and ψ(3) − ψ(1) = 1 + ½."""
    assert knn_entropy([[0], [1], [3]], k=1) == knn_entropy([0, 1, 3], k=1)
    assert knn_entropy([0, 1, 3], k=1) == pytest.approx(1.5 + 4 / 3 * math.log(2), abs=1e-15)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 3), st.integers(1, 15), st.integers(16, 200), st.integers(0, 2**32 - 1))
def test_formula_with_reference_distances(d, k, m, seed):
    """The one-dimensional search and ψ(M) − ψ(k) as a sum, compared with a k-d tree and scipy's digamma."""
    x = np.random.default_rng(seed).standard_normal((m, d))
    expected = digamma(m) - digamma(k) + d * np.log(2 * reference.kth_distances(x, k=k)).mean()
    tolerance = 1e-12 if d == 1 else 1e-5  # distances of more columns are in single precision
    assert knn_entropy(x, k=k, margins="none") == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("d", [2, 3])
def test_bias_of_joint_entropy_decreases_with_the_sample_size(d):
    truth, rng = 0.5 * d * math.log(2 * math.pi * math.e), np.random.default_rng(d)
    trials = {250: 80, 1000: 40, 4000: 20}  # standard errors about 0.007, 0.005, 0.004 for d = 2
    bias = [
        np.mean([knn_entropy(rng.standard_normal((m, d))) for _ in range(trials[m])]) - truth for m in (250, 1000, 4000)
    ]
    assert abs(bias[2]) < abs(bias[0]), f"bias {bias}"
    assert abs(bias[2]) < 0.03 * (d - 1), f"bias {bias}"


@settings(deadline=None)
@given(st.floats(1e-6, 1e6), st.booleans(), st.floats(-1e3, 1e3), st.sampled_from([1, 2]), st.integers(0, 2**32 - 1))
def test_affine_law(a, negative, shift, d, seed):
    """H(aX + b) = H(X) + d log |a|; the shift leaves a rounding error of shift / a in the samples' float64."""
    x = np.random.default_rng(seed).standard_normal((200, d))
    moved = (-a if negative else a) * x + a * shift
    assert knn_entropy(moved) == pytest.approx(knn_entropy(x) + d * math.log(a), abs=1e-8)


@pytest.mark.parametrize("power", [-900, -3, 5, 900])
def test_entropy_of_z_scores_is_exact_under_powers_of_two(power):
    x = np.random.default_rng(0).standard_normal(100)
    assert knn_entropy(np.ldexp(x, power), units="sd") == knn_entropy(x, units="sd")


@pytest.mark.parametrize("d", [1, 2])
def test_standardized_entropy_is_that_of_the_z_scores(d):
    x = np.random.default_rng(0).standard_normal((300, d)) * [1e-4, 30][:d] + 5
    expected = knn_entropy((x - x.mean(axis=0)) / x.std(axis=0, ddof=1))
    assert knn_entropy(x, units="sd") == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(50)), st.sampled_from([1, 2]))
def test_invariant_to_the_order_of_samples(order, d):
    x = np.random.default_rng(0).standard_normal((50, d))
    assert knn_entropy(x[order]) == pytest.approx(knn_entropy(x), abs=1e-13)


@pytest.mark.parametrize("base", [2, 10.0])
@pytest.mark.parametrize("d", [1, 3])
def test_base_is_that_of_the_logarithm(d, base):
    x = np.random.default_rng(0).standard_normal((100, d))
    assert knn_entropy(x, base=base) == pytest.approx(knn_entropy(x) / math.log(base), rel=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8])
def test_integers_and_single_precision_are_exact(dtype):
    x = np.random.default_rng(0).choice(250, 24, replace=False).astype(dtype)
    assert knn_entropy(x) == knn_entropy(x.astype(np.float64))


@pytest.mark.parametrize(
    ("x", "k", "message"),
    [
        (np.zeros((2, 3, 4)), 3, r"x has shape \(2, 3, 4\): expected \(n_samples,\) or \(n_samples, n_columns\)"),
        (1.0, 3, r"x has shape \(\): expected"),
        (np.zeros((5, 0)), 3, r"x has shape \(5, 0\): expected at least one column"),
        ([0.0, 1.0, np.nan, 3.0], 1, r"x holds nan at sample 2: expected finite numbers"),
        ([[0.0, 1.0], [2.0, -np.inf], [3.0, 4.0]], 1, r"column 1 of x holds -inf at sample 1: expected finite"),
        ([0.0, 1.0, 3.0], 3, r"k=3 with 3 samples: expected more samples than k"),
        ([], 1, r"k=1 with 0 samples: expected more samples than k"),
        ([0.0, 1.0, 3.0], 0, r"k=0: expected at least 1"),
        ([0, 0, 0, 1, 2, 4], 2, r"x has no density \(point mass: 50.0 % of samples at 0\): a point mass has none"),
        (
            [[0, 5]] * 3 + [[1, 2], [2, 3], [9, 9]],
            2,
            r"column 0 of x has no density \(point mass: 50.0 % of",
        ),
        (np.ones(100), 3, r"the distance to neighbour k=3 is 0 for 100 of 100 samples, which coincide: a point mass"),
        (np.full(100, 0.1) * (1 + np.arange(100) % 2 * 2e-16), 3, r"x has no density \(point mass: 50.0 %"),
        (
            np.arange(1000)[::-1],
            3,
            r"x has no density \(evenly spaced: all values lie on a grid.*\): give the values before",
        ),
    ],
)
def test_bad_samples_are_refused(x, k, message):
    with pytest.raises(ValueError, match=message):
        knn_entropy(x, k=k)


@pytest.mark.parametrize("k", [2.0, "3", True, None])
def test_k_must_be_an_integer(k):
    with pytest.raises(TypeError, match=r"k=.*: expected an integer"):
        knn_entropy(np.arange(10.0), k=k)


def test_a_constant_column_cannot_be_standardized():
    x = np.stack([np.arange(10.0), np.full(10, 0.1)], axis=1)
    with pytest.raises(ValueError, match="column 1 of x is constant: it has no standard deviation to divide by"):
        knn_entropy(x, units="sd")


@pytest.mark.parametrize("k", [3, 55, 100])
def test_rounded_samples_are_refused_for_any_k(k):
    """Distances are numbers of steps: k = 55 gives 1.56, k = 100 1.33 for 1.42; what the message says helps."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(10_000).round(2)
    message = r"^x has no density \(tied: 94\.. % of values repeat, in steps of 0\.01\): give the values"
    with pytest.raises(ValueError, match=message):
        knn_entropy(x, k=k)
    assert knn_entropy(x + rng.uniform(-0.005, 0.005, len(x))) == pytest.approx(1.419, abs=4 * 0.033 / math.sqrt(10))


@pytest.mark.parametrize("units", ["data", "sd"])
def test_an_outlier_is_refused_beside_another_column(units):
    """Of the z-scores it gives 7.32 in place of 2.84 nats; what the message says helps."""
    x = np.random.default_rng(0).standard_normal((1000, 2))
    x[0, 1] = 1e6
    with pytest.raises(ValueError, match=r"column 1 of x .*\(tails: .*\): take units='data' and margins='none'$"):
        knn_entropy(x, units=units)
    assert knn_entropy(x, margins="none") == pytest.approx(2.838, abs=0.15)
