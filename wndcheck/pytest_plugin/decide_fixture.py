"""From a test's values to its finding: the verdict, what was expected of it, and the outcome of the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import numpy as np
import pytest

from wndcheck.experiment.counterparts import Counterparts
from wndcheck.experiment.grids import Grid
from wndcheck.experiment.profiles import Profile, Scope
from wndcheck.pytest_plugin.collected_results import FINDING, recorded
from wndcheck.pytest_plugin.declarations import check_name, check_of, claim_id, claim_of, must_be_of, parameters_of
from wndcheck.report.wording import describe_cause, describe_finding
from wndcheck.verdicts import expectations
from wndcheck.verdicts.checks import Statistic, Verdict, verdict_on
from wndcheck.verdicts.findings import Finding, Outcome, decided
from wndcheck.verdicts.recipes import Estimand, RecipeError, changes_by_choice, recipe_error
from wndcheck.verdicts.run_files import encode_line


class Inconclusive(pytest.skip.Exception):
    """Ends an inconclusive check. It is a skip, for which pytest formats no traceback, which would take longer."""


class UnexpectedVerdict(pytest.fail.Exception):
    """Ends a check or a control with a verdict that fails it."""

    __module__ = "builtins"  # which pytest's summary leaves out, as it does for its own `Failed`


class Refuted(Inconclusive):
    """Ends a check whose refutation is expected, or only reported; shown as xfailed."""


@dataclass(frozen=True)
class Judge:
    """Decides the checks of a run; `options` maps its options to (value, default), for the command that repeats;
    `asked` holds the number of primary checks by claim, and `counterparts` gives those of a family of nets."""

    profile: Profile
    mode: str
    expectations: list[expectations.Expectation]
    options: Mapping[str, tuple[Any, Any]]
    asked: Mapping[str, int]
    counterparts: Callable[[str], Counterparts]

    def decider(self, item: pytest.Item) -> Callable[..., None]:
        """Return the `decide` fixture of one test."""

        def decide_once(of: Any, grid: Grid | None = None, *arguments: Any, **named: Any) -> None:
            __tracebackhide__ = True
            if recorded(item.user_properties, FINDING):
                raise RuntimeError(f"{item.nodeid} calls decide() twice: split it into two tests")
            estimand = partial(applied, of, arguments, named) if callable(of) else None
            if estimand and not grid:
                raise RuntimeError(f"{item.nodeid}: decide() got a function and no grid: decide(function, grid, ...)")
            values = estimand(grid) if estimand and grid else np.asarray(of, dtype=float)
            finding = self.finding(item, values, grid, estimand)
            item.user_properties.append((FINDING, encode_line(finding)))
            if finding.outcome is Outcome.INCONCLUSIVE:
                raise Inconclusive(f"{describe_cause(finding.cause)}: {finding.check.estimand} = {numbers_of(finding)}")
            if finding.outcome is Outcome.XFAILED:
                raise Refuted(finding.reason or describe_finding(finding))
            if finding.outcome is Outcome.FAILED:
                raise UnexpectedVerdict(failure_message(finding, self.repeat_command(item)), pytrace=False)

        return decide_once

    def finding(self, item: pytest.Item, values: np.ndarray, grid: Grid | None, estimand: Estimand | None) -> Finding:
        """Return the check's finding, with the verdict expected of it and the outcome the two give."""
        if claim_of(item) is None:
            raise RuntimeError(f"{item.nodeid} has no claim: add CLAIM = Claim(paper, statement, ...) to its module")
        check, must_be, claim, name = check_of(item), must_be_of(item), claim_id(item), check_name(item)
        # One value per net of every width where the nets of some are compared with those of others by their ranks.
        replicates = (grid.trained.size,) if grid and check.statistic is Statistic.RANKS else None
        if grid and values.shape != (replicates := replicates or grid.trained.shape[1:]):
            raise RuntimeError(
                f"{item.nodeid}: decide() got shape {values.shape}, expected {replicates}: one value per "
                f"{check.replicate.removesuffix('s')}"
            )
        m = self.asked[claim] if check.primary and must_be is None else 1
        recipe, choices = None, {}
        if grid and check.scope is Scope.LEVEL and must_be is None:
            recipe, choices = self.beside(item, grid, estimand)
        expected, reason = expectations.expected(self.expectations, claim, name)
        finding = decided(
            claim,
            name,
            check,
            values,
            m=m,
            **(grid.untrained if grid else {}),
            recipe=recipe,
            parameters=parameters_of(item),
            must_be=must_be,
            expected=expected,
            reason=reason,
            test=item.nodeid,
        )
        robust = {choice: verdict_on(check, finding.interval.shifted(by)) for choice, by in choices.items()}
        return msgspec.structs.replace(
            finding, choices=robust, outcome=outcome_of(finding, self.mode, self.profile.name)
        )

    def beside(
        self, item: pytest.Item, grid: Grid, estimand: Estimand | None
    ) -> tuple[RecipeError | None, dict[str, float]]:
        """Return what a level owes to the profile's recipe, and what other choices change, by choice."""
        if not estimand:
            raise RuntimeError(
                f"{item.nodeid} decides a level, which is also taken of nets of other recipes: give decide() a "
                'function of a grid, as in decide(values, trained.widest, "score", layer)'
            )
        found = self.counterparts(grid.family)
        recipe = recipe_error(estimand, grid, found.paper) if self.profile.paper_recipe else None
        return recipe, changes_by_choice(estimand, grid, found.choices)

    def repeat_command(self, item: pytest.Item) -> str:
        """Return the command that repeats one check."""
        changed = (f" {name}={value}" for name, (value, default) in self.options.items() if value != default)
        return f"pytest '{item.nodeid}'{''.join(changed)}"


