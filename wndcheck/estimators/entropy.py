"""k-nearest-neighbour estimate of differential entropy in the max-norm (eq. A.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .flags import LARGEST_MASS, LARGEST_REPEATS, find_even_spacing, find_tails, ties_of
from .formulas import digamma, entropy_from_log_distance, nats_per_unit
from .preprocessing import sort_scores, z_scores
from .validation import Samples, check_base, check_choice, check_k, printable, real_samples

LARGEST_CHANGE = 0.5  # nats between the resolutions of a neuron and its pairs; 0.2 for tanh of a normal neuron
IN_CACHE = 2**14  # numbers of a temporary array that a core's cache holds beside three others


class CoincidentError(ValueError):
    """The distance from a sample to its k-th neighbour is 0."""


def knn_entropy(
    x: ArrayLike, *, k: int = 3, units: str = "data", margins: str = "sd", base: float | None = None
) -> float:
    """Differential entropy of a sample, in nats (eq. A.1).

    Parameters
    ----------
    x : array-like, pandas object or torch tensor, (n_samples,) or (n_samples, d)
        Integers or floating-point numbers; for d > 1 the joint entropy is estimated.
    k : int
        Number of the nearest neighbour whose distance is used.
    units : {"data", "sd"}
        Entropy of x, or with "sd" of its z-scores (sample standard deviation, ddof = 1).
    margins : {"sd", "none"}
        For d > 1, "sd" takes distances between z-scores and adds the logarithms of the standard deviations, so that
        columns may have different units. "none" takes distances between the values, as eq. A.1 is written: columns of
        different scales are then far off (N(0, 1) × N(0, 10⁻⁶): −3.15 in place of −10.98).
    base : float, optional
        Base of the logarithm; nats by default, 2 for bits.

    Raises
    ------
    TypeError
        If x does not hold real numbers.
    ValueError
        If x has another shape, contains NaN or infinity, has no more than k samples, if a column is evenly spaced
        (ranks), constant, or repeats more than 1 % of its values (rounded samples, point masses), if the distance to a
        k-th neighbour is 0 (CoincidentError), or for the z-scores of d > 1 columns, if the standard deviation of one
        says nothing of most samples (outliers).

    Notes
    -----
    Kozachenko and Leonenko (1987) in the max-norm. Differential entropy may be negative; H(aX + b) = H(X) + log |a|.
    For M = 1000 and k = 3 the bias is below 0.003 nats for most one-dimensional distributions, 0.006 where the density
    has poles; the standard deviation is about 0.03. Where single precision rounds two samples to one value, and k = 1,
    their distance counts as e^(−3/2) times the spacing of its numbers, its mean before rounding. Columns that follow
    from others have a joint entropy of −∞, and an estimate that means nothing.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal(100_000)
    >>> round(knn_entropy(x), 2)  # ½ log 2πe
    1.42
    """
    samples = real_samples(x, "x", ndim=(1, 2))
    columns = samples.columns
    m, d = columns.shape
    if d == 0:
        raise ValueError(f"x has shape {samples.values.shape}: expected at least one column")
    check_k(k, m)
    k = int(k)
    check_base(base)
    check_choice(units, "units", ("data", "sd"))
    check_choice(margins, "margins", ("sd", "none"))
    ascending = np.sort(columns.T, axis=1)
    for column, reason in (find_even_spacing(ascending) | _repeated_values(ascending, k)).items():
        advice = "give the values before they were ranked or rounded, or add noise that is uniform within a step"
        advice = "a point mass has none" if reason.startswith("point mass") else advice
        raise ValueError(f"{_name(samples, column)} has no density ({reason}): {advice}")
    log_unit = 0.0
    if units == "sd" or (d > 1 and margins == "sd"):
        scores = z_scores(columns, samples.resolution)
        for column in np.flatnonzero(np.isnan(scores.log_sd)):
            raise ValueError(f"{_name(samples, column)} is constant: it has no standard deviation to divide by")
        tails = find_tails(columns, sort_scores(scores.z), k) if d > 1 else {}
        for column, reason in tails.items():
            raise ValueError(
                f"{_name(samples, column)} has z-scores that say nothing of most samples ({reason}): "
                "take units='data' and margins='none'"
            )
        columns, log_unit = scores.z.T, 0.0 if units == "sd" else float(scores.log_sd.sum())
    if d == 1:
        distances = _kth_distances_of_sorted(np.sort(columns.T, axis=1), k)[0]
        if not distances.all():
            distances[distances == 0] = _coincident_distance(samples, k, units)
    else:
        from .kernels import cpu_blocks

        distances = cpu_blocks.kth_distances(columns, k=k)
    logs = np.log(check_positive(distances, columns, k))
    return (entropy_from_log_distance(float(logs.mean()), m, k, d) + log_unit) / nats_per_unit(base)


def sorted_entropies(
    ascending: NDArray[np.float64], k: int, coincident: dict[int, float] | None = None
) -> NDArray[np.float64]:
    """One-dimensional entropy of each sorted row (n_rows, n_samples), (n_rows,); −inf where a distance is 0.

    coincident: row -> distance that stands for 0, where values coincide by rounding.
    """
    m = ascending.shape[1]
    distances = _kth_distances_of_sorted(ascending, k)
    for row, distance in (coincident or {}).items():
        distances[row, distances[row] == 0] = distance
    with np.errstate(divide="ignore"):
        logs = np.log(distances)
    return entropy_from_log_distance(logs.mean(axis=1), m, k, 1)


def entropy_change(ascending: NDArray[np.float64], k: int) -> float:
    """Entropy of sorted z-scores (n_samples,) at the resolution of pairs, minus that at their own, in nats.

    In a pair with an independent normal neuron, the k-th neighbour of a sample is within ε = √(πd), if it is within d
    in this neuron alone and the density is constant over ε. Entropies from the counts within ε and from d then agree;
    where the density varies within ε, such as between narrow clusters, 3H is too low by one to two times as much.
    """
    from scipy.special import psi

    chosen = np.linspace(0, len(ascending) - 1, 128).astype(int)  # for a standard error of .05
    alone, z = _kth_distances_of_sorted(ascending[None], k)[0, chosen], ascending[chosen]
    if not alone.all():
        return 0.0  # ties, which are flagged
    reach = np.sqrt(np.pi * alone)
    near = np.searchsorted(ascending, z + reach, "right") - np.searchsorted(ascending, z - reach, "left") - 1
    return float(np.mean(np.log(reach / alone) - psi(np.maximum(near, 1)))) + digamma(k)


def check_positive(distances: NDArray[np.float64], points: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return the distances of points (n_samples, d) to the k-th neighbour unchanged. CoincidentError if one is 0."""
    tied = int((distances == 0).sum())
    if tied:
        m, most = len(points), np.unique(points, axis=0, return_counts=True)[1].max()
        advice = f"give k={most} or more" if most <= LARGEST_MASS * m else "a point mass has no density to estimate"
        raise CoincidentError(
            f"the distance to neighbour k={k} is 0 for {tied:,} of {m:,} samples, which coincide: {advice}"
        )
    return distances


