"""Result of `pairwise_mi`."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import rank_null
from .formulas import nats_per_unit
from .information_summary import THRESHOLD, summary
from .resampling import false_discovery_rates, p_values, standard_error
from .validation import check_number

if TYPE_CHECKING:
    import pandas

NO_P_VALUES = (
    "p-values need two shuffles or more: pairwise_mi(..., null='shuffle', n_shuffles=8); "
    "or margins='normal' without shuffles"
)


@dataclass(frozen=True, eq=False)
class PairwiseInformation:
    """Mutual information of the pairs of a layer's neurons, in nats or the requested base. Result of `pairwise_mi`.

    Attributes
    ----------
    pairs : (P, 2)
        Column indices, i < j.
    pair_mi : (P,)
        Estimates; negative ones are kept. NaN where a neuron is flagged, or where k + 1 samples coincide in both
        neurons in single precision.
    entropy : (N,)
        Differential entropy of each neuron in the units of the data; NaN where flagged, and with normal margins, which
        take the ranks alone.
    null_mi : (n_shuffles, P) or None
        Estimates of the shuffled pairs; None without a null.
    subsample_mi : (n_subsamples, P) or None
        Estimates from disjoint parts of the samples; None without subsamples.
    labels : (N,)
        Names of the neurons.
    flags : dict
        Name -> why the neuron has no estimate.
    identical : (Q, 2)
        Pairs of neurons that are equal up to shift, scale and sign; with normal margins, of equal or opposite ranks
        without ties. Their estimate is near ψ(M) − ψ(k), an artefact that grows like log M.
    meta : dict
        How the estimates were made, as plain Python values.
    """

    pairs: NDArray[np.int64]
    pair_mi: NDArray[np.float64]
    entropy: NDArray[np.float64]
    null_mi: NDArray[np.float64] | None
    subsample_mi: NDArray[np.float64] | None
    labels: tuple[Hashable, ...]
    flags: dict[Hashable, str]
    identical: NDArray[np.int64]
    meta: dict[str, Any]

    @property
    def score(self) -> float:
        """Dependence score ι: mean of pair_mi over the unflagged pairs (§4); NaN if all pairs are flagged."""
        return finite_mean(self.pair_mi)

    @property
    def score_se(self) -> float:
        """Standard error of the score over samples, from the scores of the subsamples; NaN without subsamples.

        Each subsample contains the whole layer, so the correlation of pairs with a common neuron is included: the error
        decreases like 1 / √N, not like that of a mean of independent pairs.
        """
        if self.subsample_mi is None:
            return float("nan")
        return float(standard_error(np.array([finite_mean(part) for part in self.subsample_mi])))

    @property
    def pair_se(self) -> NDArray[np.float64] | None:
        """Standard error of each pair's estimate over samples, (P,); None without subsamples.

        The variance of an estimate from M samples is that of n parts of M / n samples, divided by n (Holmes and
        Nemenman 2019).
        """
        return None if self.subsample_mi is None else standard_error(self.subsample_mi)

    @property
    def pair_corrected(self) -> NDArray[np.float64] | None:
        """pair_mi minus the mean of the pair's null, (P,): without the bias that depends on the marginals.

        For 3H it is the mean over shuffles π of Ĥ(x, πy) − Ĥ(x, y). With normal margins and no shuffles, the null is
        tabulated. None without a null.
        """
        if self.null_mi is not None:
            return self.pair_mi - self.null_mi.mean(axis=0)
        try:
            return self.pair_mi - self._tabulated_null.mean / nats_per_unit(self.meta["base"])
        except ValueError:  # there is none
            return None

    @property
    def corrected_score(self) -> float | None:
        """Corrected score ι_c: mean of pair_corrected over the unflagged pairs; None without a null."""
        return None if self.pair_corrected is None else finite_mean(self.pair_corrected)

    @cached_property
    def p_values(self) -> NDArray[np.float64]:
        """One-sided p-value of each pair against independence, (P,), NaN where flagged.

        From the shuffles (`resampling.p_values`); with normal margins and no shuffles, from the tabulated null.
        ValueError with other margins and fewer than two shuffles, and where the table ends (`rank_null`).
        """
        if self.null_mi is None:
            return rank_null.p_values(self.pair_mi * nats_per_unit(self.meta["base"]), self._tabulated_null)
        if len(self.null_mi) < 2:
            raise ValueError(NO_P_VALUES)
        return p_values(self.pair_mi, self.null_mi)

    @cached_property
    def q_values(self) -> NDArray[np.float64]:
        """Smallest false-discovery rate at which each pair is found dependent, (P,), NaN where flagged.

        Benjamini and Hochberg (1995) on the p-values. ValueError as for p_values.
        """
        known = np.isfinite(self.p_values)
        q = np.full(len(self.pairs), np.nan)
        q[known] = false_discovery_rates(self.p_values[known])
        return q

    def dependent(self, rate: float = 0.05) -> NDArray[np.bool_]:
        """Mask of the pairs found dependent at a false-discovery rate, (P,): those with a q-value of at most `rate`.

        Flagged pairs are not found dependent. With shuffles no p-value is below 1 / (1 + P n_shuffles), so fewer than
        about 1 / (rate n_shuffles) dependent pairs are never found: few dependent pairs need more shuffles. ValueError
        as for p_values, and for a rate outside [0, 1].
        """
        check_number(rate, "rate", least=0, most=1)
        return self.q_values <= rate  # False for NaN

    def share_above(self, threshold: float = THRESHOLD, level: float = 0.99) -> float:
        """Share of the pairs whose estimate exceeds `threshold` nats by more than independent pairs exceed 0.

        That is by more than the quantile `level` of the tabulated null, for normal margins. NaN where no pair has an
        estimate, with other margins, and where the table ends.
        """
        check_number(level, "level", least=1e-9, most=1 - 1e-9)
        known = self.pair_mi[np.isfinite(self.pair_mi)] * nats_per_unit(self.meta["base"])
        try:
            beyond = threshold + rank_null.quantile(self._tabulated_null, level)
        except ValueError:
            return float("nan")
        return float((known > beyond).mean()) if len(known) else float("nan")

    @property
    def mi(self) -> NDArray[np.float64]:
        """pair_mi as a symmetric (N, N) matrix; NaN on the diagonal and for pairs that were not requested."""
        matrix = np.full((len(self.entropy),) * 2, np.nan)
        first, second = self.pairs.T
        matrix[first, second] = matrix[second, first] = self.pair_mi
        return matrix

    def to_frame(self) -> pandas.DataFrame:
        """`mi` as a pandas DataFrame labelled with the neurons' names. ImportError without pandas."""
        from pandas import DataFrame

        return DataFrame(self.mi, index=list(self.labels), columns=list(self.labels))

    @property
    def _tabulated_null(self) -> rank_null.RankNull:
        """The null of normal margins, which depends on estimator, M and k alone. ValueError where there is none."""
        if self.meta["margins"] != "normal":
            raise ValueError(NO_P_VALUES)
        return rank_null.rank_null(self.meta["estimator"], self.meta["M"], self.meta["k"])

    def __repr__(self) -> str:
        return summary(self)


def finite_mean(values: NDArray[np.float64]) -> float:
    """Mean of the finite values; NaN if there is none."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")
