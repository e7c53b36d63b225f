"""Nulls by shuffling, p-values and standard errors, compared with independent replicates."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter
from scipy.stats import false_discovery_control, kstest

from wndcheck.benchmarks.closed_forms import independent, normal_pair
from wndcheck.estimators import pairwise_mi, rank_null
from wndcheck.estimators.resampling import disjoint_parts, false_discovery_rates, p_values, permutations
from wndcheck.estimators.validation import group_members
from wndcheck.experiment.gaussian_experiments import gaussian_information
from wndcheck.tests.estimators.samples import each_estimator, normal_layer, of_pairs

M = 1000

MARGINS = (np.random.Generator.standard_normal, np.random.Generator.random, np.random.Generator.standard_exponential)


# Shuffles


@each_estimator
@pytest.mark.parametrize(
    ("draw", "mi"),
    [
        (independent(np.random.Generator.random), 0.0),
        (independent(np.random.Generator.standard_exponential), 0.0),
        (normal_pair(0.5), gaussian_information(0.5)),
        (normal_pair(0.9), gaussian_information(0.9)),
    ],
    ids=["uniform", "exponential", "ρ = 0.5", "ρ = 0.9"],
)
def test_corrected_score_is_unbiased_for_any_marginals(draw, mi, estimator):
    """200 pairs, 8 shuffles: 4 standard errors of about 0.038 / √200, and the bias that is left, 0.010 for KSG."""
    information = of_pairs(*draw(np.random.default_rng(14), (M, 200)), null="shuffle", estimator=estimator)
    bias = 0.003 if estimator == "3h" else 0.01
    assert information.corrected_score == pytest.approx(mi, abs=4 * 0.038 / math.sqrt(200) + bias)
    if estimator == "3h":  # shuffling reduces the variance, too
        assert information.pair_corrected.std(ddof=1) < information.pair_mi.std(ddof=1)


def test_corrected_pair_is_the_estimate_minus_its_null():
    information = pairwise_mi(np.random.default_rng(15).standard_normal((100, 4)), null="shuffle", n_shuffles=3)
    assert information.null_mi.shape == (3, 6)
    expected = information.pair_mi - information.null_mi.mean(axis=0)
    np.testing.assert_allclose(information.pair_corrected, expected, rtol=0, atol=1e-12)
    assert information.corrected_score == pytest.approx(expected.mean(), abs=1e-12)


def test_null_depends_on_the_seed_only():
    X = np.random.default_rng(16).standard_normal((100, 4))
    first, again, other = (pairwise_mi(X, null="shuffle", n_shuffles=2, random_state=s).null_mi for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.isclose(first, other).any()
    assert not np.isclose(first[0], first[1]).any()


def test_permutations_are_independent_between_neurons_and_shuffles():
    members = group_members(None, 100)
    orders = list(permutations(5, members, 3, 0))
    rows = np.vstack(orders)
    assert len(np.unique(rows, axis=0)) == 15
    np.testing.assert_array_equal(np.sort(rows, axis=1), np.tile(np.arange(100), (15, 1)))
    for fewer, more in zip(permutations(5, members, 2, 0), orders, strict=False):
        np.testing.assert_array_equal(fewer, more)


# Samples that depend on each other


def series(rho: float, m: int, trials: int, seed: int) -> np.ndarray:
    """Independent stationary AR(1) series, (m, 2 trials)."""
    noise = math.sqrt(1 - rho**2) * np.random.default_rng(seed).standard_normal((m, 2 * trials))
    noise[0] /= math.sqrt(1 - rho**2)
    return lfilter([1], [1, -rho], noise, axis=0)


@pytest.mark.parametrize(
    ("options", "unthinned"),
    [
        ({"estimator": "3h", "null": "shuffle", "n_shuffles": 4}, 0.76),
        ({"estimator": "ksg1", "null": "shuffle", "n_shuffles": 4}, 0.83),
        ({"margins": "normal"}, 0.98),
    ],
    ids=["3h", "ksg1", "normal"],
)
def test_thinning_by_the_autocorrelation_time_restores_the_level(options, unthinned):
    """400 pairs: 4 binomial standard errors, and those of the numbers in the docstring of pairwise_mi."""
    rho, trials = 0.95, 400
    step = round((1 + rho) / (1 - rho))
    assert step == 39
    long = series(rho, 300 * step, trials, 37)

    def level(samples: np.ndarray) -> float:
        x, y = np.split(samples, 2, axis=1)
        return (of_pairs(x, y, **options).p_values < 0.05).mean()

    error = math.sqrt(unthinned * (1 - unthinned) / trials)
    assert level(long[:1000]) == pytest.approx(unthinned, abs=4 * math.sqrt(2) * error)
    assert level(long[::step]) == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / trials))


# p-values


@pytest.mark.parametrize("n_shuffles", [2, 3, 8])
def test_p_values_under_the_null_are_uniform(n_shuffles):
    """20 000 pairs whose marginals shift estimate and null alike: 4 binomial standard errors and 0.003."""
    rng = np.random.default_rng(18)
    shift = 3 * rng.standard_normal(20_000)
    p = p_values(shift + rng.standard_normal(20_000), shift + rng.standard_normal((n_shuffles, 20_000)))
    for level in (0.01, 0.05, 0.5):
        assert (p < level).mean() == pytest.approx(level, abs=4 * math.sqrt(level * (1 - level) / 20_000) + 0.003)


@each_estimator
def test_p_values_are_uniform_under_independence(estimator):
    """Neurons with different marginals; 4 binomial standard errors, overall and for each kind of marginal."""
    rng = np.random.default_rng(19)
    kinds = rng.integers(0, 3, (2, 600))
    x, y = (np.choose(kind, [sampler(rng, (300, 600)) for sampler in MARGINS]) for kind in kinds)
    p = of_pairs(x, y, null="shuffle", n_shuffles=4, estimator=estimator).p_values
    assert kstest(p, "uniform").pvalue > 1e-4
    for kind in range(3):
        of_kind = p[(kinds == kind).any(axis=0)]
        for level in (0.05, 0.5):
            error = math.sqrt(level * (1 - level) / len(of_kind))
            assert (of_kind < level).mean() == pytest.approx(level, abs=4 * error), f"{kind=} {level=}"


@each_estimator
def test_p_values_find_a_planted_dependence(estimator):
    """ρ = 0.4 is 0.087 nats, some 3 standard deviations of a corrected pair; 0.05 of the others pass by chance."""
    rng = np.random.default_rng(20)
    x, y = rng.standard_normal((2, M, 200))
    x[:, :20], y[:, :20] = normal_pair(0.4)(rng, (M, 20))
    p = of_pairs(x, y, null="shuffle", estimator=estimator).p_values
    assert (p[:20] < 0.05).sum() >= 16
    assert (p[20:] < 0.05).mean() < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 180)


def test_p_values_by_hand():
    """Two pairs, two shuffles: a null estimate minus the other of its pair, times √¾, is −√3, √3, 0 and 0.

    √3 = 1.73 is below an excess of 2, and above one of 1.7.
    """
    p = p_values(np.array([3.0, 0.0]), np.array([[0.0, 0.0], [2.0, 0.0]]))
    assert p.tolist() == [1 / 5, 4 / 5]
    assert p_values(np.array([2.7, 0.0]), np.array([[0.0, 0.0], [2.0, 0.0]]))[0] == 2 / 5


TEN_LAWS = (
    *MARGINS,
    np.random.Generator.standard_cauchy,
    lambda rng, shape: rng.lognormal(0, 3, shape),
    lambda rng, shape: rng.beta(0.2, 0.2, shape),
    lambda rng, shape: rng.standard_normal(shape) ** 3,
    lambda rng, shape: rng.choice([-1.0, 1.0], shape) + 1e-4 * rng.standard_normal(shape),
    lambda rng, shape: rng.normal(0, 1, shape).round(3),
    lambda rng, shape: 1e300 * rng.gumbel(size=shape),
)


@pytest.mark.parametrize(("estimator", "k"), [("ksg1", 20), ("3h", 3), ("ksg2", 5)])
@pytest.mark.parametrize("m", [60, 200])
def test_p_values_from_the_table_are_uniform_for_any_laws(m, estimator, k):
    """10 000 independent pairs of ten laws, without a shuffle."""
    rng = np.random.default_rng([50, m])
    laws = rng.integers(0, 10, (2, 10_000))
    x, y = np.empty((2, m, 10_000))
    for values, law in zip((x, y), laws, strict=True):
        for number, draw in enumerate(TEN_LAWS):
            values[:, law == number] = draw(rng, (m, (law == number).sum()))
    found = of_pairs(x, y, margins="normal", estimator=estimator, k=k)
    p = found.p_values[np.isfinite(found.p_values)]
    assert len(p) > 9_500  # a few of the rounded columns have three equal values
    assert kstest(p, "uniform").pvalue > 1e-3
    assert abs(found.corrected_score) < 4 * np.nanstd(found.pair_mi) / 100


def test_results_with_normal_margins_take_the_tabulated_null_unless_samples_are_shuffled():
    X = normal_layer(51, 4, m=300)
    X[:, 1] += X[:, 0]
    nats, bits, shuffled = (
        pairwise_mi(X, margins="normal", **options) for options in ({}, {"base": 2}, {"null": "shuffle"})
    )
    expected = rank_null.p_values(nats.pair_mi, rank_null.rank_null("ksg1", 300, 6))
    np.testing.assert_array_equal(nats.p_values, expected)
    np.testing.assert_allclose(bits.p_values, nats.p_values, rtol=1e-9)
    np.testing.assert_allclose(nats.pair_corrected, nats.pair_mi - rank_null.rank_null("ksg1", 300, 6).mean)
    np.testing.assert_allclose(bits.pair_corrected * math.log(2), nats.pair_corrected, rtol=0, atol=1e-12)
    assert bits.corrected_score * math.log(2) == pytest.approx(nats.corrected_score, rel=1e-9)
    assert nats.dependent().tolist() == [True] + [False] * 5
    np.testing.assert_array_equal(shuffled.p_values, p_values(shuffled.pair_mi, shuffled.null_mi))
    np.testing.assert_allclose(shuffled.pair_corrected, shuffled.pair_mi - shuffled.null_mi.mean(axis=0))
    assert "ι minus the mean of the tabulated null" in repr(nats)


def test_the_share_of_pairs_above_a_threshold_is_beyond_the_null():
    x, y = normal_pair(0.3)(np.random.default_rng(53), (M, 200))  # .047 ± .013 nats
    x[:, 100:] = np.random.default_rng(54).standard_normal((M, 100))
    nats, bits = (of_pairs(x, y, margins="normal", base=base) for base in (None, 2))
    quantile = rank_null.quantile(rank_null.rank_null("ksg1", M, 20), 0.99)
    assert 0.01 < quantile < 0.03
    assert nats.share_above() == (nats.pair_mi > 0.01 + quantile).mean() == bits.share_above()
    assert nats.share_above(0, 0.5) > 0.7 > nats.share_above() > 0.3
    assert math.isnan(of_pairs(x, y).share_above())
    with pytest.raises(ValueError, match=r"level=1: expected a number from"):
        nats.share_above(0.01, 1)


def test_where_the_table_ends_there_is_no_p_value():
    few = pairwise_mi(normal_layer(52, m=30), margins="normal", k=20)
    assert few.corrected_score is None
    assert math.isnan(few.share_above())
    assert "ι_c" not in repr(few)
    with pytest.raises(ValueError, match=r"k=20 of 30 samples: the null of ranks is tabulated"):
        few.dependent()


@pytest.mark.parametrize("options", [{}, {"null": "shuffle", "n_shuffles": 1}])
def test_p_values_need_two_shuffles_and_a_rate_up_to_1(options):
    X = np.random.default_rng(22).standard_normal((30, 3))
    message = r"p-values need two shuffles or more: pairwise_mi\(\.\.\., null='shuffle', n_shuffles=8\)"
    for access in (lambda information: information.p_values, lambda information: information.dependent()):
        with pytest.raises(ValueError, match=message):
            access(pairwise_mi(X, **options))
    with pytest.raises(ValueError, match=r"rate=5: expected a number from 0 to 1"):
        pairwise_mi(X, null="shuffle", n_shuffles=2).dependent(5)


@pytest.mark.parametrize("n", [0, 1, 7, 1000])
def test_false_discovery_rates_are_those_of_scipy(n):
    p = np.round(np.random.default_rng(n).random(n) ** 3, 2)  # with ties
    expected = false_discovery_control(p) if n else p
    np.testing.assert_allclose(false_discovery_rates(p), expected, rtol=1e-12)


@each_estimator
def test_false_discovery_rate_of_the_pairs_found_dependent(estimator):
    """25 layers, 5 of 66 pairs planted (ρ = 0.8), rate 0.2: the shares' mean has a standard error of about 0.035."""
    shares, found = [], 0
    for layer in range(25):
        X = np.random.default_rng([23, layer]).standard_normal((300, 12))
        X[:, 1:10:2] = 0.8 * X[:, 0:10:2] + 0.6 * X[:, 1:10:2]
        information = pairwise_mi(X, null="shuffle", estimator=estimator)
        flagged = information.pairs[information.dependent(0.2)]
        true = (flagged[:, 0] % 2 == 0) & (flagged[:, 1] == flagged[:, 0] + 1) & (flagged[:, 0] < 10)
        shares.append(1 - true.mean())
        found += true.sum()
        assert information.dependent(0.01).sum() <= len(flagged)
    assert found == 25 * 5
    assert 0.04 < np.mean(shares) < 0.2 + 3 * 0.035


