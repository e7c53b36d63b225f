"""Speed of the estimators and their options compared: all pairs of one layer, one thread."""

from __future__ import annotations

import numpy as np
import pytest

from wndcheck.estimators import knn_entropy, pairwise_mi
from wndcheck.estimators.validation import all_pairs

from .samples import layer, reference_information

NEURONS = 100
VARIANTS = {
    "3h": {},
    "ksg1": {"estimator": "ksg1"},
    "ksg2": {"estimator": "ksg2"},
    "3h, k = 20": {"k": 20},
    "ksg1, k = 20": {"estimator": "ksg1", "k": 20},
    "ksg1, k = 50": {"estimator": "ksg1", "k": 50},
    "3h and 1 shuffle": {"null": "shuffle", "n_shuffles": 1},
    "3h and 8 shuffles": {"null": "shuffle"},
    "3h and subsamples": {"n_subsamples": 4},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_all_pairs(benchmark, variant):
    benchmark.group = f"all pairs of {NEURONS} neurons, M = 1000, k = 3 unless stated, one thread"
    X, options = layer(NEURONS), VARIANTS[variant]
    pairwise_mi(X[:, :2], n_jobs=1, **options)
    information = benchmark.pedantic(pairwise_mi, args=(X,), kwargs={"n_jobs": 1, **options}, rounds=5)
    estimator, k = options.get("estimator", "3h"), options.get("k", 3)
    # Rounding to float32 flips a few strict comparisons of KSG.
    tolerance = 1e-5 if estimator == "3h" else 1e-3
    assert information.pair_mi[0] == pytest.approx(reference_information(X, k=k, estimator=estimator), abs=tolerance)
    # Mean over a layer of independent neurons: about 0.012 for 3H, with sd 2 · 0.024 / √N = 0.005.
    assert information.score == pytest.approx(0.012 if estimator == "3h" else 0, abs=0.02)
    if "null" in options:
        assert information.corrected_score == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("null", [None, "shuffle"])
def test_300_pairs_of_200_neurons(benchmark, null):
    """As in a measurement of a net: rows are sorted for few pairs each."""
    benchmark.group = "300 pairs of 200 neurons, 3H, M = 1000, k = 3, one thread"
    X = layer(200)
    pairs = np.random.default_rng(0).permutation(all_pairs(200))[:300]
    options = {"pairs": pairs, "null": null, "n_shuffles": 1, "n_jobs": 1}
    information = benchmark.pedantic(pairwise_mi, args=(X,), kwargs=options, rounds=10, warmup_rounds=1)
    assert information.score == pytest.approx(0.012, abs=0.02)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_entropy_by_dimension(benchmark, d):
    benchmark.group = "entropy of 1000 samples by dimension"
    entropy = benchmark(knn_entropy, np.random.default_rng(0).standard_normal((1000, d)))
    # ½ log 2πe per dimension; the sd of the estimate is 0.033 √d, its bias in 5 dimensions about 0.1.
    assert entropy == pytest.approx(d * 1.41894, abs=0.3)
