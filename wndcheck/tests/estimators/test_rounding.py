"""Rounded samples and coincidences: what jitter covers, what double precision tells apart, and what messages say."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from wndcheck.benchmarks.closed_forms import normal_pair
from wndcheck.estimators import knn_entropy, mutual_information, pairwise_mi
from wndcheck.estimators.kernels import double
from wndcheck.estimators.rounding import grid_step, number_format, rounding_explains
from wndcheck.tests.estimators.samples import ESTIMATORS, each_estimator, reference_digammas
from wndcheck.tests.estimators.test_two_samples import brute_force, standardized

RHO, TRUTH = 0.8, 0.5108
SPREAD = {"3h": 0.05, "ksg1": 0.035, "ksg2": 0.035}  # of estimates at M = 1000, decreasing like 1 / √M


def pair(seed: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = normal_pair(RHO)(np.random.default_rng(seed), (m, 1))
    return x[:, 0], y[:, 0]


def tolerance(estimator: str, m: int) -> float:
    """4 standard errors, and .01 of bias."""
    return 4 * SPREAD[estimator] * math.sqrt(1000 / m) + 0.01


# --- steps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jitter", [None, 1e-3])
def test_the_advice_for_rounded_samples_is_right(jitter):
    """Steps of .01, M = 10,000: the advised jitter=1e-3 gave 3H = −1.28. Of a pair and of a layer."""
    x, y = (np.round(column, 2) for column in pair(0, 10_000))
    message = r"^x has no 3H estimate \(tied: 94\.\d % of values repeat, in steps of 0\.01.*\): (take .*)$"
    with pytest.raises(ValueError, match=message) as refused:
        mutual_information(x, y, jitter=jitter)
    assert re.search(r"take estimator='ksg1' with jitter=1e-3, or margins='normal'$", str(refused.value))
    X = np.stack([x, y], axis=1)
    flags = pairwise_mi(X, jitter=jitter).flags
    assert [reason.split(", ")[1] for reason in flags.values()] == ["in steps of 0.01"] * 2
    for advised in ({"estimator": "ksg1", "jitter": 1e-3}, {"margins": "normal"}):
        assert mutual_information(x, y, **advised) == pytest.approx(TRUTH, abs=tolerance("ksg1", 10_000))
        assert pairwise_mi(X, **advised).score == pytest.approx(TRUTH, abs=tolerance("ksg1", 10_000))


@pytest.mark.parametrize("step", [0.001, 0.01, 0.03, 0.1])
def test_3h_with_jitter_has_the_right_value_or_says_what_jitter_it_takes(step):
    """Half a step flattens the density to 2 exp(−2π²/4) = 1.4 %; a fifth of a step gives −1 for steps of .01."""
    m, found = 10_000, 0
    x, y = (np.round(column / step) * step for column in pair(1, m))
    for jitter in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 2e-2):
        try:
            value = mutual_information(x, y, jitter=jitter)
        except ValueError as refused:
            if "point mass" in str(refused):  # in steps of .1, one value holds 4 % of the samples
                assert step > 0.02
                continue
            needed = re.search(r"which takes jitter=([\d.e-]+) or more to cover", str(refused))
            assert needed
            assert float(needed[1]) == pytest.approx(step / 2, rel=0.1)
            assert jitter < step / 2 * 1.02
        else:
            found += 1
            assert value == pytest.approx(TRUTH, abs=tolerance("3h", m))
    assert found or step > 0.02


FORMATS = {  # values -> format and the spacing of its numbers at 1.5
    "float16": (lambda x: x.astype(np.float16), "half", 2.0**-10),
    "bfloat16": (lambda x: (x.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32), "half", 2.0**-7),
    "float32": (lambda x: x.astype(np.float32), "single", 2.0**-23),
    "float64": (lambda x: x, "double", 2.0**-52),
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_format_is_that_of_the_values_not_of_the_array(name):
    make, precision, spacing = FORMATS[name]
    values = np.append(make(np.random.default_rng(2).standard_normal(500)).astype(np.float64), 1.5)
    found, spacings = number_format(values)
    assert (found, spacings[-1]) == (precision, spacing)


def test_grids_are_found_and_continuous_samples_lie_on_none():
    x = np.sort(np.random.default_rng(3).standard_normal(500))
    assert grid_step(np.round(x * 30) / 30) == pytest.approx(1 / 30)
    assert grid_step(np.round(x * 30) / 30 + math.pi) == pytest.approx(1 / 30)
    assert grid_step(x) is None
    assert grid_step(np.exp(np.round(x, 1))) is None
    assert grid_step(np.ones(9)) is None


REASONS = {  # samples -> reason and advice for 3H
    "single precision": (
        lambda x: (101_325 + 300 * x).astype(np.float32),
        r"tied: [23]\.\d % of values repeat, which single precision cannot tell apart at this offset\): "
        r"give the samples in double precision, or take margins='normal'$",
    ),
    "double precision": (
        lambda x: 1e12 + x,
        r"tied: 1\d\.\d % of values repeat, which double precision cannot tell apart at this offset\): take est",
    ),
    "counts": (
        lambda x: np.floor(2000 * np.exp(x / 4)).astype(int),
        r"tied: \d\d\.\d % of values repeat, in steps of 1\): take estimator='ksg1' with jitter=1e-3, or margins=",
    ),
    "drawn twice, in single precision": (
        lambda x: x[np.random.default_rng(4).integers(0, len(x), len(x))].astype(np.float32),
        r"tied: 3\d\.\d % of values repeat\): take estimator='ksg1' with jitter=1e-3, or margins='normal'$",
    ),
    "drawn twice": (
        lambda x: x[np.random.default_rng(4).integers(0, len(x), len(x))],
        r"tied: 3\d\.\d % of values repeat\): take estimator='ksg1' with jitter=1e-3, or margins='normal'$",
    ),
}


@pytest.mark.parametrize("name", REASONS)
def test_the_reason_of_ties_is_true(name):
    make, reason = REASONS[name]
    x, y = pair(5, 10_000)
    with pytest.raises(ValueError, match=r"^x has no 3H estimate \(" + reason):
        mutual_information(make(x), y)
    if name in ("single precision", "double precision"):
        assert rounding_explains(np.sort(make(x).astype(float)), np.spacing(np.abs(np.sort(make(x)))).astype(float))


@pytest.mark.parametrize("name", ["single precision", "double precision", "counts"])
def test_the_advice_for_tied_samples_is_right(name):
    x, y = pair(6, 10_000)
    tied = REASONS[name][0](x)
    for advised in ({"estimator": "ksg1", "jitter": 1e-3}, {"margins": "normal"}):
        assert mutual_information(tied, y, **advised) == pytest.approx(TRUTH, abs=tolerance("ksg1", 10_000))


# --- coincidences -----------------------------------------------------------------------------------------------------


@each_estimator
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_few_coincidences_in_single_precision_are_no_point_mass(estimator, k, dtype):
    """M = 10,000: a handful of values coincide, also where an array of float64 holds them."""
    columns = np.stack(pair(7, 10_000), axis=1)
    exact = pairwise_mi(columns, estimator=estimator, k=k)
    single = columns.astype(np.float32)
    assert len(np.unique(single[:, 0])) < 10_000
    found = pairwise_mi(single.astype(dtype), estimator=estimator, k=k)
    assert found.flags == {}
    assert found.score == pytest.approx(exact.score, abs=1e-3)
    np.testing.assert_allclose(found.entropy, exact.entropy, rtol=0, atol=1e-3)
    assert mutual_information(*single.T, estimator=estimator, k=k) == found.score


def test_coincident_values_count_alike_in_any_unit():
    """A layer in one common unit, beside a neuron of 10⁴ times the scale, and the sample alone: k = 1, float32."""
    x = np.stack(
        [300 + 5 * np.random.default_rng(8).standard_normal(10_000), 5e4 * np.random.default_rng(9).random(10_000)]
    )
    x = x.T.astype(np.float32)
    assert (np.diff(np.sort(x[:, 0])) == 0).any()
    found = pairwise_mi(x, k=1, margins="none").entropy
    np.testing.assert_allclose(found, [knn_entropy(column, k=1) for column in x.T], rtol=0, atol=1e-9)


def test_the_distance_in_place_of_0_leaves_no_bias():
    """300 ± 5 in float32, .8 % repeats, k = 1: 1.6 % of the distances are 0, and a factor e in each would be .016."""
    errors = []
    for seed in range(20):
        x = 300 + 5 * np.random.default_rng(seed).standard_normal(5000)
        errors.append(knn_entropy(x.astype(np.float32), k=1) - knn_entropy(x, k=1))
    assert abs(np.mean(errors)) < 4 * np.std(errors, ddof=1) / math.sqrt(20) + 0.002
    assert np.std(errors) < 0.003


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_values_that_rounding_does_not_explain(dtype):
    """Four of 1000 samples at 2.5: 3H asks for more neighbours, KSG counts no one nearer than 0."""
    x, y = (column.astype(dtype) for column in pair(8, 1000))
    x[:4] = 2.5
    reason = r"repeated: 4 of 1,000 samples at 2\.5, whose distance to neighbour k=3 is 0"
    with pytest.raises(
        ValueError, match=rf"^x has no 3H estimate \({reason}\): give a larger k, or take estimator='ksg1'$"
    ):
        mutual_information(x, y)
    z = standardized(np.stack([x, y], axis=1).astype(np.float64))
    for estimator, k in (("3h", 4), ("ksg1", 3), ("ksg2", 3)):
        expected = brute_force(z[:, :1], z[:, 1:], k, estimator)
        assert mutual_information(x, y, k=k, estimator=estimator) == pytest.approx(expected, abs=2e-3)


def test_samples_that_coincide_in_both():
    """3H of a pair says how many: two of 10,000, for k = 1. KSG has an estimate."""
    x, y = pair(16, 10_000)
    x[1], y[1] = x[0], y[0]
    x, y = x.astype(np.float32), y.astype(np.float32)
    message = r"^the distance to neighbour k=1 is 0 for 2 of 10,000 samples, which coincide: give k=2 or more$"
    with pytest.raises(ValueError, match=message):
        mutual_information(x, y, k=1)
    for options in ({"k": 2}, {"k": 1, "estimator": "ksg1"}, {"k": 1, "estimator": "ksg2"}, {"margins": "normal"}):
        assert mutual_information(x, y, **options) == pytest.approx(TRUTH, abs=tolerance("3h", 10_000))


# --- double precision -------------------------------------------------------------------------------------------------

DISTINCT = {  # in float64, but not in float32
    "clusters": lambda x, rng: np.sign(x) + 1e-4 * rng.standard_normal(len(x)),
    "narrow clusters": lambda x, rng: np.sign(x) + 1e-9 * rng.standard_normal(len(x)),
    "beta(.2, .2)": lambda x, rng: rng.beta(0.2, 0.2, len(x)),
    "a cluster beside a normal bulk": lambda x, rng: np.where(np.arange(len(x)) % 3, 5 + x, 1e-8 * x),
}


@pytest.mark.filterwarnings("ignore:3H is")
@pytest.mark.filterwarnings("ignore:.*density")
@each_estimator
@pytest.mark.parametrize("kind", DISTINCT)
def test_values_that_differ_in_double_precision_get_their_estimate(kind, estimator):
    """Brute force from all differences in float64, for a pair and among the pairs of a layer."""
    x, y = pair(9, 800)
    fine = DISTINCT[kind](x, np.random.default_rng(10))
    z = standardized(np.stack([fine, y], axis=1))
    assert len(np.unique(np.float32(z[:, 0] - np.median(z[:, 0])))) < 0.99 * 800
    expected = brute_force(z[:, :1], z[:, 1:], 3, estimator)
    assert mutual_information(fine, y, estimator=estimator) == pytest.approx(expected, abs=1e-6)
    layer = pairwise_mi(np.stack([y[::-1], fine, y], axis=1), estimator=estimator)
    assert layer.flags == {}
    assert layer.mi[1, 2] == pytest.approx(expected, abs=1e-6)
    assert layer.mi[0, 2] == pairwise_mi(np.stack([y[::-1], y], axis=1), estimator=estimator).score


@pytest.mark.parametrize("offset", [(300, 5), (101_325, 300), (1e9, 1)])
def test_offsets_in_double_precision_change_nothing(offset):
    x, y = pair(11, 10_000)
    shift, scale = offset
    for estimator in ESTIMATORS:
        expected = mutual_information(x, y, estimator=estimator)
        assert mutual_information(shift + scale * x, y, estimator=estimator) == pytest.approx(expected, abs=1e-4)


@each_estimator
def test_the_null_of_pairs_in_double_precision(estimator):
    """Shuffles rearrange the values in double precision: their mean is that of independent samples."""
    x, y = pair(12, 500)
    fine = np.sign(x) + 1e-5 * np.random.default_rng(13).standard_normal(500)
    result = pairwise_mi(np.stack([fine, y], axis=1), estimator=estimator, null="shuffle", n_shuffles=20, n_jobs=1)
    z = standardized(np.stack([fine, y], axis=1))
    rng, by_hand = np.random.default_rng(14), []
    for _ in range(20):
        by_hand.append(brute_force(rng.permutation(z[:, :1]), z[:, 1:], 3, estimator))
    assert result.null_mi is not None
    error = math.sqrt((result.null_mi.var() + np.var(by_hand)) / 19)
    assert abs(result.null_mi.mean() - np.mean(by_hand)) < 4 * error


@pytest.mark.parametrize("k", [1, 3, 7])
def test_trees_equal_all_differences(k):
    """Also where samples coincide in one neuron or in both."""
    z = np.random.default_rng(15).standard_normal((3, 150))
    z[:2, :4] = z[:2, [0]]
    pairs = np.array([(0, 2), (1, 2), (0, 1)])
    differences = np.abs(z[pairs][..., :, None] - z[pairs][..., None, :]).max(axis=1)
    with np.errstate(divide="ignore"):
        logs = np.log(np.sort(differences, axis=2)[:, :, k]).mean(axis=1)
    np.testing.assert_allclose(double.mean_log_distances(z, pairs, k=k), logs, rtol=0, atol=1e-12)
    for estimator in ("ksg1", "ksg2"):
        np.testing.assert_allclose(
            double.mean_digammas(z, pairs, k=k, estimator=estimator),
            reference_digammas(z, pairs, k, estimator),
            rtol=0,
            atol=1e-12,
        )


def test_the_jitter_that_is_advised_is_accepted():
    """It was rounded down: half a step of .00506 standard deviations is not covered by .005."""
    x, noise = np.random.default_rng(3).standard_normal((2, 10_000))
    x = np.round(0.988 * x / x.std(), 2)
    y = 0.8 * x / x.std() + 0.6 * noise
    with pytest.raises(ValueError, match=r"which takes jitter=\S+ or more to cover") as refused:
        mutual_information(x, y, jitter=1e-3)
    jitter = float(str(refused.value).split("jitter=")[1].split()[0])
    assert mutual_information(x, y, jitter=jitter) == pytest.approx(0.511, abs=0.06)


def test_jitter_covers_rounding_in_single_precision():
    """Pressures in pascal, 2 % tied, in steps of 10⁻⁵ standard deviations."""
    x, noise = np.random.default_rng(4).standard_normal((2, 10_000))
    x, y = (101325 + 500 * x).astype(np.float32), (101325 + 500 * (0.8 * x + 0.6 * noise)).astype(np.float32)
    with pytest.raises(ValueError, match="single precision cannot tell apart"):
        mutual_information(x, y)
    assert mutual_information(x, y, jitter=1e-3) == pytest.approx(0.511, abs=0.06)


def test_samples_that_coincide_in_single_precision_in_both_neurons_are_told_apart():
    """k = 1 finds a distance of 0 in float32 between two of 500 samples: the pair is estimated in double precision."""
    X = np.random.default_rng(5).standard_normal((500, 2))
    X[1] = X[0] + [1e-10, 2e-10]
    found = pairwise_mi(X, k=1).pair_mi[0]
    z = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    expected = sum(knn_entropy(column, k=1) for column in z.T) - knn_entropy(z, k=1, margins="none")
    assert found == pytest.approx(expected, abs=1e-4)
