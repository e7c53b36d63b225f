"""The results of a run's tests, gathered by the controller into claims."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from wndcheck.pytest_plugin.declarations import claim_id, claim_of
from wndcheck.verdicts.run import ClaimResult, Finding, Unfinished, claim_result
from wndcheck.verdicts.run_files import decode_finding

CLAIM, FINDING = "wndcheck_claim", "wndcheck_finding"  # properties by which tests hand JSON to the controller


class Texts(msgspec.Struct):
    """The texts of a claim, as they are sent from a worker to the controller."""

    id: str
    paper: str
    statement: str
    about: str
    figures: tuple[str, ...]


def recorded(properties: Iterable[tuple[str, Any]], name: str) -> str:
    """Return the JSON that a test recorded under a name; empty without it."""
    return next((value for found, value in properties if found == name), "")


def record_claim(item: pytest.Item) -> None:
    """Record the texts of its claim on a test."""
    if claim := claim_of(item):
        about = getattr(getattr(item, "module", None), "__doc__", None) or ""
        texts = Texts(claim_id(item), claim.paper, claim.statement, about, claim.figures)
        item.user_properties.append((CLAIM, msgspec.json.encode(texts).decode()))


@dataclass
class Results:
    """The results, filled from the reports that reach the controller, whichever process ran the test."""

    is_selection: bool = False
    texts: dict[str, Texts] = field(default_factory=dict)  # by claim
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
        texts = msgspec.json.decode(text, type=Texts)
        claim = texts.id
        self.texts.setdefault(claim, texts)
        self.files[report.nodeid.partition("::")[0]] = claim
        if report.when == "call" and (finding := recorded(report.user_properties, FINDING)):
            self.findings[claim].append(decode_finding(finding))
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
                self.errors[claim].append(Unfinished(report.nodeid, report.longreprtext))
        self.crashed = []
        return tuple(
            claim_result(
                findings=self.findings[claim],
                errors=self.errors[claim],
                not_run=self.not_run[claim],
                is_selection=self.is_selection,
                **msgspec.structs.asdict(texts),
            )
            for claim, texts in sorted(self.texts.items())
        )
