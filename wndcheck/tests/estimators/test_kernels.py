"""The kernels on a CPU, numba and plain torch, equal the reference to the last bit for any samples."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wndcheck.estimators.kernels import cpu, cpu_simd, reference, torch_fallback
from wndcheck.estimators.kernels.rows import sort_rows
from wndcheck.tests.estimators.samples import (
    KSG,
    PAIRS,
    SAMPLES,
    assert_equals_the_reference,
    means,
    of_values,
    on_device,
    reference_counts,
    reference_digammas,
    reference_distances,
    reference_log_means,
    reference_means,
    rows,
)

pytestmark = pytest.mark.usefixtures("one_thread")
KERNELS: dict[str, Any] = {"cpu": of_values(cpu), "torch": on_device(torch_fallback.KERNEL, "cpu")}
each_kernel = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)


@pytest.mark.parametrize(("d", "k"), [(1, 1), (2, 3), (3, 5)])
def test_reference_agrees_with_sorting_all_distances(d, k):
    points = np.random.default_rng(d).standard_normal((60, d))
    expected = np.sort(np.abs(points[:, None] - points).max(axis=2), axis=1)[:, k]
    np.testing.assert_array_equal(reference.kth_distances(points, k=k), expected)


@each_kernel
@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(SAMPLES)), st.integers(6, 400), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_any_samples(kernel, kind, m, k, seed):
    assert_equals_the_reference(kernel, rows(kind, m, seed), PAIRS, min(k, m - 1))


@each_kernel
@settings(deadline=None, max_examples=40)
@given(st.integers(2, 40), st.data())
def test_arbitrary_values(kernel, m, data):
    """As multiples of 2**-20 all their differences are exact in float64."""
    values = st.integers(-(2**22), 2**22).map(lambda n: n / 2**20)
    z = np.array(data.draw(st.lists(values, min_size=2 * m, max_size=2 * m), label="z"), np.float32).reshape(2, m)
    assert_equals_the_reference(kernel, z, PAIRS[:1], 1)


@each_kernel
@pytest.mark.parametrize(
    ("kind", "m", "k"),
    [
        *((kind, 1000, k) for kind in sorted(SAMPLES) for k in (3, 20)),  # the paper's, and the rank estimator's
        *(("normal", m, k) for m, k in [(2, 1), (5, 4), (16, 15), (17, 10), (300, 15), (60, 2), (51, 50)]),
    ],
)
def test_distances_for_every_k_below_the_number_of_samples(kernel, kind, m, k):
    z = rows(kind, m, 3)
    np.testing.assert_array_equal(kernel.kth_distances(z, PAIRS, k=k), reference_distances(z, PAIRS, k))


@each_kernel
@pytest.mark.parametrize("estimator", KSG)
@pytest.mark.parametrize("m", [2, 7, 8, 9, 63, 64, 65, 511, 512, 513, 2000])  # edges of 8ths, 64ths and vectors
def test_counts_at_the_edges_of_the_search(kernel, estimator, m):
    z = rows("exponential", m, 9)
    counts = kernel.marginal_counts(z, PAIRS[:2], k=1, estimator=estimator)
    np.testing.assert_array_equal(counts, reference_counts(z, PAIRS[:2], 1, estimator))


@each_kernel
@pytest.mark.parametrize("kind", ["normal", "tied", "constant"])
@pytest.mark.parametrize("m", [4, 5, 6, 7, 200, 1100])  # the CPU kernel takes one log for up to 1024 distances
def test_means_are_those_of_distances_and_counts(kernel, m, kind):
    z = rows(kind, m, 7)
    np.testing.assert_allclose(means(kernel, z, PAIRS), reference_means(z, PAIRS), rtol=0, atol=1e-13 + 1e-15 * m)


@each_kernel
@pytest.mark.parametrize("size", [1e-44, 1e28])
def test_means_over_the_whole_range_of_float32(kernel, size):
    """Denormal numbers, and numbers whose products exceed the range of float64."""
    z = (np.arange(20) * size * np.ones((2, 1))).astype(np.float32)
    found = kernel.mean_log_distances(z, PAIRS[:1], k=1)
    np.testing.assert_allclose(found, reference_log_means(z, PAIRS[:1], 1), rtol=1e-14)


@each_kernel
def test_a_pair_does_not_depend_on_its_order_or_the_other_pairs(kernel):
    z = rows("exponential", 100, 8)
    together = means(kernel, z, PAIRS)
    np.testing.assert_array_equal(means(kernel, z, PAIRS[:, ::-1].copy()), together)
    alone = [means(kernel, z, PAIRS[[p]]) for p in range(len(PAIRS))]
    np.testing.assert_array_equal(np.concatenate(alone, axis=1), together)


@pytest.mark.parametrize("k", [*range(4, 51, 3), 50])
def test_any_k_up_to_50(k):
    z = np.concatenate([rows("normal", 130, k), rows("tied", 130, k)])
    assert_equals_the_reference(KERNELS["cpu"], z, np.array([(0, 1), (2, 7), (4, 5)]), k)


@pytest.mark.parametrize("estimator", ["3h", *KSG])
def test_more_than_50_neighbours_on_a_cpu(estimator):
    z = rows("normal", 100, 60)
    if estimator == "3h":
        found, expected = KERNELS["cpu"].mean_log_distances(z, PAIRS, k=70), reference_log_means(z, PAIRS, 70)
    else:
        found = KERNELS["cpu"].mean_digammas(z, PAIRS, k=70, estimator=estimator)
        expected = reference_digammas(z.astype(np.float64), PAIRS, 70, estimator)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 if estimator == "3h" else 1e-12)


@pytest.mark.parametrize("n_jobs", [2, 5])
def test_threads_change_nothing(n_jobs):
    z = sort_rows(rows("normal", 100, 61))
    pairs = np.repeat(PAIRS, 20, axis=0)
    expected = cpu.mean_log_distances(z, pairs, k=3, n_jobs=1)
    for _ in range(2):  # with new threads, and with threads that were kept
        np.testing.assert_array_equal(cpu.mean_log_distances(z, pairs, k=3, n_jobs=n_jobs), expected)


OTHER_WIDTH = """
import sys
import numpy as np
from wndcheck.estimators.kernels import cpu, cpu_simd
from wndcheck.tests.estimators.samples import PAIRS, SAMPLES, assert_equals_the_reference, of_values, rows
assert cpu_simd.LANES == int(sys.argv[1])
for kind in SAMPLES:
    for m, k in [(9, 3), (300, 3), (18, 17), (300, 20)]:
        assert_equals_the_reference(of_values(cpu), rows(kind, m, 62), PAIRS, k)
