"""Results of runs that differ only in their base seed: flips, wrong verdicts, machines and versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from math import isnan, nan

from wndcheck.authoring.error_rates import FEWEST_RESAMPLED, MOST_WRONG
from wndcheck.authoring.pooling import Pooled, PooledCheck, PooledClaim, pool_checks, pool_claims
from wndcheck.report.format import count_of, format_seeds, percent
from wndcheck.verdicts.checks import Verdict
from wndcheck.verdicts.run import Run


@dataclass(frozen=True)
class Calibration:
    """The finished runs, and the reason by seed for those that failed."""

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

    def falsely_refuted(self, claim: str) -> float:
        """A bound on how often a claim is refuted whose checks have their true means on borders: the sum over them."""
        rates = [each.reliability.refutes_claim for each in self.primary if each.claim == claim]
        return min(1.0, sum(rate for rate in rates if not isnan(rate))) if rates else nan

    @cached_property
    def flips(self) -> list[str]:
        """Claims and checks that are supported under one seed and refuted under another, with the seeds."""
        pooled: dict[str, Pooled] = {f"claim {claim.id}": claim for claim in self.claims}
        pooled |= {f"{check.claim} {check.name}": check for check in self.checks}
        return [
            f"{name}: supported under {format_seeds(each.seeds(Verdict.SUPPORTED))}, "
            f"refuted under {format_seeds(each.seeds(Verdict.REFUTED))}"
            for name, each in pooled.items()
            if each.flips
        ]

    @property
    def too_often_wrong(self) -> list[str]:
        """Primary checks with a wrong-verdict rate above 1 %, without resampling about a border."""
        return wrong([(each, each.reliability.greatest_wrong) for each in self.primary])

    @property
    def skewed(self) -> list[str]:
        """Primary checks with such a rate if their residuals scatter about a border."""
        return wrong([(each, each.reliability.resampled_worst) for each in self.primary])

    @property
    def resampling_summary(self) -> str:
        """``3 of 90 primary checks with 30 values or more would be wrong …``."""
        known = [each for each in self.primary if not isnan(each.reliability.resampled_worst)]
        return (
            f"{len(self.skewed)} of {count_of(len(known), 'primary check')} with {FEWEST_RESAMPLED} values or more "
            f"would be wrong more often than {percent(MOST_WRONG)} by resampling if their true mean were on a border"
        )

    @property
    def summary(self) -> str:
        """One line with the numbers of runs, claims with the same verdict in all of them, and flips."""
        alike = sum(len(claim.counts) == 1 for claim in self.claims)
        flips = "no claim and no check flips"
        if self.flips:
            flips = f"{len(self.flips)} claims and checks flip" if len(self.flips) > 1 else "1 claim or check flips"
        failed = f"; {len(self.failed)} failed" if self.failed else ""
        return (
            f"{count_of(len(self.runs), 'run')}{failed}: {alike} of {count_of(len(self.claims), 'claim')} "
            f"{'has' if len(self.claims) == 1 else 'have'} the same verdict in all of them, {flips} between supported "
            "and refuted"
        )

    def facts(self, digest: str) -> dict[str, str]:
        """Profile, seeds, date, machine and versions; those that differ between runs are all named."""
        names = dict.fromkeys(name for run in self.runs for name in run.environment)
        return {
            "profile": self.runs[0].profile,
            "base seeds": format_seeds([run.base_seed for run in self.runs]),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "claims' digest": digest[:16],
            **{f"seed {seed} failed": how for seed, how in self.failed.items()},
            **{
                name: " or ".join(dict.fromkeys(run.environment[name] for run in self.runs if name in run.environment))
                for name in names
            },
        }


def wrong(rates: Sequence[tuple[PooledCheck, float]]) -> list[str]:
    """Return the checks with a rate above 1 %, and the rate."""
    return [f"{each.claim} {each.name}: {percent(rate)}" for each, rate in rates if rate > MOST_WRONG]
