"""Verdicts over runs that differ in their base seed: how often each was reached, and the values behind them, pooled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wndcheck.authoring.error_rates import Reliability, reliability
from wndcheck.verdicts.checks import CauseKind, MustBe, Statistic, Verdict
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.power import UNKNOWN
from wndcheck.verdicts.run import ClaimVerdict, Run, natural_order


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """The verdict of a claim, or of a check, under each base seed."""

    by_seed: dict[int, ClaimVerdict]

    @cached_property
    def counts(self) -> Counter[ClaimVerdict]:
        return Counter(self.by_seed.values())

    @property
    def flips(self) -> bool:
        """Whether it is supported under one seed and refuted under another."""
        return {ClaimVerdict.SUPPORTED, ClaimVerdict.REFUTED} <= self.counts.keys()

    def seeds(self, verdict: str) -> list[int]:
        return [seed for seed, reached in self.by_seed.items() if reached == verdict]


@dataclass(frozen=True, kw_only=True)
class PooledClaim(Pooled):
    id: str
    statement: str


@dataclass(frozen=True, kw_only=True)
class PooledCheck(Pooled):
    """A check, or a control, over runs; `findings` holds those of the runs that decided it, by base seed."""

    claim: str
    name: str
    findings: dict[int, Finding]

    @property
    def function(self) -> str:
        """``trend`` of ``trend[relu-1]``."""
        return self.name.partition("[")[0]

    @property
    def verdicts(self) -> list[Verdict]:
        return [finding.verdict for finding in self.findings.values()]

    @property
    def last(self) -> Finding:
        return [*self.findings.values()][-1]

    @property
    def primary(self) -> bool:
        return bool(self.findings) and self.last.check.primary

    @property
    def must_be(self) -> MustBe | None:
        """What a control must be; None for a check."""
        return self.last.must_be if self.findings else None

    @cached_property
    def by_run(self) -> list[NDArray[np.float64]]:
        """The finite values of each finding, one per replicate."""
        values = [np.array(finding.values) for finding in self.findings.values()]
        return [each[np.isfinite(each)] for each in values]

    @property
    def n(self) -> int:
        """Number of replicates per run: the median over runs."""
        return int(np.median([len(values) for values in self.by_run])) if self.by_run else 0

    @cached_property
    def reliability(self) -> Reliability:
        """Error rates and nets needed, from the values of all runs; unknown where another cause blocks a verdict.

        ValueError where no run has decided the check.
        """
        if not self.findings:
            raise ValueError(f"{self.claim} {self.name}: no run has decided it")
        if (check := self.last.check).statistic is Statistic.RANKS:  # each tail of its test is exact
            return Reliability(self.n, worst=check.alpha / 2, refutes_claim=check.strict_alpha(self.last.m) / 2)
        known = reliability(check, np.concatenate(self.by_run), self.n, self.last.m)
        return replace(known, rates=UNKNOWN, nets=nan) if self.blocking_cause else known

    @property
    def blocking_cause(self) -> CauseKind | None:
        """Nets that could not be measured or trained, where they left most runs without a verdict; else None.

        More nets would not help: they could not be measured, or trained, either.
        """
        kinds = [finding.cause.kind for finding in self.findings.values() if finding.cause]
        blocking = Counter(kind for kind in kinds if kind in (CauseKind.NOT_MEASURED, CauseKind.NOT_TRAINED))
        return blocking.most_common(1)[0][0] if 2 * blocking.total() > len(self.findings) else None

    @property
    def sd_between_runs(self) -> float:
        """Standard deviation of the means of runs; NaN with fewer than two."""
        means = [values.mean() for values in self.by_run if len(values)]
        return float(np.std(means, ddof=1)) if len(means) > 1 else nan

    @property
    def excess(self) -> float:
        """Ratio of the sd between runs to that of independent replicates: above 1 if those of a run are correlated."""
        expected = self.reliability.sd / sqrt(self.n) if self.n else 0.0
        return self.sd_between_runs / expected if expected else nan


def pool_claims(runs: Sequence[Run]) -> list[PooledClaim]:
    """Return the claims of all runs, by name. A claim that a run lacks counts as not run."""
    verdicts = {run.base_seed: {claim.id: claim.verdict for claim in run.claims} for run in runs}
    statements = {claim.id: claim.statement for run in runs for claim in run.claims}
    return [
        PooledClaim(id=name, statement=statements[name], by_seed=by_seed(verdicts, name)) for name in sorted(statements)
    ]


def pool_checks(runs: Sequence[Run]) -> list[PooledCheck]:
    """Return the checks and controls of all runs, by claim and name. One that a run lacks counts as not run."""
    findings = {run.base_seed: run.findings for run in runs}
    verdicts = {run.base_seed: verdicts_of(run) for run in runs}
    keys = sorted({key for found in verdicts.values() for key in found}, key=lambda key: natural_order(" ".join(key)))
    pooled = []
    for claim, name in keys:
        reached = by_seed(verdicts, (claim, name))
        decided = {seed: findings[seed][claim, name] for seed, verdict in reached.items() if verdict in list(Verdict)}
        pooled.append(PooledCheck(claim=claim, name=name, findings=decided, by_seed=reached))
    return pooled


def by_seed(verdicts: dict[int, Any], key: object) -> dict[int, ClaimVerdict]:
    """Return the verdict of a claim, or of a check, by base seed."""
    return {seed: found.get(key, ClaimVerdict.NOT_RUN) for seed, found in verdicts.items()}


def verdicts_of(run: Run) -> dict[tuple[str, str], ClaimVerdict]:
    """Return the verdict of every check and control of a run, including those without a finding."""
    not_run = {(claim.id, test.name): ClaimVerdict.NOT_RUN for claim in run.claims for test in claim.not_run}
    decided = {key: ClaimVerdict(finding.verdict) for key, finding in run.findings.items()}
    errors = {(claim.id, test.name): ClaimVerdict.ERROR for claim in run.claims for test in claim.errors}
    return not_run | decided | errors
