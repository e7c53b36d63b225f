"""Rounded samples: the format that rounded them, the step of their grid, and how often values coincide by rounding."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

NEAREST = 10  # distinct values to each side of a value, over which the density is taken as constant
LEAST_PROBABILITY = 1e-4  # of as many repeats by rounding alone, below which they have another cause


def number_format(values: NDArray[np.float64]) -> tuple[str, NDArray[np.float64]]:
    """The coarsest floating-point format that holds every value exactly, and the spacing of its numbers at each.

    "half" (float16 or bfloat16), "single" or "double".
    """
    magnitude = np.abs(values)
    with np.errstate(over="ignore"):
        half, single = magnitude.astype(np.float16), magnitude.astype(np.float32)
    is_single = np.array_equal(single, magnitude)
    if is_single and not (single.view(np.uint32) & 0xFFFF).any():  # bfloat16, the upper half of a float32
        return "half", _spacing(single).astype(np.float64) * 2**16
    if np.array_equal(half, magnitude):
        return "half", _spacing(half).astype(np.float64)
    if is_single:
        return "single", _spacing(single).astype(np.float64)
    return "double", _spacing(magnitude).astype(np.float64)


def _spacing(magnitude: NDArray[np.floating]) -> NDArray[np.floating]:
    """The distance to the next number of the type; the largest one, which has none, gets the one before it."""
    return np.spacing(np.minimum(magnitude, np.nextafter(np.finfo(magnitude.dtype).max, magnitude.dtype.type(0))))


def rounding_explains(ascending: NDArray[np.float64], spacing: NDArray[np.float64]) -> bool:
    """Whether sorted values (n_samples,) repeat no more often than rounded ones, to numbers of this spacing at each.

    The number of repeats is compared with a Poisson number of a mean half as large again as expected.
    """
    from scipy.special import pdtrc

    repeats, expected = int((ascending[1:] == ascending[:-1]).sum()), _expected_repeats(ascending, spacing)
    return repeats > 0 and (math.isinf(expected) or bool(pdtrc(repeats - 1, 1.5 * expected) > LEAST_PROBABILITY))


def grid_step(ascending: NDArray[np.float64]) -> float | None:
    """Step of the grid that all values (n_samples,) lie on; None if they lie on no grid of equal steps."""
    gaps = np.diff(ascending)
    gaps = gaps[gaps > 1e-12 * np.abs(ascending).max()]  # below are rounding errors of equal numbers
    if len(gaps) == 0:
        return None
    steps = gaps / gaps.min()
    step = float(np.median(gaps[steps < 1.5]))
    return step if (np.abs(gaps / step - np.rint(gaps / step)) < 0.05).all() else None


def coincident_distance(ascending: NDArray[np.float64], spacing: NDArray[np.float64]) -> float:
    """Distance to stand for 0 between values (n_samples,) that rounding made equal, in standard deviations.

    spacing: of the format's numbers at each value, in standard deviations.

    Before they were rounded to a number of the format, two values lay anywhere within half the spacing s from it: the
    mean logarithm of their distance is log s − 3/2. z-scores, which are of order 1, also have the spacing of float64.
    """
    equal = ascending[1:] == ascending[:-1]
    logs = np.log(np.maximum(spacing[1:][equal], np.finfo(np.float64).eps))
    return float(np.exp((logs.mean() if equal.any() else np.log(np.finfo(np.float64).eps)) - 1.5))


def _expected_repeats(ascending: NDArray[np.float64], spacing: NDArray[np.float64]) -> float:
    """Expected number of repeats, where a number of the format holds a sample with probability p.

    p is the share of the format's numbers that are taken, among the nearest distinct values. With a Poisson number of
    samples at each, of mean λ = −log(1 − p), those that are taken hold λ / p − 1 repeats each. Infinite where (nearly)
    all numbers are taken: rounding then explains any number of repeats.
    """
    distinct, first = np.unique(ascending, return_index=True)
    places = np.arange(len(distinct))
    low, high = np.maximum(places - NEAREST, 0), np.minimum(places + NEAREST, len(distinct) - 1)
    with np.errstate(over="ignore"):  # of values near the largest number
        taken = spacing[first] * (high - low) / np.maximum(distinct[high] - distinct[low], spacing[first])
    if np.median(taken) > 0.95:
        return math.inf
    taken = np.clip(taken, 1e-300, 0.95)
    return float(np.sum(-np.log1p(-taken) / taken - 1))
