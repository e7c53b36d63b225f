"""PairwiseInformation: the matrix and its mean, names, identical neurons, and meta."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import digamma

from wndcheck.estimators import mutual_information, pairwise_mi
from wndcheck.tests.estimators.samples import each_estimator

M = 1000


@each_estimator
def test_result_is_a_symmetric_matrix_with_its_mean_as_score(estimator):
    X = np.random.default_rng(10).standard_normal((100, 4))
    information = pairwise_mi(X, estimator=estimator)
    assert information.pairs.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    np.testing.assert_array_equal(information.mi, information.mi.T)
    assert np.isnan(np.diag(information.mi)).all()
    assert information.score == pytest.approx(np.nanmean(information.mi), abs=1e-15)
    assert information.mi[1, 3] == mutual_information(X[:, 1], X[:, 3], estimator=estimator)
    assert information.identical.shape == (0, 2)


def test_what_was_not_requested_is_none():
    information = pairwise_mi(np.random.default_rng(11).standard_normal((50, 3)))
    assert information.null_mi is information.subsample_mi is None
    assert information.corrected_score is information.pair_corrected is information.pair_se is None
    assert math.isnan(information.score_se)
    with pytest.raises(FrozenInstanceError):
        information.pairs = None
    assert len({information, information, replace(information)}) == 2  # compared by identity


def test_chosen_pairs_have_the_estimates_of_all_pairs():
    X = np.random.default_rng(12).standard_normal((200, 8))
    everything, chosen = (
        pairwise_mi(X, null="shuffle", n_shuffles=2, n_subsamples=4, pairs=pairs) for pairs in (None, [(6, 1), (2, 5)])
    )
    assert chosen.pairs.tolist() == [[1, 6], [2, 5]]
    np.testing.assert_array_equal(chosen.pair_mi, everything.mi[[1, 2], [6, 5]])
    at = [int(np.flatnonzero((everything.pairs == pair).all(axis=1))[0]) for pair in chosen.pairs]
    for ours, theirs in ((chosen.null_mi, everything.null_mi), (chosen.subsample_mi, everything.subsample_mi)):
        np.testing.assert_array_equal(ours, theirs[:, at])
    assert np.isfinite(chosen.mi).sum() == 4


def test_meta_holds_the_options_in_plain_python():
    X = np.random.default_rng(13).standard_normal((50, 3)).astype(np.float32)
    numbers = {"k": np.int64(5), "jitter": np.float32(0.0625), "base": np.float64(2), "margins": "none"}
    options = {"estimator": "ksg2", "null": "shuffle", "n_shuffles": 2, "n_subsamples": 5, "random_state": 5}
    meta = json.loads(json.dumps(pairwise_mi(X, **options, **numbers).meta))
    found = {"M": 50, "N": 3, "P": 3, "ddof": 1, "tied": 0, "device": "cpu", "dtype": "float32"}
    assert meta == {**options, "k": 5, "jitter": 0.0625, "base": 2.0, "margins": "none", **found}
    plain = pairwise_mi(X).meta
    assert (plain["n_shuffles"], plain["n_subsamples"], plain["base"], plain["jitter"]) == (0, 0, None, None)


def test_data_frame_has_the_neurons_names():
    X = np.random.default_rng(14).standard_normal((50, 3))
    information = pairwise_mi(pd.DataFrame(X, columns=["a", "b", "c"]), pairs=[(0, 2)])
    frame = information.to_frame()
    assert frame.index.tolist() == frame.columns.tolist() == ["a", "b", "c"] == list(information.labels)
    assert frame.loc["a", "c"] == frame.loc["c", "a"] == information.pair_mi[0]
    assert np.isnan(frame.loc["a", "b"])
    assert pairwise_mi(X).to_frame().columns.tolist() == [0, 1, 2]


# Identical neurons


def copies(m: int = M) -> np.ndarray:
    """A neuron, an independent one, and five that equal the first up to shift, scale and sign."""
    x, y = np.random.default_rng(16).standard_normal((2, m))
    return np.stack([x, y, x, -x, 3 * x + 7, -0.1 * x + 1, 1e6 * x], axis=1)


COPIES = [0, 2, 3, 4, 5, 6]
PAIRS_OF_COPIES = [[i, j] for i in COPIES for j in COPIES if i < j]


@each_estimator
@pytest.mark.parametrize("m", [M, M - 1])  # an even number of samples has no sample at its median
@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_neurons_equal_up_to_shift_scale_and_sign_are_identical(dtype, k, m, estimator):
    X = copies(m).astype(dtype)
    assert pairwise_mi(X, estimator=estimator, k=k).identical.tolist() == PAIRS_OF_COPIES
    vanilla = pairwise_mi(X[:, :5], estimator=estimator, k=k, margins="none")
    assert vanilla.identical.tolist() == [pair for pair in PAIRS_OF_COPIES if max(pair) < 5]


@pytest.mark.parametrize(("estimator", "deduction"), [("3h", 0), ("ksg1", 0), ("ksg2", 1)])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_a_copy_gives_the_largest_possible_value(estimator, deduction, k):
    """Every joint distance is the marginal one: ψ(M) − ψ(k), an artefact that grows like log M; minus 1 / k for KSG2.

    To 2e-4: for k = 1 the least distance is of the size of single precision.
    """
    x = np.random.default_rng(20).standard_normal(M - 1)
    information = pairwise_mi(np.stack([x, x, -x], axis=1), estimator=estimator, k=k)
    np.testing.assert_allclose(information.pair_mi, digamma(M - 1) - digamma(k) - deduction / k, rtol=0, atol=2e-4)


@each_estimator
def test_similar_neurons_are_not_identical(estimator):
    """ρ = 0.9999, with noise above what rounding leaves, and monotone functions of each other."""
    x, y = np.random.default_rng(18).standard_normal((2, M))
    X = np.stack([x, 0.9999 * x + math.sqrt(1 - 0.9999**2) * y, np.exp(x), x**3], axis=1)
    information = pairwise_mi(X, estimator=estimator)
    assert information.pair_mi.max() > 3
    assert information.identical.tolist() == []


def test_only_requested_and_unflagged_pairs_are_identical():
    information = pairwise_mi(copies(), pairs=[(1, 2), (4, 2), (0, 1)], base=2)
    assert information.identical.tolist() == [[2, 4]]
    x = np.random.default_rng(19).standard_normal(100)
    information = pairwise_mi(np.stack([np.maximum(x, 0), np.maximum(x, 0), x], axis=1))
    assert set(information.flags) == {0, 1}
    assert information.identical.tolist() == []
