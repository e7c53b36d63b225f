"""The pair kernel beside a bare k-d tree on the same samples, and the growth of all pairs with width and samples.

A group's table shows the ratio to its fastest row. Times are for a whole call: divide `all pairs` by its number of
pairs, N (N − 1) / 2. Run with: pytest wndcheck/benchmarks
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import KDTree

from wndcheck.estimators import knn_entropy, pairwise_mi
from wndcheck.estimators.neighbours import cpu

NEURONS = 16
PAIRS = np.stack(np.triu_indices(NEURONS, 1), axis=1)
LAWS = {
    "normal": np.random.Generator.standard_normal,
    "uniform": np.random.Generator.random,
    "student t, 3": lambda rng, shape: rng.standard_t(3, shape),
}


def rows(law: str, m: int) -> np.ndarray:
    return LAWS[law](np.random.default_rng(0), (NEURONS, m)).astype(np.float32)


@pytest.mark.parametrize("m", [250, 1000, 4000])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("method", ["sweep", "k-d tree"])
def test_joint_distances_of_120_pairs_on_one_thread(benchmark, method, law, m):
    """The tree is built and queried, nothing more: the least that any estimator resting on it can take."""
    benchmark.group = f"k = 3 distances of {len(PAIRS)} pairs, {law}, M = {m}"
    z = rows(law, m)
    if method == "sweep":
        cpu.mean_log_distances(z, PAIRS[:1], k=3, n_jobs=1)
        means = benchmark(cpu.mean_log_distances, z, PAIRS, k=3, n_jobs=1)
    else:
        points = [z[pair].T.astype(np.float64) for pair in PAIRS]
        trees = benchmark.pedantic(lambda: [KDTree(p).query(p, k=4, p=np.inf)[0] for p in points], rounds=3)
        means = np.array([np.log(distances[:, 3]).mean() for distances in trees])
    assert means[0] == pytest.approx(cpu.mean_log_distances(z, PAIRS[:1], k=3)[0], abs=1e-7)


@pytest.mark.parametrize("k", [1, 3, 5, 10, 15])
def test_growth_with_k(benchmark, k):
    benchmark.group = f"{len(PAIRS)} pairs by k, M = 1000"
    z = rows("normal", 1000)
    cpu.mean_log_distances(z, PAIRS[:1], k=k, n_jobs=1)
    benchmark(cpu.mean_log_distances, z, PAIRS, k=k, n_jobs=1)


@pytest.mark.parametrize("neurons", [50, 100, 200, 400])
def test_growth_of_all_pairs_with_width(benchmark, neurons):
    benchmark.group = "all pairs by width, M = 1000, all cores"
    X = np.random.default_rng(0).standard_normal((1000, neurons))
    pairwise_mi(X[:, :2])
    information = benchmark.pedantic(pairwise_mi, args=(X,), rounds=3)
    assert abs(information.score - 0.012) < 0.02


def test_5000_pairs_of_a_wide_layer_with_one_shuffle(benchmark):
    """What a measurement takes from a layer of 1000 neurons."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1000, 1000)).astype(np.float32)
    pairs = rng.permutation(np.stack(np.triu_indices(1000, 1), axis=1))[:5000]
    pairwise_mi(X[:, :2])
    information = benchmark.pedantic(
        pairwise_mi, args=(X,), kwargs={"pairs": pairs, "null": "shuffle", "n_shuffles": 1}, rounds=3
    )
    assert information.corrected_score == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_entropy_of_one_sample(benchmark, d):
    benchmark.group = "entropy of 1000 samples by dimension"
    benchmark(knn_entropy, np.random.default_rng(0).standard_normal((1000, d)))
