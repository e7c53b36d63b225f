"""Checks, verdicts and their causes: the rule that decides one check from the values of its replicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from wndcheck.experiment.profiles import Scope
from wndcheck.verdicts.statistics import Interval, Region, mean_interval, rank_interval

FEWEST = 4  # replicates below which no verdict is given
REFUTES = 0.01  # how often a claim whose true values are on the margins may be refuted, at most
MOST_UNTRAINED = 0.25  # share of nets that may fail to train before a check is inconclusive


class Verdict(StrEnum):
    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


class MustBe(StrEnum):
    """What a control must be."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"
    NOT_SUPPORTED = "not supported"  # either of the others

    def allows(self, verdict: Verdict) -> bool:
        return verdict is not Verdict.SUPPORTED if self is MustBe.NOT_SUPPORTED else verdict == self


class Statistic(StrEnum):
    """What a check estimates from the values of its replicates."""

    MEAN = "mean"  # with Student's t interval
    RANKS = "ranks"  # how often a value of the first half exceeds one of the second, by a permutation test


class CauseKind(StrEnum):
    """The causes of the verdicts of checks and claims."""

    # of an inconclusive check
    STRADDLES = "straddles"  # the interval includes the margin
    TOO_FEW = "too_few"  # `count` replicates, fewer than FEWEST
    NOT_TRAINED = "not_trained"  # `count` of `total` nets did not train
    NOT_MEASURED = "not_measured"  # `count` of `total` values are missing: neurons constant, tied or a point mass
    # of a claim
    REFUTED_CHECKS = "refuted_checks"  # the primary checks `names` are refuted
    UNDECIDED_CHECKS = "undecided_checks"  # `count` of `total` primary checks are inconclusive, by cause in `parts`
    ONE_OF_MANY = "one_of_many"  # the primary checks `names`, of `total`, are refuted and do not refute the claim
    FAILED_CONTROLS = "failed_controls"  # the controls `names` did not reach the verdict that they must
    NO_CONTROL = "no_control"
    NO_PRIMARY_CHECK = "no_primary_check"
    INCOMPLETE = "incomplete"  # `count` checks or controls were not run
    NOT_RUN = "not_run"  # `names` holds the reason
    LEFT = "left"  # all `count` primary checks are left to the profile `names`
    ERRORS = "errors"  # `count` tests ended in an error


@dataclass(frozen=True)
class Cause:
    """A cause with its data, whose meaning `CauseKind` gives; `wndcheck.report.format` puts it into words."""

    kind: CauseKind
    count: int = 0
    total: int = 0
    names: tuple[str, ...] = ()
    parts: dict[CauseKind, int] | None = None


@dataclass(frozen=True)
class Check:
    """One estimand with a region fixed beforehand.

    Supported: the (1 - alpha) interval over replicates lies inside `region`. Refuted: it lies entirely outside. A
    profile decides the checks of its scopes. Only primary checks count towards the claim.
    """

    estimand: str
    region: Region
    primary: bool = True
    scope: Scope = Scope.TREND
    alpha: float = 0.01
    unit: str = "nats"
    replicate: str = "nets"
    statistic: Statistic = Statistic.MEAN

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha {self.alpha}: expected a number between 0 and 1")

    def strict_alpha(self, m: int) -> float:
        """1 minus the confidence of the interval by which the check, as one of m, refutes a claim.

        It is at most REFUTES / m, of ranks in each tail: an equivalence, which two one-sided tests at 5 % support, has
        an alpha of 0.1, and refutes its claim no sooner than other checks.
        """
        tails = 2 if self.statistic is Statistic.RANKS else 1
        return min(self.alpha, tails * REFUTES) / m


class Decision(NamedTuple):
    """Verdict, cause (None unless inconclusive), and the intervals at 1 - alpha and, if that is wider, at 1 -
    `Check.strict_alpha`.
    """

    verdict: Verdict
    cause: Cause | None
    interval: Interval
    strict: Interval | None


def verdict_on(check: Check, interval: Interval) -> Verdict:
    """Return the verdict of the three-way rule from the interval and the region only."""
    if check.region.contains(interval):
        return Verdict.SUPPORTED
    return Verdict.REFUTED if check.region.excludes(interval) else Verdict.INCONCLUSIVE


def interval_of(statistic: Statistic, values: np.ndarray, confidence: float) -> Interval:
    """Return the interval from the finite values; unbounded without one."""
    if not np.isfinite(values).any():
        return Interval(np.nan, -np.inf, np.inf, 0, confidence)
    if statistic is Statistic.RANKS:
        first, second = (half[np.isfinite(half)] for half in np.split(values, 2))
        return rank_interval(first, second, confidence)
    return mean_interval(values[np.isfinite(values)], confidence)


def decide(
    check: Check,
    values: Sequence[float] | np.ndarray,
    *,
    untrained: int = 0,
    nets: int = 0,
    m: int = 1,
    systematic: tuple[float, float] = (0.0, 0.0),
) -> Decision:
    """Return the decision on one of m checks, whose verdict is that of the (1 - alpha) interval whatever m.

    Intervals are widened by the limits of a `systematic` error, which no number of replicates removes.

    `values` (R,) holds one number per replicate, NaN where a net gave none; for ranks, both groups in a row.
    `untrained` of the `nets` did not train; beyond a quarter of them the check is inconclusive, as it is where a
    further quarter of the values is NaN, or with fewer than four. ValueError for values that are not one-dimensional.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1:
        raise ValueError(
            f"values of shape {values.shape} for {check.estimand!r}: expected one dimension, one number per replicate "
            f"({check.replicate}); average over everything else first"
        )
    known = values[np.isfinite(values)]
    missing = len(values) - len(known)
    interval, strict = (
        interval_of(check.statistic, values, 1 - alpha).widened(*systematic)
        for alpha in (check.alpha, check.strict_alpha(m))
    )
    strict = strict if check.strict_alpha(m) < check.alpha else None
    if untrained > MOST_UNTRAINED * max(nets, 1):
        cause = Cause(CauseKind.NOT_TRAINED, untrained, nets)
    elif missing > len(values) * (untrained / max(nets, 1) + MOST_UNTRAINED):
        cause = Cause(CauseKind.NOT_MEASURED, missing, len(values))
    elif len(known) < FEWEST:
        cause = Cause(CauseKind.TOO_FEW, len(known))
    else:
        verdict = verdict_on(check, interval)
        cause = Cause(CauseKind.STRADDLES) if verdict is Verdict.INCONCLUSIVE else None
        return Decision(verdict, cause, interval, strict)
    return Decision(Verdict.INCONCLUSIVE, cause, interval, strict)
