"""What a claim came to, in a line that needs no table beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from wndcheck.report.deciding import deciding_check, format_interval
from wndcheck.report.summary import findings
from wndcheck.verdicts.checks import Finding, Verdict
from wndcheck.verdicts.sentences import lying, short

SYMBOLS = {"supported": "✓", "refuted": "✗", "inconclusive": "?", "not run": "–", "error": "!"}
OPENINGS = {"supported": "Holds", "refuted": "Does not hold", "inconclusive": "Not decided"}


def deciding(claim: dict[str, Any]) -> Finding | None:
    return deciding_check(findings(claim["checks"]))


def in_words(claim: dict[str, Any]) -> str:
    """``Holds: slope of ι_c per doubling of N is -.036 nats, in 8 nets.``; if refuted, what was found instead."""
    verdict = claim["verdict"]
    if verdict == "not run":
        return f"Not run: {claim['cause'].removeprefix('not run: ')}."
    if verdict == "error":
        return f"No verdict: {claim['cause']}."
    if verdict == Verdict.REFUTED and claim["cause"]:
        return f"{OPENINGS[verdict]}: {claim['cause']}."
    why = f" ({claim['cause']})" if claim["cause"] and verdict == Verdict.INCONCLUSIVE else ""
    return f"{OPENINGS.get(verdict, verdict)}{why}{evidence(deciding(claim))}."


def evidence(decided: Finding | None) -> str:
    return f": {lying([decided])}, in {decided.n} {decided.replicate}" if decided else ""


def papers_number(claim: dict[str, Any]) -> str:
    """What the paper's statement comes to as a number, fixed beforehand."""
    decided = deciding(claim)
    return f"{short(decided.margin)} {decided.unit}".strip() if decided else ""


def our_number(claim: dict[str, Any]) -> str:
    decided = deciding(claim)
    return f"{format_interval(decided)} {decided.unit}".strip() if decided else ""


def counts(claims: list[dict[str, Any]]) -> dict[str, int]:
    """How many claims there are of each verdict, in a fixed order."""
    found = [claim["verdict"] for claim in claims]
    return {verdict: found.count(verdict) for verdict in dict.fromkeys([*SYMBOLS, *found]) if verdict in found}


def minute(created: str) -> str:
    """``2026-11-24 01:08 UTC``; a date that is written otherwise stays as it is."""
    try:
        return f"{datetime.fromisoformat(created).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return created