def applied(function: Callable[..., Any], arguments: tuple, named: dict[str, Any], grid: Grid) -> np.ndarray:
    return np.asarray(function(grid, *arguments, **named), dtype=float)


def outcome_of(finding: Finding, mode: str, profile: str) -> Outcome:
    """Return a test's outcome: an expected refutation is xfailed, an unexpected verdict fails in verify mode."""
    if finding.must_be:
        return Outcome.FAILED if finding.failed and mode == "verify" else Outcome.PASSED
    as_expected = finding.verdict in finding.expected
    if finding.verdict is Verdict.INCONCLUSIVE:
        return Outcome.INCONCLUSIVE if as_expected or mode == "report" or profile == "quick" else Outcome.FAILED
    if not as_expected and mode == "verify":
        return Outcome.FAILED
    return Outcome.PASSED if finding.verdict is Verdict.SUPPORTED else Outcome.XFAILED


def failure_message(finding: Finding, repeat: str) -> str:
    """Return the message of a failing check."""
    check, interval = finding.check, finding.interval
    reason = f" ({finding.reason})" if finding.reason else ""
    expected = f"expectations.toml expects {' or '.join(finding.expected)}{reason}"
    if finding.must_be:
        expected = f"this control must be {finding.must_be}: the claim's verdict cannot be trusted"
    return f"""{finding.verdict.upper()}, which was not expected
  claim:       {finding.claim}
  check:       {finding.name}
  estimand:    {check.estimand}
  interval:    {numbers_of(finding)}, {interval.confidence:.0%} confidence
  margin:      {check.region}
  {check.replicate + ":":<13}{interval.n}{f", {finding.untrained} more did not train" if finding.untrained else ""}
  verdict:     {finding.verdict}{f": {describe_cause(finding.cause)}" if finding.cause else ""}
  expected:    {expected}
  repeat:      {repeat}"""


def numbers_of(finding: Finding) -> str:
    """``0.1015 [0.1008, 0.1022] nats``, to five digits."""
    interval = finding.interval
    return f"{interval.estimate:.5g} [{interval.low:.5g}, {interval.high:.5g}] {finding.check.unit}".rstrip()


def with_outcome(report: pytest.TestReport, item: pytest.Item, call: pytest.CallInfo) -> pytest.TestReport:
    """Return the report of a check's call with its outcome: without a finding it fails, and an error discards one."""
    ending = call.excinfo.value if call.excinfo is not None else None
    if isinstance(ending, Inconclusive):
        path, line, _ = item.location
        report.longrepr = (path, line or 0, str(ending))
        if isinstance(ending, Refuted):
            report.wasxfail = str(ending)
    elif report.passed and not recorded(item.user_properties, FINDING):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} gave no verdict: it must call decide(values) once"
    elif ending and not isinstance(ending, UnexpectedVerdict):
        kept = [each for each in item.user_properties if each[0] != FINDING]
        item.user_properties[:] = report.user_properties = kept
    return report
