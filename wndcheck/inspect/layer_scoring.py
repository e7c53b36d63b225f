"""The score of one layer, from its activations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wndcheck.estimators import PairwiseInformation, pairwise_mi
from wndcheck.estimators.pairwise_information import finite_mean
from wndcheck.estimators.resampling import disjoint_parts, standard_error
from wndcheck.estimators.validation import check_estimator, check_integer, check_number
from wndcheck.inspect.results import DependentPair, LayerScore
from wndcheck.seeds import derived_seed

FEWEST_ROWS = 20  # samples per part; with fewer, the estimate of a part is unreliable
FEW_ROWS = 500  # rows below which the layer has a note
# Estimates wanted for the null of a layer, and of a part of its rows, and bounds on their shuffles. The null's noise is
# that of its mean: an estimate spreads over 0.042 nats for 1000 rows, so 6000 of them over 0.0005.
NULL_ESTIMATES, SHUFFLES = 6_000, (2, 100)
PART_NULL_ESTIMATES, PART_SHUFFLES = 2_000, (1, 4)
POINT_MASS_SHARE = 0.1  # share of neurons with a point mass above which a layer is measured by KSG1
FEW_VALUES = 0.9  # share of different rows below which the layer has a note; compare POINT_MASS_SHARE
# Share of rows that shuffles within groups leave in place, above which the layer has a note (of all rows), and no
# standard error (of those of a part): the null keeps up to this share of the dependence.
NOTED_IN_PLACE, MOST_IN_PLACE = 0.05, 0.25
JITTER = 1e-3  # standard deviations; separates the values of a point mass


@dataclass(frozen=True)
class ScoringOptions:
    """Options of `dependence_score`: how layers are scored."""

    k: int | None = 3
    estimator: str | None = None
    max_pairs: int = 3000
    n_shuffles: int | None = None
    n_parts: int = 10
    rate: float = 0.05
    top: int = 10
    random_state: int = 0
    device: str = "auto"
    n_jobs: int | None = None

    def check(self) -> None:
        """TypeError or ValueError for an invalid option."""
        check_estimator(self.estimator, (None, "3h", "ksg1", "ksg2"))
        check_integer(self.max_pairs, "max_pairs", least=1)
        check_integer(self.n_parts, "n_parts", least=2)
        check_integer(self.top, "top", least=0)
        if self.k is not None:
            check_integer(self.k, "k", least=1)
        check_number(self.rate, "rate", least=0, most=1)
        if self.n_shuffles is not None:
            check_integer(self.n_shuffles, "n_shuffles", least=2)


def shuffles(pairs: int, estimates: int, bounds: tuple[int, int]) -> int:
    """Return the number of shuffles that gives this many estimates of the null of so many pairs, within the bounds."""
    fewest, most = bounds
    return min(most, max(fewest, ceil(estimates / pairs)))


def score_layer(
    name: str,
    rows: NDArray[Any],
    rows_per_sample: int,
    options: ScoringOptions,
    groups: NDArray[np.int64] | None = None,
) -> LayerScore:
    """Return the score of a layer from its activations (rows, neurons).

    groups: the number of each sample's group. ValueError for too few samples or neurons.
    """
    m, n = rows.shape
    samples = m // rows_per_sample
    if n < 2:
        raise ValueError(f"layer {name!r}: it has {n} neuron: expected at least two to pair")
    fewest = max(FEWEST_ROWS, (options.k or 0) // rows_per_sample + 1)  # more rows than k
    if samples < fewest * options.n_parts:
        of_k = f" (k={options.k})" if fewest > FEWEST_ROWS else ""
        raise ValueError(
            f"layer {name!r}: {samples} samples: expected at least {fewest} in each of {options.n_parts} parts{of_k}; "
            f"give {fewest * options.n_parts} inputs or more, or a smaller n_parts"
        )
    pairs = sample_pairs(n, options.max_pairs, derived_seed("user pairs", options.random_state))
    method: dict[str, Any] = {"estimator": options.estimator or "3h", "jitter": None}
    where: dict[str, Any] = {
        "random_state": options.random_state,
        "device": options.device,
        "n_jobs": options.n_jobs,
    }

    def estimates(rows: NDArray[Any], n_shuffles: int, groups: NDArray[Any] | None = None) -> PairwiseInformation:
        null = {"null": "shuffle", "n_shuffles": n_shuffles, "groups": groups}
        return pairwise_mi(rows, **method, k=options.k, pairs=pairs, **null, **where)

    of_whole = options.n_shuffles or shuffles(len(pairs), NULL_ESTIMATES, SHUFFLES)
    whole = without_jitter = estimates(rows, of_whole)
    point_masses = sum(why.startswith("point mass") for why in whole.flags.values())
    if point_masses > POINT_MASS_SHARE * n and options.estimator != "3h":  # 3H has too few neurons left to estimate
        method = {"estimator": options.estimator or "ksg1", "jitter": JITTER}
        whole = estimates(rows, of_whole)
    ranks = pairwise_mi(rows, margins="normal", pairs=pairs, **where)
    of_part = shuffles(len(pairs), PART_NULL_ESTIMATES, PART_SHUFFLES)
    of_parts = rows_of_parts(samples, rows_per_sample, options)
    parts = [estimates(rows[part], of_part) for part in of_parts]
    within, notes = {}, _notes(whole, rows, rows_per_sample)
    if groups is not None:
        labels = np.repeat(groups, rows_per_sample)

        def corrected(part: Any, n_shuffles: int) -> float:
            return estimates(rows[part], n_shuffles, labels[part]).corrected_score or 0.0

        few = max(in_place(labels[part]) for part in of_parts) > MOST_IN_PLACE
        errors = [float("nan")] * 2 if few else [corrected(part, of_part) for part in of_parts]
        within = {"within": corrected(slice(None), of_whole), "within_se": float(standard_error(np.array(errors)))}
        within["between"] = (whole.corrected_score or 0.0) - within["within"]
        if (share := in_place(labels)) > NOTED_IN_PLACE:
            notes.append(f"shuffles within groups leave {100 * share:.0f} % of rows in place: within is too low")
    known = np.isfinite(ranks.q_values)
    return LayerScore(
        layer=name,
        neurons=n,
        rows=m,
        rows_per_sample=rows_per_sample,
        pairs_estimated=len(pairs),
        pairs_possible=n * (n - 1) // 2,
        estimator=method["estimator"],
        jitter=method["jitter"],
        score=whole.score,
        score_se=float(standard_error(np.array([part.score for part in parts]))),
        corrected=whole.corrected_score,  # pyright: ignore[reportArgumentType] (with a null, a number)
        corrected_se=float(standard_error(np.array([part.corrected_score for part in parts]))),
        parts=len(parts),
        entropy=finite_mean(without_jitter.entropy),
        rank_score=ranks.score,
        rank_dependent=ranks.share_above(),
        dependent=float(ranks.dependent(options.rate)[known].mean()) if known.any() else float("nan"),
        pairs=_most_dependent(whole, ranks, options.top),
        identical=tuple((i, j) for i, j in whole.identical.tolist()),
        flags={int(str(neuron)): why for neuron, why in whole.flags.items()},
        notes=tuple(notes),
        information=whole,
        rank_information=ranks,
        **within,
    )


def in_place(labels: NDArray[Any]) -> float:
    """Return the share of rows that a shuffle within groups leaves where they are: one in each group, on average."""
    return len(np.unique(labels)) / len(labels)


def sample_pairs(neurons: int, most: int, seed: int) -> NDArray[np.int64]:
    """Return all pairs i < j, or a seeded sample of `most` of them, in order, (P, 2)."""
    count = neurons * (neurons - 1) // 2
    if count <= most:
        return np.stack(np.triu_indices(neurons, 1), axis=1)
    indices = np.sort(np.random.default_rng(seed).choice(count, most, replace=False))
    starts = np.cumsum([0, *range(neurons - 1, 0, -1)])  # index of the first pair of each first neuron
    first = np.searchsorted(starts, indices, side="right") - 1
    return np.stack([first, indices - starts[first] + first + 1], axis=1)


def drawn_samples(count: int, most: int, random_state: int) -> NDArray[np.int64]:
    """Return indices of `most` of `count` samples, drawn without replacement, in ascending order."""
    return np.sort(np.random.default_rng(random_state).choice(count, most, replace=False))


def drawn_rows(rows: NDArray[Any], per_sample: int, most: int | None, random_state: int) -> NDArray[Any]:
    """Return the rows of `most` samples, or all; a sample's rows are consecutive."""
    samples = len(rows) // per_sample
    if most is None or samples <= most:
        return rows
    return rows.reshape(samples, per_sample, *rows.shape[1:])[drawn_samples(samples, most, random_state)].reshape(
        most * per_sample, *rows.shape[1:]
    )


