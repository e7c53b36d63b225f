"""The results of a run's tests, gathered by the controller into claims."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest

from wndcheck.pytest_plugin.declarations import claim_id, claim_of
from wndcheck.verdicts.run import ClaimResult, Finding, Unfinished, decode_finding, judged

CLAIM, FINDING = "wndcheck_claim", "wndcheck_finding"  # properties by which tests hand JSON to the controller


def recorded(properties: Iterable[tuple[str, Any]], name: str) -> str:
    """The JSON that a test recorded under a name; empty without it."""
    return next((value for found, value in properties if found == name), "")


def record_claim(item: pytest.Item) -> None:
    """Record on a test what its claim says of itself."""
    if claim := claim_of(item):
        fields = {"id": claim_id(item), "paper": claim.paper, "statement": claim.statement, "figures": claim.figures}
        about = getattr(getattr(item, "module", None), "__doc__", None) or ""
        item.user_properties.append((CLAIM, json.dumps(fields | {"about": about}, ensure_ascii=False)))


class Results:
    """Filled from the reports that reach the controller, whichever process ran the test."""

    def __init__(self, is_selection: bool = False) -> None:
        self.is_selection = is_selection
        self.texts: dict[str, dict[str, Any]] = {}  # by claim, as `record_claim` has them
        self.findings: dict[str, list[Finding]] = defaultdict(list)
        self.errors: dict[str, list[Unfinished]] = defaultdict(list)
        self.not_run: dict[str, list[Unfinished]] = defaultdict(list)
        self.reported: set[str] = set()
        self.files: dict[str, str] = {}  # test file -> claim
        self.crashed: list[pytest.TestReport] = []

    def add(self, report: pytest.TestReport) -> None:
        """Take a report of a claim's test; others are passed over."""
        if not (text := recorded(report.user_properties, CLAIM)):
            # What xdist reports for a test whose worker died carries no properties.
            self.crashed += [report] if report.failed else []
            return
        fields = json.loads(text)
        claim = fields["id"]
        self.texts.setdefault(claim, fields)
        self.files[report.nodeid.partition("::")[0]] = claim
        if report.when == "teardown":
            self.reported.add(report.nodeid)
        if report.when == "call" and (finding := recorded(report.user_properties, FINDING)):
            self.findings[claim].append(decode_finding(finding))
        elif report.failed:
            self.errors[claim].append(Unfinished(report.nodeid, report.longreprtext[-2000:]))
        elif report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self.not_run[claim].append(Unfinished(report.nodeid, reason.removeprefix("Skipped: ")))

    @property
    def claims(self) -> tuple[ClaimResult, ...]:
        """By id. A crashed worker's test is an error of the claim of its file."""
        for report in self.crashed:
            if claim := self.files.get(report.nodeid.partition("::")[0]):
                self.errors[claim].append(Unfinished(report.nodeid, report.longreprtext))
        self.crashed = []
        return tuple(
            judged(
                id=claim,
                paper=fields["paper"],
                statement=fields["statement"],
                about=fields["about"],
                figures=tuple(fields["figures"]),
                findings=self.findings[claim],
                errors=self.errors[claim],
                not_run=self.not_run[claim],
                is_selection=self.is_selection,
            )
            for claim, fields in sorted(self.texts.items())
        )
