"""Reason and evidence of an entry of expectations.toml, from the findings of several runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from wndcheck.authoring.pooling import PooledCheck
from wndcheck.report.format import format_seeds, group_by, two_digits
from wndcheck.report.wording import against_claim, describe_range, range_of, short_cause
from wndcheck.verdicts.checks import CauseKind, Verdict
from wndcheck.verdicts.findings import Finding

MOST_SEEDS = 4  # whose findings are listed one by one


def reason(checks: Sequence[PooledCheck]) -> str:
    """Return the estimates that contradict the claim, with one clause per estimand."""
    findings = [finding for check in checks for finding in check.findings.values()]
    groups = group_by(findings, lambda f: (f.check.estimand, f.check.region, f.check.unit))
    return "; ".join(map(clause, groups))


def clause(findings: Sequence[Finding]) -> str:
    """Return the reason for findings with one estimand, margin and unit."""
    first, verdicts = findings[0].check, {finding.verdict for finding in findings}
    if verdicts == {Verdict.REFUTED}:
        return against_claim(findings)
    undecided = [f.cause.kind for f in findings if f.verdict is Verdict.INCONCLUSIVE and f.cause]
    if others := [kind for kind in dict.fromkeys(undecided) if kind is not CauseKind.STRADDLES]:
        return f"{against_claim(findings)}, and is not always decided: {', '.join(map(short_cause, others))}"
    margin = str(first.region)
    nets = f"{max(finding.interval.n for finding in findings)} {first.replicate}"
    if len(verdicts) > 1:
        return f"{describe_range(findings)}, so near the claimed {margin} that {nets} decide it with some seeds only"
    return f"{describe_range(findings)}, too near the claimed {margin} for {nets} to decide"


def evidence(checks: Sequence[PooledCheck]) -> str:
    """Return seeds with estimates and intervals: one by one for a single check, or their range.

    ``seed 0: 0.012 [0.008, 0.016]; …`` for a single check under few seeds. For many seeds ``seeds 0 to 19: 0.012 to
    0.045 [0.008, 0.051]``, with the verdicts where they differ; for several checks ``seeds 0 and 1: trend 0.1 to 0.2
    [0.08, 0.22]; level 0.3 [0.2, 0.4]``.
    """
    seeds = f"seeds {format_seeds(list(checks[0].findings))}"
    if len(checks) > 1:
        functions = group_by(checks, lambda check: check.function)
        ranges = [interval_range([f for check in group for f in check.findings.values()]) for group in functions]
        if len(functions) > 1:
            ranges = [f"{group[0].function} {text}" for group, text in zip(functions, ranges, strict=True)]
        return f"{seeds}: {'; '.join(ranges)}"
    findings, counts = checks[0].findings, Counter(checks[0].verdicts)
    if len(findings) > MOST_SEEDS:
        verdicts = "".join(f", {verdict} under {count}" for verdict, count in counts.most_common())
        return f"{seeds}: {interval_range(list(findings.values()))}{verdicts if len(counts) > 1 else ''}"
    return "; ".join(
        f"seed {seed}: {interval_range([finding])}" + (f", {finding.verdict}" if len(counts) > 1 else "")
        for seed, finding in findings.items()
    )


def interval_range(findings: Sequence[Finding]) -> str:
    """``0.012 to 0.045 [0.008, 0.051]``: the range of the estimates, and of the ends of their intervals."""
    intervals = [finding.interval for finding in findings]
    if not (estimates := range_of(interval.estimate for interval in intervals)):
        return "no estimate"
    low, high = min(interval.low for interval in intervals), max(interval.high for interval in intervals)
    return f"{' to '.join(estimates)} [{two_digits(low)}, {two_digits(high)}]"
