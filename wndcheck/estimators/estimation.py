"""A layer of neurons prepared for the kernels, and the estimates of its pairs."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .entropy import LARGEST_CHANGE, entropy_change, sorted_entropies
from .flags import LARGEST_REPEATS, Ties, find_even_spacing, find_tails, find_ties
from .formulas import ESTIMATORS, NORMAL_ENTROPY, digamma, entropy_from_log_distance, information_from_digammas
from .kernels import select_kernel
from .kernels.rows import SortedRows
from .preprocessing import LARGEST_JITTER, LEAST_JITTER, add_jitter, normal_scores, sort_scores, z_scores
from .rank_null import rank_null
from .validation import RandomState, check_choice, check_estimator, check_k, check_number, drawn_seed

MARGINS = ("sd", "normal", "none")
LEAST_LOG_SCALE = -300 * math.log(10)  # below, a value in units of the largest scale has few digits
MASSES = ("constant", "point mass")  # flags of columns with most samples at few values
K = 3  # the paper's (appendix A)
MOST_NEIGHBOURS = 20


@dataclass(frozen=True)
class Method:
    """How a pair is estimated: options of `pairwise_mi`, checked."""

    k: int
    estimator: str
    margins: str
    jitter: float | None
    random_state: int

    @classmethod
    def checked(
        cls,
        k: int | None,
        estimator: str | None,
        margins: str,
        jitter: float | None,
        random_state: RandomState,
        *,
        n_samples: int,
    ) -> Method:
        """The method, with defaults in place of None. TypeError or ValueError for an invalid option."""
        check_choice(margins, "margins", MARGINS)
        k = (rank_neighbours(n_samples) if margins == "normal" else K) if k is None else k
        check_k(k, n_samples)
        # The paper's estimator (eq. A.1); with normal margins the sharpest of the three.
        estimator = ("ksg1" if margins == "normal" else "3h") if estimator is None else estimator
        check_estimator(estimator, ESTIMATORS)
        if jitter is not None:
            if margins == "normal":
                raise ValueError(
                    "jitter has no effect on margins='normal', which ranks tied values at random: leave it out"
                )
            check_number(jitter, "jitter", least=LEAST_JITTER, most=LARGEST_JITTER)
        seed = drawn_seed(random_state)
        return cls(int(k), estimator, margins, jitter, seed)  # −k of an unsigned one would be positive

    def to_dict(self) -> dict[str, Any]:
        """The options as plain Python values."""
        return {name: value.item() if isinstance(value, np.generic) else value for name, value in asdict(self).items()}


def rank_neighbours(n_samples: int) -> int:
    """Default k of pairs with normal margins: a fiftieth of the samples, from 3 to 20.

    More neighbours reduce the spread, and beyond this share the bias of strong dependence exceeds it: at a correlation
    of .99 it is a standard deviation (docs/estimators.md).
    """
    return max(K, min(MOST_NEIGHBOURS, n_samples // 50))


class Layer(NamedTuple):
    """A layer of N neurons with M samples each, prepared for the kernels."""

    z: NDArray[np.float64]  # (N, M), z-scores, normal scores, or values in one common unit, by the margins
    rows: SortedRows  # z as the kernels take it
    double: NDArray[np.bool_]  # (N,), neurons that single precision is too coarse for
    # (N,), of the z-scores, or of the values in one common unit; NaN where tied, and with normal margins
    entropies: NDArray[np.float64]
    log_unit: NDArray[np.float64]  # (N,), log of the unit of z
    flags: dict[int, str]  # neuron -> why it has no estimate
    tied: int  # number of repeated values, before any jitter


def prepare_layer(columns: NDArray[np.float64], resolution: float | NDArray[np.float64], method: Method) -> Layer:
    """Prepare columns (n_samples, n_neurons); resolution is the relative rounding error of their original dtype."""
    if method.margins == "normal":
        return _ranked_layer(columns, resolution, method)
    scores = z_scores(columns, resolution)
    rows = sort_scores(scores.z)
    tied = int(rows.repeats.sum())
    ties = find_ties(columns, rows, np.exp(scores.log_sd), method.k)
    coincident = {column: found.distance for column, found in ties.items() if not found.reason}
    flags = _flags_of_ties(ties, method)
    if method.margins == "sd":
        # Most of a column with a point mass may be at one value, and its quantile range 0.
        masses = [column for column, found in ties.items() if found.reason.startswith(MASSES)]
        flags |= {c: why for c, why in find_tails(columns, rows, method.k).items() if c not in masses}
    if method.jitter is not None:
        rows = sort_scores(add_jitter(rows.z, method.jitter, method.random_state))
    if method.estimator == "3h":
        flags = find_even_spacing(rows.ascending) | flags
    log_unit = scores.log_sd
    if method.margins == "none":
        # A unit common to all neurons keeps their relative scale (the vanilla estimate of appendix A) and the relative
        # precision of float32.
        log_unit = np.full(len(rows.z), np.nanmax(scores.log_sd, initial=-np.inf))
        rows = sort_scores(rows.z * np.exp(scores.log_sd - log_unit)[:, None])
        coincident = {c: distance * np.exp(scores.log_sd[c] - log_unit[c]) for c, distance in coincident.items()}
        for column in np.flatnonzero(scores.log_sd - log_unit < LEAST_LOG_SCALE):
            flags.setdefault(int(column), "scale: below 1e-300 times the largest")
    double = rows.single_repeats > LARGEST_REPEATS * (rows.z.shape[1] - 1)
    entropies = _finite(sorted_entropies(rows.ascending, method.k, coincident))
    return Layer(rows.z, rows.single, double, entropies, log_unit, dict(sorted(flags.items())), tied)


def _ranked_layer(columns: NDArray[np.float64], resolution: float | NDArray[np.float64], method: Method) -> Layer:
    """With normal margins, which need no density: only constants are flagged, and entropies are left out."""
    log_sd = z_scores(columns, resolution).log_sd
    z, rows, tied = normal_scores(columns, method.random_state)
    flags = {int(column): "constant" for column in np.flatnonzero(np.isnan(log_sd))}
    return Layer(z, rows, np.zeros(len(z), np.bool_), np.full(len(z), np.nan), log_sd, flags, tied)


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

    rows: the layer's rows, the samples of each in any order. Pairs that single precision is too coarse for are
    estimated in double precision, by k-d trees.
    """
    information = np.full(len(pairs), np.nan)
    usable = ~np.isin(pairs, list(layer.flags)).any(axis=1)
    single = usable & ~layer.double[pairs].any(axis=1)
    if single.any():
        kernel, where = select_kernel(device, n_jobs)
        information[single] = _information(layer, kernel, rows, pairs[single], method, **where)
    coarse = usable & ~np.isfinite(information)  # also where samples coincide in single precision
    if coarse.any():
        from .kernels import double

        information[coarse] = _information(layer, double, _as_permuted(layer, rows), pairs[coarse], method)
    return _finite(information)


