"""k-nearest-neighbour estimate of the mutual information of two samples, or of two blocks of variables."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .estimation import Method, estimate, prepare_layer
from .formulas import nats_per_unit
from .validation import RandomState, all_pairs, check_base, real_samples


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
        As for `pairwise_mi`.

    Raises
    ------
    TypeError
        If a sample does not hold real numbers.
    ValueError
        If the lengths differ or are not greater than k, for NaN, infinity or an unknown estimator, and where the
        estimate is meaningless: a constant sample, a point mass (post-ReLU activations at 0), more than 1 % tied
        values.

    Notes
    -----
    An estimate may be slightly negative and is not clipped: the mean of clipped estimates is biased. For y = x the
    estimate is finite and grows like log M. For two one-dimensional samples, exchanging x and y gives the same result
    to the last bit, except with jitter, whose noise depends on the column. Ranks and other evenly spaced values have
    no density: 3H fails on them, KSG does not.

    Examples
    --------
    >>> x, noise = np.random.default_rng(0).standard_normal((2, 1000))
    >>> round(mutual_information(x, 0.5 * x + 0.75**0.5 * noise), 2)  # −½ log(1 − ¼) = 0.14
    0.14
    """
    first, second = (real_samples(sample, name, ndim=(1, 2)) for sample, name in ((x, "x"), (y, "y")))
    m, n = len(first.values), len(second.values)
    if m != n:
        raise ValueError(f"x has {m} samples and y has {n}: expected equally many")
    named = ((first, "x"), (second, "y"))
    for samples, name in named:
        if samples.columns.shape[1] == 0:
            raise ValueError(f"{name} has shape {samples.values.shape}: expected at least one column")
    method = Method.checked(k, estimator, margins, jitter, random_state, n_samples=m)
    check_base(base)
    columns = np.hstack([first.columns, second.columns])
    resolutions = [np.full((samples.columns.shape[1], 1), samples.resolution) for samples, _ in named]
    layer = prepare_layer(columns, np.vstack(resolutions), method)
    is_block = columns.shape[1] > 2
    names = [
        f"column {label} of {name}" if is_block else name for samples, name in named for label in samples.labels or (0,)
    ]
    for column, reason in layer.flags.items():
        raise ValueError(_refusal(names[column], reason, method.estimator))
    if is_block:
        from .multivariate import block_information  # imports scipy

        x_scores, y_scores = np.split(layer.z.T, [first.columns.shape[1]], axis=1)
        information = block_information(x_scores, y_scores, method.k, method.estimator)
    else:
        information = float(estimate(layer, layer.rows, all_pairs(2), method, n_jobs=1)[0])
        if np.isnan(information):
            raise ValueError(
                f"in single precision the distance to neighbour k={method.k} of (x, y) is 0: give a larger k"
            )
    return information / nats_per_unit(base)


def _refusal(name: str, reason: str, estimator: str) -> str:
    if reason == "constant":
        advice = "it shares no information; leave it out"
    elif reason.startswith("point mass") and estimator == "3h":
        advice = "take estimator='ksg1' with jitter=1e-3, or samples with a density, such as pre-activations"
    else:
        advice = "give jitter=1e-3, or samples in single precision or better"
    return f"{name} has no {estimator.upper()} estimate ({reason}): {advice}"
