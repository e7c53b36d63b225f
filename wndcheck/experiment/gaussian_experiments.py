"""The estimators on Gaussian samples whose entropy and information are known: the paper's Appendix A.

An experiment is a mean over many independent samples; experiments are the replicates of a check.
"""

from __future__ import annotations

from math import e, log, pi, sqrt
from typing import TypeVar, cast

import numpy as np

from wndcheck.estimators import knn_entropy, pairwise_mi
from wndcheck.experiment.measurement.transformed import JITTER
from wndcheck.experiment.record_schema import RANK_K, RANK_NULL_QUANTILE, RANK_THRESHOLD
from wndcheck.seeds import derived_seed

T = TypeVar("T", float, np.ndarray)


def gaussian_entropy(sd: T = 1.0) -> T:
    """½ log 2πeσ² nats, of one standard deviation or of an array of them."""
    return cast(T, 0.5 * log(2 * pi * e) + np.log(sd))


def gaussian_information(rho: float) -> float:
    """-½ log(1 - ρ²) nats."""
    return -0.5 * log(1 - rho**2)


def entropy_errors(*words: object, trials: int, m: int, k: int, sd: float = 1.0) -> np.ndarray:
    """Ĥ minus the standard Gaussian's H for `trials` samples of size m, (trials,) nats; `words` name the draw.

    A standard deviation other than 1 plants an error of log(sd) nats.
    """
    rng = np.random.default_rng(derived_seed(*words))
    samples = rng.normal(scale=sd, size=(trials, m))
    return np.array([knn_entropy(sample, k=k) for sample in samples]) - gaussian_entropy()


def information_estimates(
    *words: object, trials: int, m: int = 1000, rho: float = 0.0, sd_x: float = 1.0, margins: str = "sd"
) -> np.ndarray:
    """Î (3H, k = 3) of `trials` bivariate Gaussian samples with σ_y = 1, (trials,) nats; `words` name the draw."""
    rng = np.random.default_rng(derived_seed(*words))
    x, other = rng.standard_normal((2, m, trials))
    y = rho * x + sqrt(1 - rho**2) * other
    pairs = np.stack([np.arange(trials), trials + np.arange(trials)], axis=1)
    return pairwise_mi(np.hstack([sd_x * x, y]), pairs=pairs, margins=margins).pair_mi


def share_of_dependent_pairs(*words: object, trials: int, m: int = 1000, rho: float = 0.0) -> np.ndarray:
    """Share of dependent pairs among `trials` bivariate Gaussian samples, (1,); `words` name the draw.

    By the estimator and the rule of record_schema's "rank_dependent".
    """
    rng = np.random.default_rng(derived_seed(*words))
    x, other = rng.standard_normal((2, m, trials))
    pairs = np.stack([np.arange(trials), trials + np.arange(trials)], axis=1)
    z = np.hstack([x, rho * x + sqrt(1 - rho**2) * other])
    found = pairwise_mi(z, k=RANK_K, margins="normal", pairs=pairs)
    return np.array([found.share_above(RANK_THRESHOLD, RANK_NULL_QUANTILE)])


def rectified_estimates(*words: object, trials: int, m: int = 1000, rho: float = 0.0) -> np.ndarray:
    """Î (KSG1, k = 3) of `trials` bivariate Gaussian samples after ReLU, (trials,) nats; `words` name the draw."""
    rng = np.random.default_rng(derived_seed(*words))
    x, other = rng.standard_normal((2, m, trials))
    z = np.maximum(np.hstack([x, rho * x + sqrt(1 - rho**2) * other]), 0)
    pairs = np.stack([np.arange(trials), trials + np.arange(trials)], axis=1)
    seed = derived_seed(*words, "jitter")
    return pairwise_mi(z, pairs=pairs, estimator="ksg1", jitter=JITTER, random_state=seed).pair_mi


def negentropies(*words: object, trials: int, m: int, summands: int) -> np.ndarray:
    """½ log 2πes² - Ĥ of `trials` samples of size m, (trials,) nats; `words` name the draw.

    A value is the sum of `summands` independent uniform numbers, or Gaussian if there are none. A single uniform number
    has ½ log(2πe/12) = 0.176 nats.
    """
    rng = np.random.default_rng(derived_seed(*words))
    samples = rng.random((summands, trials, m)).sum(axis=0) if summands else rng.standard_normal((trials, m))
    return np.array([gaussian_entropy(sample.std(ddof=1)) - knn_entropy(sample) for sample in samples])


def information_beyond_correlation(
    *words: object, trials: int, m: int = 1000, rho: float = 0.0, random_signs: bool = False
) -> np.ndarray:
    """Î (3H, corrected) minus what Gaussians of the samples' correlation share, (trials,) nats; `words` name the draw.

    Pairs are Gaussian, of correlation rho, and share nothing beyond it; unless the second has a random sign in every
    sample: then they are uncorrelated, and share what |x| and |y| do.
    """
    rng = np.random.default_rng(derived_seed(*words))
    x, other = rng.standard_normal((2, m, trials))
    y = rho * x + sqrt(1 - rho**2) * other
    if random_signs:
        y *= rng.choice((-1, 1), size=(m, trials))
    z, first = np.hstack([x, y]), np.arange(trials)
    pairs = np.stack([first, trials + first], axis=1)
    found = pairwise_mi(z, pairs=pairs, null="shuffle", n_shuffles=1, random_state=derived_seed(*words, "null"))
    correlation = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(x.T, y.T, strict=True)])
    return cast(np.ndarray, found.pair_corrected) + 0.5 * np.log(1 - correlation**2)
