"""Why a column of samples has no estimate: it is constant, tied, heavy-tailed, or evenly spaced."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .preprocessing import SortedScores
from .rounding import coincident_distance, grid_step, number_format, rounding_explains

LARGEST_MASS = 0.01  # largest tolerated share of the samples at one value
LARGEST_REPEATS = 0.01  # largest tolerated share of repeated values; in half precision 5 % of 1000 normal ones repeat
NORMAL_RANGE = 1.349  # interquartile range of a normal distribution, in standard deviations
LARGEST_DEVIATION = 6  # standard errors by which gaps may be too regular: a normal variable is beyond once in 10⁹
# With fewer, even equal gaps are within 6 standard errors of random ones, and quartiles are often close together.
LEAST_SAMPLES = 25


class Ties(NamedTuple):
    """Repeated values of a column."""

    reason: str  # "" if a few values of a continuous distribution coincide by rounding, which does no harm
    jitter: float = math.inf  # least jitter, in standard deviations, that gives 3H a density; infinite where none does
    distance: float = 0.0  # in standard deviations, which stands for 0 between values that coincide by rounding


def find_ties(columns: NDArray[np.float64], rows: SortedScores, sd: NDArray[np.float64], k: int) -> dict[int, Ties]:
    """Columns that are constant, repeat more than 1 % of their values, or hold k + 1 equal ones.

    columns: (n_samples, n_columns); rows: their z-scores, NaN where constant; sd: their standard deviations.
    """
    ties = {int(column): Ties("constant") for column in np.flatnonzero(np.isnan(rows.z[:, 0]))}
    many = rows.repeats > LARGEST_REPEATS * (rows.z.shape[1] - 1)
    massed = (rows.ascending[:, k:] == rows.ascending[:, :-k]).any(axis=1)  # a k-th distance of 0
    for column in np.flatnonzero(many | massed):
        ties[int(column)] = ties_of(np.sort(columns[:, column]), float(sd[column]), k, int(rows.repeats[column]))
    return dict(sorted(ties.items()))


def find_tails(columns: NDArray[np.float64], rows: SortedScores, k: int) -> dict[int, str]:
    """Columns whose standard deviation says nothing of the bulk of their samples.

    Beside a normal neuron, a neuron of standard deviation 1 and a bulk of standard deviation s has a density of
    M / (2πs) samples in the middle, and k of them within a half-width of ε = ½ √(2πks / M). In units of the bulk this
    is ½ √(2πk / (Ms)): at ½ (s = 2πk / M) a neighbourhood is as wide as the middle of the distribution, and dependence
    there is no longer resolved: estimates are a tenth too low, and for smaller s soon meaningless. With few samples or
    many neighbours those of any neuron are wide; tails are flagged where they at least double them (s = ¼).
    """
    m = rows.z.shape[1]
    most = max(m / (2 * math.pi * k), 4 if m >= LEAST_SAMPLES else 100)
    first, last = m // 4, (3 * m) // 4
    bulk = (rows.ascending[:, last] - rows.ascending[:, first]) / NORMAL_RANGE
    flags = {}
    for column in np.flatnonzero(bulk * most < 1):
        ascending = np.sort(columns[:, column] / np.abs(columns[:, column]).max())
        bulk = (ascending[last] - ascending[first]) / NORMAL_RANGE
        with np.errstate(divide="ignore", over="ignore"):
            times = ascending.std(ddof=1) / bulk
        flags[int(column)] = (
            f"tails: standard deviation {times:.3g} times that of the middle half of the samples, "
            f"expected below {most:.3g}"
        )
    return flags


def find_even_spacing(ascending: NDArray[np.float64]) -> dict[int, str]:
    """Sorted rows (n_rows, n_samples) too evenly spaced for independent samples, such as ranks and points of a grid.

    For independent samples of any smooth density, the share of one of two neighbouring gaps in their sum is uniform on
    (0, 1): its mean distance from ½ is ¼ ± √(1/48 / (M/2)). On a grid with λ samples per point in the middle half,
    independent ones repeat at least a share 1 − (1 − exp(−λ)) / λ of these values. Without repeats, the entropy is too
    large by some .46 times the share of the points taken.
    """
    m = ascending.shape[1]
    if m < LEAST_SAMPLES:
        return {}
    gaps = np.diff(ascending, axis=1)
    even = (m - 1) // 2 * 2
    left, both = gaps[:, :even:2], gaps[:, :even:2] + gaps[:, 1:even:2]
    known = both > 0
    count = np.maximum(known.sum(axis=1), 1)
    distance = np.abs(np.divide(left, both, out=np.full_like(both, 0.5), where=known) - 0.5)
    regular = distance.sum(axis=1) / count < 0.25 - LARGEST_DEVIATION * np.sqrt(1 / 48 / count)
    with np.errstate(divide="ignore", invalid="ignore"):  # constant rows
        step = gaps.min(axis=1, initial=np.inf, where=gaps > 0)
        shared = step / ((ascending[:, (3 * m) // 4] - ascending[:, m // 4]) / (m / 2))  # samples per point of a grid
        expected = m / 2 * (1 + np.expm1(-shared) / shared)
        distinct = (gaps == 0).sum(axis=1) < expected - 4.5 * np.sqrt(expected)  # of none expected once in 10⁹
    flags = {}
    for row in np.flatnonzero(regular | distinct):
        if grid_step(ascending[row]) is not None:
            flags[int(row)] = "evenly spaced: all values lie on a grid, with fewer repeats than independent samples"
        elif regular[row]:
            flags[int(row)] = "evenly spaced: the gaps between values vary less than those of independent samples"
    return flags


def ties_of(ascending: NDArray[np.float64], sd: float, k: int, z_repeats: int = 0) -> Ties:
    """The ties of a column that repeats values, (n_samples,); z_repeats: the number of its z-scores that repeat."""
    m = len(ascending)
    values, counts = np.unique(ascending, return_counts=True)
    mass, repeats = counts.max(), m - len(values)
    share = repeats / (m - 1)
    if mass > k and mass >= LARGEST_MASS * m:
        return Ties(_point_mass(values, counts))
    precision, spacing = number_format(ascending)
    explained = rounding_explains(ascending, spacing)
    if share > LARGEST_REPEATS:
        reason, step = f"tied: {100 * share:.1f} % of values repeat", grid_step(ascending)
        counts_all = step is not None and step >= spacing.max() and (values == np.rint(values)).all()
        by_format = explained and not counts_all
        if by_format:  # half a step covers 95 %; the others' step is twice as coarse
            told = "half precision"
            if precision != "half":
                told = f"which {precision} precision cannot tell apart at this offset"
            return Ties(f"{reason}, {told}", float(np.quantile(spacing, 0.95)) / 2 / sd)
        if step is not None and rounding_explains(ascending, np.full(m, step)):
            return Ties(f"{reason}, in steps of {step:.3g}", step / 2 / sd)
        return Ties(reason)
    if mass > k and not explained:
        value = values[counts.argmax()]
        return Ties(f"repeated: {mass} of {m:,} samples at {value:.6g}, whose distance to neighbour k={k} is 0")
    if z_repeats > LARGEST_REPEATS * (m - 1):
        return Ties(f"tied: {100 * z_repeats / (m - 1):.1f} % of values differ by less than 1e-16 standard deviations")
    return Ties("", 0.0, coincident_distance(ascending, spacing / sd))


def _point_mass(values: NDArray[np.float64], counts: NDArray[np.int64]) -> str:
    mass, value = counts.max() / counts.sum(), values[counts.argmax()]
    return f"point mass: {100 * mass:.1f} % of samples at {value:.6g}"
