"""From a verdict to a pytest outcome: expected verdicts pass, unexpected ones fail and say so in words."""

from __future__ import annotations

import pytest

from wndcheck.verdicts.checks import Finding, Verdict


class Decided(pytest.skip.Exception):
    """Ends a check that neither passes nor fails: pytest writes a line for it, not a traceback, which takes longer."""


class Inconclusive(Decided):
    """Raised by a check without a verdict; shown as an outcome of its own."""


class Refuted(Decided):
    """Raised by a check whose refutation is expected, or only reported; shown as xfailed."""


def outcome(finding: Finding, mode: str, profile: str) -> str:
    """ "passed", "xfailed" (a refutation that is expected, or only reported), "inconclusive" or "failed"."""
    if finding.control:
        return "passed" if finding.verdict == finding.control or mode == "report" else "failed"
    as_expected = finding.verdict in finding.expected
    if finding.verdict == Verdict.INCONCLUSIVE:
        return "inconclusive" if as_expected or mode == "report" or profile == "quick" else "failed"
    if not as_expected and mode == "verify":
        return "failed"
    return "passed" if finding.verdict == Verdict.SUPPORTED else "xfailed"


def one_line(finding: Finding) -> str:
    """The finding in a line: verdict, estimate, interval, margin, replicates."""
    cause = f" ({finding.cause})" if finding.cause else ""
    interval = f"{finding.estimate:.4g} [{finding.low:.4g}, {finding.high:.4g}] {finding.unit}"
    replicates = f"{finding.n} {finding.replicate}"
    return f"{finding.verdict}{cause}: {finding.estimand} = {interval}, claimed {finding.margin}, {replicates}"


def message(finding: Finding, repeat: str) -> str:
    """What a failing check prints."""
    wanted = (
        f"this control must be {finding.control}: the claim's verdict cannot be trusted"
        if finding.control
        else f"expectations.toml expects {' or '.join(finding.expected)}"
        + (f" ({finding.reason})" if finding.reason else "")
    )
    untrained = f", {finding.untrained} more did not train" if finding.untrained else ""
    lines = {
        "claim": finding.claim,
        "check": finding.check,
        "estimand": finding.estimand,
        "interval": f"{finding.estimate:.5g} [{finding.low:.5g}, {finding.high:.5g}] {finding.unit}, "
        f"{finding.confidence:.0%} confidence",
        "margin": finding.margin,
        finding.replicate: f"{finding.n}{untrained}",
        "verdict": finding.verdict + (f": {finding.cause}" if finding.cause else ""),
        "expected": wanted,
        "repeat": repeat,
    }
    return f"{finding.verdict.upper()}, which was not expected\n" + "\n".join(
        f"  {name + ':':<13}{text}" for name, text in lines.items()
    )
