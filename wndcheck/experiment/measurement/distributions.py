"""How the neurons of a layer are distributed, one by one, and how they are correlated."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from scipy.special import digamma

from wndcheck.experiment.measurement.averages import mean
from wndcheck.experiment.simulations import gaussian_entropy

LEVELS = (np.arange(32) + 0.5) / 32  # at which distributions are compared


class Moments(NamedTuple):
    """Mean, standard deviation (NaN of a flagged neuron) and some quantiles of every neuron, (N,), (N,), (N, 32)."""

    centre: np.ndarray
    spread: np.ndarray
    quantiles: np.ndarray


def moments(z: np.ndarray, flagged: Collection[int]) -> Moments:
    """Of a layer z (samples, neurons); without a standard deviation the flagged neurons are left out of averages."""
    ordered = np.sort(z, axis=0)
    at = (LEVELS * len(z)).astype(int)
    spread = z.std(axis=0, ddof=1, dtype=np.float64)
    spread[list(flagged)] = np.nan
    return Moments(z.mean(axis=0, dtype=np.float64), spread, ordered[at].T)


def distribution(now: Moments, entropy: np.ndarray, samples: int) -> dict[str, object]:
    """What single neurons are like: near Gaussian, of mean zero, of one scale?

    negentropy: ½ log 2πeσ² - H, zero for a Gaussian. offset: (mean / sd)² less the 1/M that chance gives it.
    scale_ratio: log10 of the largest standard deviation over the smallest.
    """
    spread = np.where(now.spread > 0, now.spread, np.nan)
    finite = spread[np.isfinite(spread)]
    return {
        "negentropy": mean(gaussian_entropy(spread) - entropy),
        "offset": mean((now.centre / spread) ** 2 - 1 / samples),
        "scale_ratio": float(np.log10(finite.max() / finite.min())) if finite.size else np.nan,
    }


def distribution_change(now: Moments, initial_spread: np.ndarray, initial_quantiles: np.ndarray) -> float:
    """Mean over neurons of the 1-Wasserstein distance to the initial distribution, in its standard deviations.

    It needs no density: a neuron that has since become a point mass counts, one that was flagged at stage 0 does not.
    """
    spread = np.where(initial_spread > 0, initial_spread, np.nan)
    return mean(np.abs(now.quantiles - initial_quantiles).mean(axis=1) / spread)


def correlation(z: np.ndarray, now: Moments, pairs: np.ndarray) -> dict[str, object]:
    """Mean correlation of the pairs, and the information (nats) a Gaussian of the same correlation holds.

    The latter less what it is on average for independent Gaussians, ½ [ψ((M-1)/2) - ψ((M-2)/2)].
    """
    samples, usable = len(z), now.spread > 0
    scores = (z - now.centre) / np.where(usable, now.spread, np.nan)
    matrix = scores.T @ scores / (samples - 1)
    r = np.clip(matrix[tuple(pairs.T)], -1 + 1e-12, 1 - 1e-12)
    by_chance = (digamma((samples - 1) / 2) - digamma((samples - 2) / 2)) / 2
    return {"correlation": mean(r), "gaussian_score": mean(-0.5 * np.log1p(-(r**2)) - by_chance)}
