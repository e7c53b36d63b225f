"""The results of a run's tests, gathered by the controller into claims."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from wndcheck.experiment.profiles import Scope
from wndcheck.pytest_plugin.declarations import check_name, check_of, claim_id, claim_of, must_be_of
from wndcheck.verdicts.findings import Finding, Left, Unfinished
from wndcheck.verdicts.run import ClaimResult, claim_result
from wndcheck.verdicts.run_files import decode_line

CLAIM, FINDING = "wndcheck_claim", "wndcheck_finding"  # properties by which tests hand JSON to the controller


class Declared(msgspec.Struct):
    """What the file of a claim declares, as it is sent from a worker to the controller."""

    id: str
    paper: str
    statement: str
    about: str
    figures: tuple[str, ...]
    asked: dict[Scope, int]
    left: tuple[Left, ...]


def declared(tests: Sequence[pytest.Item], scopes: Collection[Scope], leaves_to: str) -> Declared:
    """Return what a file declares, by all its tests, whichever of them are then run.

    Checks of other scopes than those that the run decides are left to the profile `leaves_to`.
    """
    first, claim = tests[0], claim_of(tests[0])
    assert claim is not None
    found = [(check_name(item), check_of(item)) for item in tests if not must_be_of(item)]
    asked = Counter(check.scope for _, check in found if check.primary and check.scope in scopes)
    left = (Left(name, check, leaves_to) for name, check in found if check.scope not in scopes)
    about = getattr(getattr(first, "module", None), "__doc__", None) or ""
    return Declared(claim_id(first), claim.paper, claim.statement, about, claim.figures, dict(asked), tuple(left))


def recorded(properties: Iterable[tuple[str, Any]], name: str) -> str:
    """Return the JSON that a test recorded under a name; empty without it."""
    return next((value for found, value in properties if found == name), "")


@dataclass
class Results:
    """The results, filled from the reports that reach the controller, whichever process ran the test."""

    is_selection: bool = False
    declared: dict[str, Declared] = field(default_factory=dict)  # by claim
    findings: dict[str, list[Finding]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, list[Unfinished]] = field(default_factory=lambda: defaultdict(list))
    not_run: dict[str, list[Unfinished]] = field(default_factory=lambda: defaultdict(list))
    reported: set[str] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)  # test file -> claim
    crashed: list[pytest.TestReport] = field(default_factory=list)

    def add(self, report: pytest.TestReport) -> None:
        """Add the report of a claim's test; other reports are ignored."""
        if report.when in ("teardown", "???"):  # the latter of a test whose worker died
            self.reported.add(report.nodeid)
        if not (text := recorded(report.user_properties, CLAIM)):
            # The report by xdist of a test whose worker died has no properties.
            self.crashed += [report] if report.failed else []
            return
        declared = decode_line(text, Declared)
        claim = declared.id
        self.declared.setdefault(claim, declared)
        self.files[report.nodeid.partition("::")[0]] = claim
        if report.when == "call" and (finding := recorded(report.user_properties, FINDING)):
            self.findings[claim].append(decode_line(finding, Finding))
        elif report.failed:
            self.errors[claim].append(Unfinished(report.nodeid, report.longreprtext[-2000:]))
        elif report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self.not_run[claim].append(Unfinished(report.nodeid, reason.removeprefix("Skipped: ")))

    def add_missing(self, tests: Iterable[str], reason: str) -> None:
        """Add tests that were collected and never reported, so that their claims are not decided without them."""
        for test in tests:
            if claim := self.files.get(test.partition("::")[0]):
                self.not_run[claim].append(Unfinished(test, reason))

    @property
    def claims(self) -> tuple[ClaimResult, ...]:
        """The claims by id. A crashed worker's test is an error of the claim of its file."""
        for report in self.crashed:
            if claim := self.files.get(report.nodeid.partition("::")[0]):
                self.errors[claim].append(Unfinished(report.nodeid, f"{report.longreprtext} (out of memory?)"))
        self.crashed = []
        return tuple(
            claim_result(
                findings=self.findings[claim],
                errors=self.errors[claim],
                not_run=self.not_run[claim],
                is_selection=self.is_selection,
                **msgspec.structs.asdict(declared),
            )
            for claim, declared in sorted(self.declared.items())
        )
