"""Distances in blocks of columns by the kernel, compared with a k-d tree."""

from __future__ import annotations

import numpy as np
import pytest

from wndcheck.estimators.kernels import cpu_blocks, reference

# Distances are differences of two numbers of which single precision rounds each: by 2⁻²⁵ of the largest, and once more.
ROUNDING = 2.0**-23


def assert_same(points: np.ndarray, k: int) -> None:
    found, expected = cpu_blocks.kth_distances(points, k=k), reference.kth_distances(points, k=k)
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING * np.ptp(points))


@pytest.mark.parametrize("d", [2, 3, 5, 8])
@pytest.mark.parametrize("m", [4, 16, 33, 80, 1000, 3000])
def test_distances_are_those_of_a_k_d_tree(m: int, d: int) -> None:
    rng = np.random.default_rng(m + d)
    normal = rng.standard_normal((m, d))
    for points in (normal, np.round(normal, 1), rng.integers(0, 4, (m, d)).astype(float), normal**9, np.zeros((m, d))):
        for k in (1, 3, 20):
            if k < m:
                assert_same(points, k)


def test_offsets_and_units_do_not_matter() -> None:
    x = np.random.default_rng(0).standard_normal((500, 3))
    expected = cpu_blocks.kth_distances(x, k=3)
    for factor, offset in ((1e-300, 0.0), (1e300, 0.0), (1.0, 1e6)):
        found = cpu_blocks.kth_distances(x * factor + offset, k=3) / factor
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 if offset else 4 * ROUNDING)


def test_values_that_single_precision_cannot_tell_apart_are_told_apart() -> None:
    x = np.random.default_rng(0).standard_normal((500, 2))
    x = np.sign(x) + 1e-9 * x  # clusters, of which at most one is near the median
    np.testing.assert_array_equal(cpu_blocks.kth_distances(x, k=3), reference.kth_distances(x, k=3))
