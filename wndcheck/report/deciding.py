"""Which check speaks for a claim, and its interval in words; for the summary and the terminal alike."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf, isfinite, isnan, log10

from wndcheck.verdicts.checks import Finding, Verdict


def deciding_check(checks: Sequence[Finding]) -> Finding | None:
    """The primary check that the claim's verdict hangs on; None without one.

    The refuted one furthest outside its region if any is refuted; else the first inconclusive one; else the supported
    one closest to its margin. Distances are those of the interval, not of the estimate.
    """
    primary = [check for check in checks if check.primary and not check.control]
    if refuted := [check for check in primary if check.verdict == Verdict.REFUTED]:
        return max(refuted, key=distance_outside)
    if inconclusive := [check for check in primary if check.verdict == Verdict.INCONCLUSIVE]:
        return inconclusive[0]
    return min(primary, key=distance_inside, default=None)


def distance_outside(finding: Finding) -> float:
    """From the region to the nearest end of the interval; negative where they overlap."""
    low, high = finding.region
    return max(low - finding.high, finding.low - high)


def distance_inside(finding: Finding) -> float:
    """From the end of the interval that is nearest to a border of the region to that border."""
    low, high = finding.region
    return min(finding.low - low, high - finding.high)


def format_interval(finding: Finding) -> str:
    """``0.073 [0.069, 0.078]``: three decimals, or more where the interval is narrower; scientific when tiny."""
    return interval_text(finding.estimate, finding.low, finding.high)


def interval_text(estimate: float, low: float, high: float) -> str:
    """The text of `format_interval`; the estimate alone where the ends are NaN."""
    if not isfinite(estimate):
        return "no estimate"
    if isnan(low):
        return format(estimate, number_format([estimate], inf))
    numbers = [estimate, low, high]
    style = number_format(numbers, (high - low) / 2)
    shown = [format(x, style) if isfinite(x) else "∞" if x > 0 else "-∞" for x in numbers]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def number_format(numbers: Sequence[float], half_width: float) -> str:
    """The format for numbers that stand together and are known to within `half_width`."""
    largest = max(abs(x) for x in numbers if isfinite(x))
    if 0 < largest < 1e-3:
        return ".1e"
    if largest >= 1e5:
        return ".4g"
    decimals = ceil(-log10(half_width)) if 0 < half_width < 1 else 3
    return f"z.{min(max(decimals, 3), 5)}f"
