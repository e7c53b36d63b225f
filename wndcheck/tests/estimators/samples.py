"""Samples for the tests of the estimators, among them hard cases for a neighbour search, and reference results."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.special import digamma

from wndcheck.estimators import PairwiseInformation, pairwise_mi
from wndcheck.estimators.kernels import reference
from wndcheck.estimators.kernels.rows import sort_rows
from wndcheck.estimators.kernels.torch_common import TorchKernel

ESTIMATORS = ("3h", "ksg1", "ksg2")
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)


def normal_layer(seed: int, n: int = 3, m: int = 1000) -> np.ndarray:
    """Independent normal neurons, (m, n)."""
    return np.random.default_rng(seed).standard_normal((m, n))


def of_pairs(x: np.ndarray, y: np.ndarray, **options: Any) -> PairwiseInformation:
    """Estimates for each column of x with the same column of y, (m, trials) each."""
    trials = np.arange(x.shape[1])
    return pairwise_mi(np.hstack([x, y]), pairs=np.stack([trials, trials + len(trials)], axis=1), **options)


# Kernels

PAIRS = np.array([(0, 1), (1, 0), (0, 2), (3, 2), (1, 1)])
KSG = ("ksg1", "ksg2")

SAMPLES = {
    "normal": np.random.Generator.standard_normal,
    "uniform": np.random.Generator.random,
    "exponential": np.random.Generator.standard_exponential,
    "cauchy": np.random.Generator.standard_cauchy,
    "lognormal, wide": lambda rng, shape: rng.lognormal(0, 5, shape),
    "clustered": lambda rng, shape: rng.integers(0, 3, shape) + 1e-3 * rng.standard_normal(shape),
    "near-degenerate": lambda rng, shape: rng.standard_normal(shape[1]) + 1e-6 * rng.standard_normal(shape),
    "half a point mass": lambda rng, shape: (
        np.maximum(rng.standard_normal(shape), 0) + 1e-4 * rng.standard_normal(shape)
    ),
    "tied": lambda rng, shape: rng.integers(0, 7, shape),
    "constant": lambda rng, shape: np.ones(shape),
}


def rows(kind: str, m: int, seed: int) -> np.ndarray:
    """Four neurons of that kind in single precision, (4, m)."""
    return SAMPLES[kind](np.random.default_rng(seed), (4, m)).astype(np.float32)


def reference_distances(z: np.ndarray, pairs: np.ndarray, k: int) -> np.ndarray:
    """k-th distances (P, M): differences in float64, rounded once to float32, as a float32 subtraction rounds."""
    return np.stack([reference.kth_distances(z[pair].T.astype(np.float64), k=k) for pair in pairs]).astype(np.float32)


def reference_counts(z: np.ndarray, pairs: np.ndarray, k: int, estimator: str) -> np.ndarray:
    """Counts (2, P, M) along the first and the second neuron of every pair."""
    counts = [reference.marginal_counts(*z[pair], k=k, estimator=estimator) for pair in pairs]
    return np.array(counts).swapaxes(0, 1)


def reference_log_means(z: np.ndarray, pairs: np.ndarray, k: int) -> np.ndarray:
    """Means (P,) of the logs of the k-th distances; −inf where one is 0."""
    with np.errstate(divide="ignore"):
        return np.log(reference_distances(z, pairs, k).astype(np.float64)).mean(axis=1)


def reference_digammas(z: np.ndarray, pairs: np.ndarray, k: int, estimator: str) -> np.ndarray:
    """Means (P,) of ψ(n_x + 1) + ψ(n_y + 1) for KSG1, of ψ(n_x) + ψ(n_y) for KSG2."""
    added = {"ksg1": 1, "ksg2": 0}[estimator]
    return digamma(reference_counts(z, pairs, k, estimator) + added).sum(axis=0).mean(axis=1)


def of_values(kernel: Any, **options: Any) -> Any:
    """The four functions of a kernel with options, taking rows of samples in any order, (N, M)."""
    names = ("kth_distances", "marginal_counts", "mean_log_distances", "mean_digammas")

    def taking_values(name: str) -> Any:
        return lambda z, pairs, **more: getattr(kernel, name)(sort_rows(z), pairs, **options, **more)

    return SimpleNamespace(**{name: taking_values(name) for name in names})


def on_device(kernel: TorchKernel, device: str) -> Any:
    """The four functions of a torch kernel on a device."""
    return of_values(kernel, device=device)


def assert_equals_the_reference(kernel: Any, z: np.ndarray, pairs: np.ndarray, k: int) -> None:
    """Distances and counts are those of the reference to the last bit."""
    np.testing.assert_array_equal(kernel.kth_distances(z, pairs, k=k), reference_distances(z, pairs, k))
    for estimator in KSG:
        counts = kernel.marginal_counts(z, pairs, k=k, estimator=estimator)
        np.testing.assert_array_equal(counts, reference_counts(z, pairs, k, estimator), err_msg=estimator)


def means(kernel: Any, z: np.ndarray, pairs: np.ndarray, k: int = 3) -> np.ndarray:
    """Means of log distances, and of digammas for KSG1 and KSG2, (3, P)."""
    digammas = [kernel.mean_digammas(z, pairs, k=k, estimator=estimator) for estimator in KSG]
    return np.stack([kernel.mean_log_distances(z, pairs, k=k), *digammas])


def reference_means(z: np.ndarray, pairs: np.ndarray, k: int = 3) -> np.ndarray:
    return np.stack(
        [reference_log_means(z, pairs, k), *(reference_digammas(z, pairs, k, estimator) for estimator in KSG)]
    )