def test_flagged_pairs_have_no_p_value_and_are_not_dependent():
    X = np.random.default_rng(24).standard_normal((200, 4))
    X[:, 1] = X[:, 0] + 0.1 * X[:, 1]
    X[:, 2] = 7
    information = pairwise_mi(X, null="shuffle")
    touched = (information.pairs == 2).any(axis=1)
    np.testing.assert_array_equal(np.isnan(information.p_values), touched)
    assert information.p_values[0] == 1 / (1 + 8 * 3)  # the smallest possible, without the null of the flagged pairs
    assert np.nanmax(information.p_values) <= 1
    assert information.dependent(3 / 25).tolist() == [True, False, False, False, False, False]  # best of three
    assert not information.dependent(2.9 / 25).any()
    dead = pairwise_mi(X[:, [2, 2]], null="shuffle")
    assert np.isnan(dead.p_values).all()
    assert not dead.dependent().any()


# Standard errors


@pytest.mark.parametrize(("estimator", "sd"), [("3h", 0.0420), ("ksg1", 0.0235), ("ksg2", 0.0269)])
def test_standard_error_of_a_pair_is_the_sd_of_replicates(estimator, sd):
    """300 pairs: their mean has an error below 2 %; an sd of ten has a mean of 0.97."""
    x, y = np.random.default_rng(25).standard_normal((2, M, 300))
    information = of_pairs(x, y, n_subsamples=10, estimator=estimator)
    assert information.pair_se.shape == (300,)
    assert information.pair_se.mean() == pytest.approx(sd, rel=0.15)


