"""From a test's values to its finding: the verdict, what was expected of it, and the outcome the two give the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import Profile
from wndcheck.pytest_plugin.items import check_name, claim_of, control_of, parameters_of
from wndcheck.pytest_plugin.ledger import FINDING, recorded
from wndcheck.pytest_plugin.outcomes import Decided, Inconclusive, Refuted, message, one_line, outcome
from wndcheck.verdicts import expectations
from wndcheck.verdicts.checks import Check, Finding, decide


@dataclass(frozen=True)
class Judge:
    """What a run decides checks by; `repeated_with` are its options and those that need not be typed."""

    profile: Profile
    mode: str
    expectations: list[expectations.Expectation]
    repeated_with: Mapping[str, tuple[Any, Any]]

    def decider(self, item: pytest.Item) -> Callable[..., None]:
        """The `decide` fixture of one test."""

        def decide_once(check: Check, values: Any, grid: Grid | None = None) -> None:
            __tracebackhide__ = True
            if recorded(item.user_properties, FINDING):
                raise RuntimeError(f"{item.nodeid} decides twice: a test is one check, so split it")
            finding = self.judged(item, check, np.asarray(values, dtype=float), grid)
            item.user_properties.append((FINDING, finding.to_dict()))
            if finding.outcome == "inconclusive":
                raise Inconclusive(one_line(finding))
            if finding.outcome == "xfailed":
                raise Refuted(finding.reason or one_line(finding))
            if finding.outcome == "failed":
                pytest.fail(message(finding, self.repeat(item)), pytrace=False)

        return decide_once

    def judged(self, item: pytest.Item, check: Check, values: np.ndarray, grid: Grid | None) -> Finding:
        """The check's finding, with the verdict expected of it and the outcome the two give."""
        claim = claim_of(item)
        if claim is None:
            raise RuntimeError(f"{item.nodeid} has no claim: add pytestmark = pytest.mark.claim(CLAIM) to its module")
        if grid and values.shape != (replicates := grid.trained.shape[1:]):
            raise RuntimeError(
                f"{item.nodeid} gives decide values of shape {values.shape}, expected {replicates}: one a "
                f"{check.replicate.removesuffix('s')}, whatever they are averages of"
            )
        untrained = grid.untrained if grid else {}
        verdict, cause, interval = decide(
            check, values, decides_levels=self.profile.decides_levels or bool(control_of(item)), **untrained
        )
        expected, reason = expectations.expected(self.expectations, claim.id, check_name(item))
        finding = Finding(
            claim=claim.id,
            check=check_name(item),
            parameters=parameters_of(item),
            estimand=check.estimand,
            unit=check.unit,
            replicate=check.replicate,
            region=(check.region.low, check.region.high),
            confidence=interval.confidence,
            estimate=interval.estimate,
            low=interval.low,
            high=interval.high,
            n=interval.n,
            untrained=untrained.get("untrained", 0),
            primary=check.primary,
            verdict=str(verdict),
            cause=str(cause),
            values=[float(value) for value in values],
            control=control_of(item),
            expected=tuple(map(str, expected)),
            reason=reason,
            test=item.nodeid,
        )
        return replace(finding, outcome=outcome(finding, self.mode, self.profile.name))

    def repeat(self, item: pytest.Item) -> str:
        """The command that repeats one check."""
        changed = (f" {name}={value}" for name, (value, usual) in self.repeated_with.items() if value != usual)
        return f"pytest '{item.nodeid}'{''.join(changed)}"


def settled(report: pytest.TestReport, item: pytest.Item, call: pytest.CallInfo) -> pytest.TestReport:
    """The report of a check's call: of one decided without pass or failure its line; without a decision, a failure."""
    ending = call.excinfo.value if call.excinfo is not None else None
    if isinstance(ending, Decided):
        path, line, _ = item.location
        report.longrepr = (path, line or 0, str(ending))
        if isinstance(ending, Refuted):
            report.wasxfail = str(ending)
    elif report.passed and not recorded(item.user_properties, FINDING):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} gave no verdict: it must call decide(check, values) once"
    return report
