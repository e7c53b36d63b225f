"""k-nearest-neighbour estimates of mutual information: of a pair, of two blocks, of all pairs of a layer's neurons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .formulas import nats_per_unit
from .layers import Method, estimates, identical, prepared
from .resampling import NONE, Resampling, disjoint_parts, shuffles
from .results import PairwiseInformation
from .samples import Samples, all_pairs, check_base, check_integer, chosen_pairs, real_samples
from .scores import DDOF


def mutual_information(
    x: ArrayLike,
    y: ArrayLike,
    *,
    k: int = 3,
    estimator: str = "3h",
    standardize: bool = True,
    base: float | None = None,
    jitter: float | None = None,
    random_state: int = 0,
) -> float:
    """Mutual information of two samples or two blocks of variables, in nats; the same with x and y exchanged.

    Parameters
    ----------
    x, y : array-like, pandas objects or torch tensors, (n_samples,) or (n_samples, d)
        Integers or floating-point numbers. Blocks with d > 1 go through k-d trees.
    k, estimator, standardize, base, jitter, random_state
        As `pairwise_mi` takes them.

    Raises
    ------
    TypeError
        If a sample does not hold real numbers.
    ValueError
        If lengths differ or are not above k, on NaN, infinity or an unknown estimator, and where the estimate has no
        meaning: a constant sample, a point mass such as post-ReLU activations have at 0, more than 1 % tied values.

    Notes
    -----
    An estimate may be slightly negative, and is not clipped: a clipped one cannot be averaged. For y = x it is finite
    and grows like log M. Two single samples give the same to the last bit with x and y exchanged, but for jitter, whose
    noise goes by place. Ranks and other evenly spaced values have no density: 3H errs on them, KSG does not.

    Examples
    --------
    >>> x, noise = np.random.default_rng(0).standard_normal((2, 1000))
    >>> round(mutual_information(x, 0.5 * x + 0.75**0.5 * noise), 2)  # −½ log(1 − ¼) = 0.14
    0.14
    """
    first, second = (real_samples(sample, name, ndim=(1, 2)) for sample, name in ((x, "x"), (y, "y")))
    if len(first.values) != len(second.values):
        raise ValueError(f"x has {len(first.values)} samples and y has {len(second.values)}: expected as many")
    for samples, name in ((first, "x"), (second, "y")):
        if samples.columns.shape[1] == 0:
            raise ValueError(f"{name} has shape {samples.values.shape}: expected at least one column")
    method = Method(k, estimator, standardize, jitter, random_state)
    if first.columns.shape[1] > 1 or second.columns.shape[1] > 1:
        method.check(len(first.values))
        check_base(base)
        return _of_blocks(first, second, method) / nats_per_unit(base)
    both = Samples(np.hstack([first.columns, second.columns]), ("x", "y"), first.dtype, _resolutions(first, second))
    found = _pairwise(both, all_pairs(2), method, base=base, n_jobs=1)
    for label, reason in found.flags.items():
        raise ValueError(_refusal(str(label), reason, estimator))
    if np.isnan(found.pair_mi[0]):
        raise ValueError(f"in single precision the distance to neighbour k={k} of (x, y) is 0: give a larger k")
    return float(found.pair_mi[0])


def pairwise_mi(
    X: ArrayLike,
    *,
    k: int = 3,
    estimator: str = "3h",
    standardize: bool = True,
    base: float | None = None,
    jitter: float | None = None,
    null: str | None = None,
    n_shuffles: int = 8,
    n_subsamples: int = 0,
    random_state: int = 0,
    device: str = "auto",
    n_jobs: int | None = None,
    pairs: ArrayLike | None = None,
) -> PairwiseInformation:
    """Mutual information of all pairs of columns of X, in nats.

    Parameters
    ----------
    X : array-like, pandas DataFrame or torch tensor, (n_samples, n_neurons)
        Integers or floating-point numbers. A frame's column names are kept.
    k : int
        The neighbour whose distance is taken. On a CPU the kernel is compiled once for each k, some seconds for k below
        20 and longer above.
    estimator : {"3h", "ksg1", "ksg2"}
        "3h" is the paper's, the sum of three entropies (eq. A.1); "ksg1" and "ksg2" are equations 8 and 9 of Kraskov et
        al. (2004).
    standardize : bool
        Divide each neuron by its standard deviation first; False is the vanilla estimate of appendix A.
    base : float, optional
        Base of the logarithm; nats by default, 2 for bits.
    jitter : float, optional
        Standard deviation of normal noise added to the z-scores, 1e-6 to 0.1, to part tied values; 1e-3 parts the
        point mass of post-ReLU activations. It is seeded and recorded, and never added unasked.
    null : {None, "shuffle"}
        "shuffle" estimates the same pairs n_shuffles times more with every neuron's samples in an order of its own.
    n_shuffles : int
        One is enough for the corrected score of a layer; eight give a pair a standard deviation like KSG1's. No p-value
        is below 1 / (1 + P n_shuffles): few pairs want more shuffles.
    n_subsamples : int
        Estimate the pairs of that many disjoint parts of the samples too, for standard errors. With ten parts
        of 100 they come out some 5 to 15 % low.
    random_state : int
        Seed of shuffles, parts and jitter.
    device : str
        "auto" or "cpu" for n_jobs threads (by default one a core), "cuda" for all visible GPUs, or a torch device.
    pairs : array-like, (P, 2), optional
        Distinct column indices, to estimate only these; all pairs otherwise.

    Returns
    -------
    PairwiseInformation
        A neuron without a density (constant, a point mass, more than 1 % tied values) is flagged and its estimates are
        NaN; the other pairs do not change. Neither do they with n_jobs or with the other pairs asked for.

    Raises
    ------
    TypeError
        If X does not hold real numbers.
    ValueError
        If X is not two-dimensional, holds NaN or infinity, has no more than k samples or fewer than two neurons, and
        for an option that is out of its range.

    Notes
    -----
    For independent normal samples, M = 1000 and k = 3, a pair's 3H estimate is .012 ± .042 nats; its bias does not
    cancel and depends on the margins (−.03 for uniform ones). KSG is unbiased there, ±.024 and ±.027, and biased
    low under heavy tails. `PairwiseInformation.corrected_score` has no bias for independent neurons, whatever the
    estimator and the margins. 3H has no meaning on a point mass whatever the jitter; KSG does with jitter.

    Examples
    --------
    >>> x, noise = np.random.default_rng(0).standard_normal((2, 1000))
    >>> X = np.stack([x, noise, 0.9 * x + 0.19**0.5 * noise], axis=1)
    >>> layer = pairwise_mi(X, estimator="ksg1", null="shuffle", n_shuffles=40)
    >>> layer.pairs[layer.dependent()].tolist()
    [[0, 2], [1, 2]]
    >>> round(float(layer.mi[0, 2]), 1)  # −½ log(1 − .81) = 0.83
    0.8
    """
    samples = real_samples(X, "X", ndim=(2,))
    n = samples.values.shape[1]
    return _pairwise(
        samples,
        all_pairs(n) if pairs is None else chosen_pairs(pairs, n),
        Method(k, estimator, standardize, jitter, random_state),
        base=base,
        resampling=Resampling(null, n_shuffles, n_subsamples),
        device=device,
        n_jobs=n_jobs,
    )


def _pairwise(
    samples: Samples,
    pairs: NDArray[np.int64],
    method: Method,
    *,
    base: float | None,
    resampling: Resampling = NONE,
    device: str = "auto",
    n_jobs: int | None = None,
) -> PairwiseInformation:
    m, n = samples.values.shape
    method.check(m)
    resampling.check(m, method.k)
    check_base(base)
    if n_jobs is not None:
        check_integer(n_jobs, "n_jobs", least=1)
    method = replace(method, k=int(method.k))
    unit, where = nats_per_unit(base), {"device": str(device), "n_jobs": n_jobs}

    layer = prepared(samples.values, samples.resolution, method)
    found = estimates(layer, layer.rows, pairs, method, **where)
    orders = shuffles(layer.rows, resampling.shuffles, method.random_state)
    null = [estimates(layer, rows, pairs, method, **where) for rows in orders]
    parts = [
        prepared(samples.values[part], samples.resolution, method)
        for part in disjoint_parts(m, resampling.n_subsamples, method.random_state)
    ]
    # A few samples make a share of ties of a single one: what has a density is asked of the whole.
    subsampled = [estimates(part._replace(flags=layer.flags), part.rows, pairs, method, **where) for part in parts]

    entropy = layer.entropies + layer.log_unit
    entropy[list(layer.flags)] = np.nan
    return PairwiseInformation(
        pairs=pairs,
        pair_mi=found / unit,
        entropy=entropy / unit,
        null_mi=np.stack(null) / unit if null else None,
        subsample_mi=np.stack(subsampled) / unit if subsampled else None,
        labels=samples.labels,
        flags={samples.labels[column]: reason for column, reason in layer.flags.items()},
        identical=identical(layer, pairs, found, method),
        meta={
            **method.said(),
            "ddof": DDOF,
            "M": m,
            "N": n,
            "P": len(pairs),
            "base": None if base is None else float(base),
            "tied": layer.tied,
            "null": resampling.null,
            "n_shuffles": resampling.shuffles,
            "n_subsamples": int(resampling.n_subsamples),
            "device": "cpu" if device == "auto" else str(device),
            "dtype": samples.dtype,
        },
    )


def _of_blocks(x: Samples, y: Samples, method: Method) -> float:
    from .blocks import block_information

    names = [f"column {label} of {name}" for samples, name in ((x, "x"), (y, "y")) for label in samples.labels or (0,)]
    layer = prepared(np.hstack([x.columns, y.columns]), _resolutions(x, y), method)
    for column, reason in layer.flags.items():
        raise ValueError(_refusal(names[column], reason, method.estimator))
    first, second = np.split(layer.z.T, [x.columns.shape[1]], axis=1)
    return block_information(first, second, int(method.k), method.estimator)


def _resolutions(x: Samples, y: Samples) -> NDArray[np.float64]:
    """One a column, (n_columns, 1)."""
    return np.vstack([np.full((samples.columns.shape[1], 1), samples.resolution) for samples in (x, y)])


def _refusal(name: str, reason: str, estimator: str) -> str:
    return f"{name} has no {estimator.upper()} estimate ({reason}): {_advice(reason, estimator)}"


def _advice(reason: str, estimator: str) -> str:
    if reason == "constant":
        return "it shares no information; leave it out"
    if reason.startswith("point mass") and estimator == "3h":
        return "take estimator='ksg1' with jitter=1e-3, or samples with a density, such as pre-activations"
    return "give jitter=1e-3, or samples in single precision or better"
