"""What an estimator may be given: checks of the input, z-scores, and the neurons that have no density."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

DDOF = 1  # "sample standard deviation"
LARGEST_MASS = 0.01  # share of the samples at one value
LARGEST_REPEATS = 0.01  # share of values that repeat another: half precision has some 5 % in 1000 normal samples


def real_samples(x: ArrayLike, name: str, *, ndim: tuple[int, ...]) -> NDArray[np.float64]:
    """x as float64; TypeError unless it holds real numbers, ValueError on a wrong ndim, NaN or infinity."""
    array = np.asarray(x)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} has dtype {array.dtype}: expected integers or floating-point numbers")
    if array.ndim not in ndim:
        shapes = {1: "(n_samples,)", 2: "(n_samples, n_columns)"}
        expected = " or ".join(shapes[n] for n in ndim)
        raise ValueError(f"{name} has shape {array.shape}: expected {expected}")
    array = array.astype(np.float64)
    unusable = ~np.isfinite(array)
    if unusable.any():
        where = np.argwhere(unusable)[0]
        column = f"column {where[1]} of {name}" if array.ndim == 2 else name
        raise ValueError(f"{column} holds {array[tuple(where)]} at sample {where[0]}: expected finite numbers")
    return array


def check_integer(value: int, name: str, *, least: int) -> None:
    """TypeError unless value is an integer, ValueError if it is less than least."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}={value!r}: expected an integer")
    if value < least:
        raise ValueError(f"{name}={value}: expected at least {least}")


def check_k(k: int, n_samples: int) -> None:
    """A k-th neighbour other than itself must exist for every sample."""
    check_integer(k, "k", least=1)
    if k >= n_samples:
        raise ValueError(f"k={k} with {n_samples} samples: expected more samples than k")


class Scores(NamedTuple):
    z: NDArray[np.float64]  # (n_columns, n_samples), one row a column of the samples; NaN where constant
    log_sd: NDArray[np.float64]  # (n_columns,), log of the sample standard deviation; NaN where constant


def z_scores(columns: NDArray[np.float64], resolution: float) -> Scores:
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
    sd[sd <= np.abs(mean) * resolution * np.sqrt(m)] = np.nan
    return Scores(rows / sd, (np.log(sd) + exponent * np.log(2))[:, 0])


def resolution_of(x: ArrayLike) -> float:
    """Relative rounding error of x's dtype, at least that of float64."""
    dtype = np.asarray(x).dtype
    return max(float(np.finfo(dtype).eps) if dtype.kind == "f" else 0.0, float(np.finfo(np.float64).eps))


def flags(columns: NDArray[np.float64], z: NDArray[np.floating], k: int) -> dict[int, str]:
    """Columns without a density to estimate, and why: constant, a point mass, or too many ties.

    columns: (n_samples, n_columns), for the wording. z: (n_columns, n_samples), scores at the kernel's precision.
    """
    found = {int(column): "constant" for column in np.flatnonzero(np.isnan(z[:, 0]))}
    ascending = np.sort(z, axis=1)
    repeats = (ascending[:, 1:] == ascending[:, :-1]).mean(axis=1)
    massed = (ascending[:, k:] == ascending[:, :-k]).any(axis=1)  # k + 1 equal values: a k-th distance of 0
    for column in np.flatnonzero(massed | (repeats > LARGEST_REPEATS)):
        _, first, counts = np.unique(z[column], return_index=True, return_counts=True)
        mass, value = counts.max() / z.shape[1], columns[first[counts.argmax()], column]
        if massed[column] and (mass >= LARGEST_MASS or repeats[column] <= LARGEST_REPEATS):
            found[int(column)] = f"point mass: {100 * mass:.1f} % of samples at {value:.6g}"
        else:
            found[int(column)] = f"tied: {100 * repeats[column]:.1f} % of values repeat"
    return dict(sorted(found.items()))
