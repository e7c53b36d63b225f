"""Validation of the estimators' arguments, and conversion of arrays, tensors and data frames to float64 samples."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wndcheck.devices import usable_cores

RandomState = int | np.random.Generator | np.random.RandomState | None

ROUNDING = {"bfloat16": 2.0**-7}  # relative rounding error of dtypes that numpy lacks
# Kind of a dtype that is not real -> what to do.
ADVICE = {
    "b": "astype(float) makes it 0 and 1, two point masses, whose mutual information takes margins='normal'",
    "c": "give the real and the imaginary part as two columns",
    "M": "give a number, such as the days since the first date",
    "m": "give a number, such as the days",
}
OTHER_ADVICE = "leave it out, or give astype(float) where all its values are numbers"


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
    array, dtype = _as_array(x, name)
    _check_kind(array.dtype, name)
    if array.ndim not in ndim:
        shapes = {1: "(n_samples,)", 2: "(n_samples, n_columns)"}
        expected = " or ".join(shapes[n] for n in ndim)
        raise ValueError(f"{name} has shape {array.shape}: expected {expected}")
    names = getattr(x, "column_names", getattr(x, "columns", range(array.shape[-1] if array.ndim else 0)))
    labels = tuple(names) if array.ndim == 2 else ()
    if len(set(labels)) < len(labels):
        label = max(labels, key=labels.count)
        raise ValueError(
            f"column name {label!r} of {name} is given to {labels.count(label)} columns: expected names that differ"
        )
    values = array.astype(np.float64)
    unusable = ~np.isfinite(values)
    if unusable.any():
        where = np.argwhere(unusable)[0]
        column = f"column {printable(labels[where[1]])} of {name}" if array.ndim == 2 else name
        value = values[tuple(where)]
        raise ValueError(f"{column} holds {value} at sample {where[0]}: expected finite numbers, none missing")
    rounding = ROUNDING.get(dtype) or (float(np.finfo(dtype).eps) if np.dtype(dtype).kind == "f" else 0.0)
    return Samples(values, labels, dtype, max(rounding, float(np.finfo(np.float64).eps)))


def printable(label: Hashable) -> str:
    """A name as text without control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in str(label))


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


def check_estimator(estimator: str | None, choices: tuple[str | None, ...]) -> None:
    """ValueError unless estimator is one of the choices, with advice where "ksg" leaves open which of the two."""
    try:
        check_choice(estimator, "estimator", choices)
    except ValueError as error:
        if str(estimator).lower() != "ksg":
            raise
        raise ValueError(
            f"{error}; of the two of Kraskov et al. (2004), 'ksg1' (eq. 8) varies less from sample to sample: take it"
        ) from None


