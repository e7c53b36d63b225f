"""A run's model: how findings add up to a claim's verdict."""

from __future__ import annotations

from math import nan
from typing import Any

import pytest

from wndcheck.experiment.profiles import Scope
from wndcheck.tests.factories import BARELY, FAILS, HOLDS, STRADDLES, make_claim, make_finding, make_run
from wndcheck.verdicts.checks import Cause, CauseKind, Check, Verdict
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.run import ClaimResult, ClaimVerdict
from wndcheck.verdicts.statistics import at_most, within

SECONDARY = Check("the number", at_most(0.01), primary=False)
CONTROL = make_finding("planted", FAILS, must_be="refuted")
FAILED_CONTROL = make_finding("planted", HOLDS, must_be="refuted")

# --- a claim's verdict ------------------------------------------------------------------------------------------------


def claim(*findings: Finding, **fields: Any) -> ClaimResult:
    return make_claim("tiny", *findings, is_selection=False, **fields)


@pytest.mark.parametrize(
    ("result", "verdict", "cause"),
    [
        (claim(make_finding(), CONTROL), "supported", None),
        (
            claim(make_finding("a", FAILS), make_finding("b"), CONTROL),
            "refuted",
            Cause(CauseKind.REFUTED_CHECKS, names=("a",)),
        ),
        (claim(make_finding(), make_finding("b", FAILS, SECONDARY), CONTROL), "supported", None),
        (
            claim(make_finding("a", STRADDLES), make_finding("b"), CONTROL),
            "inconclusive",
            Cause(CauseKind.UNDECIDED_CHECKS, 1, 2, parts={CauseKind.STRADDLES: 1}),
        ),
        (
            claim(make_finding("a", STRADDLES), make_finding("b", [0.0] * 3), CONTROL),
            "inconclusive",
            Cause(CauseKind.UNDECIDED_CHECKS, 2, 2, parts={CauseKind.STRADDLES: 1, CauseKind.TOO_FEW: 1}),
        ),
        (claim(CONTROL, left=["a", "b"]), "left", Cause(CauseKind.LEFT, 2, names=("full",))),
        (claim(FAILED_CONTROL, left=["a"], not_run=["b"]), "left", Cause(CauseKind.LEFT, 1, names=("full",))),
        (claim(CONTROL, left=["a"], errors=["b"]), "error", Cause(CauseKind.ERRORS, 1)),
        (claim(make_finding(), CONTROL, left=["a"]), "supported", None),
        (
            claim(CONTROL, left=["a"], asked={Scope.TREND: 1}, not_run=["b"]),
            "not run",
            Cause(CauseKind.NOT_RUN, names=("no data",)),
        ),
        (
            claim(make_finding("a", BARELY, m=3), make_finding("b", m=3), make_finding("c", STRADDLES, m=3), CONTROL),
            "inconclusive",
            Cause(CauseKind.ONE_OF_MANY, 1, 3, names=("a",)),
        ),
        (
            claim(make_finding("a", BARELY, m=3), make_finding("b", FAILS, m=3), make_finding("c", m=3), CONTROL),
            "refuted",
            Cause(CauseKind.REFUTED_CHECKS, names=("b",)),
        ),
        (claim(make_finding("a", BARELY), CONTROL), "refuted", Cause(CauseKind.REFUTED_CHECKS, names=("a",))),
        (
            claim(make_finding("a", BARELY, m=3), CONTROL, asked={Scope.TREND: 3}),  # m counts what did not run, too
            "inconclusive",
            Cause(CauseKind.ONE_OF_MANY, 1, 3, names=("a",)),
        ),
        (claim(make_finding()), "inconclusive", Cause(CauseKind.NO_CONTROL)),
        (claim(CONTROL), "inconclusive", Cause(CauseKind.NO_PRIMARY_CHECK)),
        (
            claim(make_finding(), FAILED_CONTROL),
            "inconclusive",
            Cause(CauseKind.FAILED_CONTROLS, names=("planted",)),
        ),
        (
            claim(make_finding("a", FAILS), FAILED_CONTROL),
            "inconclusive",
            Cause(CauseKind.FAILED_CONTROLS, names=("planted",)),
        ),
        (
            claim(make_finding(), make_finding("planted", STRADDLES, must_be="refuted")),
            "inconclusive",
            Cause(CauseKind.FAILED_CONTROLS, names=("planted",)),
        ),
        (claim(make_finding(), FAILED_CONTROL, not_run=["b"]), "inconclusive", Cause(CauseKind.INCOMPLETE, 1)),
        (claim(make_finding(), CONTROL, not_run=["b", "c"]), "inconclusive", Cause(CauseKind.INCOMPLETE, 2)),
        (claim(make_finding("a", FAILS), CONTROL, not_run=["b"]), "inconclusive", Cause(CauseKind.INCOMPLETE, 1)),
        (claim(CONTROL, not_run=["b"]), "not run", Cause(CauseKind.NOT_RUN, names=("no data",))),
        (claim(make_finding(), CONTROL, errors=["b"]), "error", Cause(CauseKind.ERRORS, 1)),
        (make_claim("tiny", make_finding()), "supported", None),  # a selection of tests may lack the controls
    ],
)
def test_a_claims_verdict_and_its_cause(result: ClaimResult, verdict: str, cause: Cause | None) -> None:
    assert (result.verdict, result.cause) == (verdict, cause)


