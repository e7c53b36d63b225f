"""What many runs that differ in their base seed come to: flips, wrong verdicts, and what they ran on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from math import isnan

from wndcheck.authoring.estimates import FEWEST_RESAMPLED, MOST_WRONG
from wndcheck.authoring.reading import VerdictFile
from wndcheck.authoring.repeats import CheckRepeats, ClaimRepeats, Tally, checks_over, claims_over
from wndcheck.authoring.words import percent, seeds
from wndcheck.verdicts.checks import Verdict


@dataclass(frozen=True)
class Calibration:
    """Runs that differ in their base seed alone; `failed` says of seeds whose run did not end well how it ended."""

    runs: Sequence[VerdictFile]
    failed: dict[int, str]

    @cached_property
    def claims(self) -> list[ClaimRepeats]:
        return claims_over(self.runs)

    @cached_property
    def repeats(self) -> list[CheckRepeats]:
        return checks_over(self.runs)

    @property
    def checks(self) -> list[CheckRepeats]:
        return [each for each in self.repeats if not each.control]

    @property
    def controls(self) -> list[CheckRepeats]:
        return [each for each in self.repeats if each.control]

    @cached_property
    def flips(self) -> list[str]:
        """Claims and checks that were supported under one seed and refuted under another, with the seeds."""
        named = [(f"claim {claim.id}", claim.tally) for claim in self.claims]
        named += [(f"{check.claim} {check.check}", check.tally) for check in self.checks]
        return [f"{name}: {how_it_flips(tally)}" for name, tally in named if tally.flips]

    @cached_property
    def too_often_wrong(self) -> list[str]:
        """Primary checks with a wrong-verdict rate above 1 %, resampling about a border left aside."""
        return self.wrong_by("greatest_wrong")

    @cached_property
    def skewed(self) -> list[str]:
        """Primary checks for which that rate is above 1 % when their residuals scatter about a border."""
        return self.wrong_by("resampled_worst")

    def wrong_by(self, rate: str) -> list[str]:
        found = [(each, getattr(each.reliability, rate)) for each in self.checks if each.primary]
        return [f"{each.claim} {each.check}: {percent(wrong)}" for each, wrong in found if wrong > MOST_WRONG]

    @property
    def beside_wrong(self) -> str:
        """How many those are, and of how many whose values are enough to draw from."""
        known = [each for each in self.checks if each.primary and not isnan(each.reliability.resampled_worst)]
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


def how_it_flips(tally: Tally) -> str:
    return ", ".join(
        f"{verdict} under {seeds(tally.seeds(verdict))}" for verdict in (Verdict.SUPPORTED, Verdict.REFUTED)
    )


def facts(calibration: Calibration, digest: str) -> dict[str, str]:
    """What ran, when, and where and with what; machines and versions that differ between runs are all named."""
    runs, environment = calibration.runs, dict[str, dict[str, None]]()
    for run in runs:
        for name, text in run.environment.items():
            environment.setdefault(name, {})[text] = None
    failed = {f"seed {seed} failed": how for seed, how in calibration.failed.items()}
    return {
        "profile": runs[0].profile,
        "base seeds": seeds([run.base_seed for run in runs]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "claims' digest": digest[:16],
        **failed,
        **{name: " or ".join(texts) for name, texts in environment.items()},
    }