def test_standard_error_of_a_score_is_the_sd_of_replicates():
    """60 layers of 20 neurons; an sd over 60 has a relative error of 0.09, a mean of 60 errors of ten parts of 0.03.

    Pairs share neurons: the mean of 190 as if independent would have a third of that error.
    """
    layers = [
        pairwise_mi(np.random.default_rng([26, layer]).standard_normal((M, 20)), n_subsamples=10) for layer in range(60)
    ]
    sd = np.std([layer.score for layer in layers], ddof=1)
    naive = np.mean([layer.pair_mi.std(ddof=1) / math.sqrt(190) for layer in layers])
    assert np.mean([layer.score_se for layer in layers]) == pytest.approx(sd, rel=0.3)
    assert np.mean([layer.score_se for layer in layers]) > 2 * naive


def test_standard_errors_are_those_of_the_parts_and_estimates_are_unchanged():
    X = np.random.default_rng(27).standard_normal((100, 4))
    information = pairwise_mi(X, null="shuffle", n_subsamples=4, random_state=3)
    np.testing.assert_array_equal(information.pair_mi, pairwise_mi(X).pair_mi)
    parts = [pairwise_mi(X[part]).pair_mi for part in disjoint_parts(100, 4, 3)]
    np.testing.assert_array_equal(information.subsample_mi, parts)
    np.testing.assert_allclose(information.pair_se, np.std(parts, axis=0, ddof=1) / 2, rtol=1e-12)
    assert information.score_se == pytest.approx(np.std(np.mean(parts, axis=1), ddof=1) / 2, rel=1e-12)