means = [of_values(cpu).mean_log_distances(rows("normal", m, 63), PAIRS, k=3) for m in (9, 300, 2500)]
np.save(sys.argv[2], means)
"""


def test_vectors_of_another_width_give_the_same(tmp_path):
    """Hosts with AVX-512 take 16 lanes, all others 8."""
    other, result = 24 - cpu_simd.LANES, tmp_path / "means.npy"
    environment = {**os.environ, "WNDCHECK_LANES": str(other)}
    run = subprocess.run(
        [sys.executable, "-c", OTHER_WIDTH, str(other), result], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-2000:]
    expected = [KERNELS["cpu"].mean_log_distances(rows("normal", m, 63), PAIRS, k=3) for m in (9, 300, 2500)]
    np.testing.assert_allclose(np.load(result), expected, rtol=0, atol=1e-14)


# --- numba -----------------------------------------------------------------------------------------------------------


def test_a_kernel_refuses_a_strided_array():
    """Vector loads read consecutive float32 numbers: with strides they would read others."""
    strided = np.zeros((8, 2), np.float32)[:, 0]

    @numba.njit
    def first(array):
        cpu_simd.store(array, 0, cpu_simd.load(array, 0))

    with pytest.raises(numba.TypingError, match="expected a contiguous array"):
        first(strided)


def test_the_cache_is_named_after_all_of_the_kernels_sources():
    """numba detects changes only in the file of the cached function."""
    sources = b"".join((Path(cpu.__file__).parent / name).read_bytes() for name in cpu.SOURCES)
    imported = set(re.findall(r"^from \.(\w+) import", sources.decode(), re.MULTILINE))
    assert {f"{name}.py" for name in imported} < set(cpu.SOURCES)
    assert hashlib.sha256(sources).hexdigest()[:16] in cpu._mean_logs.py_func.__qualname__


def test_importing_the_estimators_imports_no_kernel():
    """Reading stored results needs no kernel, and must start fast."""
    lines = "import sys, wndcheck.estimators; print([m for m in ('numba', 'torch', 'scipy') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]", f"importing wndcheck.estimators loaded {loaded.stdout}"


def test_without_a_writable_folder_each_process_compiles(tmp_path):
    """Package folder read-only and no home folder: numba has no place for its cache."""
    package = tmp_path / "wndcheck"
    ignored = shutil.ignore_patterns("__pycache__", "data", "tests")
    shutil.copytree(Path(cpu.__file__).parents[2], package, ignore=ignored)
    np.save(tmp_path / "z.npy", z := rows("normal", 50, 0))
    lines = """
import numpy as np
from numba.core import caching
caching.CacheImpl._locator_classes = []
from wndcheck.estimators.kernels import cpu
from wndcheck.estimators.kernels.rows import sort_rows
print(cpu.__file__, cpu.mean_log_distances(sort_rows(np.load("z.npy")), np.array([(0, 1)]), k=3)[0])
"""
    run = subprocess.run([sys.executable, "-c", lines], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-500:]
    where, mean = run.stdout.split()
    assert Path(where).is_relative_to(tmp_path)
    assert float(mean) == pytest.approx(reference_log_means(z, PAIRS[:1], 3)[0], abs=1e-13)
