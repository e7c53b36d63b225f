"""What runs that differ in their base seed alone come to: flips, wrong verdicts, and what they ran on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from math import isnan

from wndcheck.authoring.pooling import PooledCheck, PooledClaim, Tally, pool_checks, pool_claims
from wndcheck.authoring.reliability import FEWEST_RESAMPLED, MOST_WRONG
from wndcheck.report.format import format_seeds, percent
from wndcheck.verdicts.checks import Verdict
from wndcheck.verdicts.run import Run


@dataclass(frozen=True)
class Calibration:
    """The runs, and how those of other seeds failed."""

    runs: Sequence[Run]
    failed: dict[int, str]

    @cached_property
    def claims(self) -> list[PooledClaim]:
        return pool_claims(self.runs)

    @cached_property
    def pooled(self) -> list[PooledCheck]:
        """Checks and controls."""
        return pool_checks(self.runs)

    @property
    def checks(self) -> list[PooledCheck]:
        return [each for each in self.pooled if not each.must_be]

    @property
    def primary(self) -> list[PooledCheck]:
        return [each for each in self.checks if each.primary]

    @cached_property
    def flips(self) -> list[str]:
        """Claims and checks that are supported under one seed and refuted under another, with the seeds."""
        named = [(f"claim {claim.id}", claim.tally) for claim in self.claims]
        named += [(f"{check.claim} {check.name}", check.tally) for check in self.checks]
        return [f"{name}: {describe_flip(tally)}" for name, tally in named if tally.flips]

    @property
    def too_often_wrong(self) -> list[str]:
        """Primary checks with a wrong-verdict rate above 1 %, resampling about a border left aside."""
        return self.wrong_by("greatest_wrong")

    @property
    def skewed(self) -> list[str]:
        """Primary checks for which that rate is above 1 % when their residuals scatter about a border."""
        return self.wrong_by("resampled_worst")

    def wrong_by(self, rate: str) -> list[str]:
        rates = [(each, getattr(each.reliability, rate)) for each in self.primary]
        return [f"{each.claim} {each.name}: {percent(wrong)}" for each, wrong in rates if wrong > MOST_WRONG]

    @property
    def resampling_summary(self) -> str:
        """How many those are, and of how many that have enough values to draw from."""
        known = [each for each in self.primary if not isnan(each.reliability.resampled_worst)]
        return (
            f"of {len(known)} primary checks with {FEWEST_RESAMPLED} values or more, {len(self.skewed)} would be wrong "
            f"more often than {percent(MOST_WRONG)} by resampling, were their true mean on a border"
        )

    @property
    def summary(self) -> str:
        """In a line."""
        alike = sum(len(claim.tally.counts) == 1 for claim in self.claims)
        flips = f"{len(self.flips)} claims and checks flip" if self.flips else "no claim and no check flips"
        failed = f"; {len(self.failed)} failed" if self.failed else ""
        runs = f"{len(self.runs)} run{'s' * (len(self.runs) > 1)}{failed}"
        return (
            f"{runs}: {alike} of {len(self.claims)} claims came out alike in all of them, {flips} between supported "
            "and refuted"
        )

    def facts(self, digest: str) -> dict[str, str]:
        """What ran, when and on what; machines and versions that differ between runs are all named."""
        environment: dict[str, dict[str, None]] = {}
        for run in self.runs:
            for name, text in run.environment.items():
                environment.setdefault(name, {})[text] = None
        return {
            "profile": self.runs[0].profile,
            "base seeds": format_seeds([run.base_seed for run in self.runs]),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "claims' digest": digest[:16],
            **{f"seed {seed} failed": how for seed, how in self.failed.items()},
            **{name: " or ".join(texts) for name, texts in environment.items()},
        }


def describe_flip(tally: Tally) -> str:
    return ", ".join(f"{v} under {format_seeds(tally.seeds(v))}" for v in (Verdict.SUPPORTED, Verdict.REFUTED))