def test_the_expected_verdict_of_a_claim() -> None:
    refuted, either = (Verdict.REFUTED,), (Verdict.INCONCLUSIVE, Verdict.SUPPORTED)
    assert claim(make_finding("a", FAILS, expected=refuted), make_finding("b", expected=either)).expected == "refuted"
    assert claim(make_finding("b", expected=either)).expected == "inconclusive"
    assert claim(make_finding(), make_finding("b", check=SECONDARY, expected=refuted)).expected == "supported"
    assert claim(CONTROL).expected is None
    barely = [make_finding("a", BARELY, m=3, expected=refuted), make_finding("b", m=3), make_finding("c", m=3)]
    assert claim(*barely).expected == "inconclusive"  # as all its checks come out as expected


def test_checks_are_in_natural_order() -> None:
    names = ["size[200]", "rho[0.9]", "size[50]", "size[1000]", "rho[0.25]", "planted", "edge"]
    found = claim(*(make_finding(name, must_be="refuted" if name == "planted" else None) for name in names))
    assert [finding.name for finding in found.checks] == [
        "edge",
        "rho[0.25]",
        "rho[0.9]",
        "size[50]",
        "size[200]",
        "size[1000]",
    ]
    assert [finding.name for finding in found.findings][-1] == "planted"
    assert found.checks[1].function == "rho"


def test_any_name_has_a_place_in_the_order() -> None:
    """Also those with digits that are not numbers."""
    found = claim(make_finding("²[10]"), make_finding("²[9]"), make_finding("٣[9]"), CONTROL)
    assert [finding.name for finding in found.checks] == ["²[9]", "²[10]", "٣[9]"]


def test_the_decisive_check() -> None:
    refuted, far = make_finding("a", FAILS), make_finding("b", [0.2] * 8)
    undecided, other = make_finding("c", STRADDLES), make_finding("d", STRADDLES)
    safe, close = make_finding("e", [0.001] * 8), make_finding("f", [0.009] * 8)

    def decisive(*findings: Finding) -> str | None:
        found = claim(*findings).decisive
        return found and found.name

    assert decisive(refuted, undecided, far, safe) == "b"  # the refuted one furthest outside
    assert decisive(safe, undecided, other) == "c"  # the first that is inconclusive
    assert decisive(safe, close, make_finding("g", [0.0099] * 8, SECONDARY)) == "f"  # closest to its margin
    assert decisive(CONTROL) is None
    equivalence = Check("the number", within(-0.01, 0.01))
    assert decisive(close, make_finding("h", [-0.0095] * 8, equivalence)) == "h"


def test_counts_and_findings_of_a_run() -> None:
    other = make_finding("size", FAILS, claim="other")
    run = make_run(claim(make_finding(), CONTROL), make_claim("other", other), make_claim("third", not_run=["x"]))
    assert run.counts == {ClaimVerdict.SUPPORTED: 1, ClaimVerdict.REFUTED: 1, ClaimVerdict.NOT_RUN: 1}
    assert not run.in_part
    left = make_run(claim(make_finding(), CONTROL, left=["a"]), make_claim("other", left=["a"]))
    assert left.counts == {ClaimVerdict.SUPPORTED: 1, ClaimVerdict.LEFT: 1}
    assert left.in_part == {ClaimVerdict.SUPPORTED: 1}
    assert [each.whole for each in (*run.claims, *left.claims)] == [True] * 3 + [False] * 2
    assert list(run.checks) == [("tiny", "size"), ("other", "size")]
    assert list(run.findings) == [("tiny", "size"), ("tiny", "planted"), ("other", "size")]
    assert run.version == "0.1.0"


@pytest.mark.parametrize(("values", "failed"), [(HOLDS, True), (FAILS, False), (STRADDLES, False), ([nan] * 8, False)])
def test_a_control_that_must_not_be_supported_fails_only_where_it_is(values: list[float], failed: bool) -> None:
    assert make_finding("permuted", values, must_be="not supported").failed == failed
