"""z-scores of a layer's neurons, the neurons that have no density to estimate, and jitter for those who ask for it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DDOF = 1  # "sample standard deviation"
LARGEST_MASS = 0.01  # share of the samples at one value
LARGEST_REPEATS = 0.01  # share of values that repeat another: half precision has some 5 % in 1000 normal samples
LEAST_JITTER, LARGEST_JITTER = 1e-6, 0.1  # standard deviations: ten times what float32 resolves, and a tenth of the law


class Scores(NamedTuple):
    z: NDArray[np.float64]  # (n_columns, n_samples), one row a column of the samples; NaN where constant
    log_sd: NDArray[np.float64]  # (n_columns,), log of the sample standard deviation; NaN where constant


def z_scores(columns: NDArray[np.float64], resolution: float | NDArray[np.float64]) -> Scores:
    """Standardise every column of (n_samples, n_columns) by its sample mean and standard deviation, in two passes.

    A column is constant if its standard deviation is below what rounding leaves of its mean; resolution is the
    relative rounding error of the samples' original dtype.
    """
    rows = np.ascontiguousarray(columns.T)
    m = rows.shape[1]
    _, exponent = np.frexp(np.abs(rows).max(axis=1, keepdims=True))
    rows = np.ldexp(rows, -exponent)  # exact, and no square overflows
    mean = rows.mean(axis=1, keepdims=True)
    rows -= mean
    sd = np.sqrt((rows**2).sum(axis=1, keepdims=True) / (m - DDOF))
    left = np.maximum(resolution, np.finfo(np.float64).eps * np.sqrt(m))  # of a value, and of a mean of m values
    sd[sd <= np.abs(mean) * left] = np.nan
    return Scores(rows / sd, (np.log(sd) + exponent * np.log(2))[:, 0])


def jittered(z: NDArray[np.float64], jitter: float, random_state: int) -> NDArray[np.float64]:
    """z-scores with normal noise of `jitter` standard deviations added, seeded."""
    rng = np.random.default_rng(np.random.SeedSequence(int(random_state), spawn_key=(0,)))
    return z + jitter * rng.standard_normal(z.shape)


class Ordered(NamedTuple):
    """Rows and their samples in ascending order, (n_columns, n_samples) each: one sort serves all that follows."""

    z: NDArray[np.float64]
    ascending: NDArray[np.float64]
    single: NDArray[np.float32]  # z as the kernels see it
    single_ascending: NDArray[np.float32]

    @property
    def repeats(self) -> NDArray[np.int64]:
        """Number of values in every row that repeat another, as the kernels see them, (n_columns,)."""
        return (self.single_ascending[:, 1:] == self.single_ascending[:, :-1]).sum(axis=1)


def ordered(z: NDArray[np.float64]) -> Ordered:
    """Rows about their medians in single precision: the kernels see differences only, and near 0 it is the finest."""
    ascending = np.sort(z, axis=1)
    median = ascending[:, [z.shape[1] // 2]]
    return Ordered(z, ascending, (z - median).astype(np.float32), (ascending - median).astype(np.float32))


def flags(columns: NDArray[np.float64], rows: Ordered, k: int) -> dict[int, str]:
    """Columns without a density to estimate, and why: constant, a point mass, or too many ties.

    columns: (n_samples, n_columns), for the wording; rows: their scores. A few coincidences of rounding are no mass.
    """
    z, ascending = rows.z, rows.ascending
    found = {int(column): "constant" for column in np.flatnonzero(np.isnan(z[:, 0]))}
    repeats = rows.repeats / (z.shape[1] - 1)
    massed = (ascending[:, k:] == ascending[:, :-k]).any(axis=1)  # k + 1 equal values: a k-th distance of 0
    for column in np.flatnonzero(massed | (repeats > LARGEST_REPEATS)):
        _, first, counts = np.unique(z[column], return_index=True, return_counts=True)
        mass, value = counts.max() / z.shape[1], columns[first[counts.argmax()], column]
        if massed[column] and (mass >= LARGEST_MASS or repeats[column] <= LARGEST_REPEATS):
            found[int(column)] = f"point mass: {100 * mass:.1f} % of samples at {value:.6g}"
        else:
            half = ", half precision" if _fits_half_precision(columns[:, column]) else ""
            found[int(column)] = f"tied: {100 * repeats[column]:.1f} % of values repeat{half}"
    return dict(sorted(found.items()))


def _fits_half_precision(column: NDArray[np.float64]) -> bool:
    """Whether every value is a float16, or every value a bfloat16."""
    with np.errstate(over="ignore"):
        if np.array_equal(column.astype(np.float16), column):
            return True
        single = column.astype(np.float32)
    return bool(np.array_equal(single, column) and not (single.view(np.uint32) & 0xFFFF).any())
