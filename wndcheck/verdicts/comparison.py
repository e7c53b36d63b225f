"""Differences between two runs: verdicts, intervals that do not overlap, margins, and checks only in one of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.run import ClaimResult, Run


class Pair(NamedTuple):
    """The findings of one check, or control, in both runs."""

    one: Finding
    other: Finding

    @property
    def is_disjoint(self) -> bool:
        """Whether the intervals do not overlap; without an estimate an interval is unbounded."""
        one, other = self.one.interval, self.other.interval
        return one.high < other.low or other.high < one.low


@dataclass(frozen=True)
class Comparison:
    """The differences between the findings of two runs."""

    one: Run
    other: Run

    @cached_property
    def pairs(self) -> list[Pair]:
        """The checks and controls that both runs have."""
        one, other = self.one.findings, self.other.findings
        return [Pair(finding, other[key]) for key, finding in one.items() if key in other]

    @cached_property
    def claims(self) -> dict[str, tuple[ClaimResult | None, ClaimResult | None]]:
        """The claims whose verdicts, or the scopes they are on, differ; and those that one run lacks, which is None."""
        one, other = ({claim.id: claim for claim in run.claims} for run in (self.one, self.other))

        def verdict(claim: ClaimResult | None) -> object:
            return claim and (claim.verdict, claim.asked.keys(), {each.check.scope for each in claim.left})

        both = {name: (one.get(name), other.get(name)) for name in one | other}
        return {name: pair for name, pair in both.items() if verdict(pair[0]) != verdict(pair[1])}

    @property
    def changed(self) -> list[Pair]:
        """The checks and controls whose verdicts differ."""
        return [pair for pair in self.pairs if pair.one.verdict != pair.other.verdict]

    @property
    def disjoint(self) -> list[Pair]:
        """The checks and controls whose intervals do not overlap."""
        return [pair for pair in self.pairs if pair.is_disjoint]

    @property
    def moved(self) -> list[Pair]:
        """The checks and controls whose margins differ: their verdicts cannot be compared."""
        return [pair for pair in self.pairs if pair.one.check.region != pair.other.check.region]


def only_in(run: Run, other: Run) -> list[tuple[str, str]]:
    """The checks and controls that one run has and the other lacks, by claim and name."""
    others = other.findings
    return [key for key in run.findings if key not in others]
