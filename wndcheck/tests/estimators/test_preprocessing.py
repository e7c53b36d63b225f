"""Neurons without a density: flags, error messages, and jitter."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from scipy.stats import norm

from wndcheck.benchmarks.closed_forms import relu_pair
from wndcheck.estimators import PairwiseInformation, mutual_information, pairwise_mi
from wndcheck.tests.estimators.samples import each_estimator, normal_layer, of_pairs

M = 1000
KSG = pytest.mark.parametrize("estimator", ["ksg1", "ksg2"])


def relu_estimates(rho: float, trials: int, seed: int, **options) -> PairwiseInformation:
    return of_pairs(*relu_pair(rho)(np.random.default_rng(seed), (M, trials)), **options)


@each_estimator
def test_flagged_neurons_are_nan_and_do_not_affect_the_others(estimator):
    X = normal_layer(18, 7)
    X[:, 1] = 0.1  # rounding of the mean makes the sum of squares nonzero
    X[:, 3] = np.maximum(X[:, 3], 0)
    X[:, 5] = X[:, 5].astype(np.float16)
    sound = [0, 2, 4, 6]
    information = pairwise_mi(X, estimator=estimator, null="shuffle", n_shuffles=2)
    share, repeats = 100 * (X[:, 3] == 0).mean(), 100 * (1 - len(np.unique(X[:, 5])) / M)
    assert information.flags == {
        1: "constant",
        3: f"point mass: {share:.1f} % of samples at 0",
        5: f"tied: {repeats:.1f} % of values repeat, half precision",
    }
    alone = pairwise_mi(X[:, sound], estimator=estimator)
    np.testing.assert_array_equal(information.mi[np.ix_(sound, sound)], alone.mi)
    np.testing.assert_array_equal(information.entropy[sound], alone.entropy)
    assert np.isnan(information.entropy[[1, 3, 5]]).all()
    assert np.isnan(information.mi[[1, 3, 5]]).all()
    assert information.score == alone.score
    assert np.isnan(information.null_mi).any(axis=0).sum() == 21 - 6
    assert math.isfinite(information.corrected_score or math.nan)


@pytest.mark.parametrize("jitter", [None, 0.1])
@pytest.mark.parametrize("margins", ["sd", "none"])
def test_without_an_unflagged_pair_the_score_is_nan(margins, jitter):
    X = np.stack([np.random.default_rng(19).standard_normal(50), np.full(50, 3.0)], axis=1)
    for columns, flags in ((X, {1: "constant"}), (X[:, [1, 1]], {0: "constant", 1: "constant"})):
        information = pairwise_mi(columns, null="shuffle", n_shuffles=1, margins=margins, jitter=jitter)
        assert information.flags == flags
        assert math.isnan(information.score)
        assert math.isnan(information.corrected_score)


ADVICE = {  # for 3H, for KSG
    "constant": (r"it shares no information; leave it out$",) * 2,
    "point mass": (
        r"take estimator='ksg1' with jitter=1e-3, or margins='normal'$",
        r"give jitter=1e-3, or margins='normal'$",
    ),
    "tied": (r"take estimator='ksg1' with jitter=1e-3, or margins='normal'$", r"give jitter=1e-3, or take margins='n"),
}

HALF = r"tied: {}\.\d % of values repeat, half precision"

# name: (transformation of normal samples, flag)
UNSOUND = {
    "constant": (lambda x: np.full_like(x, 1e6), "constant"),
    "zero": (np.zeros_like, "constant"),
    "constant to rounding": (lambda x: 1e6 + 1e-11 * x, "constant"),
    "constant to single precision": (lambda x: (3 + 1e-7 * x).astype(np.float32), "constant"),
    "all but one equal": (lambda x: np.where(np.arange(M) == 17, 1, 0), r"point mass: 99\.9 % of samples at 0"),
    "clipped": (lambda x: np.clip(x, -1, None), r"point mass: 1\d\.\d % of samples at -1"),
    "rounded": (lambda x: np.round(60 * x, 1), r"tied: [12]\d\.\d % of values repeat, in steps of 0\.1"),
    "rounded, huge": (lambda x: np.round(200 * x) * 1e200, r"tied: 4\d\.\d % of values repeat, in steps of 1e\+200"),
    "integers": (lambda x: np.round(200 * x).astype(int), r"tied: 4\d\.\d % of values repeat, in steps of 1"),
    "doubled": (lambda x: np.where(np.arange(M) % 2, x, np.roll(x, -1)), r"tied: 50\.\d % of values repeat"),
    "float16": (lambda x: x.astype(np.float16), HALF.format(r"\d")),
    "float16 as float32": (lambda x: x.astype(np.float16).astype(np.float32), HALF.format(r"\d")),
    "bfloat16": (lambda x: torch.tensor(x).bfloat16().float().numpy(), HALF.format(r"3\d")),
    "bfloat16 beyond float16": (lambda x: torch.tensor(1e6 * x).bfloat16().float().numpy(), HALF.format(r"3\d")),
}

SOUND = {
    "offset": lambda x: 1e4 + x,
    "tiny": lambda x: 1e-200 * x,
    "huge": lambda x: 1e200 * x,
    "k equal": lambda x: np.where(np.arange(M) < 3, 2.5, x),  # every k-th distance stays positive
    "heavy tails": lambda x: x**3,
}


@each_estimator
@pytest.mark.parametrize("name", UNSOUND)
def test_neurons_without_a_density_are_refused_with_advice(name, estimator):
    x, y = normal_layer(20, 2).T
    make, flag = UNSOUND[name]
    advice = ADVICE[flag.split(":")[0]][estimator != "3h"]
    with pytest.raises(ValueError, match=rf"^y has no {estimator.upper()} estimate \({flag}\): {advice}"):
        mutual_information(x.astype(np.float32), make(x if name != "doubled" else y), estimator=estimator)


@pytest.mark.parametrize("name", SOUND)
def test_sound_neurons_are_not_flagged(name):
    x, y = normal_layer(21, 2).T
    assert math.isfinite(mutual_information(SOUND[name](x), y))


def test_single_precision_activations_are_not_flagged():
    information = pairwise_mi(normal_layer(22, 300).astype(np.float32), pairs=[(0, 1)])
    assert information.flags == {}
    assert information.meta["tied"] < 10


def test_bfloat16_tensors_are_not_taken_for_constants():
    """They are tied or have a point mass; a mean of 5 standard deviations does not make them constant."""
    X = torch.tensor(normal_layer(23, 2) + np.array([0, 5])).bfloat16()
    flags = pairwise_mi(X, pairs=[(0, 1)]).flags
    assert re.fullmatch(r"tied: 3\d\.\d % of values repeat, half precision", flags[0])
    assert re.match(r"(tied|point mass): \d", flags[1])


def test_the_dtype_of_one_sample_does_not_make_the_other_constant():
    """A standard deviation of 1e-7 of the mean is a rounding error in single precision, not in double."""
    x, y = normal_layer(24, 2).T
    fine = 1e4 + 1e-3 * x
    expected = mutual_information(fine, y)
    assert mutual_information(fine, y.astype(np.float32)) == pytest.approx(expected, abs=1e-4)


# Jitter


@KSG
@pytest.mark.parametrize(("rho", "truth"), [(0, 0.0), (0.3, 0.0322), (0.5, 0.0986), (0.8, 0.3464), (0.95, 0.7635)])
def test_ksg_with_jitter_is_accurate_for_rectified_normals(rho, truth, estimator):
    """100 trials, 4 standard errors, and the bias of KSG1 on point masses, 0.002 to 0.018 nats."""
    mi = relu_estimates(rho, 100, 25, estimator=estimator, jitter=1e-3).pair_mi
    tolerance = 4 * mi.std(ddof=1) / 10
    assert truth - 0.023 - tolerance < mi.mean() < truth + tolerance, f"mean {mi.mean():.4f}, expected {truth}"


def test_ksg_depends_little_on_the_size_of_jitter():
    scores = [relu_estimates(0.8, 50, 26, estimator="ksg1", jitter=jitter).score for jitter in (1e-4, 1e-3, 1e-2)]
    assert max(scores) - min(scores) < 0.01, f"scores {scores}"


@pytest.mark.parametrize("share_at_zero", [0.1, 0.3, 0.5, 0.7])
def test_the_advised_jitter_separates_the_ties_of_a_rectified_layer(share_at_zero):
    """Also in single precision, where a point mass far from the median spreads over fewer values."""
    rectified = np.maximum(normal_layer(27, 150) - norm.ppf(share_at_zero), 0)
    with pytest.raises(ValueError, match=r"with jitter=") as refused:
        mutual_information(*rectified[:, :2].T)
    advised = re.search(r"jitter=([\d.e-]+)", str(refused.value))
    assert advised
    assert pairwise_mi(rectified, estimator="ksg1", jitter=float(advised[1]), pairs=[(0, 1)]).flags == {}


@pytest.mark.parametrize("jitter", [1e-6, 1e-4, 1e-1])
def test_3h_is_refused_on_a_point_mass_with_any_jitter(jitter):
    """The density would be that of the jitter: the estimate would depend on its size like ½ log."""
    X = normal_layer(28, 3)
    X[:, 1] = np.maximum(X[:, 1], 0)
    information = pairwise_mi(X, jitter=jitter)
    assert re.fullmatch(r"point mass: \d\d\.\d % of samples at 0", information.flags[1])
    assert set(information.flags) == {1}
    assert np.isfinite(information.pair_mi).tolist() == [False, True, False]
    with pytest.raises(ValueError, match=r"^x has no 3H estimate \(point mass: .*take estimator='ksg1' with jitter="):
        mutual_information(X[:, 1], X[:, 0], jitter=jitter)


@each_estimator
def test_jitter_makes_rounded_samples_estimable(estimator):
    """Half precision, ρ = 0.8: within 0.02 nats of the samples as they were."""
    x, noise = normal_layer(29, 2).T
    X = np.stack([x, 0.8 * x + 0.6 * noise], axis=1)
    exact, rounded = (pairwise_mi(layer, jitter=1e-3, estimator=estimator) for layer in (X, X.astype(np.float16)))
    assert rounded.flags == {}
    assert rounded.score == pytest.approx(exact.score, abs=0.02)


@each_estimator
def test_jitter_is_seeded_and_recorded(estimator):
    X = normal_layer(31, 3)
    first, again, other = (pairwise_mi(X, estimator=estimator, jitter=1e-3, random_state=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.pair_mi, again.pair_mi)
    assert not (first.pair_mi == other.pair_mi).all()
    assert (first.meta["jitter"], first.meta["random_state"]) == (1e-3, 1)
    without = [pairwise_mi(X, estimator=estimator, random_state=seed).pair_mi for seed in (0, 1)]
    np.testing.assert_array_equal(*without)


def test_tied_values_are_counted_before_jitter():
    X = np.maximum(normal_layer(32, 3), 0)
    X[:, 2] = normal_layer(33, 1)[:, 0]
    repeats = sum(M - len(np.unique(column)) for column in X[:, :2].T)
    for jitter in (None, 1e-3):
        assert pairwise_mi(X, estimator="ksg1", jitter=jitter).meta["tied"] == pytest.approx(repeats, abs=2)


@pytest.mark.parametrize("jitter", [1e-3, 0.1])
def test_jitter_is_in_standard_deviations(jitter):
    """For y = x the jitter is the only noise, so I = ½ log (1 / 2 jitter²), up to terms in jitter²."""
    x = 1e5 * np.random.default_rng(34).standard_normal(20_000)
    expected = 0.5 * math.log(1 / (2 * jitter**2))
    mi = mutual_information(x, x, estimator="ksg1", jitter=jitter)
    assert mi == pytest.approx(expected, abs=0.05 if jitter == 0.1 else 0.6)  # e^6 nats are past what M resolves


def test_coincidences_of_rounding_are_not_a_point_mass():
    """In float32 some of 10,000 values coincide; in float64 none do, and k = 1 can be estimated."""
    X = np.random.default_rng(40).standard_normal((10_000, 20))
    assert (np.sort(X.astype(np.float32), axis=0)[1:] == np.sort(X.astype(np.float32), axis=0)[:-1]).any()
    information = pairwise_mi(X, k=1, pairs=[(0, 1)])
    assert information.flags == {}
    assert abs(information.pair_mi[0]) < 4 * 0.08 * math.sqrt(1000 / 10_000)  # of the null at k = 1, M = 1000: sd 0.082


@each_estimator
def test_scales_too_different_for_double_precision_are_flagged(estimator):
    X = np.random.default_rng(42).standard_normal((200, 3)) * [1e300, 1e-20, 1e-20]
    information = pairwise_mi(X, estimator=estimator, margins="none")
    assert information.flags == dict.fromkeys((1, 2), "scale: below 1e-300 times the largest")
    assert np.isnan(information.pair_mi).all()
    assert pairwise_mi(X, estimator=estimator).flags == {}
