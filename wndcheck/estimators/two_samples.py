"""k-nearest-neighbour estimate of the mutual information of two samples, or of two blocks of variables."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .entropy import LARGEST_CHANGE, check_positive
from .estimation import K, Layer, Method, estimate, prepare_layer, unresolved
from .formulas import nats_per_unit
from .validation import RandomState, all_pairs, check_base, check_same_index, printable, real_samples


def mutual_information(
    x: ArrayLike,
    y: ArrayLike,
    *,
    k: int | None = None,
    estimator: str | None = None,
    margins: str = "sd",
    base: float | None = None,
    jitter: float | None = None,
    random_state: RandomState = 0,
) -> float:
    """Mutual information of two samples or two blocks of variables, in nats. Symmetric in x and y.

    Parameters
    ----------
    x, y : array-like, pandas objects or torch tensors, (n_samples,) or (n_samples, d)
        Integers or floating-point numbers. Blocks with d > 1 are estimated with k-d trees.
    k, estimator, margins, base, jitter, random_state
        As for `pairwise_mi`, but for blocks k is 3 by default with any margins.

    Raises
    ------
    TypeError
        If a sample does not hold real numbers.
    ValueError
        If the lengths or the indexes of pandas objects differ, with no more than k samples, for NaN, infinity or an
        unknown estimator, and where the estimate is meaningless. Any estimator: a constant sample, a point mass
        (post-ReLU activations at 0), more than 1 % repeated values, a standard deviation that says nothing of most
        samples (outliers). 3H also: rounded samples whose steps the jitter does not cover, ranks and other evenly
        spaced values, a k-th distance of 0, and columns that follow from others. The message says what to type.

    Warns
    -----
    UserWarning
        With more than five columns in all, and where 3H is more than half a nat from KSG1, such as between clusters and
        for columns that follow a curve.

    Notes
    -----
    An estimate may be slightly negative and is not clipped: the mean of clipped estimates is biased. For y = x the
    estimate is finite and grows like log M. For two one-dimensional samples, exchanging x and y gives the same result
    to the last bit, except with jitter, whose noise depends on the column.

    Estimates of blocks fall short in high dimension, where neighbourhoods are wide. Means for d_x × d_y normal columns,
    x_i and y_i correlated by ρ, M = 1000, k = 3 (more in docs/estimators.md):

    ====================  =====  =====  =====  =====  =====  ======  =====
    ρ = 0.5               1 × 1  2 × 2  1 × 4  3 × 3  4 × 4  1 × 10  8 × 8
    ====================  =====  =====  =====  =====  =====  ======  =====
    right                  0.14   0.29   0.14   0.43   0.58    0.14   1.15
    3H                     0.14   0.32   0.14   0.37   0.34    0.00  −0.28
    KSG1                   0.14   0.28   0.14   0.39   0.46    0.09   0.56
    ====================  =====  =====  =====  =====  =====  ======  =====

    With M = 10,000 4 × 4 columns give 0.53 and 0.54, 6 × 6 ones 0.46 and 0.67, for 0.58 and 0.86.

    Examples
    --------
    >>> x, noise = np.random.default_rng(0).standard_normal((2, 1000))
    >>> round(mutual_information(x, 0.5 * x + 0.75**0.5 * noise), 2)  # −½ log(1 − ¼) = 0.14
    0.14
    """
    check_same_index(
        x,
        y,
        "x and y",
        "type x, y = x.align(y, join='inner', axis=0) to pair them by index, or give x.to_numpy() and y.to_numpy()",
    )
    first, second = (real_samples(sample, name, ndim=(1, 2)) for sample, name in ((x, "x"), (y, "y")))
    m, n = len(first.values), len(second.values)
    if m != n:
        raise ValueError(f"x has {m} samples and y has {n}: expected equally many")
    named = ((first, "x"), (second, "y"))
    for samples, name in named:
        if samples.columns.shape[1] == 0:
            raise ValueError(f"{name} has shape {samples.values.shape}: expected at least one column")
    is_block = first.columns.shape[1] + second.columns.shape[1] > 2
    if k is None and is_block:
        k = K  # 20 neighbours, best for a pair of normal margins, miss a quarter with five columns
    method = Method.checked(k, estimator, margins, jitter, random_state, n_samples=m)
    check_base(base)
    columns = np.hstack([first.columns, second.columns])
    resolutions = [np.full((samples.columns.shape[1], 1), samples.resolution) for samples, _ in named]
    layer = prepare_layer(columns, np.vstack(resolutions), method)
    names = [
        f"column {printable(label)} of {name}" if is_block else name
        for samples, name in named
        for label in samples.labels or (0,)
    ]
    for column, reason in layer.flags.items():
        raise ValueError(_refusal(names[column], reason, method))
    if is_block:
        x_scores, y_scores = np.split(layer.z.T, [first.columns.shape[1]], axis=1)
        information = _of_blocks(x_scores, y_scores, method)
    else:
        information = float(estimate(layer, layer.rows, all_pairs(2), method, n_jobs=1)[0])
        if np.isnan(information):
            from .kernels.reference import kth_distances

            check_positive(kth_distances(layer.z.T, k=method.k), layer.z.T, method.k)
            raise ValueError(
                f"x and y have no {method.estimator.upper()} estimate in double precision: give a larger k"
            )
        if unresolved(layer, method):
            _compare_with_ksg(layer, information, method)
    return information / nats_per_unit(base)


def _compare_with_ksg(layer: Layer, information: float, method: Method) -> None:
    """Warn if 3H is more than half a nat from KSG1, which takes one distance for all of its terms."""
    other = float(estimate(layer, layer.rows, all_pairs(2), replace(method, estimator="ksg1"), n_jobs=1)[0])
    _compare(information, other, method, layer.z.shape[1], "such as between clusters", ", or margins='normal'")


def _compare(information: float, other: float, method: Method, m: int, where: str, advice: str) -> None:
    # Of few samples, six standard errors of the difference, which is .06 for five columns and M = 1000.
    if abs(information - other) > LARGEST_CHANGE * math.sqrt(max(1, 500 / m)):
        warnings.warn(
            f"3H is {information:.2f} nats and KSG1 {other:.2f}: the density varies within the distance to neighbour "
            f"k={method.k} of (x, y), {where}, and 3H adds entropies of different resolution; take "
            f"estimator='ksg1'{advice}",
            stacklevel=4,
        )


def _of_blocks(x: NDArray[np.float64], y: NDArray[np.float64], method: Method) -> float:
    from .multivariate import LARGEST_DIMENSION, LARGEST_TABULATED, block_information, check_full_rank  # imports scipy

    d = x.shape[1] + y.shape[1]
    if method.estimator == "3h":
        if method.margins == "normal" and d > LARGEST_TABULATED:
            raise ValueError(
                f"x and y have {d} columns in all: expected {LARGEST_TABULATED} at most for 3H with normal margins, "
                "whose bias is tabulated; take estimator='ksg1'"
            )
        check_full_rank(np.hstack([x, y]), method.k)
    if d > LARGEST_DIMENSION:
        warnings.warn(
            f"x and y have {d} columns in all: beyond {LARGEST_DIMENSION}, estimates fall short of the dependence by a "
            "tenth or more; see the table of mutual_information",
            stacklevel=3,
        )
    information = block_information(x, y, method.k, method.estimator, method.margins)
    if method.estimator == "3h" and d <= LARGEST_DIMENSION:
        other = block_information(x, y, method.k, "ksg1")
        _compare(information, other, method, len(x), "or follows a curve", "")
    return information


def _refusal(name: str, reason: str, method: Method) -> str:
    kind = reason.split(":")[0]
    if kind == "constant":
        advice = "it shares no information; leave it out"
    elif kind == "point mass":
        ksg = "take estimator='ksg1' with jitter=1e-3" if method.estimator == "3h" else "give jitter=1e-3"
        advice = f"{ksg}, or margins='normal'"
    elif "single precision" in reason:
        advice = "give the samples in double precision, or take margins='normal'"
    elif kind == "tied" and method.estimator != "3h":
        advice = "give jitter=1e-3, or take margins='normal'"
    elif kind == "tied":
        advice = "take estimator='ksg1' with jitter=1e-3, or margins='normal'"
    elif kind == "repeated":
        advice = "give a larger k, or take estimator='ksg1'"
    elif kind == "evenly spaced":
        advice = "take estimator='ksg1', or margins='normal'"
    elif kind == "scale":
        advice = "take margins='sd'"
    else:
        advice = "take margins='normal', which tails do not affect"
    return f"{name} has no {method.estimator.upper()} estimate ({reason}): {advice}"