def rows_of_parts(samples: int, rows_per_sample: int, options: ScoringOptions) -> NDArray[np.int64]:
    """Return row indices of disjoint parts of the samples, (parts, rows per part); a sample's rows are in one part."""
    parts = np.stack(disjoint_parts(samples, options.n_parts, options.random_state))
    return (parts[:, :, None] * rows_per_sample + np.arange(rows_per_sample)).reshape(options.n_parts, -1)


def _most_dependent(whole: PairwiseInformation, ranks: PairwiseInformation, top: int) -> tuple[DependentPair, ...]:
    """Return the pairs with the largest corrected information, in descending order, with the p- and q-values of ranks.

    Those need no shuffles, and are sharper: an independent pair's rank estimate spreads over a fifth of what 3H's does.
    """
    assert whole.pair_corrected is not None
    known = np.flatnonzero(np.isfinite(whole.pair_corrected))
    order = known[np.argsort(-whole.pair_corrected[known], kind="stable")][:top]
    numbers = (whole.pair_mi, whole.pair_corrected, ranks.p_values, ranks.q_values)
    columns = (values[order].tolist() for values in numbers)
    return tuple(
        DependentPair((i, j), *values) for (i, j), *values in zip(whole.pairs[order].tolist(), *columns, strict=True)
    )


