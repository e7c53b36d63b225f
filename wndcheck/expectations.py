"""expectations.toml: the verdict this repository expects of each check, by profile, with the evidence for it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path

from wndcheck.verdicts import Verdict

FILE = "expectations.toml"


class ExpectationError(ValueError):
    """The file is not what it should be; the message names the entry and the mend."""


@dataclass(frozen=True)
class Expectation:
    """One entry: the checks (names, or patterns such as ``trend[relu-*]``) of a claim in a profile.

    `verdict` holds more than one only where runs with different seeds gave them, the usual one first.
    """

    claim: str
    profile: str
    checks: tuple[str, ...]
    verdict: tuple[Verdict, ...]
    reason: str
    evidence: str
    date: str

    def covers(self, claim: str, check: str) -> bool:
        """Does the entry speak of this check, e.g. ``trend[relu-1]``?"""
        # Square brackets belong to the check's name, not to the pattern language.
        patterns = (pattern.replace("[", "[[]") for pattern in self.checks)
        return self.claim == claim and any(fnmatchcase(check, pattern) for pattern in patterns)


def read(path: Path, profile: str) -> list[Expectation]:
    """The file's entries for one profile; ExpectationError for what cannot be read or lacks a field."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("expect", [])
    except tomllib.TOMLDecodeError as error:
        raise ExpectationError(f"{path}: {error}") from error
    return [parsed for entry in entries if (parsed := parse(entry, path)).profile == profile]


def parse(entry: dict, path: Path) -> Expectation:
    names = {field.name for field in fields(Expectation)}
    if entry.keys() != names:
        odd = ", ".join(sorted(entry.keys() ^ names))
        raise ExpectationError(f"{path}: entry {entry.get('claim', '?')!r}: missing or unknown field(s): {odd}")
    given = [entry["verdict"]] if isinstance(entry["verdict"], str) else entry["verdict"]
    if unknown := [verdict for verdict in given if verdict not in list(Verdict)] or ([] if given else ["none"]):
        raise ExpectationError(
            f"{path}: entry {entry['claim']!r}: verdict {unknown[0]!r}, expected one of {', '.join(Verdict)}"
        )
    verdict = tuple(Verdict(name) for name in given)
    return Expectation(**entry | {"verdict": verdict, "checks": tuple(entry["checks"]), "date": str(entry["date"])})


def expected(entries: Iterable[Expectation], claim: str, check: str) -> tuple[tuple[Verdict, ...], str]:
    """The verdicts expected of a check and the reason; supported where nothing is said. Two entries are an error."""
    found = [entry for entry in entries if entry.covers(claim, check)]
    if len(found) > 1:
        raise ExpectationError(f"{claim} {check} is covered by {len(found)} entries of {FILE}: leave one")
    return (found[0].verdict, found[0].reason) if found else ((Verdict.SUPPORTED,), "")


def unmatched(entries: Iterable[Expectation], checks: Iterable[tuple[str, str]], whole: bool) -> list[str]:
    """Complaints about entries, and patterns of them, that match no collected (claim, check).

    Claims that were not collected are passed over unless the `whole` folder was.
    """
    checks = list(checks)
    collected = {claim for claim, _ in checks}
    return [
        f"{FILE}: {pattern!r} of claim {entry.claim!r} (profile {entry.profile}) matches no check: mend or remove it"
        for entry in entries
        if whole or entry.claim in collected
        for pattern in entry.checks
        if not any(with_pattern(entry, pattern).covers(claim, check) for claim, check in checks)
    ]


def with_pattern(entry: Expectation, pattern: str) -> Expectation:
    """The entry reduced to one of its patterns."""
    return replace(entry, checks=(pattern,))
