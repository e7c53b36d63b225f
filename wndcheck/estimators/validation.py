"""Validation of the estimators' arguments, and conversion of arrays, tensors and data frames to float64 samples."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ROUNDING = {"bfloat16": 2.0**-7}  # relative rounding error of dtypes that numpy lacks


class Samples(NamedTuple):
    """Real numbers in float64, with the names and the dtype they came with."""

    values: NDArray[np.float64]  # (n_samples,) or (n_samples, n_columns)
    labels: tuple[Hashable, ...]  # column names of a data frame, otherwise column indices
    dtype: str
    resolution: float | NDArray[np.float64]  # relative rounding error of the dtype, at least that of float64

    @property
    def columns(self) -> NDArray[np.float64]:
        """The values as (n_samples, n_columns), one column for a one-dimensional sample."""
        return self.values if self.values.ndim == 2 else self.values[:, None]


def real_samples(x: Any, name: str, *, ndim: tuple[int, ...]) -> Samples:
    """Convert x, an array-like, a pandas object or a torch tensor, to `Samples`.

    TypeError unless it holds real numbers, ValueError on a wrong ndim, NaN or infinity.
    """
    array, dtype = _as_array(x)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} has dtype {dtype}: expected integers or floating-point numbers")
    if array.ndim not in ndim:
        shapes = {1: "(n_samples,)", 2: "(n_samples, n_columns)"}
        expected = " or ".join(shapes[n] for n in ndim)
        raise ValueError(f"{name} has shape {array.shape}: expected {expected}")
    labels = tuple(getattr(x, "columns", range(array.shape[1]))) if array.ndim == 2 else ()
    if len(set(labels)) < len(labels):
        label = max(labels, key=labels.count)
        raise ValueError(
            f"column name {label!r} of {name} is given to {labels.count(label)} columns: expected names that differ"
        )
    values = array.astype(np.float64)
    unusable = ~np.isfinite(values)
    if unusable.any():
        where = np.argwhere(unusable)[0]
        column = f"column {labels[where[1]]} of {name}" if array.ndim == 2 else name
        raise ValueError(f"{column} holds {values[tuple(where)]} at sample {where[0]}: expected finite numbers")
    rounding = ROUNDING.get(dtype) or (float(np.finfo(array.dtype).eps) if array.dtype.kind == "f" else 0.0)
    return Samples(values, labels, dtype, max(rounding, float(np.finfo(np.float64).eps)))


def check_integer(value: int, name: str, *, least: int) -> None:
    """TypeError unless value is an integer, ValueError if it is less than least."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}={value!r}: expected an integer")
    if value < least:
        raise ValueError(f"{name}={value}: expected at least {least}")


def check_k(k: int, n_samples: int) -> None:
    """TypeError or ValueError unless every sample has a k-th neighbour other than itself."""
    check_integer(k, "k", least=1)
    if k >= n_samples:
        raise ValueError(f"k={k} with {n_samples} samples: expected more samples than k")


def check_choice(value: str | None, name: str, choices: tuple[str | None, ...]) -> None:
    """ValueError unless value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name}={value!r}: expected {' or '.join(map(repr, choices))}")


def check_number(value: float, name: str, *, least: float, most: float) -> None:
    """TypeError unless value is a real number, ValueError if it is outside [least, most]."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name}={value!r}: expected a number")
    if not least <= value <= most:
        raise ValueError(f"{name}={value}: expected a number from {least:g} to {most:g}")


def check_base(base: float | None) -> None:
    """TypeError or ValueError unless base is a number above 1, or None for nats."""
    if base is not None:
        check_number(base, "base", least=1 + 1e-9, most=np.finfo(np.float64).max)


def all_pairs(n: int) -> NDArray[np.int64]:
    """All pairs i < j of n columns, (n (n − 1) / 2, 2). ValueError for fewer than two columns."""
    if n < 2:
        raise ValueError(f"X has {n} columns: expected at least two neurons to pair")
    return np.stack(np.triu_indices(n, 1), axis=1).astype(np.int64)


def chosen_pairs(pairs: Any, n: int) -> NDArray[np.int64]:
    """pairs as int64 with i < j in each. ValueError unless they are (P, 2) distinct columns of n."""
    chosen = np.asarray(pairs)
    if chosen.dtype.kind not in "iu" or chosen.ndim != 2 or chosen.shape[1] != 2 or len(chosen) == 0:
        raise ValueError(f"pairs has shape {chosen.shape} and dtype {chosen.dtype}: expected (P, 2) column indices")
    chosen = np.sort(chosen.astype(np.int64), axis=1)
    wrong = (chosen[:, 0] < 0) | (chosen[:, 1] >= n) | (chosen[:, 0] == chosen[:, 1])
    if wrong.any():
        raise ValueError(f"pairs holds {chosen[wrong][0].tolist()}: expected two different columns out of 0 to {n - 1}")
    return chosen


def _as_array(x: Any) -> tuple[NDArray, str]:
    if hasattr(x, "detach"):  # a torch tensor
        tensor = x.detach().cpu()
        dtype = str(tensor.dtype).removeprefix("torch.")
        return (tensor.float() if dtype in ROUNDING else tensor).numpy(), dtype
    if np.ma.is_masked(x):
        raise TypeError("a masked array hides values that would be counted: give x.compressed(), or rows without masks")
    array = np.asarray(x)
    return array, str(array.dtype)
