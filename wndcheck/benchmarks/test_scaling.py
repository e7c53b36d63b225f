"""Speed of the CPU kernel compared with a bare k-d tree by samples, k and distribution; of all pairs by width."""

from __future__ import annotations

import numpy as np
import pytest

from wndcheck.estimators import pairwise_mi
from wndcheck.estimators.kernels import cpu, reference
from wndcheck.estimators.validation import all_pairs

from .samples import DISTRIBUTIONS, layer, rows

NEURONS = 16
PAIRS = all_pairs(NEURONS)
SETTINGS = [
    *[("normal", m, 3) for m in (250, 1000, 4000)],
    *[("normal", 1000, k) for k in (1, 5, 10, 15)],
    *[(name, 1000, 3) for name in DISTRIBUTIONS if name != "normal"],
]


def by_kernel(z: np.ndarray, k: int) -> np.ndarray:
    return cpu.mean_log_distances(z, PAIRS, k=k, n_jobs=1)


def by_tree(points: list[np.ndarray], k: int) -> list[np.ndarray]:
    return [reference.kth_distances(p, k=k) for p in points]


@pytest.mark.parametrize(("distribution", "m", "k"), SETTINGS)
@pytest.mark.parametrize("method", ["kernel", "k-d tree"])
def test_joint_distances(benchmark, method, distribution, m, k):
    benchmark.group = f"distances of {len(PAIRS)} pairs, one thread: {distribution}, M = {m}, k = {k}"
    z = rows(layer(NEURONS, m=m, distribution=distribution))
    means = by_kernel(z, k)
    if method == "kernel":
        benchmark(by_kernel, z, k)
        distances = by_tree([z[PAIRS[0]].T.astype(np.float64)], k)
    else:
        points = [z[pair].T.astype(np.float64) for pair in PAIRS]
        distances = benchmark.pedantic(by_tree, args=(points, k), rounds=3)
    for mean, of_pair in zip(means, distances, strict=False):
        assert mean == pytest.approx(np.log(of_pair).mean(), abs=1e-7)


@pytest.mark.parametrize("neurons", [50, 100, 200, 400])
def test_all_pairs_by_width(benchmark, neurons):
    """The number of pairs is N (N − 1) / 2."""
    benchmark.group = "all pairs by width, 3H, M = 1000, all cores"
    X = layer(neurons)
    pairwise_mi(X[:, :2])
    information = benchmark.pedantic(pairwise_mi, args=(X,), rounds=3)
    # About 0.012 for independent neurons; the mean over a layer has an sd of 2 · 0.024 / √N.
    assert information.score == pytest.approx(0.012, abs=0.2 / np.sqrt(neurons))


def test_5000_pairs_of_a_wide_layer_with_one_shuffle(benchmark):
    """As for a layer of 1000 neurons in a measurement."""
    benchmark.group = "5000 pairs of 1000 neurons with one shuffle, 3H, M = 1000, all cores"
    X = layer(1000).astype(np.float32)
    pairs = np.random.default_rng(0).permutation(all_pairs(1000))[:5000]
    pairwise_mi(X[:, :2])
    options = {"pairs": pairs, "null": "shuffle", "n_shuffles": 1}
    information = benchmark.pedantic(pairwise_mi, args=(X,), kwargs=options, rounds=3)
    assert information.corrected_score == pytest.approx(0, abs=0.01)
