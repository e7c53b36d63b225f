"""A layer's neurons made ready for the kernels, and the estimates of its pairs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .entropy import sorted_entropies
from .formulas import ceiling, entropy_from_log_distance, information_from_digammas
from .kernels import mean_digammas, mean_log_distances
from .samples import check_choice, check_integer, check_k, check_number
from .scores import LARGEST_JITTER, LEAST_JITTER, flags, jittered, ordered, z_scores

ESTIMATORS = ("3h", "ksg1", "ksg2")


@dataclass(frozen=True)
class Method:
    """How a pair is estimated; see `pairwise_mi`."""

    k: int
    estimator: str
    standardize: bool
    jitter: float | None
    random_state: int

    def check(self, n_samples: int) -> None:
        """TypeError or ValueError for an option out of its range."""
        check_k(self.k, n_samples)
        check_choice(self.estimator, "estimator", ESTIMATORS)
        check_integer(self.random_state, "random_state", least=0)
        if self.jitter is not None:
            check_number(self.jitter, "jitter", least=LEAST_JITTER, most=LARGEST_JITTER)

    def said(self) -> dict[str, Any]:
        """The options in plain Python."""
        kinds = {"k": int, "estimator": str, "standardize": bool, "jitter": float, "random_state": int}
        return {name: None if value is None else kinds[name](value) for name, value in asdict(self).items()}


class Layer(NamedTuple):
    """N neurons with M samples each."""

    z: NDArray[np.float64]  # (N, M), scores, in one unit for all neurons if they are not standardised
    rows: NDArray[np.float32]  # (N, M), z as the kernels see it
    entropies: NDArray[np.float64]  # (N,), of z
    log_unit: NDArray[np.float64]  # (N,), log of the unit of z
    flags: dict[int, str]
    tied: int  # values that repeat another, before any jitter


def prepared(columns: NDArray[np.float64], resolution: float | NDArray[np.float64], method: Method) -> Layer:
    """The layer of columns (n_samples, n_neurons); resolution is the relative rounding error of their dtype."""
    scores = z_scores(columns, resolution)
    rows = ordered(scores.z)
    tied, found = int(rows.repeats.sum()), flags(columns, rows, method.k)
    if method.jitter is not None:
        rows = ordered(jittered(rows.z, method.jitter, method.random_state))
        found = _flags_after_jitter(found, flags(columns, rows, method.k), method.estimator)
    log_unit = scores.log_sd
    if not method.standardize:
        # One unit for all neurons keeps the vanilla estimate's relative scale and float32's relative precision.
        log_unit = np.full(len(rows.z), np.nanmax(scores.log_sd, initial=-np.inf))
        rows = ordered(rows.z * np.exp(scores.log_sd - log_unit)[:, None])
        found = dict(sorted((flags(columns, rows, method.k) | found).items()))  # scales too far apart for float32
    return Layer(rows.z, rows.single, sorted_entropies(rows.ascending, method.k), log_unit, found, tied)


def estimates(
    layer: Layer,
    rows: NDArray[np.float32],
    pairs: NDArray[np.int64],
    method: Method,
    *,
    device: str = "auto",
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Mutual information of the pairs (P, 2) in nats, (P,); NaN where a neuron is flagged or a k-th distance is 0.

    rows: the layer's, each in any order of its samples.
    """
    found = np.full(len(pairs), np.nan)
    usable = ~np.isin(pairs, list(layer.flags)).any(axis=1)
    if not usable.any():
        return found
    chosen, m, k = pairs[usable], rows.shape[1], int(method.k)
    if method.estimator == "3h":
        logs = mean_log_distances(rows, chosen, k=k, device=device, n_jobs=n_jobs)
        found[usable] = layer.entropies[chosen].sum(axis=1) - entropy_from_log_distance(logs, m, k, 2)
    else:
        means = mean_digammas(rows, chosen, k=k, estimator=method.estimator, device=device, n_jobs=n_jobs)
        found[usable] = information_from_digammas(means, m, k, method.estimator)
    return np.where(np.isfinite(found), found, np.nan)  # −log 0 where samples meet in both neurons at once


def identical(layer: Layer, pairs: NDArray[np.int64], found: NDArray[np.float64], method: Method) -> NDArray[np.int64]:
    """Those of the pairs whose rows are equal, or opposite, to what rounding leaves of them.

    Only pairs near the estimators' ceiling are looked at, so it costs nothing.
    """
    suspects = pairs[found > ceiling(layer.rows.shape[1], method.k) - 3]
    rows = (layer.rows[column] for column in suspects.T)
    first, second = (row / np.ptp(row, axis=1, keepdims=True) for row in rows)  # of one scale in the vanilla estimate
    apart = np.minimum(*(np.ptp(difference, axis=1) for difference in (first - second, first + second)))
    return suspects[apart < 1e-4]


def _flags_after_jitter(before: dict[int, str], after: dict[int, str], estimator: str) -> dict[int, str]:
    """Jitter parts ties; to a point mass it gives a density of its own making, which 3H would measure."""
    kept = {c: reason for c, reason in before.items() if estimator == "3h" and reason.startswith("point mass")}
    return dict(sorted((after | kept).items()))