def _notes(whole: PairwiseInformation, rows: NDArray[Any], rows_per_sample: int) -> list[str]:
    """Return remarks on a layer's score."""
    notes, neurons = [], rows.shape[1]
    different = Counter(map(bytes, rows + 0.0))  # without negative zeros
    # The most common row does not count: it may be that of silent neurons, a point mass.
    if len(different) - 1 < FEW_VALUES * (len(rows) - max(different.values())):
        notes.append(
            f"only {len(different)} of {len(rows)} rows are different: the layer takes so few values, as one that sees "
            "a token's identity alone does; ι and ι_r are then high, and say how often values repeat, not how neurons "
            "depend"
        )
    elif len(different) < len(rows) and any(why.startswith(("tied", "repeated")) for why in whole.flags.values()):
        notes.append(
            "neurons repeat values since rows are repeated, as at the first positions under a causal mask, which see "
            "few tokens: rely on ι_r, or draw other inputs or positions, positions=lambda inputs: mask"
        )
    if whole.flags:
        label, why = next(iter(whole.flags.items()))
        notes.append(f"{len(whole.flags)} of {neurons} neurons have no estimate (neuron {label}: {why})")
    if whole.meta["jitter"] is not None:
        notes.append(f"point masses, measured by {whole.meta['estimator'].upper()} with jitter {JITTER:g}")
    if len(whole.identical):
        i, j = whole.identical[0]
        count = "1 pair" if len(whole.identical) == 1 else f"{len(whole.identical)} pairs"
        notes.append(f"{count} of neurons equal up to shift, scale and sign ({i} and {j})")
    if rows_per_sample > 1:
        notes.append(
            f"{rows_per_sample} positions per sample are not independent: p- and q-values are too low, shares too high"
        )
    if whole.meta["M"] < FEW_ROWS:
        notes.append(f"{whole.meta['M']} rows are few: the bias of ι grows as rows get fewer; the paper takes 1000")
    return notes
