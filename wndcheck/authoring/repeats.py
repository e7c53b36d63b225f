"""Verdicts over many runs: how often each fell, and the values behind them, pooled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray

from wndcheck.authoring.estimates import Reliability, reliability
from wndcheck.authoring.layout import ERROR, NOT_RUN
from wndcheck.authoring.power import UNKNOWN
from wndcheck.authoring.reading import ClaimRun, Decided, VerdictFile
from wndcheck.verdicts.checks import Verdict

OUTCOMES = (*map(str, Verdict), NOT_RUN, ERROR)


@dataclass(frozen=True)
class Tally:
    """What fell under each base seed."""

    by_seed: dict[int, str]

    @cached_property
    def counts(self) -> Counter[str]:
        return Counter(self.by_seed.values())

    @property
    def flips(self) -> bool:
        """Supported under one seed and refuted under another?"""
        return self.counts[Verdict.SUPPORTED] > 0 and self.counts[Verdict.REFUTED] > 0

    def seeds(self, verdict: str) -> list[int]:
        return [seed for seed, fell in self.by_seed.items() if fell == verdict]


@dataclass(frozen=True)
class ClaimRepeats:
    id: str
    statement: str
    tally: Tally


@dataclass(frozen=True)
class CheckRepeats:
    """A check, or a control, over runs. `found` holds its finding of each run that has one."""

    claim: str
    check: str
    found: tuple[Decided, ...]
    tally: Tally

    @property
    def last(self) -> Decided:
        return self.found[-1]

    @property
    def primary(self) -> bool:
        return bool(self.found) and self.last.rule.primary

    @property
    def control(self) -> str:
        """The verdict it must reach; empty for a check."""
        return self.last.control if self.found else ""

    @property
    def held(self) -> int:
        """Runs in which the control reached it."""
        return self.tally.counts[self.control]

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """Of all runs."""
        return np.concatenate([each.values for each in self.found]) if self.found else np.array([])

    @property
    def n(self) -> int:
        """Replicates that a run has: the median over runs."""
        return int(np.median([len(each.values) for each in self.found])) if self.found else 0

    @cached_property
    def reliability(self) -> Reliability:
        """ValueError for a check without a finding."""
        if not self.found:
            raise ValueError(f"{self.claim} {self.check}: no run has decided it")
        known = reliability(self.last.rule, self.values, self.n, self.decided)
        return replace(known, rates=UNKNOWN, nets=nan) if self.hindrance else known

    @property
    def decided(self) -> bool:
        """Does the profile decide it?"""
        return any(each.decides for each in self.found)

    @property
    def hindrance(self) -> str:
        """``no measurement`` or ``not trained`` where that left most runs without a verdict; else empty.

        The rates are of values as good as those at hand, and the nets lacking would be no better: both are unknown.
        """
        hindered = Counter(each.hindrance for each in self.found if each.hindrance)
        return hindered.most_common(1)[0][0] if 2 * hindered.total() > len(self.found) else ""

    @property
    def sd_between_runs(self) -> float:
        """Of the means of runs; NaN with fewer than two."""
        means = [each.values.mean() for each in self.found if len(each.values)]
        return float(np.std(means, ddof=1)) if len(means) > 1 else nan

    @property
    def excess(self) -> float:
        """The sd between runs over what independent nets would give it: 1 unless nets of a run have more in common."""
        expected = self.reliability.sd / sqrt(self.n) if self.n else 0.0
        return self.sd_between_runs / expected if expected else nan


def claims_over(runs: Sequence[VerdictFile]) -> list[ClaimRepeats]:
    """Every claim that a run has, by name; a run that lacks it counts as not run."""
    known: dict[str, ClaimRun] = {}
    for run in runs:
        known |= run.claims

    def fell(run: VerdictFile, name: str) -> str:
        return run.claims[name].verdict if name in run.claims else NOT_RUN

    return [
        ClaimRepeats(name, known[name].statement, Tally({run.base_seed: fell(run, name) for run in runs}))
        for name in sorted(known)
    ]


def checks_over(runs: Sequence[VerdictFile]) -> list[CheckRepeats]:
    """Every check and control that a run has, by claim and name."""
    claims = [(run.base_seed, claim) for run in runs for claim in run.claims.values()]
    names = {(claim.id, check) for _, claim in claims for check in (*claim.decided, *claim.lost)}
    return [check_over(runs, *name) for name in sorted(names)]


def check_over(runs: Iterable[VerdictFile], claim: str, check: str) -> CheckRepeats:
    found: list[Decided] = []
    by_seed: dict[int, str] = {}
    for run in runs:
        by_seed[run.base_seed] = NOT_RUN
        if (entry := run.claims.get(claim)) is None:
            continue
        if check in entry.lost:
            by_seed[run.base_seed] = entry.lost[check]
        elif decided := entry.decided.get(check):
            by_seed[run.base_seed] = decided.verdict
            found.append(decided)
    return CheckRepeats(claim, check, tuple(found), Tally(by_seed))