def _name(samples: Samples, column: int | np.integer) -> str:
    return f"column {printable(samples.labels[column])} of x" if samples.labels else "x"


def _repeated_values(ascending: NDArray[np.float64], k: int) -> dict[int, str]:
    """Sorted rows (n_rows, n_samples) of which more than 1 % of the values repeat, unless constant -> why.

    Distances to the k-th neighbour then are numbers of steps, for any k: at M = 10,000, values rounded to a hundredth
    of a standard deviation are .15 nats too high with k = 55 and .09 too low with k = 100.
    """
    repeats = (ascending[:, 1:] == ascending[:, :-1]).sum(axis=1)
    many = (repeats > LARGEST_REPEATS * (ascending.shape[1] - 1)) & (ascending[:, 0] < ascending[:, -1])
    return {int(row): ties_of(ascending[row], 1.0, k).reason for row in np.flatnonzero(many)}


def _coincident_distance(samples: Samples, k: int, units: str) -> float:
    """Distance between values of a single column that coincide by rounding; 0 if they coincide otherwise."""
    sd = float(np.exp(z_scores(samples.columns, samples.resolution).log_sd[0]))
    if np.isnan(sd):  # constant
        return 0.0
    ties = ties_of(np.sort(samples.columns[:, 0]), sd, k)
    return ties.distance * (1.0 if units == "sd" else sd)


def _kth_distances_of_sorted(ascending: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Distance of each point of a sorted row to its k-th neighbour in the row.

    The point and its k nearest neighbours are k + 1 consecutive points. The distance is therefore the minimum, over
    the windows of k + 1 consecutive points that contain the point, of the distance to the window's farther end.
    """
    distances = np.full_like(ascending, np.inf)
    m = ascending.shape[1]
    at_once = max(1, IN_CACHE // m)
    for start in range(0, len(ascending), at_once):
        rows, nearest = ascending[start : start + at_once], distances[start : start + at_once]
        for below in range(k + 1):  # points of the window below the query
            queries = slice(below, m - (k - below))
            to_first = rows[:, queries] - rows[:, : m - k]
            to_last = rows[:, k:] - rows[:, queries]
            np.maximum(to_first, to_last, out=to_first)
            np.minimum(nearest[:, queries], to_first, out=nearest[:, queries])
    return distances
