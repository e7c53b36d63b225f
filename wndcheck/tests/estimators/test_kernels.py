"""The CPU kernels equal the k-d tree to the last bit, for any samples."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wndcheck.estimators.kernels import cpu, cpu_vectors, mean_digammas, mean_log_distances, reference
from wndcheck.tests.estimators.samples import (
    PAIRS,
    SAMPLES,
    reference_counts,
    reference_digammas,
    reference_distances,
    rows,
)


def kth_by_sorting(points: np.ndarray, k: int) -> np.ndarray:
    distances = np.abs(points[:, None] - points[None]).max(axis=2)
    return np.sort(distances, axis=1)[:, k]


@pytest.mark.parametrize(("d", "k"), [(1, 1), (2, 3), (3, 5)])
def test_reference_agrees_with_sorting_all_distances(d, k):
    points = np.random.default_rng(d).standard_normal((60, d))
    np.testing.assert_array_equal(reference.kth_distances(points, k=k), kth_by_sorting(points, k))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(SAMPLES)), st.integers(6, 400), st.sampled_from([1, 2, 3, 5]), st.integers(0, 2**32 - 1))
def test_cpu_kernel_equals_the_reference_bit_for_bit(kind, m, k, seed):
    z = rows(kind, m, seed)
    np.testing.assert_array_equal(
        cpu.kth_distances(z, PAIRS, k=k), reference_distances(z, PAIRS, k), err_msg=f"{kind=} {m=} {k=}"
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 40), st.data())
def test_cpu_kernel_equals_the_reference_on_arbitrary_values(m, data):
    """Arbitrary values; as multiples of 2**-20 all their differences are exact in float64."""
    values = st.integers(-(2**22), 2**22).map(lambda n: n / 2**20)
    z = np.array(data.draw(st.lists(values, min_size=2 * m, max_size=2 * m), label="z"), np.float32).reshape(2, m)
    pairs = np.array([(0, 1)])
    np.testing.assert_array_equal(cpu.kth_distances(z, pairs, k=1), reference_distances(z, pairs, 1))


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_cpu_kernel_equals_the_reference_at_the_size_of_the_paper(kind):
    z = rows(kind, 1000, 0)
    np.testing.assert_array_equal(cpu.kth_distances(z, PAIRS, k=3), reference_distances(z, PAIRS, 3))


@pytest.mark.parametrize(("m", "k"), [(2, 1), (5, 4), (16, 15), (17, 10), (300, 15)])
def test_cpu_kernel_takes_every_k_below_the_number_of_samples(m, k):
    z = rows("normal", m, 3)
    np.testing.assert_array_equal(cpu.kth_distances(z, PAIRS, k=k), reference_distances(z, PAIRS, k))


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(["ksg1", "ksg2"]),
    st.sampled_from(sorted(SAMPLES)),
    st.integers(6, 400),
    st.sampled_from([1, 3, 5]),
    st.integers(0, 2**32 - 1),
)
def test_cpu_counts_equal_the_reference(estimator, kind, m, k, seed):
    z = rows(kind, m, seed)
    counts = cpu.marginal_counts(z, PAIRS, k=k, estimator=estimator)
    np.testing.assert_array_equal(counts, reference_counts(z, PAIRS, k, estimator), err_msg=f"{kind=} {m=} {k=}")


@pytest.mark.parametrize("estimator", ["ksg1", "ksg2"])
@pytest.mark.parametrize("m", [2, 7, 8, 9, 63, 64, 65, 511, 512, 513])  # edges of 8ths, 64ths and vectors
def test_cpu_counts_at_the_edges_of_the_search(estimator, m):
    z = rows("normal", m, 9)
    counts = cpu.marginal_counts(z, PAIRS, k=1, estimator=estimator)
    np.testing.assert_array_equal(counts, reference_counts(z, PAIRS, 1, estimator))


@pytest.mark.parametrize("estimator", ["ksg1", "ksg2"])
@pytest.mark.parametrize("m", [2000, 5000])  # more 64ths than one vector holds
def test_cpu_counts_of_many_samples(estimator, m):
    z = rows("exponential", m, 10)
    counts = cpu.marginal_counts(z, PAIRS[:1], k=3, estimator=estimator)
    np.testing.assert_array_equal(counts, reference_counts(z, PAIRS[:1], 3, estimator))


@pytest.mark.parametrize("estimator", ["ksg1", "ksg2"])
@pytest.mark.parametrize("m", [4, 1000])
def test_mean_digammas_are_those_of_the_counts(estimator, m):
    z = rows("normal", m, 11)
    means = mean_digammas(z, PAIRS, k=3, estimator=estimator)
    np.testing.assert_allclose(means, reference_digammas(z, PAIRS, 3, estimator), rtol=0, atol=1e-13)


def test_a_kernel_refuses_a_strided_array():
    """Vector loads read consecutive float32 numbers: with strides they would read others."""
    strided = np.zeros((8, 2), np.float32)[:, 0]

    @numba.njit
    def first(array):
        cpu_vectors.store(array, 0, cpu_vectors.load(array, 0))

    with pytest.raises(numba.TypingError, match="expected a contiguous array"):
        first(strided)


def test_the_cache_is_named_after_all_of_the_kernels_sources():
    """numba detects changes only in the file of the cached function."""
    sources = b"".join((Path(cpu.__file__).parent / name).read_bytes() for name in cpu.SOURCES)
    imported = set(re.findall(r"^from \.(\w+) import", sources.decode(), re.MULTILINE))
    assert {f"{name}.py" for name in imported} < set(cpu.SOURCES)
    assert hashlib.sha256(sources).hexdigest()[:16] in cpu._mean_logs.py_func.__qualname__


@pytest.mark.parametrize("m", [4, 5, 6, 7, 1000])  # one log is taken of four distances
def test_mean_logs_are_those_of_the_distances(m):
    z = rows("normal", m, 7)
    expected = np.log(reference_distances(z, PAIRS, 3).astype(np.float64)).mean(axis=1)
    np.testing.assert_allclose(mean_log_distances(z, PAIRS, k=3), expected, rtol=0, atol=1e-13)


def test_mean_logs_over_the_whole_range_of_float32():
    """The product of four of these distances exceeds the range of float32, but not of float64."""
    for size in (1e-44, 1e28):
        z = (np.arange(20) * size * np.ones((2, 1))).astype(np.float32)
        pairs = np.array([(0, 1)])
        expected = np.log(reference_distances(z, pairs, 1).astype(np.float64)).mean(axis=1)
        np.testing.assert_allclose(cpu.mean_log_distances(z, pairs, k=1), expected, rtol=1e-14)


def measured(estimator: str, z: np.ndarray, pairs: np.ndarray, **options) -> np.ndarray:
    if estimator == "3h":
        return mean_log_distances(z, pairs, k=3, **options)
    return mean_digammas(z, pairs, k=3, estimator=estimator, **options)


@pytest.mark.parametrize("estimator", ["3h", "ksg1", "ksg2"])
def test_a_pair_does_not_depend_on_its_order_the_threads_or_the_other_pairs(estimator):
    z = np.random.default_rng(8).standard_normal((60, 100)).astype(np.float32)
    pairs = np.stack(np.triu_indices(60, 1), axis=1)
    one = measured(estimator, z, pairs, n_jobs=1)
    np.testing.assert_array_equal(measured(estimator, z, pairs, n_jobs=3), one)
    np.testing.assert_array_equal(measured(estimator, z, pairs[:, ::-1].copy(), n_jobs=2), one)
    np.testing.assert_array_equal(measured(estimator, z, pairs[700:703]), one[700:703])


def test_importing_the_estimators_imports_no_kernel():
    """Reading stored results needs no kernel, and must start fast."""
    lines = "import sys, wndcheck.estimators; print([m for m in ('numba', 'torch', 'scipy') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]", f"importing wndcheck.estimators loaded {loaded.stdout}"


def test_without_a_writable_folder_each_process_compiles(tmp_path):
    """Package folder read-only and no home folder: numba has no place for its cache."""
    package = tmp_path / "wndcheck"
    shutil.copytree(
        Path(cpu.__file__).parents[2], package, ignore=shutil.ignore_patterns("__pycache__", "data", "tests")
    )
    lines = """
import numpy as np
from numba.core import caching
caching.CacheImpl._locator_classes = []
from wndcheck.estimators.kernels import cpu
z = np.random.default_rng(0).standard_normal((2, 50)).astype(np.float32)
print(cpu.__file__, cpu.mean_log_distances(z, np.array([(0, 1)]), k=3)[0])
"""
    run = subprocess.run([sys.executable, "-c", lines], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-500:]
    where, mean = run.stdout.split()
    assert Path(where).is_relative_to(tmp_path)
    z = np.random.default_rng(0).standard_normal((2, 50)).astype(np.float32)
    assert float(mean) == pytest.approx(
        np.log(reference_distances(z, PAIRS[:1], 3).astype(np.float64)).mean(), abs=1e-13
    )