def unresolved(layer: Layer, method: Method) -> list[int]:
    """Unflagged neurons whose 3H estimates are half a nat too low or more, since their density varies within pairs.

    Such a z-score has a negative entropy (a normal one has 1.42 nats), so the check costs next to nothing.
    """
    if method.estimator != "3h" or method.margins != "sd":
        return []
    narrow = [int(neuron) for neuron in np.flatnonzero(layer.entropies < 0) if neuron not in layer.flags]
    change = LARGEST_CHANGE * math.sqrt(max(1, 128 / layer.z.shape[1]))  # ten standard errors of fewer samples
    return [n for n in narrow if entropy_change(np.sort(layer.z[n]), method.k) > change]


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


def _information(
    layer: Layer,
    kernel: Any,
    z: SortedRows | NDArray[np.float64],
    pairs: NDArray[np.int64],
    method: Method,
    **where: Any,
) -> NDArray[np.float64]:
    """Estimates of the pairs (P, 2) of rows of z, (P,); infinite where samples coincide in both neurons."""
    m, k = layer.z.shape[1], method.k
    if method.estimator != "3h":
        means = kernel.mean_digammas(z, pairs, k=k, estimator=method.estimator, **where)
        return information_from_digammas(means, m, k, method.estimator)
    joint = entropy_from_log_distance(kernel.mean_log_distances(z, pairs, k=k, **where), m, k, 2)
    if method.margins == "normal":  # whose entropy is known, and the bias of the joint one tabulated
        return 2 * NORMAL_ENTROPY - joint - rank_null("3h", m, k).correction
    return layer.entropies[pairs].sum(axis=1) - joint


def _as_permuted(layer: Layer, rows: SortedRows) -> NDArray[np.float64]:
    """layer.z, the samples of each neuron in the order that they have in rows."""
    if rows is layer.rows:
        return layer.z
    z = np.empty_like(layer.z)
    np.put_along_axis(z, rows.order, np.take_along_axis(layer.z, layer.rows.order, axis=1), axis=1)
    return z


def _flags_of_ties(ties: dict[int, Ties], method: Method) -> dict[int, str]:
    """The ties that leave the estimator without an estimate.

    KSG needs no density: a few equal values do it no harm, and jitter separates many. 3H measures the density of the
    jitter where there are point masses, and where the jitter does not cover the steps of rounded samples: with a
    standard deviation σ, the density on a grid of step s ripples by 2 exp(−2π² σ² / s²), 1.4 % at half a step.
    """
    flags = {}
    for column, found in ties.items():
        kept = found.reason
        if found.reason and found.reason != "constant":
            if method.estimator != "3h":
                kept = "" if method.jitter is not None or found.reason.startswith("repeated") else found.reason
            elif method.jitter is not None and found.jitter <= method.jitter:
                kept = ""
            elif method.jitter is not None and found.jitter <= LARGEST_JITTER:
                kept = f"{found.reason}, which takes jitter={_rounded_up(found.jitter):g} or more to cover"
        if kept:
            flags[column] = kept
    return flags


def _rounded_up(value: float) -> float:
    """The next number of two digits."""
    digit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return math.ceil(value / digit) * digit


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(values), values, np.nan)
