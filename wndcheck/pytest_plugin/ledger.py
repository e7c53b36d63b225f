"""The controller's book of a run: every check's finding, what was not run, and what each claim comes to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from wndcheck.verdicts.checks import Finding, Verdict, roll_up
from wndcheck.verdicts.sentences import found_instead

CLAIM, FINDING = "wndcheck_claim", "wndcheck_finding"  # names under which tests hand their results to the controller


def brief(reason: str) -> str:
    """Why something was not run, in its first line and, where it has more, its last, which says what to type."""
    first, *others = reason.splitlines()
    return f"{first.partition(' Not found:')[0]} {others[-1]}" if others else first


def recorded(properties: Iterable[tuple[str, Any]], name: str) -> dict[str, Any]:
    """What a test recorded under a name; empty without it."""
    return next((value for found, value in properties if found == name), {})


@dataclass
class ClaimEntry:
    """What a run found about one claim."""

    id: str
    paper: str
    statement: str
    about: str = ""  # its file's docstring
    figures: list[str] = field(default_factory=list)
    checks: list[Finding] = field(default_factory=list)
    controls: list[Finding] = field(default_factory=list)
    errors: list[dict[str, str]] = field(default_factory=list)
    not_run: list[dict[str, str]] = field(default_factory=list)
    is_selection: bool = False  # of its tests, of which controls may be left out

    @property
    def primary(self) -> list[Finding]:
        return [finding for finding in self.checks if finding.primary]

    @property
    def verdict(self) -> tuple[str, str]:
        """Verdict and cause; "error" and "not run" are not verdicts."""
        if self.errors:
            return "error", f"tests that did not finish: {len(self.errors)}"
        if not self.primary and self.not_run:
            return "not run", brief(self.not_run[0]["reason"])
        if self.not_run:
            return Verdict.INCONCLUSIVE, f"checks or controls that were not run: {len(self.not_run)}"
        if self.primary and not (self.controls or self.is_selection):
            return Verdict.INCONCLUSIVE, "it has no control"
        failed = [control.check for control in self.controls if control.verdict != control.control]
        verdict, cause = roll_up([finding.verdict for finding in self.primary], controls_hold=not failed)
        if verdict is Verdict.INCONCLUSIVE:
            cause = f"{cause}: {', '.join(failed) if failed else '; '.join(self.undecided)}"
        if verdict is Verdict.REFUTED:
            cause = found_instead(self.primary)
        return verdict, cause

    @property
    def undecided(self) -> list[str]:
        """Why primary checks are inconclusive, each cause with its number of checks."""
        causes = Counter(finding.cause.partition(":")[0] for finding in self.primary if finding.cause)
        return [f"{cause} ({count})" for cause, count in causes.most_common()]

    @property
    def expected(self) -> str:
        """What the expected verdicts of its primary checks come to."""
        return roll_up([finding.expected[0] for finding in self.primary])[0] if self.primary else ""

    def to_dict(self) -> dict[str, Any]:
        verdict, cause = self.verdict
        return {
            "id": self.id,
            "paper": self.paper,
            "statement": self.statement,
            "about": self.about,
            "figures": self.figures,
            "verdict": str(verdict),
            "cause": cause,
            "expected": str(self.expected),
            "checks": [finding.to_dict() for finding in self.checks],
            "controls": [finding.to_dict() for finding in self.controls],
            "errors": self.errors,
            "not_run": self.not_run,
        }


class Ledger:
    """Filled from the reports that reach the controller, whichever process ran the test."""

    def __init__(self, is_selection: bool = False) -> None:
        self.is_selection = is_selection
        self.claims: dict[str, ClaimEntry] = {}
        self.reported: set[str] = set()
        self.files: dict[str, str] = {}  # test file -> claim
        self.crashed: list[pytest.TestReport] = []

    def enter(self, report: pytest.TestReport) -> None:
        """Take a report of a claim's test; others are passed over."""
        if not (claim := recorded(report.user_properties, CLAIM)):
            # What xdist reports for a test whose worker died carries no properties.
            self.crashed += [report] if report.failed else []
            return
        self.files[report.nodeid.partition("::")[0]] = claim["id"]
        entry = self.claims.setdefault(claim["id"], ClaimEntry(**claim, is_selection=self.is_selection))
        if report.when == "teardown":
            self.reported.add(report.nodeid)
        if report.when == "call" and (fields := recorded(report.user_properties, FINDING)):
            finding = Finding.from_dict(fields)
            (entry.controls if finding.control else entry.checks).append(finding)
        elif report.failed:
            entry.errors.append({"test": report.nodeid, "message": report.longreprtext[-2000:]})
        elif report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            entry.not_run.append({"test": report.nodeid, "reason": reason.removeprefix("Skipped: ")})

    @property
    def in_order(self) -> list[ClaimEntry]:
        """Claims by name and their checks by the names of their tests; workers keep no order."""
        self.settle_crashes()
        for entry in self.claims.values():
            entry.checks.sort(key=by_number)
            entry.controls.sort(key=by_number)
        return [self.claims[key] for key in sorted(self.claims)]

    def settle_crashes(self) -> None:
        """Lay a crashed worker's test to the claim of its file, which then has an error and no verdict."""
        for report in self.crashed:
            if claim := self.files.get(report.nodeid.partition("::")[0]):
                self.claims[claim].errors.append({"test": report.nodeid, "message": report.longreprtext})
        self.crashed = []


def by_number(finding: Finding) -> list[str | int]:
    """The test's name in which numbers count as such: width 50 stands before 200."""
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", finding.test)]
