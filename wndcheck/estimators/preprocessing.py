"""Input of the kernels from samples: z-scores, normal scores, jitter, and sorted rows."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .kernels.rows import SortedRows, sort_rows
from .rank_null import score_grid

DDOF = 1  # "sample standard deviation"
LEAST_JITTER, LARGEST_JITTER = 1e-6, 0.1  # standard deviations; the least is ten times the resolution of float32


class Scores(NamedTuple):
    """z-scores and the logarithms of the standard deviations that they were divided by."""

    z: NDArray[np.float64]  # (n_columns, n_samples), one row per column of the samples; NaN where constant
    log_sd: NDArray[np.float64]  # (n_columns,), log of the sample standard deviation; NaN where constant


def z_scores(columns: NDArray[np.float64], resolution: float | NDArray[np.float64]) -> Scores:
    """Standardize each column of (n_samples, n_columns) by its sample mean and standard deviation, in two passes.

    A column counts as constant if its standard deviation is below the rounding error of its mean; resolution is the
    relative rounding error of the samples' original dtype.
    """
    rows = np.ascontiguousarray(columns.T)
    m = rows.shape[1]
    _, exponent = np.frexp(np.abs(rows).max(axis=1, keepdims=True))
    rows = np.ldexp(rows, -exponent)  # exact, and no square overflows
    mean = rows.mean(axis=1, keepdims=True)
    rows -= mean
    sd = np.sqrt((rows**2).sum(axis=1, keepdims=True) / (m - DDOF))
    error = np.maximum(resolution, np.finfo(np.float64).eps * np.sqrt(m))  # of a value, and of a mean of m values
    sd[sd <= np.abs(mean) * error] = np.nan
    return Scores(rows / sd, (np.log(sd) + exponent * np.log(2))[:, 0])


def add_jitter(z: NDArray[np.float64], jitter: float, random_state: int) -> NDArray[np.float64]:
    """z-scores plus seeded normal noise of standard deviation `jitter`."""
    rng = np.random.default_rng(np.random.SeedSequence(int(random_state), spawn_key=(0,)))
    return z + jitter * rng.standard_normal(z.shape)


def normal_scores(columns: NDArray[np.float64], random_state: int) -> tuple[NDArray[np.float64], SortedRows, int]:
    """Normal scores Φ⁻¹((rank − ½) / M) of each column of (n_samples, n_columns), as rows (van der Waerden).

    Returns them in double precision and as kernels take them, and the number of values that repeat another. Tied values
    are ranked in a random order, independent for each column: in the order of the samples, ties of two columns would
    look like dependence. A column is a function of its scores, and given the column they are independent of everything
    else: ties, even a point mass, leave the information of a pair as it is. The order is drawn from random_state, the
    column's ranks before ties are separated, and the number of columns before it that have the same: so the estimate of
    a pair depends neither on its order nor on its place in a layer.
    """
    rows = np.ascontiguousarray(columns.T)
    with np.errstate(over="ignore"):
        order = sort_rows(rows.astype(np.float32)).order  # several times as fast as in double precision
    ascending = np.take_along_axis(rows, order, axis=1)
    for column in np.flatnonzero((ascending[:, 1:] < ascending[:, :-1]).any(axis=1)):
        order[column] = np.argsort(rows[column])
        ascending[column] = rows[column, order[column]]
    repeats = ascending[:, 1:] == ascending[:, :-1]
    seen: Counter[int] = Counter()
    for column in np.flatnonzero(repeats.any(axis=1)):
        ranks = np.zeros(len(columns), "<u4")
        ranks[order[column, 1:]] = np.cumsum(~repeats[column])
        digest = int.from_bytes(blake2b(ranks.tobytes(), digest_size=16).digest(), "little")
        rng = np.random.default_rng(np.random.SeedSequence(int(random_state), spawn_key=(3, digest, seen[digest])))
        seen[digest] += 1
        shuffled = rng.permutation(len(columns))
        order[column] = shuffled[np.argsort(rows[column, shuffled], kind="stable")]
    grid = score_grid(len(columns))
    z = np.empty_like(rows)
    np.put_along_axis(z, order, grid[None], axis=1)
    single = grid.astype(np.float32)
    ranked = SortedRows(z.astype(np.float32), order, np.broadcast_to(single, z.shape))
    return z, ranked, int(repeats.sum())


class SortedScores(NamedTuple):
    """Rows in the order of their samples and in ascending order, (n_columns, n_samples) each."""

    z: NDArray[np.float64]
    ascending: NDArray[np.float64]
    single: SortedRows  # z as the kernels take it

    @property
    def repeats(self) -> NDArray[np.int64]:
        """Number of values in each row that repeat another, (n_columns,)."""
        return (self.ascending[:, 1:] == self.ascending[:, :-1]).sum(axis=1)

    @property
    def single_repeats(self) -> NDArray[np.int64]:
        """Number of values in each row that repeat another in single precision, (n_columns,)."""
        return (self.single.ascending[:, 1:] == self.single.ascending[:, :-1]).sum(axis=1)


def sort_scores(z: NDArray[np.float64]) -> SortedScores:
    """Sort the rows. In single precision the median is subtracted: kernels use differences only, finest near 0."""
    ascending = np.sort(z, axis=1)
    median = ascending[:, [z.shape[1] // 2]]
    return SortedScores(z, ascending, sort_rows((z - median).astype(np.float32)))
