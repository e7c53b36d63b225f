"""The fast kernels against the k-d tree: equal to the last bit, whatever the sample."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wndcheck.estimators.neighbours import cpu, cuda, mean_log_distances, reference

PAIRS = np.array([(0, 1), (1, 0), (0, 2), (3, 2), (1, 1)])


def clustered(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.integers(0, 3, shape) + 1e-3 * rng.standard_normal(shape)


def near_degenerate(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.standard_normal(shape[1]) + 1e-6 * rng.standard_normal(shape)


def tied(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return rng.integers(0, 7, shape)


SAMPLES = {
    "normal": np.random.Generator.standard_normal,
    "uniform": np.random.Generator.random,
    "exponential": np.random.Generator.standard_exponential,
    "cauchy": np.random.Generator.standard_cauchy,
    "lognormal, wide": lambda rng, shape: rng.lognormal(0, 5, shape),
    "clustered": clustered,
    "near-degenerate": near_degenerate,
    "tied": tied,
    "constant": lambda rng, shape: np.ones(shape),
}


def rows(kind: str, m: int, seed: int) -> np.ndarray:
    return SAMPLES[kind](np.random.default_rng(seed), (4, m)).astype(np.float32)


def oracle(z: np.ndarray, pairs: np.ndarray, k: int) -> np.ndarray:
    """Differences of float32 numbers in float64, rounded once, as a float32 subtraction rounds them."""
    return np.stack([reference.kth_distances(z[pair].T.astype(np.float64), k=k) for pair in pairs]).astype(np.float32)


def by_sorting_everything(points: np.ndarray, k: int) -> np.ndarray:
    distances = np.abs(points[:, None] - points[None]).max(axis=2)
    return np.sort(distances, axis=1)[:, k]


@pytest.mark.parametrize(("d", "k"), [(1, 1), (2, 3), (3, 5)])
def test_the_oracle_agrees_with_sorting_all_distances(d, k):
    points = np.random.default_rng(d).standard_normal((60, d))
    np.testing.assert_array_equal(reference.kth_distances(points, k=k), by_sorting_everything(points, k))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(SAMPLES)), st.integers(6, 400), st.sampled_from([1, 2, 3, 5]), st.integers(0, 2**32 - 1))
def test_cpu_kernel_equals_the_oracle_bit_for_bit(kind, m, k, seed):
    z = rows(kind, m, seed)
    np.testing.assert_array_equal(cpu.kth_distances(z, PAIRS, k=k), oracle(z, PAIRS, k), err_msg=f"{kind=} {m=} {k=}")


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 40), st.data())
def test_cpu_kernel_equals_the_oracle_on_arbitrary_values(m, data):
    """Values a generator would not think of; a multiple of 2**-20 keeps every difference exact in float64."""
    values = st.integers(-(2**22), 2**22).map(lambda n: n / 2**20)
    z = np.array(data.draw(st.lists(values, min_size=2 * m, max_size=2 * m), label="z"), np.float32).reshape(2, m)
    pairs = np.array([(0, 1)])
    np.testing.assert_array_equal(cpu.kth_distances(z, pairs, k=1), oracle(z, pairs, 1))


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_cpu_kernel_equals_the_oracle_at_the_size_of_the_paper(kind):
    z = rows(kind, 1000, 0)
    np.testing.assert_array_equal(cpu.kth_distances(z, PAIRS, k=3), oracle(z, PAIRS, 3))


@pytest.mark.parametrize(("m", "k"), [(2, 1), (5, 4), (16, 15), (17, 10), (300, 15)])
def test_cpu_kernel_takes_every_k_below_the_number_of_samples(m, k):
    z = rows("normal", m, 3)
    np.testing.assert_array_equal(cpu.kth_distances(z, PAIRS, k=k), oracle(z, PAIRS, k))


@pytest.mark.parametrize("kind", sorted(SAMPLES))
@pytest.mark.parametrize(("m", "k"), [(5, 4), (300, 3), (101, 15)])
def test_torch_sweep_equals_the_oracle_bit_for_bit(kind, m, k):
    z = rows(kind, m, 4)
    np.testing.assert_array_equal(cuda.kth_distances(z, PAIRS, k=k, device="cpu"), oracle(z, PAIRS, k))


def test_torch_sweep_is_the_same_in_many_chunks(monkeypatch):
    z = rows("normal", 200, 5)
    whole = cuda.kth_distances(z, PAIRS, k=3, device="cpu")
    monkeypatch.setattr(cuda, "_queries_at_once", lambda k, device: 450)  # two pairs and a half
    np.testing.assert_array_equal(cuda.kth_distances(z, PAIRS, k=3, device="cpu"), whole)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_cuda_sweep_equals_the_oracle_bit_for_bit(kind):
    z = rows(kind, 1000, 6)
    np.testing.assert_array_equal(cuda.kth_distances(z, PAIRS, k=3, device="cuda"), oracle(z, PAIRS, 3))


@pytest.mark.parametrize("m", [4, 5, 6, 7, 1000])  # a log is taken of four distances at a time
def test_mean_logs_are_those_of_the_distances(m):
    z = rows("normal", m, 7)
    expected = np.log(oracle(z, PAIRS, 3).astype(np.float64)).mean(axis=1)
    np.testing.assert_allclose(mean_log_distances(z, PAIRS, k=3), expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(cuda.mean_log_distances(z, PAIRS, k=3, device="cpu"), expected, rtol=0, atol=1e-13)


def test_mean_logs_survive_the_whole_range_of_float32():
    """The product of four of these distances leaves float32 at either end and must not leave float64."""
    for size in (1e-44, 1e28):
        z = (np.arange(20) * size * np.ones((2, 1))).astype(np.float32)
        pairs = np.array([(0, 1)])
        expected = np.log(oracle(z, pairs, 1).astype(np.float64)).mean(axis=1)
        np.testing.assert_allclose(cpu.mean_log_distances(z, pairs, k=1), expected, rtol=1e-14)


def test_a_pair_does_not_depend_on_its_order_the_threads_or_the_other_pairs():
    z = np.random.default_rng(8).standard_normal((60, 100)).astype(np.float32)
    pairs = np.stack(np.triu_indices(60, 1), axis=1)
    one = mean_log_distances(z, pairs, k=3, n_jobs=1)
    np.testing.assert_array_equal(mean_log_distances(z, pairs, k=3, n_jobs=3), one)
    np.testing.assert_array_equal(mean_log_distances(z, pairs[:, ::-1].copy(), k=3, n_jobs=2), one)
    np.testing.assert_array_equal(mean_log_distances(z, pairs[700:703], k=3), one[700:703])


def test_importing_the_estimators_loads_no_kernel():
    """Reading stored results must start fast."""
    lines = "import sys, wndcheck.estimators; print([m for m in ('numba', 'torch', 'scipy') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]", f"importing wndcheck.estimators loaded {loaded.stdout}"
