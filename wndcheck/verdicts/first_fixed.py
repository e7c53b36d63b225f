"""The verdicts of a run's claims by the rules first fixed: their primary checks and regions then, each at 99 %."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from wndcheck.verdicts.checks import CauseKind, Verdict, verdict_on
from wndcheck.verdicts.claims import roll_up
from wndcheck.verdicts.expectations import is_match
from wndcheck.verdicts.findings import Finding
from wndcheck.verdicts.run import ClaimResult, ClaimVerdict, FormerVerdict
from wndcheck.verdicts.statistics import Region, mean_interval

FILE, MOVED = "first_fixed.toml", "moved_checks.toml"  # in the folder of the claims
ALPHA = 0.01  # of every check, whatever their number


class Rule(NamedTuple):
    """A primary check as first fixed: its region, and the claim and name, or pattern, that it has today."""

    region: Region
    claim: str
    check: str


Rules = dict[str, list[Rule]]  # by the claim of which they decided the verdict


def read(folder: Path) -> Rules:
    """Return the rules first fixed of a folder's claims; none where it has no such file."""
    fixed, moved = (document(folder / name) for name in (FILE, MOVED))
    rules: Rules = defaultdict(list)
    for claim, checks in fixed.items():
        for check, (low, high) in checks.items():
            for place in moved.get(f"{claim}:{check}", [f"{claim}:{check}"]):
                today = place.partition(":")
                rules[claim].append(Rule(Region(low, high), today[0], today[2]))
    return dict(rules)


def document(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def former_verdicts(rules: Rules, claims: Sequence[ClaimResult]) -> dict[str, FormerVerdict]:
    """Return the verdict as first fixed of the claims of a whole run, by today's id.

    A claim that was a part of another has the verdict of that one. Claims without rules first fixed are left out.
    """
    by_id = {claim.id: claim for claim in claims}
    found = {}
    for former, own in rules.items():
        parts = {rule.claim for rule in own}
        if parts <= by_id.keys():
            verdict = FormerVerdict(former, former_verdict(own, [by_id[part] for part in sorted(parts)]))
            found |= dict.fromkeys(parts, verdict)
    return found


def former_verdict(rules: Sequence[Rule], claims: Sequence[ClaimResult]) -> ClaimVerdict:
    """Return the verdict of one claim as first fixed, from the claims that have its checks today."""

    def regions(claim: str, check: str) -> list[Region]:
        return [rule.region for rule in rules if rule.claim == claim and is_match(rule.check, check)]

    if any(claim.errors for claim in claims):
        return ClaimVerdict.ERROR
    verdicts = [
        verdict_by(region, finding)
        for claim in claims
        for finding in claim.checks
        for region in regions(claim.id, finding.name)
    ]
    # Checks that a profile does not decide were inconclusive.
    verdicts += [Verdict.INCONCLUSIVE for claim in claims for each in claim.left if regions(claim.id, each.name)]
    is_whole = not any(claim.not_run for claim in claims)
    if not verdicts and not is_whole:
        return ClaimVerdict.NOT_RUN
    controls_hold = not any(control.failed for claim in claims for control in claim.controls)
    return ClaimVerdict(roll_up(verdicts, controls_hold and is_whole))


def verdict_by(region: Region, finding: Finding) -> Verdict:
    """Return the verdict of a finding's values on another region, by the t interval of their mean at 99 %."""
    if finding.cause and finding.cause.kind is not CauseKind.STRADDLES:
        return finding.verdict  # inconclusive whatever the region: nets untrained, values missing, or too few
    known = [value for value in finding.values if isfinite(value)]
    return verdict_on(replace(finding.check, region=region), mean_interval(known, 1 - ALPHA))
