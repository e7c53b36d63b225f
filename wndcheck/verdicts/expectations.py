"""expectations.toml: the verdict this repository expects of each check, by profile, with the evidence for it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from wndcheck.experiment.profiles import PROFILES
from wndcheck.verdicts.checks import Verdict

FILE = "expectations.toml"


class ExpectationError(ValueError):
    """The file is not what it should be; the message names the entry and what was expected."""


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
        """Whether the entry covers this check, e.g. ``trend[relu-1]``."""
        return self.claim == claim and any(is_match(pattern, check) for pattern in self.checks)


def is_match(pattern: str, check: str) -> bool:
    """Whether a check, e.g. ``trend[relu-1]``, has this name, or pattern, where square brackets are the name's."""
    return fnmatchcase(check, pattern.replace("[", "[[]"))


def read(path: Path, profile: str) -> list[Expectation]:
    """Parse expectations.toml; return the entries for one profile. ExpectationError for what is not as expected."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ExpectationError(f"{path}: {error}") from error
    entries = document.get("expect", [])
    if document.keys() - {"expect"} or not isinstance(entries, list):
        raise ExpectationError(f"{path}: expected [[expect]] entries and nothing else, got {', '.join(document)}")
    return [parsed for entry in entries if (parsed := parse(entry, path)).profile == profile]


def parse(entry: Any, path: Path) -> Expectation:
    """Parse one entry. ExpectationError with its claim for what it lacks or misspells."""
    if not isinstance(entry, dict):
        raise ExpectationError(f"{path}: expected [[expect]] entries, got {entry!r}")

    def wrong(what: str) -> ExpectationError:
        return ExpectationError(f"{path}: entry {entry.get('claim', '?')!r}: {what}")

    names = {field.name for field in fields(Expectation)}
    if entry.keys() != names:
        raise wrong(f"missing or unknown field(s): {', '.join(sorted(entry.keys() ^ names))}")
    for name in ("claim", "reason", "evidence"):
        if not isinstance(entry[name], str):
            raise wrong(f"{name} {entry[name]!r}, expected a text in quotes")
    if not isinstance(entry["date"], date | str):
        raise wrong(f"date {entry['date']!r}, expected a date such as 2026-01-31")
    if entry["profile"] not in list(PROFILES):
        raise wrong(f"profile {entry['profile']!r}, expected {' or '.join(PROFILES)}")
    checks = entry["checks"]
    if not (isinstance(checks, list) and checks and all(isinstance(check, str) for check in checks)):
        raise wrong(f"checks {checks!r}, expected a list of names or patterns")
    verdicts = entry["verdict"] if isinstance(entry["verdict"], list) else [entry["verdict"]]
    if unknown := [verdict for verdict in verdicts or ["none"] if verdict not in list(Verdict)]:
        raise wrong(f"verdict {unknown[0]!r}, expected one of {', '.join(Verdict)}")
    if {Verdict.SUPPORTED, Verdict.REFUTED} <= set(verdicts):
        raise wrong("it expects both supported and refuted, so that no run could contradict it")
    return Expectation(
        **entry | {"verdict": tuple(map(Verdict, verdicts)), "checks": tuple(checks), "date": str(entry["date"])}
    )


def expected(entries: Iterable[Expectation], claim: str, check: str) -> tuple[tuple[Verdict, ...], str]:
    """Return the verdicts expected of a check and the reason; supported without an entry. Two entries are an error."""
    found = [entry for entry in entries if entry.covers(claim, check)]
    if len(found) > 1:
        raise ExpectationError(f"{claim} {check} is covered by {len(found)} entries of {FILE}: leave one")
    return (found[0].verdict, found[0].reason) if found else ((Verdict.SUPPORTED,), "")


def unmatched(entries: Iterable[Expectation], checks: Iterable[tuple[str, str]], whole: bool) -> list[str]:
    """Return a message for each pattern of an entry that matches no collected (claim, check).

    Claims that were not collected are ignored unless the `whole` folder was.
    """
    checks = list(checks)
    collected = {claim for claim, _ in checks}
    return [
        f"{FILE}: {pattern!r} of claim {entry.claim!r} (profile {entry.profile}) matches no check: fix or remove it"
        for entry in entries
        if whole or entry.claim in collected
        for pattern in entry.checks
        if not any(with_pattern(entry, pattern).covers(claim, check) for claim, check in checks)
    ]


def with_pattern(entry: Expectation, pattern: str) -> Expectation:
    """Return the entry reduced to one of its patterns."""
    return replace(entry, checks=(pattern,))
