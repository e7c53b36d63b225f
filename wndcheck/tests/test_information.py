"""Mutual information against closed forms, known means of the exact estimator, its invariances and planted faults."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import digamma, ndtr
from scipy.stats import norm

from wndcheck.estimators import PairwiseInformation, knn_entropy, mutual_information, pairwise_mi
from wndcheck.estimators.neighbours import devices

M = 1000
TRIALS = 300

Samples = np.ndarray  # (M, trials)


def normal_pair(rng: np.random.Generator, shape: tuple[int, int], rho: float) -> tuple[Samples, Samples]:
    x, noise = rng.standard_normal((2, *shape))
    return x, rho * x + math.sqrt(1 - rho**2) * noise


def normal_mi(rho: float) -> float:
    return -0.5 * math.log(1 - rho**2)


def student_pair(rng: np.random.Generator, shape: tuple[int, int], df: int) -> tuple[Samples, Samples]:
    x, y = rng.standard_normal((2, *shape)) / np.sqrt(rng.chisquare(df, shape) / df)
    return x, y


def additive_pair(rng: np.random.Generator, shape: tuple[int, int], width: float) -> tuple[Samples, Samples]:
    x = rng.random(shape)
    return x, x + rng.uniform(-width, width, shape)


def independent(sampler):
    return lambda rng, shape: (sampler(rng, shape), sampler(rng, shape))


def estimates_of(x: Samples, y: Samples, **options) -> PairwiseInformation:
    """One estimate for each column of x with the same column of y."""
    trials = x.shape[1]
    pairs = np.stack([np.arange(trials), np.arange(trials) + trials], axis=1)
    return pairwise_mi(np.concatenate([x, y], axis=1), pairs=pairs, **options)


def null_of(information: PairwiseInformation) -> np.ndarray:
    assert information.null_mi is not None
    return information.null_mi


def corrected_of(information: PairwiseInformation) -> np.ndarray:
    assert information.pair_corrected is not None
    return information.pair_corrected


# name: (sampler, mean of the exact 3H estimate at M = 1000 and k = 3 over 250 trials); the closed form is beside it.
# The mean differs from the closed form by up to .06 where margins have edges or heavy tails, so it is the reference.
CASES = {
    "normal, ρ = .3": (lambda rng, s: normal_pair(rng, s, 0.3), 0.057),  # .0472
    "normal, ρ = .5": (lambda rng, s: normal_pair(rng, s, 0.5), 0.155),  # .1438
    "normal, ρ = .75": (lambda rng, s: normal_pair(rng, s, 0.75), 0.426),  # .4133
    "normal, ρ = .9": (lambda rng, s: normal_pair(rng, s, 0.9), 0.853),  # .8304
    "normal, ρ = .99": (lambda rng, s: normal_pair(rng, s, 0.99), 1.989),  # 1.9585
    "normal, ρ = .999": (lambda rng, s: normal_pair(rng, s, 0.999), 3.125),  # 3.1076
    "copula, uniform margins": (lambda rng, s: tuple(map(ndtr, normal_pair(rng, s, 0.75))), 0.405),  # .4133
    "copula, lognormal margins": (lambda rng, s: tuple(map(np.exp, normal_pair(rng, s, 0.75))), 0.417),  # .4133
    "student t, 1": (lambda rng, s: student_pair(rng, s, 1), 0.248),  # .2242
    "student t, 2": (lambda rng, s: student_pair(rng, s, 2), 0.103),  # .0827
    "student t, 3": (lambda rng, s: student_pair(rng, s, 3), 0.057),  # .0424
    "student t, 5": (lambda rng, s: student_pair(rng, s, 5), 0.035),  # .0171
    "additive, .1": (lambda rng, s: additive_pair(rng, s, 0.1), 1.646),  # .1 − log .2 = 1.7094
    "additive, .75": (lambda rng, s: additive_pair(rng, s, 0.75), 0.291),  # 1 / 3
    "independent uniform": (independent(np.random.Generator.random), -0.0291),  # 0
    "independent exponential": (independent(np.random.Generator.standard_exponential), -0.0348),  # 0
    "independent laplace": (independent(lambda rng, s: rng.laplace(size=s)), 0.018),  # 0
    "independent t, 3": (independent(lambda rng, s: rng.standard_t(3, s)), 0.016),  # 0
}


@pytest.mark.parametrize("case", CASES)
def test_mean_is_that_of_the_exact_estimator(case):
    """Within 4 standard errors, of both means together and of a last digit."""
    sampler, expected = CASES[case]
    mi = estimates_of(*sampler(np.random.default_rng(0), (M, TRIALS))).pair_mi
    tolerance = 4 * mi.std(ddof=1) * math.sqrt(1 / TRIALS + 1 / 250) + 0.0005
    assert abs(mi.mean() - expected) < tolerance, f"{case}: mean {mi.mean():.4f}, expected {expected}±{tolerance:.4f}"


def test_null_of_the_paper():
    """Independent normals, M = 1000: 0.012 ± 0.042 over 1000 trials (§4); 3 standard errors are .004 and .0028."""
    mi = estimates_of(*np.random.default_rng(1).standard_normal((2, M, 1000))).pair_mi
    assert mi.mean() == pytest.approx(0.012, abs=0.004)
    assert mi.std(ddof=1) == pytest.approx(0.042, abs=0.003)


def test_bias_falls_with_the_sample_size():
    """ρ = .75, 400 trials a size: standard errors about .004, .0024 and .0013 nats."""
    rng = np.random.default_rng(2)
    bias = [estimates_of(*normal_pair(rng, (m, 400), 0.75)).score - normal_mi(0.75) for m in (250, 1000, 4000)]
    assert abs(bias[0]) > abs(bias[1]) > abs(bias[2]), f"bias {bias}"
    assert abs(bias[2]) < 0.012, f"bias {bias}"


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.95])
def test_vanilla_estimate_of_unequal_scales(rho):
    """Appendix A: σx = 1e-4 and σy = 1 unstandardised, against the formula by a k-d tree in float64."""
    x, y = (column[:, 0] for column in normal_pair(np.random.default_rng(3), (M, 1), rho))
    x = 1e-4 * x
    vanilla = mutual_information(x, y, standardize=False)
    oracle = knn_entropy(x) + knn_entropy(y) - knn_entropy(np.stack([x, y], axis=1))
    assert vanilla == pytest.approx(oracle, abs=2e-6)
    assert vanilla < normal_mi(rho) - 0.5
    # One sample's estimate: 4 of its standard deviations, .05 each at most, and a bias below .03.
    assert mutual_information(x, y) == pytest.approx(normal_mi(rho), abs=0.23)


@settings(deadline=None, max_examples=25)
@given(st.sampled_from([1, 3, 5]), st.integers(10, 300), st.booleans(), st.integers(0, 2**32 - 1))
def test_three_entropies(k, m, standardize, seed):
    """Ĥ(x) + Ĥ(y) − Ĥ(x, y) with a k-d tree in float64; single precision in the kernel costs about 1e-6."""
    x, y = np.random.default_rng(seed).standard_normal((2, m)) * [[3], [20]]
    if standardize:
        x, y = x / x.std(ddof=1), y / y.std(ddof=1)
    expected = knn_entropy(x, k=k) + knn_entropy(y, k=k) - knn_entropy(np.stack([x, y], axis=1), k=k)
    assert mutual_information(x, y, k=k, standardize=standardize) == pytest.approx(expected, abs=1e-5)


@settings(deadline=None, max_examples=25)
@given(st.integers(5, 300), st.booleans(), st.integers(0, 2**32 - 1))
def test_symmetric_to_the_last_bit(m, standardize, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal(m), rng.standard_cauchy(m)
    forth, back = (mutual_information(*pair, standardize=standardize) for pair in ((x, y), (y, x)))
    assert forth == back


def test_symmetric_in_columns_of_a_layer_to_the_last_bit():
    X = np.random.default_rng(4).standard_normal((M, 12)) @ np.random.default_rng(5).standard_normal((12, 12))
    there, back = pairwise_mi(X).mi, pairwise_mi(X[:, ::-1]).mi[::-1, ::-1]
    np.testing.assert_array_equal(there, back)


@settings(deadline=None, max_examples=25)
@given(st.floats(1e-9, 1e9), st.booleans(), st.floats(-100, 100), st.integers(0, 2**32 - 1))
def test_scale_sign_and_shift_of_a_neuron_do_not_matter(a, negative, shift, seed):
    """To 1e-5: the z-scores move by a rounding error of float64 and may round otherwise in float32."""
    x, y = np.random.default_rng(seed).standard_normal((2, 200))
    moved = (-a if negative else a) * (x + shift)
    assert mutual_information(moved, y) == pytest.approx(mutual_information(x, y), abs=1e-5)


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(60)), st.permutations(range(5)))
def test_order_of_samples_and_of_neurons_does_not_matter(samples, neurons):
    X = np.random.default_rng(6).standard_normal((60, 5))
    expected = pairwise_mi(X)
    permuted = pairwise_mi(X[np.ix_(samples, neurons)])
    np.testing.assert_allclose(permuted.mi, expected.mi[np.ix_(neurons, neurons)], rtol=0, atol=1e-5)
    np.testing.assert_allclose(permuted.entropy, expected.entropy[neurons], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("a", "b"), [(1, 0), (-1, 0), (3, 7)])
def test_a_copy_gives_the_largest_value_there_is(a, b):
    """Every joint distance is the marginal one, so 3H is ψ(M) − ψ(k) exactly: an artefact that grows like log M."""
    x = np.random.default_rng(7).standard_normal(M)
    assert mutual_information(x, a * x + b) == pytest.approx(digamma(M) - digamma(3), abs=1e-5)


def test_a_planted_duplicate_is_found():
    X = np.random.default_rng(8).standard_normal((M, 20))
    X[:, 13] = 2 * X[:, 4] + 0.01 * X[:, 13]
    information = pairwise_mi(X)
    assert information.pairs[information.pair_mi.argmax()].tolist() == [4, 13]
    others = np.delete(information.pair_mi, information.pair_mi.argmax())
    assert others.max() < 0.3, f"independent pairs reach {others.max():.3f} nats"  # their sd is .042
    assert information.pair_mi.max() > 3


def test_entropies_are_in_the_units_of_the_data():
    X = np.random.default_rng(9).standard_normal((M, 3)) * [1e-5, 1, 1e5] + [1, 0, -1e6]
    expected = [knn_entropy(column) for column in X.T]
    np.testing.assert_allclose(pairwise_mi(X).entropy, expected, rtol=0, atol=1e-8)
    np.testing.assert_allclose(pairwise_mi(X, standardize=False).entropy, expected, rtol=0, atol=1e-8)


def test_result_is_a_symmetric_matrix_with_its_mean_as_score():
    X = np.random.default_rng(10).standard_normal((100, 4))
    information = pairwise_mi(X)
    assert information.pairs.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    np.testing.assert_array_equal(information.mi, information.mi.T)
    assert np.isnan(np.diag(information.mi)).all()
    assert information.score == pytest.approx(np.nanmean(information.mi), abs=1e-15)
    assert information.corrected_score is information.pair_corrected is information.null_mi is None
    assert information.mi[1, 3] == mutual_information(X[:, 1], X[:, 3])
    with pytest.raises(dataclasses.FrozenInstanceError):
        information.pairs = None  # pyright: ignore[reportAttributeAccessIssue]


def test_meta_says_how_and_is_plain_python():
    X = np.random.default_rng(11).standard_normal((50, 3)).astype(np.float32)
    numpy_k: Any = np.int64(4)
    meta = pairwise_mi(X, k=numpy_k, null="shuffle", n_shuffles=2, random_state=5).meta
    assert json.loads(json.dumps(meta)) == {
        "estimator": "3h",
        "k": 4,
        "M": 50,
        "N": 3,
        "P": 3,
        "standardize": True,
        "ddof": 1,
        "base": None,
        "jitter": None,
        "tied": 0,
        "null": "shuffle",
        "n_shuffles": 2,
        "n_subsamples": 0,
        "random_state": 5,
        "device": "cpu",
        "dtype": "float32",
    }
    assert pairwise_mi(X).meta["n_shuffles"] == 0


def test_chosen_pairs_are_those_of_all_pairs():
    X = np.random.default_rng(12).standard_normal((200, 8))
    everything = pairwise_mi(X, null="shuffle", n_shuffles=2)
    chosen = pairwise_mi(X, null="shuffle", n_shuffles=2, pairs=[(6, 1), (2, 5)])
    assert chosen.pairs.tolist() == [[1, 6], [2, 5]]
    np.testing.assert_array_equal(chosen.pair_mi, everything.mi[[1, 2], [6, 5]])
    at = [int(np.flatnonzero((everything.pairs == pair).all(axis=1))[0]) for pair in chosen.pairs]
    np.testing.assert_array_equal(chosen.null_mi, null_of(everything)[:, at])
    assert np.isfinite(chosen.mi).sum() == 4


@pytest.mark.parametrize("n_jobs", [2, 5])
def test_threads_do_not_change_a_bit(n_jobs):
    X = np.random.default_rng(13).standard_normal((100, 40))
    one, many = (pairwise_mi(X, null="shuffle", n_shuffles=2, n_jobs=n) for n in (1, n_jobs))
    np.testing.assert_array_equal(many.pair_mi, one.pair_mi)
    np.testing.assert_array_equal(many.null_mi, one.null_mi)
    np.testing.assert_array_equal(many.pair_corrected, one.pair_corrected)


# Shuffle null


@pytest.mark.parametrize(
    ("sampler", "mi"),
    [
        (independent(np.random.Generator.random), 0.0),
        (independent(np.random.Generator.standard_exponential), 0.0),
        (lambda rng, shape: normal_pair(rng, shape, 0.5), normal_mi(0.5)),
        (lambda rng, shape: normal_pair(rng, shape, 0.9), normal_mi(0.9)),
    ],
    ids=["uniform", "exponential", "ρ = .5", "ρ = .9"],
)
def test_corrected_score_is_right_whatever_the_margins(sampler, mi):
    """200 pairs, 8 shuffles: 4 standard errors of about .038 / √200, and .003 for the bias that is left."""
    information = estimates_of(*sampler(np.random.default_rng(14), (M, 200)), null="shuffle")
    assert information.corrected_score == pytest.approx(mi, abs=4 * 0.038 / math.sqrt(200) + 0.003)
    assert corrected_of(information).std(ddof=1) < information.pair_mi.std(ddof=1)  # what the shuffles are for


def test_corrected_pair_is_the_distance_to_the_null():
    information = pairwise_mi(np.random.default_rng(15).standard_normal((100, 4)), null="shuffle", n_shuffles=3)
    assert null_of(information).shape == (3, 6)
    expected = information.pair_mi - null_of(information).mean(axis=0)
    np.testing.assert_allclose(corrected_of(information), expected, rtol=0, atol=1e-12)


def test_null_follows_the_seed_alone():
    X = np.random.default_rng(16).standard_normal((100, 4))
    first, again, other = (null_of(pairwise_mi(X, null="shuffle", n_shuffles=2, random_state=s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.isclose(first, other).any()
    assert not np.isclose(first[0], first[1]).any()


def test_shuffles_break_a_dependence_they_are_given():
    x = np.random.default_rng(17).standard_normal(M)
    information = pairwise_mi(np.stack([x, x], axis=1), null="shuffle", n_shuffles=4)
    assert np.abs(null_of(information)).max() < 0.25  # 4 sd of .042 and the bias


# Neurons without a density


def test_flagged_neurons_are_nan_and_leave_the_others_alone():
    X = np.random.default_rng(18).standard_normal((M, 7))
    X[:, 1] = 0.1  # its mean rounds: the sum of squares is not 0
    X[:, 3] = np.maximum(X[:, 3], 0)
    X[:, 5] = X[:, 5].astype(np.float16)
    sound = [0, 2, 4, 6]
    information = pairwise_mi(X, null="shuffle", n_shuffles=2)
    share, repeats = 100 * (X[:, 3] == 0).mean(), 100 * (1 - len(np.unique(X[:, 5])) / M)
    assert information.flags == {
        1: "constant",
        3: f"point mass: {share:.1f} % of samples at 0",
        5: f"tied: {repeats:.1f} % of values repeat",
    }
    alone = pairwise_mi(X[:, sound])
    np.testing.assert_array_equal(information.mi[np.ix_(sound, sound)], alone.mi)
    np.testing.assert_array_equal(information.entropy[sound], alone.entropy)
    assert np.isnan(information.entropy[[1, 3, 5]]).all()
    assert np.isnan(information.mi[[1, 3, 5]]).all()
    assert information.score == alone.score
    assert np.isnan(null_of(information)).any(axis=0).sum() == 21 - 6
    assert math.isfinite(information.corrected_score or math.nan)


@pytest.mark.parametrize("standardize", [True, False])
def test_without_a_sound_pair_the_score_is_nan_and_the_flags_say_why(standardize):
    X = np.stack([np.random.default_rng(19).standard_normal(50), np.full(50, 3.0)], axis=1)
    for columns, flags in ((X, {1: "constant"}), (X[:, [1, 1]], {0: "constant", 1: "constant"})):
        information = pairwise_mi(columns, null="shuffle", n_shuffles=1, standardize=standardize)
        assert information.flags == flags
        assert math.isnan(information.score)
        assert math.isnan(information.corrected_score or 0)


# name: (what becomes of normal samples, the flag)
UNSOUND = {
    "constant": (lambda x: np.full_like(x, 1e6), "constant"),
    "zero": (np.zeros_like, "constant"),
    "constant to rounding": (lambda x: 1e6 + 1e-11 * x, "constant"),
    "constant to single precision": (lambda x: (3 + 1e-7 * x).astype(np.float32), "constant"),
    "one value apart": (lambda x: np.where(np.arange(M) == 17, 1, 0), r"point mass: 99\.9 % of samples at 0"),
    "k + 1 equal": (lambda x: np.where(np.arange(M) < 4, 2.5, x), r"point mass: 0\.4 % of samples at 2\.5"),
    "clipped": (lambda x: np.clip(x, -1, None), r"point mass: 1\d\.\d % of samples at -1"),
    "rounded": (lambda x: np.round(8 * x, 1), r"tied: [2-9]\d\.\d % of values repeat"),
    "doubled": (lambda x: np.where(np.arange(M) % 2, x, np.roll(x, -1)), r"tied: 50\.\d % of values repeat"),
}

SOUND = {
    "offset": lambda x: 1e4 + x,
    "tiny": lambda x: 1e-200 * x,
    "huge": lambda x: 1e200 * x,
    "k equal": lambda x: np.where(np.arange(M) < 3, 2.5, x),  # every k-th distance stays positive
    "heavy tails": lambda x: x**5,
    "quantiles": lambda x: norm.ppf((np.arange(M) + 0.5) / M),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_neurons_without_a_density_are_flagged(name):
    x, y = np.random.default_rng(20).standard_normal((2, M))
    make, flag = UNSOUND[name]
    column = make(x)
    with pytest.raises(ValueError, match=rf"^y has no 3H estimate \({flag}\): .*pre-activations in single precision"):
        mutual_information(y.astype(column.dtype) if column.dtype.kind == "f" else y, column)


@pytest.mark.parametrize("name", SOUND)
def test_sound_neurons_are_not_flagged(name):
    x, y = np.random.default_rng(21).standard_normal((2, M))
    assert math.isfinite(mutual_information(SOUND[name](x), y))


def test_single_precision_activations_are_not_flagged():
    X = np.random.default_rng(22).standard_normal((M, 300)).astype(np.float32)
    assert pairwise_mi(X, pairs=[(0, 1)]).flags == {}


# Devices


def test_a_torch_device_goes_through_the_torch_sweep(monkeypatch):
    """On any machine: the request for CUDA is answered by torch on the CPU."""
    X = np.random.default_rng(23).standard_normal((200, 5))
    X[:, 2] = 0
    moved = devices._moved
    monkeypatch.setattr(devices, "_moved", lambda array, device: moved(array, "cpu"))
    cpu_result, torch_result = (pairwise_mi(X, null="shuffle", n_shuffles=2, device=d) for d in ("auto", "cuda"))
    np.testing.assert_allclose(torch_result.pair_mi, cpu_result.pair_mi, rtol=0, atol=1e-13)
    np.testing.assert_allclose(null_of(torch_result), null_of(cpu_result), rtol=0, atol=1e-13)
    assert (cpu_result.meta["device"], torch_result.meta["device"]) == ("cpu", "cuda")


def test_a_device_that_is_not_there_is_refused():
    message = r"device='cuda:99' cannot be used here \(.*\): try device='cpu'"
    with pytest.raises(ValueError, match=message):
        pairwise_mi(np.random.default_rng(24).standard_normal((20, 2)), device="cuda:99")


# Errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": "ksg"}, r"estimator='ksg': expected '3h' or 'ksg1' or 'ksg2'"),
        ({"null": "bootstrap"}, r"null='bootstrap': expected None or 'shuffle'"),
        ({"k": 0}, r"k=0: expected at least 1"),
        ({"k": 20}, r"k=20 with 20 samples: expected more samples than k"),
        ({"n_shuffles": 0}, r"n_shuffles=0: expected at least 1"),
        ({"random_state": -1}, r"random_state=-1: expected at least 0"),
        ({"n_jobs": 0}, r"n_jobs=0: expected at least 1"),
        ({"pairs": [(0, 3)]}, r"pairs holds \[0, 3\]: expected two different columns out of 0 to 2"),
        ({"pairs": [(0, 1), (2, 2)]}, r"pairs holds \[2, 2\]: expected two different columns"),
        ({"pairs": [(1, -1)]}, r"pairs holds \[-1, 1\]: expected two different columns"),
        ({"pairs": [(0.0, 1.0)]}, r"pairs has shape \(1, 2\) and dtype float64: expected \(P, 2\) column indices"),
        ({"pairs": [0, 1]}, r"pairs has shape \(2,\)"),
        ({"pairs": np.zeros((0, 2), int)}, r"pairs has shape \(0, 2\)"),
    ],
)
def test_bad_options_are_refused_in_words(options, message):
    with pytest.raises(ValueError, match=message):
        pairwise_mi(np.random.default_rng(25).standard_normal((20, 3)), **options)


@pytest.mark.parametrize("option", ["k", "n_shuffles", "random_state", "n_jobs"])
def test_counts_must_be_integers(option):
    options: dict[str, Any] = {option: 2.5}
    with pytest.raises(TypeError, match=rf"{option}=2\.5: expected an integer"):
        pairwise_mi(np.random.default_rng(26).standard_normal((20, 3)), **options)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros(10), r"X has shape \(10,\): expected \(n_samples, n_columns\)"),
        (np.arange(10.0)[:, None], r"X has 1 columns: expected at least two neurons to pair"),
        (np.where(np.arange(30) == 17, np.nan, 1.0).reshape(10, 3), r"column 2 of X holds nan at sample 5"),
    ],
)
def test_bad_layers_are_refused_in_words(X, message):
    with pytest.raises(ValueError, match=message):
        pairwise_mi(X)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.arange(10.0), np.arange(9.0), r"x has 10 samples and y has 9: expected as many"),
        (np.arange(10.0), np.zeros((10, 1)), r"y has shape \(10, 1\): expected \(n_samples,\)$"),
        (np.arange(3.0), np.arange(3.0), r"k=3 with 3 samples: expected more samples than k"),
        ([1.0, 2.0, 3.0, np.inf, 5.0], np.arange(5.0), r"x holds inf at sample 3"),
    ],
)
def test_bad_pairs_of_samples_are_refused_in_words(x, y, message):
    with pytest.raises(ValueError, match=message):
        mutual_information(x, y)


@pytest.mark.parametrize("dtype", [bool, complex, object, "U8"])
def test_other_than_real_numbers_are_refused(dtype):
    with pytest.raises(TypeError, match=r"X has dtype .*: expected integers or floating-point numbers"):
        pairwise_mi(np.zeros((10, 2), dtype))
    with pytest.raises(TypeError, match=r"y has dtype"):
        mutual_information(np.arange(10.0), np.zeros(10, dtype))
