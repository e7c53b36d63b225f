"""Claims, checks, verdicts, and how the checks of a claim add up. Pure: no files, no pytest, no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from wndcheck.verdicts.statistics import Interval, Region, mean_interval

if TYPE_CHECKING:
    from wndcheck.experiment.cells import Cell
    from wndcheck.experiment.profiles import Profile

FEWEST = 4  # replicates below which no verdict is given
MOST_UNTRAINED = 0.25  # share of nets that may fail to train before a check says so instead of deciding


class Verdict(StrEnum):
    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


class Cause(StrEnum):
    """Why a check is inconclusive."""

    STRADDLES = "the interval straddles the margin"
    TOO_FEW = "too few nets"
    NOT_TRAINED = "not trained"
    NOT_MEASURED = "no measurement: neurons constant, tied or a point mass, or the net diverged"
    PROFILE = "not decided by this profile"
    CONTROL = "a control failed"
    NO_CHECK = "no primary check gave a verdict"


def no_cells(profile: Profile, base_seed: int) -> tuple[Cell, ...]:
    return ()


@dataclass(frozen=True)
class Claim:
    """A statement of the paper.

    `cells` names the nets that a profile and a base seed give it; a claim about the estimators alone needs none.
    `figures` are the report's figures that show what it rests on, by the stems of their files.
    """

    id: str
    paper: str
    statement: str
    cells: Callable[[Profile, int], tuple[Cell, ...]] = no_cells
    figures: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """One number with a region fixed beforehand.

    Supported: the (1 - alpha) interval over replicates lies inside `region`. Refuted: it lies wholly outside it, or,
    where `contradiction` is given, inside that. `level` marks a statement about the paper's widest nets or about what
    its recipe reaches, which a profile without them does not decide. Only primary checks count towards the claim.
    """

    estimand: str
    region: Region
    contradiction: Region | None = None
    primary: bool = True
    level: bool = False
    alpha: float = 0.01
    unit: str = "nats"
    replicate: str = "nets"

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha {self.alpha}: expected a number between 0 and 1")
        if self.contradiction and not (
            self.contradiction.high <= self.region.low or self.contradiction.low >= self.region.high
        ):
            raise ValueError(f"contradiction {self.contradiction} overlaps the claim's region {self.region}")


@dataclass(frozen=True)
class Finding:
    """A decided check with its evidence, in plain Python types (it crosses process borders as JSON)."""

    claim: str
    check: str
    parameters: dict[str, Any]
    estimand: str
    unit: str
    replicate: str
    region: tuple[float, float]
    confidence: float
    estimate: float
    low: float
    high: float
    n: int
    untrained: int
    primary: bool
    verdict: str
    cause: str
    values: list[float] = field(default_factory=list)
    control: str = ""  # for a control: the verdict it must reach
    expected: tuple[str, ...] = (Verdict.SUPPORTED,)  # the usual one first
    outcome: str = ""
    reason: str = ""
    test: str = ""

    @property
    def margin(self) -> str:
        return str(Region(*self.region))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Finding:
        low, high = fields["region"]
        return cls(**{**fields, "region": (low, high), "expected": tuple(fields["expected"])})


def verdict_on(check: Check, interval: Interval) -> Verdict:
    """The three-way rule on an interval alone."""
    if check.region.contains(interval):
        return Verdict.SUPPORTED
    contradicted = check.contradiction.contains(interval) if check.contradiction else check.region.excludes(interval)
    return Verdict.REFUTED if contradicted else Verdict.INCONCLUSIVE


def decide(
    check: Check,
    values: Sequence[float] | np.ndarray,
    *,
    untrained: int = 0,
    nets: int = 0,
    decides_levels: bool = True,
) -> tuple[Verdict, str, Interval]:
    """Verdict, cause (empty unless inconclusive) and interval of one check.

    `values` holds one number a replicate, NaN where a net gave none. `untrained` of the `nets` behind them did not
    train; beyond a quarter of them the check is inconclusive, as it is where a further quarter of the values is NaN, or
    with fewer than four. ValueError for values that are not a row.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1:
        raise ValueError(
            f"values of shape {values.shape} for {check.estimand!r}: expected a row, one number a replicate "
            f"({check.replicate}); average over what is no replicate first"
        )
    kept = values[np.isfinite(values)]
    unknown = Interval(np.nan, -np.inf, np.inf, len(kept), 1 - check.alpha)
    interval = mean_interval(kept, 1 - check.alpha) if len(kept) else unknown
    if untrained > MOST_UNTRAINED * max(nets, 1):
        cause = f"{Cause.NOT_TRAINED}: {untrained} of {nets} nets"
    elif len(values) - len(kept) > len(values) * (untrained / max(nets, 1) + MOST_UNTRAINED):
        cause = f"{Cause.NOT_MEASURED} ({len(values) - len(kept)} of {len(values)})"
    elif len(kept) < FEWEST:
        cause = f"{Cause.TOO_FEW}: {len(kept)}, at least {FEWEST} are needed"
    elif check.level and not decides_levels:
        cause = f"{Cause.PROFILE}: it speaks of the paper's widest nets and recipe, which --wnd-profile=full trains"
    else:
        verdict = verdict_on(check, interval)
        return verdict, Cause.STRADDLES if verdict is Verdict.INCONCLUSIVE else "", interval
    return Verdict.INCONCLUSIVE, cause, interval


def roll_up(verdicts: Iterable[str], controls_hold: bool = True) -> tuple[Verdict, str]:
    """A claim's verdict from its primary checks: refuted if one is, supported if all are, else inconclusive."""
    verdicts = list(verdicts)
    if not controls_hold:
        return Verdict.INCONCLUSIVE, Cause.CONTROL
    if Verdict.REFUTED in verdicts:
        return Verdict.REFUTED, ""
    if not verdicts:
        return Verdict.INCONCLUSIVE, Cause.NO_CHECK
    if all(verdict == Verdict.SUPPORTED for verdict in verdicts):
        return Verdict.SUPPORTED, ""
    undecided = sum(verdict == Verdict.INCONCLUSIVE for verdict in verdicts)
    return Verdict.INCONCLUSIVE, f"{undecided} of {len(verdicts)} primary checks undecided"