def test_parts_are_disjoint_of_equal_size_and_seeded():
    parts = disjoint_parts(103, 10, 0)
    assert {len(part) for part in parts} == {10}
    assert len(np.unique(np.concatenate(parts))) == 100
    assert [part.tolist() for part in disjoint_parts(103, 10, 0)] == [part.tolist() for part in parts]
    assert [part.tolist() for part in disjoint_parts(103, 10, 1)] != [part.tolist() for part in parts]
    assert disjoint_parts(103, 0, 0) == []


def test_a_flagged_neuron_has_no_standard_error():
    """A part of the samples has fewer ties, but flags are those of all samples."""
    X = np.random.default_rng(28).standard_normal((M, 4))
    X[:, 1] = X[:, 1].astype(np.float16)
    X[:8, 2] = 0.5
    information = pairwise_mi(X, n_subsamples=10)
    np.testing.assert_array_equal(np.isnan(information.pair_se), np.isnan(information.pair_mi))
    assert information.score_se == pytest.approx(pairwise_mi(X, pairs=[(0, 3)], n_subsamples=10).score_se, rel=1e-12)


@pytest.mark.parametrize("n_subsamples", [1, 25, 101])
def test_too_few_or_too_many_parts_are_refused(n_subsamples):
    message = rf"n_subsamples={n_subsamples} of 100 samples: expected two parts or more, of more than k=4 samples"
    with pytest.raises(ValueError, match=message):
        pairwise_mi(np.random.default_rng(30).standard_normal((100, 3)), k=4, n_subsamples=n_subsamples)


def test_groups_of_another_index_are_refused():
    frame = pd.DataFrame(np.random.default_rng(9).standard_normal((100, 2)))
    groups = pd.Series(np.arange(100) % 2, index=np.arange(100)[::-1])
    with pytest.raises(ValueError, match=r"X and groups have different indexes: .* give groups.reindex\(X.index\)"):
        pairwise_mi(frame, null="shuffle", groups=groups)
    given = pairwise_mi(frame, null="shuffle", groups=groups.reindex(frame.index)).null_mi
    by_place = pairwise_mi(frame, null="shuffle", groups=groups[::-1].tolist()).null_mi
    np.testing.assert_array_equal(given, by_place)
