"""Shuffles within groups: what pairs share beyond their groups."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import kstest

from wndcheck.estimators import pairwise_mi
from wndcheck.estimators.resampling import permutations
from wndcheck.estimators.validation import group_members
from wndcheck.experiment.gaussian_experiments import gaussian_information
from wndcheck.tests.estimators.samples import each_estimator, normal_layer, of_pairs

M = 1000


def test_groups_exchange_samples_of_one_group_only():
    labels = np.random.default_rng(31).integers(0, 4, 60)
    (permutation,) = permutations(5, group_members(labels, 60), 1, 0)
    np.testing.assert_array_equal(labels[permutation], np.tile(labels, (5, 1)))
    np.testing.assert_array_equal(np.sort(permutation, axis=1), np.tile(np.arange(60), (5, 1)))
    assert len(np.unique(permutation, axis=0)) == 5
    one = pairwise_mi(normal_layer(31, m=60), null="shuffle", groups=["all"] * 60).null_mi
    np.testing.assert_array_equal(one, pairwise_mi(normal_layer(31, m=60), null="shuffle").null_mi)


def grouped(seed: int, trials: int, per_group: int = 100) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs that depend through the means of five groups only: x and y (M, trials), and the labels (M,)."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(5), per_group)
    x, y = np.linspace(-2, 2, 5)[labels, None] + rng.standard_normal((2, 5 * per_group, trials))
    return x, y, labels


@each_estimator
@pytest.mark.parametrize("margins", ["sd", "normal"])
def test_what_groups_explain_is_not_in_the_corrected_score(margins, estimator):
    """4 standard errors of the mean of 100 independent pairs."""
    x, y, labels = grouped(32, 100)
    options = {"null": "shuffle", "n_shuffles": 4, "estimator": estimator, "margins": margins}
    within, overall = (of_pairs(x, y, **options, groups=groups) for groups in (labels, None))
    assert within.score == overall.score
    assert within.score > 0.2
    error = within.pair_corrected.std(ddof=1) / math.sqrt(100)
    assert abs(within.corrected_score) < 4 * error
    assert overall.corrected_score > 0.2
    assert within.meta["groups"] == 5


@pytest.mark.parametrize("margins", ["sd", "normal"])
def test_what_a_pair_shares_beyond_its_groups_is_found(margins):
    x, y, labels = grouped(33, 40)
    y[:, :20] += 0.8 * (x - np.linspace(-2, 2, 5)[labels, None])[:, :20]
    found = of_pairs(x, y, margins=margins, null="shuffle", groups=labels)
    assert found.dependent()[:20].all()
    assert found.dependent()[20:].sum() <= 4  # one is expected at a rate of .05


def test_the_corrected_score_within_groups_is_not_the_conditional_information():
    """ρ = .9 in one group and −.9 in the other: I(X; Y | C) = .83 nats, minus the .42 that x and y tell of C.

    Shuffled pairs tell nothing of C. 4 standard errors of the mean of 100 pairs, and .02 for the bias of KSG.
    """
    rng, rho = np.random.default_rng(38), 0.9
    x, noise = rng.standard_normal((2, M, 100))
    signs = np.repeat([1, -1], M // 2)[:, None]
    found = of_pairs(
        x, rho * signs * x + math.sqrt(1 - rho**2) * noise, null="shuffle", groups=signs[:, 0], k=10, estimator="ksg1"
    )
    a, b = rng.standard_normal((2, 1_000_000))
    log_odds = 2 * rho / (1 - rho**2) * a * (rho * a + math.sqrt(1 - rho**2) * b)  # of the two normal densities
    tells = math.log(2) - np.logaddexp(0, -log_odds).mean()
    error = found.pair_corrected.std(ddof=1) / 10
    assert found.corrected_score == pytest.approx(gaussian_information(rho) - tells, abs=4 * error + 0.02)


@pytest.mark.parametrize("margins", ["sd", "normal"])
def test_p_values_with_groups_are_uniform_where_groups_explain_all(margins):
    x, y, labels = grouped(34, 500, per_group=60)
    p = of_pairs(x, y, margins=margins, null="shuffle", n_shuffles=4, groups=labels).p_values
    assert kstest(p, "uniform").pvalue > 1e-3


def test_labels_of_any_kind_make_the_same_groups():
    X, codes = normal_layer(35, m=60), np.arange(60) % 3
    expected = pairwise_mi(X, null="shuffle", groups=codes).null_mi
    names = ["cat", "dog", ("tuple", 1)]
    for labels in (
        codes / 7,
        [names[code] for code in codes],
        np.array(["a", "b", "c"])[codes],
        pd.Series(codes, index=np.arange(60)[::-1]).astype("category"),
        torch.tensor(codes),
        list(torch.tensor(codes)),
        list(codes.astype(np.float32)),
        (bool(code) if code < 2 else "neither" for code in codes),
        np.array(["2020-01-01", "2021-01-01", "2022-01-01"], "M8[D]")[codes],
    ):
        np.testing.assert_array_equal(pairwise_mi(X, null="shuffle", groups=labels).null_mi, expected)


def test_the_only_sample_of_a_group_stays_in_its_place():
    (permutation,) = permutations(4, group_members(["a"] * 9 + ["b"], 10), 1, 0)
    assert permutation[:, 9].tolist() == [9] * 4


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ([0] * 29, ValueError, r"groups holds 29 labels for 30 samples: expected one for each"),
        ([0.0] * 29 + [math.nan], ValueError, r"groups holds nan at sample 29: expected a label for every sample"),
        (["a"] * 29 + [None], ValueError, r"groups holds None at sample 29: expected a label"),
        (pd.Series([1, None] * 15, dtype="Int64"), ValueError, r"groups holds <NA> at sample 1: expected a label"),
        (pd.Series(["a", None] * 15, dtype="category"), ValueError, r"groups holds nan at sample 1"),
        (pd.to_datetime(["2020", None] * 15), ValueError, r"groups holds NaT at sample 1"),
        (list(np.array(["2020", "NaT"] * 15, "M8[D]")), ValueError, r"groups holds NaT at sample 1"),
        ([np.ma.masked] + [1.0] * 29, TypeError, r"groups holds masked at sample 0: expected a label, such"),
        (range(30), ValueError, r"groups gives every sample a group of its own: expected labels that samples share"),
        ("class", TypeError, r"groups='class': expected a label for each sample, \(30,\)"),
        (3, TypeError, r"groups=3: expected a label for each sample"),
        (list(torch.zeros(30, 1)), TypeError, r"groups holds tensor\(\[0\.\]\) at sample 0: expected a label, such"),
        ([torch.tensor(math.nan)] * 30, ValueError, r"groups holds nan at sample 0: expected a label for every sample"),
        (np.zeros((30, 1)), TypeError, r"groups holds \[0\.0\] at sample 0: expected a label, such"),
    ],
)
def test_unusable_groups_are_refused(groups, error, message):
    with pytest.raises(error, match=message):
        pairwise_mi(normal_layer(36, m=30), null="shuffle", groups=groups)


def test_groups_without_a_null_are_refused():
    with pytest.raises(ValueError, match=r"groups has no effect without shuffles: give null='shuffle', too"):
        pairwise_mi(normal_layer(36, m=30), groups=[0] * 30)
