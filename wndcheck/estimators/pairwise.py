"""k-nearest-neighbour estimates of the mutual information of all pairs of a layer's neurons."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .estimation import Layer, Method, estimate, identical_pairs, prepare_layer, unresolved
from .formulas import nats_per_unit
from .kernels.rows import SortedRows
from .pairwise_information import PairwiseInformation
from .preprocessing import DDOF
from .resampling import check_resampling, disjoint_parts, permutations
from .validation import (
    RandomState,
    all_pairs,
    check_base,
    check_index_of_groups,
    chosen_pairs,
    group_members,
    real_samples,
    thread_count,
)


def pairwise_mi(
    X: ArrayLike,
    *,
    k: int | None = None,
    estimator: str | None = None,
    margins: str = "sd",
    base: float | None = None,
    jitter: float | None = None,
    null: str | None = None,
    n_shuffles: int = 8,
    groups: Iterable[Hashable] | None = None,
    n_subsamples: int = 0,
    random_state: RandomState = 0,
    device: str = "auto",
    n_jobs: int | None = None,
    pairs: ArrayLike | None = None,
) -> PairwiseInformation:
    """Mutual information of all pairs of columns of X, in nats.

    Parameters
    ----------
    X : array-like, pandas DataFrame or torch tensor, (n_samples, n_neurons)
        Integers or floating-point numbers, in independent samples (see the notes). The column names of a DataFrame are
        kept.
    k : int, optional
        Number of the nearest neighbour whose distance is used: 3 by default; with normal margins a fiftieth of the
        samples, from 3 to 20. The CPU kernel is compiled once for k up to 3, 7, 20 and 50, which takes some
        seconds; above 50 a k-d tree is used.
    estimator : {"3h", "ksg1", "ksg2"}, optional
        "3h" is the paper's sum of three entropies (eq. A.1) and the default; "ksg1" and "ksg2" are equations 8 and 9 of
        Kraskov et al. (2004). With normal margins "ksg1" is the default.
    margins : {"sd", "normal", "none"}
        What is done to each neuron first. "sd" divides it by its standard deviation, as the paper does; "none" leaves
        it as it is, the vanilla estimate of appendix A. "normal" replaces its values by the normal scores of their
        ranks, Φ⁻¹((rank − ½) / M): the estimate is then the same for every strictly increasing map of the neuron,
        whatever its tails and outliers, and needs no shuffles for its p-values.
    base : float, optional
        Base of the logarithm; nats by default, 2 for bits.
    jitter : float, optional
        Standard deviation of normal noise added to the z-scores to separate tied values, from 1e-6 to 0.1; 1e-3
        separates the point mass of post-ReLU activations. It is seeded and recorded in `meta`. None (the default) adds
        no noise.
    null : {None, "shuffle"}
        "shuffle" estimates the same pairs another n_shuffles times, with the samples of each neuron independently
        permuted. With normal margins the null is known without shuffles.
    groups : array-like, (n_samples,), optional
        A label C for each sample, such as its class: shuffles then exchange samples of one group only, and ι_c and
        p-values are about what a pair shares beyond the groups; of neurons that depend through the means of the groups
        alone, ι_c is 0 but for chance. It is not I(X; Y | C), but that minus what dependence within the groups tells of
        the group, I(X, Y; C) minus the same of the shuffles. A group's only sample stays in its place in all shuffles.
    n_shuffles : int
        One is enough for the corrected score of a layer; with eight, the standard deviation of a corrected pair is that
        of KSG1. No p-value is below 1 / (1 + P n_shuffles): few pairs need more shuffles.
    n_subsamples : int
        Also estimate the pairs of this many disjoint parts of the samples, for standard errors. With ten parts of 100
        samples these are some 5 to 15 % too low.
    random_state : int, numpy Generator or RandomState, or None
        Seed of shuffles, parts, jitter and the ranks of tied values. A generator draws it, and None draws one that
        differs each time; `meta` has the integer.
    device : str
        "auto" or "cpu" for n_jobs threads (default: one per core), "cuda" for all visible GPUs, or a torch device.
    n_jobs : int, optional
        Number of threads on a CPU; −1 for all cores, −2 for all but one.
    pairs : array-like, (P, 2), optional
        Pairs of different columns to estimate, by index, or by name where X is a DataFrame; all pairs by default. It is
        an error if integers may be either.

    Returns
    -------
    PairwiseInformation
        A neuron without an estimate is flagged, for the reasons that `mutual_information` lists, and its estimates are
        NaN; the other pairs are unaffected. The estimate of a pair depends neither on n_jobs nor on the other pairs.
        A neuron of which more than 1 % of the values repeat in single precision only, such as narrow clusters, is
        estimated in double precision by k-d trees on the CPU, at some milliseconds a pair.

    Raises
    ------
    TypeError
        If X does not hold real numbers.
    ValueError
        If X is not two-dimensional, contains NaN or infinity, has no more than k samples or fewer than two neurons, or
        if an option is out of range.

    Warns
    -----
    UserWarning
        If 3H is half a nat too low for some neurons, such as narrow clusters, and there is no null to correct it by.

    Notes
    -----
    Samples must be independent of each other: repeated rows, consecutive frames or tokens and other autocorrelated
    samples count for fewer than they are. Of pairs of independent AR(1) series with a coefficient of .95 (M = 1000),
    76 % by 3H, 83 % by KSG1 and 98 % with normal margins have p < .05. Take every n-th sample, with n the
    autocorrelation time, (1 + ρ) / (1 − ρ) for a correlation ρ of consecutive samples: 39 for .95, and 5 % again.

    For independent normal samples, M = 1000 and k = 3, the 3H estimate of a pair is 0.012 ± 0.042 nats; its bias does
    not cancel and depends on the marginals (−0.03 for uniform ones). KSG is unbiased there, ±0.024 and ±0.027, and
    biased low under heavy tails. `PairwiseInformation.corrected_score` has no bias for independent neurons, whatever
    the estimator and the marginals. 3H is meaningless on a point mass, with or without jitter, and on rounded samples
    unless the jitter is half a step or more; KSG is meaningful with jitter.

    With normal margins, tied values are ranked at random, which leaves the information of a pair as it is. Estimates
    of neurons that hold few values and depend strongly fall short, since neighbourhoods extend beyond the edges between
    values: two equal neurons of 2, 5 and 10 equally frequent values (0.69, 1.61 and 2.30 nats) give 0.60, 1.40 and 1.98
    for M = 1000 and k = 20, and 0.68, 1.52 and 2.20 for k = 3.

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
    requested = all_pairs(n) if pairs is None else chosen_pairs(pairs, samples.labels)
    method = Method.checked(k, estimator, margins, jitter, random_state, n_samples=m)
    check_resampling(null, n_shuffles, groups, n_subsamples, m, method.k)
    check_base(base)
    check_index_of_groups(X, groups, "X")
    members, threads = group_members(groups, m), thread_count(n_jobs)
    n_shuffles, unit = int(n_shuffles) if null else 0, nats_per_unit(base)

    def estimates(layer: Layer, rows: SortedRows) -> NDArray[np.float64]:
        return estimate(layer, rows, requested, method, device=str(device), n_jobs=threads)

    layer = prepare_layer(samples.values, samples.resolution, method)
    information = estimates(layer, layer.rows)
    if null is None and (narrow := unresolved(layer, method)):
        warnings.warn(
            f"{len(narrow)} of {n} neurons, such as {samples.labels[narrow[0]]!r}, have a density that varies within "
            "the distances in their pairs, whose 3H is half a nat too low or more: take pair_corrected with "
            "null='shuffle', estimator='ksg1', or margins='normal'",
            stacklevel=2,
        )
    null_mi = [
        estimates(layer, layer.rows.rearranged(np.take_along_axis(permutation, layer.rows.order, axis=1)))
        for permutation in permutations(n, members, n_shuffles, method.random_state)
    ]
    parts = [
        prepare_layer(samples.values[part], samples.resolution, method)
        for part in disjoint_parts(m, n_subsamples, method.random_state)
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
            "groups": None if groups is None else len(members),
            "n_subsamples": int(n_subsamples),
            "device": "cpu" if device == "auto" else str(device),
            "dtype": samples.dtype,
        },
    )
