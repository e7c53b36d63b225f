"""A layer of neurons prepared for the kernels, and the estimates of its pairs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .entropy import sorted_entropies
from .formulas import digamma, entropy_from_log_distance, information_from_digammas
from .kernels import rows as kernel_rows
from .kernels import select_kernel
from .kernels.rows import SortedRows
from .preprocessing import LARGEST_JITTER, LEAST_JITTER, add_jitter, find_flags, sort_rows, z_scores
from .validation import check_choice, check_integer, check_k, check_number

ESTIMATORS = ("3h", "ksg1", "ksg2")


@dataclass(frozen=True)
class Method:
    """Options of `pairwise_mi`: how a pair is estimated."""

    k: int
    estimator: str
    standardize: bool
    jitter: float | None
    random_state: int

    def checked(self, n_samples: int) -> Method:
        """The method, with k as a Python integer. TypeError or ValueError for an invalid option."""
        check_k(self.k, n_samples)
        check_choice(self.estimator, "estimator", ESTIMATORS)
        check_integer(self.random_state, "random_state", least=0)
        if self.jitter is not None:
            check_number(self.jitter, "jitter", least=LEAST_JITTER, most=LARGEST_JITTER)
        return replace(self, k=int(self.k))  # −k of an unsigned one would be positive

    def to_dict(self) -> dict[str, Any]:
        """The options as plain Python values."""
        return {name: value.item() if isinstance(value, np.generic) else value for name, value in asdict(self).items()}


class Layer(NamedTuple):
    """A layer of N neurons with M samples each, prepared for the kernels."""

    z: NDArray[np.float64]  # (N, M), z-scores, or values in one common unit if they are not standardized
    rows: SortedRows  # z as the kernels take it
    entropies: NDArray[np.float64]  # (N,), of z
    log_unit: NDArray[np.float64]  # (N,), log of the unit of z
    flags: dict[int, str]  # neuron -> why it has no density
    tied: int  # number of repeated values, before any jitter


def prepare_layer(columns: NDArray[np.float64], resolution: float | NDArray[np.float64], method: Method) -> Layer:
    """Prepare columns (n_samples, n_neurons); resolution is the relative rounding error of their original dtype."""
    scores = z_scores(columns, resolution)
    rows = sort_rows(scores.z)
    tied, flags = int(rows.repeats.sum()), find_flags(columns, rows, method.k)
    if method.jitter is not None:
        rows = sort_rows(add_jitter(rows.z, method.jitter, method.random_state))
        flags = _flags_after_jitter(flags, find_flags(columns, rows, method.k), method.estimator)
    log_unit = scores.log_sd
    if not method.standardize:
        # A unit common to all neurons keeps their relative scale (the vanilla estimate of appendix A) and the relative
        # precision of float32.
        log_unit = np.full(len(rows.z), np.nanmax(scores.log_sd, initial=-np.inf))
        rows = sort_rows(rows.z * np.exp(scores.log_sd - log_unit)[:, None])
        flags = dict(sorted((find_flags(columns, rows, method.k) | flags).items()))  # scales too different for float32
    return Layer(
        rows.z, kernel_rows.sort_rows(rows.single), sorted_entropies(rows.ascending, method.k), log_unit, flags, tied
    )


def estimate(
    layer: Layer,
    rows: SortedRows,
    pairs: NDArray[np.int64],
    method: Method,
    *,
    device: str = "auto",
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Mutual information of the pairs (P, 2) in nats, (P,); NaN where a neuron is flagged or a k-th distance is 0.

    rows: the layer's rows, the samples of each in any order.
    """
    information = np.full(len(pairs), np.nan)
    usable = ~np.isin(pairs, list(layer.flags)).any(axis=1)
    if not usable.any():
        return information
    chosen, m, k = pairs[usable], rows.order.shape[1], method.k
    kernel, where = select_kernel(device, n_jobs)
    if method.estimator == "3h":
        logs = kernel.mean_log_distances(rows, chosen, k=k, **where)
        information[usable] = layer.entropies[chosen].sum(axis=1) - entropy_from_log_distance(logs, m, k, 2)
    else:
        means = kernel.mean_digammas(rows, chosen, k=k, estimator=method.estimator, **where)
        information[usable] = information_from_digammas(means, m, k, method.estimator)
    return np.where(np.isfinite(information), information, np.nan)  # −log 0 where samples coincide in both neurons


def identical_pairs(
    layer: Layer, pairs: NDArray[np.int64], information: NDArray[np.float64], k: int
) -> NDArray[np.int64]:
    """The pairs whose rows are equal or opposite up to rounding, (Q, 2).

    Only pairs whose estimate is near the largest possible one are compared, so the check costs next to nothing.
    """
    largest = digamma(layer.z.shape[1]) - digamma(k)  # of 3H and KSG1 for a sample and itself; KSG2: minus 1/k
    suspects = pairs[information > largest - 3]
    rows = (layer.rows.values[column] for column in suspects.T)
    first, second = (row / np.ptp(row, axis=1, keepdims=True) for row in rows)  # to one scale, for the vanilla estimate
    spread = np.minimum(np.ptp(first - second, axis=1), np.ptp(first + second, axis=1))
    return suspects[spread < 1e-4]


def _flags_after_jitter(before: dict[int, str], after: dict[int, str], estimator: str) -> dict[int, str]:
    """Jitter separates ties. A point mass stays flagged for 3H, which would measure the density of the jitter."""
    kept = {c: reason for c, reason in before.items() if estimator == "3h" and reason.startswith("point mass")}
    return dict(sorted((after | kept).items()))
