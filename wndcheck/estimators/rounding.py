"""Rounded samples: the format that rounded them, the step of their grid, and how often rounding makes two values equal."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NEAREST = 10  # distinct values to each side of a value, over which the density is taken as constant
LEAST_PROBABILITY = 1e-4  # of as many repeats by rounding alone, below which they have another cause


class Rounding(NamedTuple):
    """How values are rounded, if they are samples of a continuous distribution."""

    precision: str  # "half", "single" or "double": the coarsest format that holds every value exactly
    spacing: NDArray[np.float64]  # (n_samples,), of the format's numbers at each value
    repeats: float  # expected number of values that repeat another


def rounding_of(ascending: NDArray[np.float64]) -> Rounding:
    """The rounding of sorted values (n_samples,) by their floating-point format."""
    magnitude = np.abs(ascending)
    with np.errstate(over="ignore"):
        half, single = magnitude.astype(np.float16), magnitude.astype(np.float32)
    if np.array_equal(half, magnitude):
        precision, spacing = "half", np.spacing(half).astype(np.float64)
    elif not np.array_equal(single, magnitude):
        precision, spacing = "double", np.spacing(magnitude)
    elif (single.view(np.uint32) & 0xFFFF).any():
        precision, spacing = "single", np.spacing(single).astype(np.float64)
    else:  # bfloat16, the upper half of a float32
        precision, spacing = "half", np.spacing(single).astype(np.float64) * 2**16
    return Rounding(precision, spacing, _expected_repeats(ascending, spacing))


def rounding_explains(repeats: int, expected: float) -> bool:
    """Whether so many repeats are likely: at half as many again as expected, a Poisson number often reaches them."""
    from scipy.special import pdtrc

    return math.isinf(expected) or bool(pdtrc(repeats - 1, 1.5 * expected) > LEAST_PROBABILITY)


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
    taken = spacing[first] * (high - low) / np.maximum(distinct[high] - distinct[low], spacing[first])
    if np.median(taken) > 0.95:
        return math.inf
    taken = np.clip(taken, 1e-300, 0.95)
    return float(np.sum(-np.log1p(-taken) / taken - 1))
