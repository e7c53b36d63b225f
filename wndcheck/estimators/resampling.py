"""The same pairs estimated anew: with the neurons shuffled apart, for a null, and from parts of the samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .samples import check_choice, check_integer

NULLS = (None, "shuffle")


@dataclass(frozen=True)
class Resampling:
    """How often, and how; see `pairwise_mi`."""

    null: str | None = None
    n_shuffles: int = 8
    n_subsamples: int = 0

    def check(self, n_samples: int, k: int) -> None:
        """TypeError or ValueError for an option out of its range."""
        check_choice(self.null, "null", NULLS)
        check_integer(self.n_shuffles, "n_shuffles", least=1)
        check_integer(self.n_subsamples, "n_subsamples", least=0)
        parts = self.n_subsamples
        if parts == 1 or (parts and n_samples // parts <= k):
            raise ValueError(
                f"n_subsamples={parts} of {n_samples} samples: expected two parts or more, of more than k={k} samples"
            )

    @property
    def shuffles(self) -> int:
        return int(self.n_shuffles) if self.null else 0


NONE = Resampling()


def shuffles(z: NDArray[np.float32], n_shuffles: int, random_state: int) -> Iterator[NDArray[np.float32]]:
    """Every row of z (n_neurons, n_samples) in an order of its own, n_shuffles times.

    random_state, the shuffle and the row's place determine the order: margins stay, and so does the noise that pairs
    with a neuron in common share.
    """
    for shuffle in range(n_shuffles):
        seed = np.random.SeedSequence(int(random_state), spawn_key=(1, shuffle))
        yield np.random.default_rng(seed).permuted(z, axis=1)


def disjoint_parts(m: int, count: int, random_state: int) -> list[NDArray[np.int64]]:
    """m samples in `count` parts of one size, at random; what is left over is in none."""
    if count == 0:
        return []
    rng = np.random.default_rng(np.random.SeedSequence(int(random_state), spawn_key=(2,)))
    size = m // count
    return list(rng.permutation(m)[: count * size].reshape(count, size))


def standard_error(of_parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of an estimate of all samples, from those of disjoint parts, (parts, …) -> (…); Holmes and Nemenman 2019."""
    return of_parts.std(axis=0, ddof=1) / np.sqrt(len(of_parts))


def p_values(estimates: NDArray[np.float64], null: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability, for every pair, of an estimate so far above its own null if the pair were independent.

    estimates: (P,). null: (n_shuffles, P), at least two shuffles. Returns (P,), NaN where an estimate is NaN.

    A pair's estimate and its null share its margins, and with them the greater part of an estimate's noise and all of
    its bias; so a pair is compared with the mean of its own null. How far chance carries it from there is alike for
    all pairs, unless the tails of their margins differ much, and is taken from all of them: every null estimate beside
    the mean of the others of its pair. One of P · n_shuffles such distances is the least a p-value can be.
    """
    n = len(null)
    total = null.sum(axis=0)
    excess = estimates - total / n
    apart = null - (total - null) / (n - 1)
    apart *= np.sqrt(n**2 - 1) / n  # a mean of n − 1 scatters more than a mean of n
    chance = np.sort(apart[np.isfinite(apart)])
    above = len(chance) - np.searchsorted(chance, excess, side="left")
    return np.where(np.isfinite(excess), (1 + above) / (1 + len(chance)), np.nan)
