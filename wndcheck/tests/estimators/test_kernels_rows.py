"""Rows that are sorted once, permuted without sorting, or made from ranks; and pairs in double precision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import digamma, ndtri
from scipy.stats import chisquare

from wndcheck.benchmarks.samples import rows_of_ranks
from wndcheck.estimators.kernels import cpu, double, reference, torch_fallback
from wndcheck.estimators.kernels.rows import SortedRows, random_order, sort_rows

from .samples import KSG, PAIRS, SAMPLES, assert_equals_the_reference, on_device, reference_counts, rows

pytestmark = pytest.mark.usefixtures("one_thread")
FINITE = st.floats(-(2.0**93), 2.0**93, width=32)


def assert_sorted(found: SortedRows, values: np.ndarray) -> None:
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_array_equal(np.sort(found.order, axis=1), np.tile(np.arange(values.shape[1]), (len(values), 1)))
    np.testing.assert_array_equal(np.take_along_axis(values, found.order, axis=1), found.ascending)
    np.testing.assert_array_equal(found.ascending, np.sort(values, axis=1))
    assert [part.dtype.name for part in found] == ["float32", "uint32", "float32"]


@given(arrays(np.float32, (3, 40), elements=FINITE))
def test_rows_are_sorted(values):
    found = sort_rows(values)
    assert_sorted(found, values)
    for row, order in zip(values, found.order, strict=True):
        tied = np.diff(row[order]) == 0
        assert (np.diff(order.astype(int))[tied] > 0).all() or (row == 0).any()  # −0 comes before 0


@given(arrays(np.float32, (3, 40), elements=FINITE), st.integers(0, 2**32))
def test_permuted_rows_keep_their_values_and_are_sorted(values, seed):
    order = random_order(values.shape, np.random.default_rng(seed))
    found = sort_rows(values).rearranged(order)
    assert_sorted(found, found.values)
    np.testing.assert_array_equal(np.sort(found.values, axis=1), np.sort(values, axis=1))
    np.testing.assert_array_equal(found.order, order)


def test_permutations_are_uniform_and_independent():
    """24 permutations of four samples, 24,000 rows: χ² of all, and of the first of two neighbouring rows."""
    order = random_order((24_000, 4), np.random.default_rng(0))
    assert chisquare(np.unique(order, axis=0, return_counts=True)[1]).pvalue > 1e-4
    both = 4 * order[::2, 0] + order[1::2, 0]
    assert chisquare(np.bincount(both, minlength=16)).pvalue > 1e-4


@pytest.mark.parametrize("k", [3, 20])
def test_rows_of_ranks_give_what_their_values_give(k):
    m = 200
    grid = ndtri((np.arange(m) + 0.5) / m).astype(np.float32)
    ranks = np.argsort(rows("normal", m, 1), axis=1).argsort(axis=1)
    of_ranks = rows_of_ranks(ranks, grid)
    assert_sorted(of_ranks, grid[ranks])
    assert of_ranks.ascending.strides[0] == 0
    for kernel, options in ((cpu, {}), (torch_fallback.KERNEL, {"device": "cpu"})):
        found = kernel.marginal_counts(of_ranks, PAIRS, k=k, estimator="ksg1", **options)
        np.testing.assert_array_equal(found, reference_counts(grid[ranks], PAIRS, k, "ksg1"))
    shuffled = of_ranks.rearranged(random_order(ranks.shape, np.random.default_rng(2)))
    for estimator in KSG:
        found = cpu.marginal_counts(shuffled, PAIRS, k=k, estimator=estimator)
        np.testing.assert_array_equal(found, reference_counts(shuffled.values, PAIRS, k, estimator))


# Double precision


def in_double(z: np.ndarray, pairs: np.ndarray, k: int) -> tuple[np.ndarray, ...]:
    """Means by sorting all differences in float64: of log distances, and of digammas for KSG1 and KSG2."""
    distances = np.array([reference.kth_distances(z[pair].T, k=k) for pair in pairs])
    digammas = []
    for estimator, added in (("ksg1", 1), ("ksg2", 0)):
        counts = [reference.marginal_counts(*z[pair], k=k, estimator=estimator) for pair in pairs]
        digammas.append(digamma(np.array(counts) + added).sum(axis=1).mean(axis=1))
    with np.errstate(divide="ignore"):
        return np.log(distances).mean(axis=1), *digammas


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(sorted(SAMPLES)), st.integers(6, 150), st.sampled_from([1, 3, 5]), st.integers(0, 2**32 - 1))
def test_double_precision_of_any_samples(kind, m, k, seed):
    """Also where float32 would see a single value, and where distances are 0."""
    z = 1e9 + SAMPLES[kind](np.random.default_rng(seed), (4, m)).clip(-1e6, 1e6)
    logs, *digammas = in_double(z, PAIRS, k)
    np.testing.assert_allclose(double.mean_log_distances(z, PAIRS, k=k), logs, rtol=1e-14)
    for estimator, expected in zip(KSG, digammas, strict=True):
        found = double.mean_digammas(z, PAIRS, k=k, estimator=estimator)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["normal", "tied"])
def test_double_precision_agrees_with_the_kernel_where_float32_is_exact(kind):
    """Multiples of 2**-12 below 8 in magnitude have exact differences in float32."""
    z = np.round(rows(kind, 300, 3) * 2**12) / 2**12
    layer = sort_rows(z.astype(np.float32))
    for estimator in KSG:
        expected = cpu.mean_digammas(layer, PAIRS, k=3, estimator=estimator)
        np.testing.assert_allclose(
            double.mean_digammas(z.astype(np.float64), PAIRS, k=3, estimator=estimator), expected, rtol=0, atol=1e-12
        )
    expected = cpu.mean_log_distances(layer, PAIRS, k=3)
    np.testing.assert_allclose(double.mean_log_distances(z.astype(np.float64), PAIRS, k=3), expected, rtol=1e-6)


def test_lattices_and_strided_rows():
    """Evenly spaced values tie in every distance; the kernels take rows in any memory layout."""
    wide = np.stack([np.random.default_rng(seed).permutation(200) for seed in range(8)]).astype(np.float32)
    layer = sort_rows(wide)
    strided = SortedRows(*(part[::2] for part in layer))
    found = cpu.kth_distances(strided, PAIRS, k=3)
    np.testing.assert_array_equal(found, cpu.kth_distances(sort_rows(wide[::2]), PAIRS, k=3))
    assert_equals_the_reference(on_device(torch_fallback.KERNEL, "cpu"), wide[:4], PAIRS, 20)