def drawn_seed(random_state: RandomState) -> int:
    """The integer itself, or one drawn from a numpy Generator or RandomState; None draws one that differs each time.

    TypeError or ValueError for anything else than these or an integer of at least 0.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**32))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**32, dtype=np.uint64))
    check_integer(random_state, "random_state", least=0)
    return int(random_state)


def thread_count(n_jobs: int | None) -> int | None:
    """Number of threads: of −1 and below the cores except −1 − n_jobs of them, as in scikit-learn; None stays None."""
    if n_jobs is None:
        return None
    check_integer(n_jobs, "n_jobs", least=-(2**31))
    if n_jobs == 0:
        raise ValueError("n_jobs=0: expected at least 1, or -1 for all cores")
    return int(n_jobs) if n_jobs > 0 else max(1, usable_cores() + 1 + int(n_jobs))


def all_pairs(n: int) -> NDArray[np.int64]:
    """All pairs i < j of n columns, (n (n − 1) / 2, 2). ValueError for fewer than two columns."""
    if n < 2:
        raise ValueError(f"X has {n} columns: expected at least two neurons to pair")
    return np.stack(np.triu_indices(n, 1), axis=1).astype(np.int64)


def chosen_pairs(pairs: Any, labels: tuple[Hashable, ...]) -> NDArray[np.int64]:
    """pairs, of column indices or of names among the labels, as indices with i < j in each, int64.

    ValueError unless they are (P, 2) different columns. Integers are indices, except among names, or where all are
    names; ValueError where they may be both.
    """
    pairs = list(pairs) if isinstance(pairs, Iterator) else pairs
    try:
        chosen = np.asarray(pairs)
    except ValueError:  # names of different lengths, such as tuples beside strings
        chosen = np.asarray(None)
    if chosen.dtype.kind in "OUT":
        pairs = _named_pairs(pairs, labels)
        chosen = np.asarray(pairs)
    if chosen.dtype.kind not in "iu" or chosen.ndim != 2 or chosen.shape[1] != 2 or len(chosen) == 0:
        raise ValueError(
            f"pairs has shape {chosen.shape} and dtype {chosen.dtype}: expected (P, 2) column indices, or column names"
        )
    chosen = given = np.sort(chosen.astype(np.int64), axis=1)
    if labels != tuple(range(len(labels))) and set(labels).issuperset(chosen.ravel().tolist()):
        named = np.sort(_named_pairs(chosen.tolist(), labels), axis=1)
        if chosen.min() >= 0 and chosen.max() < len(labels) and (named != chosen).any():
            raise ValueError(
                f"pairs holds {chosen[(named != chosen).any(axis=1)][0].tolist()}, which are names and indices of "
                "different columns of X: give X.to_numpy() for indices, or X.rename(columns=str) and names as text"
            )
        chosen = named
    wrong = (chosen[:, 0] < 0) | (chosen[:, 1] >= len(labels)) | (chosen[:, 0] == chosen[:, 1])
    if wrong.any():
        kinds = f"columns out of 0 to {len(labels) - 1}" if given is chosen else "columns"
        raise ValueError(f"pairs holds {given[wrong][0].tolist()}: expected two different {kinds}")
    return chosen


def group_members(groups: Any, n_samples: int) -> list[NDArray[np.int32]]:
    """Indices of the samples of each group, from a label for each sample; a single group of all for None.

    Raises as `sample_labels`, and ValueError if no two samples share a label.
    """
    if groups is None:
        return [np.arange(n_samples, dtype=np.int32)]
    members: dict[Hashable, list[int]] = {}
    for sample, label in enumerate(sample_labels(groups, n_samples)):
        members.setdefault(label, []).append(sample)
    if len(members) == n_samples:
        raise ValueError("groups gives every sample a group of its own: expected labels that samples share")
    return [np.array(samples, np.int32) for samples in members.values()]


def check_index_of_groups(x: Any, groups: Any, name: str) -> None:
    """ValueError if x, which is named so, and groups are pandas objects with different indexes."""
    advice = f"give groups.reindex({name}.index) to pair them by index, or groups.to_numpy()"
    check_same_index(x, groups, f"{name} and groups", advice)


def sample_labels(groups: Any, n_samples: int) -> list[Hashable]:
    """A label for each sample. ValueError for a wrong number of labels or missing ones, TypeError for what is none."""
    labels = groups.tolist() if hasattr(groups, "tolist") else groups
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        raise TypeError(f"groups={groups!r}: expected a label for each sample, ({n_samples},)")
    labels = [each.item() if hasattr(each, "detach") and each.ndim == 0 else each for each in labels]
    if len(labels) != n_samples:
        raise ValueError(f"groups holds {len(labels)} labels for {n_samples} samples: expected one for each")
    for sample, label in enumerate(labels):
        if not isinstance(label, Hashable) or getattr(label, "ndim", 0):
            raise TypeError(f"groups holds {label!r} at sample {sample}: expected a label, such as a name or a number")
        if _is_missing(label):
            raise ValueError(f"groups holds {label} at sample {sample}: expected a label for every sample")
    return labels


def check_same_index(x: Any, y: Any, names: str, advice: str) -> None:
    """ValueError if both are pandas objects with different indexes: samples would be paired by their places."""
    indexes = [getattr(sample, "index", None) for sample in (x, y)]
    if all(hasattr(index, "equals") for index in indexes) and not indexes[0].equals(indexes[1]):  # pyright: ignore
        raise ValueError(
            f"{names} have different indexes: expected the same, since samples are paired by place; {advice}"
        )


def _check_kind(dtype: Any, name: str) -> None:
    """TypeError unless a dtype of numpy or pandas is real."""
    if dtype.kind not in "iuf":
        advice = ADVICE.get(dtype.kind, OTHER_ADVICE)
        raise TypeError(f"{name} has dtype {dtype}: expected integers or floating-point numbers; {advice}")


def _named_pairs(pairs: Any, labels: tuple[Hashable, ...]) -> list[list[int]]:
    """Column indices of pairs of names. ValueError for a name that no column has."""
    positions = {label: position for position, label in enumerate(labels)}
    found = []
    for pair in pairs:
        if isinstance(pair, str) or len(pair) != 2:
            raise ValueError(f"pairs holds {pair!r}: expected two columns in each pair")
        for name in pair:
            if not isinstance(name, Hashable) or name not in positions:
                raise ValueError(f"pairs holds {name!r}, no column name of X: expected names throughout, or indices")
        found.append([positions[name] for name in pair])
    return found


def _is_missing(label: Any) -> bool:
    """Whether a label is None, or NaN or NaT, which differ from themselves, or pandas' NA, which compares as NA."""
    equal = label == label
    return label is None or not isinstance(equal, bool | np.bool_) or not equal


def _as_array(x: Any, name: str) -> tuple[NDArray, str]:
    """x as an array, and the name of its dtype. Missing values of pandas become NaN."""
    if hasattr(x, "detach"):  # a torch tensor
        tensor = x.detach().cpu()
        dtype = str(tensor.dtype).removeprefix("torch.")
        return (tensor.float() if dtype in ROUNDING else tensor).numpy(), dtype
    if np.ma.is_masked(x):
        raise TypeError("a masked array hides values that would be counted: give x.compressed(), or rows without masks")
    if hasattr(x, "toarray"):
        raise TypeError(
            f"{name} is sparse ({type(x).__name__}): its zeros are samples like all others, and every distance is "
            f"needed; give {name}.toarray()"
        )
    if hasattr(x, "iloc"):
        return _pandas_values(x, name)
    try:
        array = np.asarray(x)
    except ValueError:
        raise ValueError(f"{name} holds rows of different lengths: expected as many columns in every row") from None
    return array, str(array.dtype)


def _pandas_values(x: Any, name: str) -> tuple[NDArray, str]:
    """Values of a DataFrame or Series, and the dtype that its columns have in common."""
    if hasattr(x, "columns"):
        dtypes = list(x.dtypes)
        for label, dtype in zip(x.columns, dtypes, strict=True):
            _check_kind(dtype, f"column {printable(label)} of {name}")
    else:
        dtypes = [x.dtype]
        _check_kind(x.dtype, name)
    if all(isinstance(dtype, np.dtype) for dtype in dtypes):
        array = np.asarray(x)
        return array, str(array.dtype)
    common = np.result_type(
        *(getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", dtype)) for dtype in dtypes)  # nullable, or sparse
    )
    return x.to_numpy(dtype=np.float64, na_value=np.nan), str(common)
