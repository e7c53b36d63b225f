"""Mutual information of pairs of neurons by three entropies (3H): Î(x, y) = Ĥ(x) + Ĥ(y) − Ĥ(x, y), eq. A.1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .entropy import entropy_from_log_distance, row_entropies
from .neighbours import mean_log_distances
from .samples import DDOF, check_integer, check_k, flags, real_samples, resolution_of, z_scores

ESTIMATORS = ("3h",)
NULLS = (None, "shuffle")


@dataclass(frozen=True, eq=False)
class PairwiseInformation:
    """Mutual information of the pairs of a layer's neurons, in nats; negative estimates are kept.

    pairs: (P, 2), i < j. pair_mi: (P,), NaN where a neuron is flagged.
    entropy: (N,), differential entropy of every neuron in the units of the data, NaN where flagged.
    null_mi: (n_shuffles, P), the estimates of the shuffled pairs; pair_corrected: (P,), mean over shuffles of
    Ĥ(x, πy) − Ĥ(x, y), free of the marginals and of the estimator's bias. Both None without a null.
    flags: column index -> why it has no estimate. meta: how the estimate was made, in plain Python.
    """

    pairs: NDArray[np.int64]
    pair_mi: NDArray[np.float64]
    entropy: NDArray[np.float64]
    pair_corrected: NDArray[np.float64] | None
    null_mi: NDArray[np.float64] | None
    flags: dict[int, str]
    meta: dict[str, Any]

    @property
    def score(self) -> float:
        """Dependence score ι: mean of pair_mi over the pairs without a flag (§4); NaN if every pair has one."""
        return _finite_mean(self.pair_mi)

    @property
    def corrected_score(self) -> float | None:
        """Mean of pair_corrected over the pairs without a flag; None without a null."""
        return None if self.pair_corrected is None else _finite_mean(self.pair_corrected)

    @property
    def mi(self) -> NDArray[np.float64]:
        """pair_mi as a symmetric (N, N) matrix; NaN on the diagonal and for pairs that were not asked for."""
        matrix = np.full((len(self.entropy),) * 2, np.nan)
        first, second = self.pairs.T
        matrix[first, second] = matrix[second, first] = self.pair_mi
        return matrix


def mutual_information(
    x: ArrayLike, y: ArrayLike, *, k: int = 3, estimator: str = "3h", standardize: bool = True
) -> float:
    """Mutual information of two samples, in nats; the same to the last bit with x and y exchanged.

    x, y: (n_samples,), integers or floating-point numbers. k: the neighbour whose distance is taken.
    standardize: divide each sample by its standard deviation first (appendix A); False is the vanilla estimate.
    An estimate may be slightly negative. For y = x it is finite and grows like log M.

    TypeError if a sample does not hold real numbers. ValueError if lengths differ or are not above k, on NaN, infinity
    or an unknown estimator, and where 3H has no meaning: a constant sample, a point mass such as post-ReLU
    activations have at 0, more than 1 % tied values.

    >>> x, noise = np.random.default_rng(0).standard_normal((2, 1000))
    >>> round(mutual_information(x, 0.5 * x + 0.75**0.5 * noise), 2)  # −½ log(1 − ¼) = 0.14
    0.14
    """
    m, other = (len(real_samples(sample, name, ndim=(1,))) for sample, name in ((x, "x"), (y, "y")))
    if m != other:
        raise ValueError(f"x has {m} samples and y has {other}: expected as many")
    information = pairwise_mi(np.stack((x, y), axis=1), k=k, estimator=estimator, standardize=standardize, n_jobs=1)
    for column, reason in information.flags.items():
        raise ValueError(
            f"{'xy'[column]} has no 3H estimate ({reason}): give a sample with a density, "
            "such as pre-activations in single precision or better"
        )
    return float(information.pair_mi[0])


def pairwise_mi(
    X: ArrayLike,
    *,
    k: int = 3,
    estimator: str = "3h",
    standardize: bool = True,
    null: str | None = None,
    n_shuffles: int = 8,
    random_state: int = 0,
    device: str = "auto",
    n_jobs: int | None = None,
    pairs: ArrayLike | None = None,
) -> PairwiseInformation:
    """Mutual information of all pairs of columns of X, in nats.

    X: (n_samples, n_neurons), integers or floating-point numbers. k: the neighbour whose distance is taken.
    standardize: divide each neuron by its standard deviation first; False is the vanilla estimate of appendix A.
    null: "shuffle" estimates the same pairs n_shuffles times more with the samples of every neuron permuted, each by a
    permutation of its own that random_state, the shuffle and the neuron determine.
    device: "auto" or "cpu" for the compiled kernel on n_jobs threads (by default one a core), or a torch device.
    pairs: (P, 2), distinct column indices, to estimate only these; all pairs otherwise.

    A neuron without a density (constant, a point mass, more than 1 % tied values) is flagged and its estimates are
    NaN; the other pairs do not change. Neither do they with n_jobs or with the other pairs asked for.

    TypeError if X does not hold real numbers. ValueError if it is not two-dimensional, holds NaN or infinity, has no
    more than k samples or fewer than two neurons, and for an unknown estimator, null, device or pair.
    """
    columns = real_samples(X, "X", ndim=(2,))
    m, n = columns.shape
    check_k(k, m)
    _check_choice(estimator, "estimator", ESTIMATORS)
    _check_choice(null, "null", NULLS)
    check_integer(n_shuffles, "n_shuffles", least=1)
    check_integer(random_state, "random_state", least=0)
    if n_jobs is not None:
        check_integer(n_jobs, "n_jobs", least=1)
    asked = _all_pairs(n) if pairs is None else _chosen_pairs(pairs, n)

    scores = z_scores(columns, resolution_of(X))
    # One unit for all neurons keeps the vanilla estimate's relative scale and float32's relative precision.
    log_unit = scores.log_sd if standardize else np.full(n, np.nanmax(scores.log_sd, initial=-np.inf))
    z = scores.z * np.exp(scores.log_sd - log_unit)[:, None]
    single = (z - _medians(z)).astype(np.float32)  # the kernel sees differences only; near 0 they are the finest
    flagged = flags(columns, single, k)
    usable = ~np.isin(asked, list(flagged)).any(axis=1)

    def joint_entropies(samples: NDArray[np.float32]) -> NDArray[np.float64]:
        entropies = np.full(len(asked), np.nan)
        if usable.any():
            logs = mean_log_distances(samples, asked[usable], k=int(k), device=device, n_jobs=n_jobs)
            entropies[usable] = entropy_from_log_distance(logs, m, k, 2)
        return entropies

    entropies = row_entropies(z, k)
    entropies[list(flagged)] = np.nan
    joint = joint_entropies(single)
    marginals = entropies[asked].sum(axis=1)
    null_joint = None
    if null == "shuffle":
        null_joint = np.stack([joint_entropies(_shuffled(single, random_state, s)) for s in range(n_shuffles)])
    return PairwiseInformation(
        pairs=asked,
        pair_mi=marginals - joint,
        entropy=entropies + log_unit,
        pair_corrected=None if null_joint is None else (null_joint - joint).mean(axis=0),
        null_mi=None if null_joint is None else marginals - null_joint,
        flags=flagged,
        meta={
            "estimator": estimator,
            "k": int(k),
            "M": m,
            "N": n,
            "P": len(asked),
            "standardize": bool(standardize),
            "ddof": DDOF,
            "null": null,
            "n_shuffles": int(n_shuffles) if null else 0,
            "random_state": int(random_state),
            "device": "cpu" if device == "auto" else str(device),
            "dtype": str(np.asarray(X).dtype),
        },
    )


def _check_choice(value: str | None, name: str, choices: tuple[str | None, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name}={value!r}: expected {' or '.join(map(repr, choices))}")


def _all_pairs(n: int) -> NDArray[np.int64]:
    if n < 2:
        raise ValueError(f"X has {n} columns: expected at least two neurons to pair")
    return np.stack(np.triu_indices(n, 1), axis=1).astype(np.int64)


def _chosen_pairs(pairs: ArrayLike, n: int) -> NDArray[np.int64]:
    chosen = np.asarray(pairs)
    if chosen.dtype.kind not in "iu" or chosen.ndim != 2 or chosen.shape[1] != 2 or len(chosen) == 0:
        raise ValueError(f"pairs has shape {chosen.shape} and dtype {chosen.dtype}: expected (P, 2) column indices")
    chosen = np.sort(chosen.astype(np.int64), axis=1)
    wrong = (chosen[:, 0] < 0) | (chosen[:, 1] >= n) | (chosen[:, 0] == chosen[:, 1])
    if wrong.any():
        raise ValueError(f"pairs holds {chosen[wrong][0].tolist()}: expected two different columns out of 0 to {n - 1}")
    return chosen


def _medians(z: NDArray[np.float64]) -> NDArray[np.float64]:
    middle = z.shape[1] // 2
    return np.partition(z, middle, axis=1)[:, [middle]]


def _shuffled(z: NDArray[np.float32], random_state: int, shuffle: int) -> NDArray[np.float32]:
    """Every row of z in an order of its own."""
    n, m = z.shape
    seeds = (np.random.SeedSequence(int(random_state), spawn_key=(shuffle, neuron)) for neuron in range(n))
    orders = np.stack([np.random.default_rng(seed).permutation(m) for seed in seeds])
    return np.take_along_axis(z, orders, axis=1)


def _finite_mean(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")
