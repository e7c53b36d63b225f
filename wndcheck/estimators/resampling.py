"""Resampling: shuffles for a null, p-values from it, and disjoint parts of the samples for standard errors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .kernels.rows import random_order
from .validation import check_choice, check_integer


def check_resampling(
    null: str | None, n_shuffles: int, groups: object, n_subsamples: int, n_samples: int, k: int
) -> None:
    """TypeError or ValueError for an invalid option of `pairwise_mi`."""
    check_choice(null, "null", (None, "shuffle"))
    if groups is not None and null is None:
        raise ValueError("groups has no effect without shuffles: give null='shuffle', too")
    check_integer(n_shuffles, "n_shuffles", least=1)
    check_integer(n_subsamples, "n_subsamples", least=0)
    if n_subsamples == 1 or (n_subsamples and n_samples // n_subsamples <= k):
        raise ValueError(
            f"n_subsamples={n_subsamples} of {n_samples} samples: "
            f"expected two parts or more, of more than k={k} samples"
        )


def permutations(
    n_neurons: int, members: list[NDArray[np.int32]], n_shuffles: int, random_state: int
) -> Iterator[NDArray[np.uint32]]:
    """Places that shuffles move the samples to, independent for each neuron: n_shuffles times (n_neurons, n_samples).

    members: indices of the samples of each group, within which samples are exchanged; a single group of all without
    groups. A permutation depends on random_state, the shuffle, the groups and the neuron's index only. Marginals are
    preserved, and so is the noise shared by pairs with a common neuron.
    """
    for shuffle in range(n_shuffles):
        permutation = np.empty((n_neurons, sum(map(len, members))), np.uint32)
        rng = np.random.default_rng(np.random.SeedSequence(random_state, spawn_key=(1, shuffle)))
        for group in members:
            permutation[:, group] = group[random_order((n_neurons, len(group)), rng)]
        yield permutation


def disjoint_parts(m: int, count: int, random_state: int) -> list[NDArray[np.int64]]:
    """Indices of m samples split at random into `count` parts of equal size; the remainder is left out."""
    if count == 0:
        return []
    rng = np.random.default_rng(np.random.SeedSequence(int(random_state), spawn_key=(2,)))
    size = m // count
    return list(rng.permutation(m)[: count * size].reshape(count, size))


def standard_error(of_parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard error of an estimate from all samples, given those of disjoint parts, (parts, …) -> (…).

    The variance is that of the parts' estimates over their number (Holmes and Nemenman 2019).
    """
    return of_parts.std(axis=0, ddof=1) / np.sqrt(len(of_parts))


def p_values(estimates: NDArray[np.float64], null: NDArray[np.float64]) -> NDArray[np.float64]:
    """One-sided p-value of each pair: the probability of an estimate this far above its null under independence.

    estimates: (P,). null: (n_shuffles, P), at least two shuffles. Returns (P,), NaN where an estimate is NaN.

    A pair's estimate and its null share the marginals, and with them most of the noise and all of the bias of the
    estimate; so each pair is compared with the mean of its own null. The deviation from that mean has nearly the same
    distribution for all pairs, unless the tails of their marginals differ much, so it is pooled over pairs: each null
    estimate minus the mean of the other null estimates of its pair. No p-value is below 1 / (1 + P n_shuffles).
    """
    n = len(null)
    total = null.sum(axis=0)
    excess = estimates - total / n
    deviations = null - (total - null) / (n - 1)
    deviations *= np.sqrt(n**2 - 1) / n  # a mean of n − 1 has a larger variance than a mean of n
    chance = np.sort(deviations[np.isfinite(deviations)])
    above = len(chance) - np.searchsorted(chance, excess, side="left")
    return np.where(np.isfinite(excess), (1 + above) / (1 + len(chance)), np.nan)


def false_discovery_rates(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smallest false-discovery rate at which each test of several is positive (Benjamini and Hochberg 1995).

    The same as scipy.stats.false_discovery_control, whose import takes as long as the estimates of a layer.
    """
    order = np.argsort(p)[::-1]
    q = np.empty_like(p)
    q[order] = np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1))
    return np.minimum(q, 1.0)
