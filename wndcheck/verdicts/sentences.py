"""Findings in plain words."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from math import isfinite
from typing import Any

from wndcheck.verdicts.checks import Finding, Verdict


def found_instead(findings: Iterable[Finding]) -> str:
    """What the refuted ones of a claim's checks found, in place of what is claimed."""
    refuted = [finding for finding in findings if finding.verdict == Verdict.REFUTED]
    return "; ".join(map(beside_claim, grouped(refuted, lambda f: (f.estimand, f.region, f.unit))))


def beside_claim(findings: Sequence[Finding]) -> str:
    return f"{lying(findings)}, where {short(findings[0].margin)} is claimed"


def lying(findings: Iterable[Finding]) -> str:
    """Where the estimates lie."""
    findings = list(findings)
    ends = span(finding.estimate for finding in findings)
    estimand, unit = findings[0].estimand, findings[0].unit
    if not ends:
        return f"{estimand} has no estimate"
    where = f"lies between {ends[0]} and {ends[1]}" if len(ends) == 2 else f"is {ends[0]}"
    comma = "," if "," in estimand else ""
    return f"{estimand}{comma} {where} {unit}".rstrip()


def span(numbers: Iterable[float]) -> list[str]:
    """The least and the greatest, or the one that both are in print; none without a finite number."""
    known = [x for x in numbers if isfinite(x)]
    return list(dict.fromkeys(number(x) for x in (min(known), max(known)))) if known else []


def number(x: float) -> str:
    """Two digits, without a leading zero: ``.052``."""
    if not isfinite(x):
        return "∞" if x > 0 else "-∞"
    return short(f"{x:.0f}" if abs(x) >= 100 else f"{x:.2g}")


def short(text: str) -> str:
    """Numbers without leading zeros: ``≤ .01``."""
    return re.sub(r"(?<!\d)0\.(?=\d)", ".", text)


def grouped(items: Iterable[Any], key: Callable[[Any], Hashable]) -> list[list[Any]]:
    """Items with one key together, in the order in which each key is first met."""
    groups: dict[Hashable, list[Any]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())
