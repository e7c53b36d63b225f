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
    groups = np.arange(50) % 5
    meta = json.loads(json.dumps(pairwise_mi(X, **options, **numbers, groups=groups).meta))
    found = {"M": 50, "N": 3, "P": 3, "ddof": 1, "tied": 0, "device": "cpu", "dtype": "float32"}
    assert meta == {**options, "k": 5, "jitter": 0.0625, "base": 2.0, "margins": "none", "groups": 5, **found}
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


# As text


def test_the_text_has_what_was_measured_the_scores_flags_and_the_strongest_pairs():
    rng = np.random.default_rng(17)
    x, noise = rng.standard_normal((2, 300))
    frame = pd.DataFrame({"x": x, "noise": noise, "y": 0.9 * x + 0.19**0.5 * noise, "still": 7.0, "cut": x})
    frame["cut"] = frame["cut"].clip(lower=0)
    frame["2x"] = 2 * frame["x"]
    information = pairwise_mi(frame, null="shuffle", n_subsamples=5, groups=np.arange(300) % 3)
    lines = repr(information).splitlines()
    assert str(information) == repr(information)
    assert lines[0] == "PairwiseInformation: 6 neurons, 300 samples, 15 pairs"
    assert lines[1] == "by 3H, margins sd, k = 3, in nats"
    assert lines[2] == f"ι = {information.score:.4f} ± {information.score_se:.4f}, the mean of the pairs"
    assert lines[3] == f"ι_c = {information.corrected_score:.4f}, ι minus the mean of 8 shuffles within 3 groups"
    assert lines[4].startswith("2 neurons without an estimate: still (constant), cut (point mass: ")
    assert lines[5] == "1 pair equal up to shift, scale and sign"
    above = (information.pair_mi[np.isfinite(information.pair_mi)] > 0.01).mean()
    assert lines[6] == f"{100 * above:.1f} % of the pairs above 0.01 nats"
    assert lines[7].startswith(f"strongest pairs: x–2x {information.mi[0, 5]:.3f}, ")
    assert len(lines[7].split(", ")) == 5
    assert len(lines) == 8


def test_the_text_leaves_out_what_there_is_not():
    X = np.random.default_rng(18).standard_normal((100, 2))
    plain = pairwise_mi(X, base=2, estimator="ksg1", jitter=1e-3)
    assert repr(plain).splitlines() == [
        "PairwiseInformation: 2 neurons, 100 samples, 1 pair",
        "by KSG1, margins sd, k = 3, jitter 0.001, in bits",
        f"ι = {plain.score:.4f}, the mean of the pairs",
        f"{100.0 * (plain.score * math.log(2) > 0.01):.1f} % of the pairs above 0.01 nats",
        f"strongest pairs: 0–1 {plain.score:.3f}",
    ]
    nothing = repr(pairwise_mi(np.ones((100, 40)))).splitlines()
    assert nothing[2] == "ι = nan, the mean of the pairs"
    assert nothing[3:] == ["40 neurons without an estimate: 0 (constant), 1 (constant), 2 (constant), …"]
    long = pd.DataFrame(X, columns=["a" * 100, "two\nlines"])
    assert repr(pairwise_mi(long)).splitlines()[-1].startswith(f"strongest pairs: {'a' * 23}…–two lines ")


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


def test_names_print_without_control_characters():
    frame = pd.DataFrame(np.random.default_rng(7).standard_normal((100, 2)), columns=["\x1b[31mred\x07", "\u202eb"])
    assert "\\x1b[31mred\\x07–\\u202eb" in repr(pairwise_mi(frame))
    frame.iloc[3, 0] = np.nan
    with pytest.raises(ValueError, match=r"^column \\x1b\[31mred\\x07 of X holds nan at sample 3"):
        pairwise_mi(frame)


def test_base_e_is_nats_and_equal_ranks_are_called_so():
    x = np.random.default_rng(8).standard_normal(200)
    layer = pairwise_mi(np.stack([x, np.exp(x)], axis=1), margins="normal", base=math.e)
    assert ", in nats\n" in repr(layer)
    assert "\n1 pair of equal or opposite ranks\n" in repr(layer)
    assert ", in units of log 10\n" in repr(pairwise_mi(np.stack([x, -x], axis=1), base=10))
