"""A run of the claims: what every check found. verdicts.json is this model as JSON, and the report is a view of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

from wndcheck.experiment.profiles import Scope
from wndcheck.verdicts.checks import Cause, CauseKind, Verdict
from wndcheck.verdicts.claims import roll_up
from wndcheck.verdicts.findings import Finding, Left, Unfinished

SCHEMA = 3


class ClaimVerdict(StrEnum):
    """The verdict of a claim; the last three are not verdicts of the rule."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"
    LEFT = "left"  # to another profile
    NOT_RUN = "not run"
    ERROR = "error"


class ClaimResult(Struct, frozen=True, kw_only=True):
    """The result of a run for one claim; `about` is the docstring of its file.

    `asked` counts its primary checks that the profile decides, by scope, whether or not they ran; those that it does
    not decide are `left`. The verdict is on the `whole` claim unless a primary check is among them.
    """

    id: str
    paper: str
    statement: str
    verdict: ClaimVerdict
    cause: Cause | None
    expected: Verdict | None  # the verdict from the expected verdicts of its primary checks; None without one
    whole: bool
    asked: dict[Scope, int]
    left: tuple[Left, ...] = ()
    about: str = ""
    figures: tuple[str, ...] = ()
    checks: tuple[Finding, ...] = ()
    controls: tuple[Finding, ...] = ()
    errors: tuple[Unfinished, ...] = ()
    not_run: tuple[Unfinished, ...] = ()

    def __post_init__(self) -> None:
        for finding in self.findings:
            if finding.claim != self.id:
                raise ValueError(f"{finding.name} is a check of {finding.claim!r}, expected {self.id!r}")
        refuse_duplicates("check", (each.name for each in (*self.findings, *self.left)))
        for scope, count in Counter(finding.check.scope for finding in self.primary).items():
            if count > self.asked.get(scope, 0):
                raise ValueError(f"{count} primary checks of {scope}, expected at most {self.asked.get(scope, 0)}")
        if wrong := [finding.name for finding in self.primary if finding.m != self.m]:
            raise ValueError(f"m of {wrong[0]} is not {self.m}, the number of primary checks asked")
        if self.whole == any(each.check.primary for each in self.left):
            raise ValueError(f"whole is {self.whole}, which contradicts the checks that are left")
        # Whether tests were selected, and a control may be missing, is a field of the run.
        evidence = self.primary, self.controls, self.errors, self.not_run, self.m, self.left
        (verdict, cause), of_selection = claim_verdict(*evidence, False), claim_verdict(*evidence, True)
        if (self.verdict, self.cause) not in ((verdict, cause), of_selection):
            raise ValueError(f"verdict {self.verdict} and its cause contradict its checks, which give {verdict}")

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.checks + self.controls

    @property
    def m(self) -> int:
        """The number of primary checks that the profile decides."""
        return sum(self.asked.values())

    @property
    def primary(self) -> list[Finding]:
        return [finding for finding in self.checks if finding.check.primary]

    @property
    def decisive(self) -> Finding | None:
        """The primary check that the verdict rests on; None without one.

        The refuted one furthest outside its region if any is refuted; else the first inconclusive one; else the
        supported one closest to its margin. Distances are those of the interval, not of the estimate.
        """
        if refuted := [finding for finding in self.primary if finding.verdict is Verdict.REFUTED]:
            return max(refuted, key=lambda f: f.check.region.distance_outside(f.strict or f.interval))
        undecided = [finding for finding in self.primary if finding.verdict is Verdict.INCONCLUSIVE]
        closest = min(self.primary, key=lambda f: f.check.region.distance_inside(f.interval), default=None)
        return undecided[0] if undecided else closest


class FormerVerdict(Struct, frozen=True):
    """The verdict of a claim by the rules first fixed; `claim` is another's id where that one was split, or renamed."""

    claim: str
    verdict: ClaimVerdict


class ProblemKind(StrEnum):
    EXPECTATION = "expectation"  # an entry of expectations.toml that matches no check
    UNREPORTED = "unreported"  # checks that were collected and never reported
    REPORT = "report"  # a file of the report could not be written


class Problem(Struct, frozen=True):
    kind: ProblemKind
    text: str


class Run(Struct, frozen=True, kw_only=True):
    """One run of the claims. `created` is an ISO 8601 time; `seconds` what the run, and its nets, took.

    `first_fixed` holds, by claim, the verdict of the same measurements by the rules first fixed.
    """

    schema: Literal[3] = SCHEMA
    created: str
    profile: str
    base_seed: int
    net_seeds: tuple[int, ...] = ()
    mode: Literal["verify", "report"]
    selection: bool
    environment: dict[str, str]
    problems: tuple[Problem, ...] = ()
    seconds: dict[str, float] = {}
    claims: tuple[ClaimResult, ...] = ()
    first_fixed: dict[str, FormerVerdict] = {}

    def __post_init__(self) -> None:
        if self.base_seed < 0:
            raise ValueError(f"base_seed is {self.base_seed}, expected 0 or more")
        try:
            datetime.fromisoformat(self.created)
        except ValueError:
            raise ValueError(f"created is {self.created!r}, expected a time such as 2026-01-31T12:00:00Z") from None
        refuse_duplicates("claim", (claim.id for claim in self.claims))

    @property
    def checks(self) -> dict[tuple[str, str], Finding]:
        """By claim and name, in the run's order."""
        return {finding.key: finding for claim in self.claims for finding in claim.checks}

    @property
    def findings(self) -> dict[tuple[str, str], Finding]:
        """Checks and controls, by claim and name."""
        return {finding.key: finding for claim in self.claims for finding in claim.findings}

    @property
    def counts(self) -> dict[ClaimVerdict, int]:
        """The number of claims with each verdict, in the order of `ClaimVerdict`, without verdicts that none has."""
        found = Counter(claim.verdict for claim in self.claims)
        return {verdict: found[verdict] for verdict in ClaimVerdict if found[verdict]}

    @property
    def in_part(self) -> Counter[ClaimVerdict]:
        """The number of supported, and of refuted, claims whose verdict is not on the whole claim."""
        decided = (ClaimVerdict.SUPPORTED, ClaimVerdict.REFUTED)
        return Counter(claim.verdict for claim in self.claims if claim.verdict in decided and not claim.whole)

    @property
    def stopped(self) -> str:
        """Why not all tests that were asked for have a result; empty where all have."""
        return "; ".join(each.text for each in self.problems if each.kind is ProblemKind.UNREPORTED)

    @property
    def version(self) -> str:
        """The version of wndcheck; empty where it is not recorded."""
        return self.environment.get("wndcheck", "")


