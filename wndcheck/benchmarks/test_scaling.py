"""Speed of the CPU kernel compared with a bare k-d tree by samples, k and distribution; of all pairs by width."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from wndcheck.estimators import pairwise_mi
from wndcheck.estimators.kernels import cpu, double, reference
from wndcheck.estimators.kernels.rows import SortedRows
from wndcheck.estimators.validation import all_pairs

from .samples import DISTRIBUTIONS, layer, rank_rows, rows

NEURONS = 16
PAIRS = all_pairs(NEURONS)
SETTINGS = [
    *[("normal", m, 3) for m in (250, 1000, 4000)],
    *[("normal", 1000, k) for k in (1, 5, 10, 20, 50)],
    *[(name, 1000, 3) for name in DISTRIBUTIONS if name != "normal"],
]


def by_kernel(z: SortedRows, k: int) -> np.ndarray:
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
        distances = by_tree([z.values[PAIRS[0]].T.astype(np.float64)], k)
    else:
        points = [z.values[pair].T.astype(np.float64) for pair in PAIRS]
        distances = benchmark.pedantic(by_tree, args=(points, k), rounds=3)
    for mean, of_pair in zip(means, distances, strict=False):
        assert mean == pytest.approx(np.log(of_pair).mean(), abs=1e-7)


@pytest.mark.parametrize("k", [3, 20, 50])
@pytest.mark.parametrize("kind", ["values", "ranks"])
def test_counts_of_sorted_rows(benchmark, kind, k):
    """KSG1 of values, and of normal scores, which all rows share. Sorting is not included."""
    benchmark.group = f"KSG1 of {len(PAIRS)} pairs, one thread: M = 1000, k = {k}"
    X = layer(NEURONS)
    z = rows(X) if kind == "values" else rank_rows(X)
    options = {"k": k, "estimator": "ksg1"}
    means = benchmark(cpu.mean_digammas, z, PAIRS, **options, n_jobs=1)
    expected = double.mean_digammas(z.values.astype(np.float64), PAIRS[:1], **options)
    # Rounding to float32 decides a few strict comparisons: each changes a digamma by about k / M of itself.
    assert means[0] == pytest.approx(expected[0], abs=1e-3)


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


SIZES = {
    "tall": ((2000, 4), (100_000, 10)),
    "wide": ((500, 40), (2000, 200)),
}
PEAK = """
import resource, sys, time
import numpy as np
X = np.random.default_rng(0).standard_normal(tuple(map(int, sys.argv[2:])))
if sys.argv[1] == "wndcheck":
    from wndcheck.estimators import pairwise_mi
    estimate = lambda X: pairwise_mi(X, estimator="ksg1", n_jobs=1).pair_mi
else:
    from wndcheck.benchmarks.peers import PEERS
    peer = next(peer for peer in PEERS if peer.distribution == sys.argv[1])
    estimate = lambda X: peer.all_pairs(X, 3)
estimate(X[:200, :2])  # imports and compiles
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
values = estimate(X)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, values[0])
"""


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("package", ["wndcheck", "ennemi"])  # the fastest peer of `test_peers`
def test_time_and_peak_memory_by_shape(benchmark, package, shape):
    """Small by default; $WNDCHECK_LARGE_BENCHMARKS takes 100,000 x 10 and 2000 x 200 samples x neurons."""
    if package != "wndcheck":
        pytest.importorskip(package, reason=f"{package} is not installed: pip install {package}")
    samples, neurons = SIZES[shape][bool(os.environ.get("WNDCHECK_LARGE_BENCHMARKS"))]
    benchmark.group = f"KSG1, all pairs, one thread, in a new process: {samples} samples of {neurons} neurons"
    command = [sys.executable, "-W", "ignore", "-c", PEAK, package, str(samples), str(neurons)]

    def run() -> list[float]:
        return [
            float(word) for word in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        ]

    seconds, kilobytes, value = benchmark.pedantic(run, rounds=1)
    benchmark.extra_info.update(seconds=seconds, peak_megabytes=kilobytes / 1024)
    # Independent neurons: the sd is 0.024 at M = 1000, and falls with the square root of M.
    assert value == pytest.approx(0, abs=5 * 0.024 * (1000 / samples) ** 0.5)
