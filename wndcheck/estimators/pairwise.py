"""k-nearest-neighbour estimates of the mutual information of all pairs of a layer's neurons."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .estimation import Layer, Method, estimate, identical_pairs, prepare_layer
from .formulas import nats_per_unit
from .kernels.rows import SortedRows
from .pairwise_information import PairwiseInformation
from .preprocessing import DDOF
from .resampling import check_resampling, disjoint_parts, shuffles
from .validation import all_pairs, check_base, check_integer, chosen_pairs, real_samples


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
        Integers or floating-point numbers. The column names of a DataFrame are kept.
    k : int
        Number of the nearest neighbour whose distance is used. The CPU kernel is compiled once for k up to 3, 7, 20
        and 50, which takes some seconds; above 50 it is a k-d tree.
    estimator : {"3h", "ksg1", "ksg2"}
        "3h" is the paper's sum of three entropies (eq. A.1); "ksg1" and "ksg2" are equations 8 and 9 of Kraskov et al.
        (2004).
    standardize : bool
        Divide each neuron by its standard deviation first; False is the vanilla estimate of appendix A.
    base : float, optional
        Base of the logarithm; nats by default, 2 for bits.
    jitter : float, optional
        Standard deviation of normal noise added to the z-scores to separate tied values, from 1e-6 to 0.1; 1e-3
        separates the point mass of post-ReLU activations. It is seeded and recorded in `meta`. None (the default) adds
        no noise.
    null : {None, "shuffle"}
        "shuffle" estimates the same pairs another n_shuffles times, with the samples of each neuron independently
        permuted.
    n_shuffles : int
        One is enough for the corrected score of a layer; with eight, the standard deviation of a corrected pair is that
        of KSG1. No p-value is below 1 / (1 + P n_shuffles): few pairs need more shuffles.
    n_subsamples : int
        Also estimate the pairs of this many disjoint parts of the samples, for standard errors. With ten parts of 100
        samples these are some 5 to 15 % too low.
    random_state : int
        Seed of shuffles, parts and jitter.
    device : str
        "auto" or "cpu" for n_jobs threads (default: one per core), "cuda" for all visible GPUs, or a torch device.
    n_jobs : int, optional
        Number of threads on a CPU.
    pairs : array-like, (P, 2), optional
        Pairs of distinct column indices to estimate; all pairs by default.

    Returns
    -------
    PairwiseInformation
        A neuron without a density (constant, a point mass, more than 1 % tied values) is flagged and its estimates are
        NaN; the other pairs are unaffected. The estimate of a pair depends neither on n_jobs nor on the other pairs.

    Raises
    ------
    TypeError
        If X does not hold real numbers.
    ValueError
        If X is not two-dimensional, contains NaN or infinity, has no more than k samples or fewer than two neurons, or
        if an option is out of range.

    Notes
    -----
    For independent normal samples, M = 1000 and k = 3, the 3H estimate of a pair is 0.012 ± 0.042 nats; its bias does
    not cancel and depends on the marginals (−0.03 for uniform ones). KSG is unbiased there, ±0.024 and ±0.027, and
    biased low under heavy tails. `PairwiseInformation.corrected_score` has no bias for independent neurons, whatever
    the estimator and the marginals. 3H is meaningless on a point mass, with or without jitter; KSG is meaningful
    with jitter.

    Examples
    --------
    >>> x, noise = np.random.default_rng(0).standard_normal((2, 1000))
    >>> X = np.stack([x, noise, 0.9 * x + 0.19**0.5 * noise], axis=1)
    >>> layer = pairwise_mi(X, estimator="ksg1", null="shuffle", n_shuffles=40)
    >>> layer.pairs[layer.dependent()].tolist()
    [[0, 2], [1, 2]]
    >>> round(float(layer.mi[0, 2]), 1)  # −½ log(1 − 0.81) = 0.83
    0.8
    """
    samples = real_samples(X, "X", ndim=(2,))
    m, n = samples.values.shape
    requested = all_pairs(n) if pairs is None else chosen_pairs(pairs, n)
    method = Method(k, estimator, standardize, jitter, random_state).checked(m)
    check_resampling(null, n_shuffles, n_subsamples, m, k)
    check_base(base)
    if n_jobs is not None:
        check_integer(n_jobs, "n_jobs", least=1)
    n_shuffles, unit = int(n_shuffles) if null else 0, nats_per_unit(base)

    def estimates(layer: Layer, rows: SortedRows) -> NDArray[np.float64]:
        return estimate(layer, rows, requested, method, device=str(device), n_jobs=n_jobs)

    layer = prepare_layer(samples.values, samples.resolution, method)
    information = estimates(layer, layer.rows)
    null_mi = [estimates(layer, rows) for rows in shuffles(layer.rows, n_shuffles, random_state)]
    parts = [
        prepare_layer(samples.values[part], samples.resolution, method)
        for part in disjoint_parts(m, n_subsamples, random_state)
    ]
    # In a small part a single tie is a large share: whether a neuron has a density is decided on all samples.
    subsample_mi = [estimates(part._replace(flags=layer.flags), part.rows) for part in parts]
    entropy = layer.entropies + layer.log_unit
    entropy[list(layer.flags)] = np.nan
    return PairwiseInformation(
        pairs=requested,
        pair_mi=information / unit,
        entropy=entropy / unit,
        null_mi=np.stack(null_mi) / unit if null_mi else None,
        subsample_mi=np.stack(subsample_mi) / unit if subsample_mi else None,
        labels=samples.labels,
        flags={samples.labels[column]: reason for column, reason in layer.flags.items()},
        identical=identical_pairs(layer, requested, information, method.k),
        meta={
            **method.to_dict(),
            "ddof": DDOF,
            "M": m,
            "N": n,
            "P": len(requested),
            "base": None if base is None else float(base),
            "tied": layer.tied,
            "null": null,
            "n_shuffles": n_shuffles,
            "n_subsamples": int(n_subsamples),
            "device": "cpu" if device == "auto" else str(device),
            "dtype": samples.dtype,
        },
    )