def refuse_duplicates(what: str, names: Iterable[str]) -> None:
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"{what} {twice[0]!r} appears twice, expected once")


# --- a claim's verdict ------------------------------------------------------------------------------------------------


def claim_result(
    *,
    findings: Sequence[Finding] = (),
    errors: Sequence[Unfinished] = (),
    not_run: Sequence[Unfinished] = (),
    asked: dict[Scope, int],
    left: Sequence[Left] = (),
    is_selection: bool = False,
    **texts: Any,
) -> ClaimResult:
    """Return the claim with its verdict, its checks and controls sorted by name (width 50 before 200).

    In a selection of tests controls may be missing. `texts` are the claim's id, paper, statement, about and figures.
    """
    ordered = sorted(findings, key=lambda finding: natural_order(finding.test))
    checks = tuple(finding for finding in ordered if finding.must_be is None)
    controls = tuple(finding for finding in ordered if finding.must_be is not None)
    primary = [finding for finding in checks if finding.check.primary]
    verdict, cause = claim_verdict(primary, controls, errors, by_test(not_run), sum(asked.values()), left, is_selection)
    return ClaimResult(
        verdict=verdict,
        cause=cause,
        expected=roll_up(map(expected_of, primary)) if primary else None,
        whole=not any(each.check.primary for each in left),
        asked=asked,
        left=tuple(left),
        checks=checks,
        controls=controls,
        errors=by_test(errors),
        not_run=by_test(not_run),
        **texts,
    )


def by_test(unfinished: Sequence[Unfinished]) -> tuple[Unfinished, ...]:
    """Return them in an order that does not depend on which process was first."""
    return tuple(sorted(unfinished, key=lambda each: (natural_order(each.test), each.reason)))


def expected_of(finding: Finding) -> Verdict:
    """Return the part in the claim's verdict that is expected of a check: its own where its verdict is expected."""
    return finding.counts_as if finding.verdict is finding.expected[0] else finding.expected[0]


def claim_verdict(
    primary: Sequence[Finding],
    controls: Sequence[Finding],
    errors: Sequence[Unfinished],
    not_run: Sequence[Unfinished],
    m: int,
    left: Sequence[Left],
    is_selection: bool,
) -> tuple[ClaimVerdict, Cause | None]:
    """Return the verdict that a claim's findings give, and its cause; `m` primary checks were asked."""
    if errors:
        return ClaimVerdict.ERROR, Cause(CauseKind.ERRORS, len(errors))
    if not m and (profiles := [each.profile for each in left if each.check.primary]):
        return ClaimVerdict.LEFT, Cause(CauseKind.LEFT, len(profiles), names=tuple(dict.fromkeys(profiles)))
    if not primary and not_run:
        return ClaimVerdict.NOT_RUN, Cause(CauseKind.NOT_RUN, names=(not_run[0].reason,))
    failed = tuple(control.name for control in controls if control.failed)
    undecided = Counter(f.cause.kind for f in primary if f.verdict is Verdict.INCONCLUSIVE and f.cause)
    refuted = tuple(finding.name for finding in primary if finding.counts_as is Verdict.REFUTED)
    one_of_many = tuple(f.name for f in primary if f.verdict is Verdict.REFUTED and f.name not in refuted)
    verdict = roll_up((finding.counts_as for finding in primary), controls_hold=not failed)
    if not_run:
        cause = Cause(CauseKind.INCOMPLETE, len(not_run))
    elif primary and not (controls or is_selection):
        cause = Cause(CauseKind.NO_CONTROL)
    elif failed:
        cause = Cause(CauseKind.FAILED_CONTROLS, names=failed)
    elif not primary:
        cause = Cause(CauseKind.NO_PRIMARY_CHECK)
    elif verdict is Verdict.INCONCLUSIVE and one_of_many:
        cause = Cause(CauseKind.ONE_OF_MANY, len(one_of_many), m, one_of_many)
    elif verdict is Verdict.INCONCLUSIVE:
        parts = dict(undecided.most_common())
        cause = Cause(CauseKind.UNDECIDED_CHECKS, undecided.total(), len(primary), parts=parts)
    else:
        return ClaimVerdict(verdict), Cause(CauseKind.REFUTED_CHECKS, names=refuted) if refuted else None
    return ClaimVerdict.INCONCLUSIVE, cause


def natural_order(name: str) -> list[tuple[float, str]]:
    """Return a sorting key that compares numbers as such: ``width[50]`` before ``width[200]``, 0.25 before 0.9."""
    number = r"[0-9]+(?:\.[0-9]+)?"
    parts = re.split(f"({number})", name)
    return [(float(part), "") if re.fullmatch(number, part) else (-1.0, part) for part in parts]
