"""statements.toml: what the paper says, in its order, which checks test it, and the gaps between the two."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wndcheck.verdicts.checks import MustBe
from wndcheck.verdicts.coverage.claim_files import ClaimFile, CoverageError

FILE = "statements.toml"
SECTIONS = ("abstract", "§1", "§2", "§3", "§4", "§5", "§6", "§A", "§B", "§C")
REASONS = ("not_measurable", "untested")


@dataclass(frozen=True)
class Statement:
    """A sentence or a clause of the paper.

    `checks` names what tests it, as ``claim:check``. Without checks it has a reason: `not_measurable` if no
    experiment could decide it (a definition, a citation, a step of a proof), `untested` if one could and this suite
    has none.
    """

    section: str
    quote: str
    checks: tuple[str, ...] = ()
    not_measurable: str = ""
    untested: str = ""

    @property
    def reason(self) -> str:
        """The reason why it has no checks."""
        return f"not tested: {self.untested}" if self.untested else f"not measurable: {self.not_measurable}"


def read(path: Path) -> list[Statement]:
    """Parse statements.toml. CoverageError for what cannot be read, misspells a field, or gives no reason."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CoverageError(f"{path} is not there: name a folder that has it, as in `wndcheck claims claims`") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CoverageError(f"{path}: {error}") from error
    entries = document.get("statement", [])
    if document.keys() != {"statement"} or not isinstance(entries, list):
        raise CoverageError(f"{path}: expected [[statement]] entries and nothing else")
    statements = [parse(entry, path) for entry in entries]
    places = [SECTIONS.index(statement.section) for statement in statements]
    for place, following, statement in zip(places, places[1:], statements[1:], strict=False):
        if following < place:
            raise CoverageError(f"{path}: {statement.quote!r} of {statement.section} comes after {SECTIONS[place]}")
    return statements


def parse(entry: Any, path: Path) -> Statement:
    """Parse one entry. CoverageError with its quote for what it lacks or misspells."""
    if not isinstance(entry, dict):
        raise CoverageError(f"{path}: expected [[statement]] entries, got {entry!r}")

    def wrong(what: str) -> CoverageError:
        return CoverageError(f"{path}: statement {entry.get('quote', '?')!r}: {what}")

    answers = [name for name in ("checks", *REASONS) if entry.get(name)]
    if unknown := entry.keys() - {"section", "quote", "checks", *REASONS}:
        raise wrong(f"unknown field(s): {', '.join(sorted(unknown))}")
    if not entry.get("quote") or entry.get("section") not in SECTIONS:
        raise wrong(f"section {entry.get('section')!r}, expected a quote and one of {', '.join(SECTIONS)}")
    for name in ("quote", *REASONS):
        if not isinstance(entry.get(name, ""), str):
            raise wrong(f"{name} {entry[name]!r}, expected a text in quotes")
    if len(answers) != 1:
        raise wrong(f"expected one of checks, {' or '.join(REASONS)}, got {' and '.join(answers) or 'none'}")
    checks = entry.get("checks", [])
    if not isinstance(checks, list) or not all(isinstance(name, str) and name.count(":") == 1 for name in checks):
        raise wrong(f"checks {checks!r}, expected a list of claim:check")
    return Statement(**{**entry, "checks": tuple(checks)})


def tally(statements: Sequence[Statement]) -> str:
    """Return the numbers of statements that are tested, that are not, and that cannot be, in words."""
    tested, untested = (sum(bool(getattr(s, name)) for s in statements) for name in ("checks", "untested"))
    rest = len(statements) - tested - untested
    return f"{len(statements)} statements: {tested} tested, {rest} not measurable, {untested} not tested"


# --- gaps -------------------------------------------------------------------------------------------------------------


def gaps(claims: Sequence[ClaimFile], statements: Sequence[Statement] | None) -> list[str]:
    """Return every gap between statements, claims and controls in words; without statements only those of controls."""
    if statements is None:
        return uncontrolled(claims)
    return [
        *unknown_checks(claims, statements),
        *unnamed_checks(claims, statements),
        *uncontrolled(claims),
        *missing_sections(statements),
    ]


def unknown_checks(claims: Sequence[ClaimFile], statements: Sequence[Statement]) -> list[str]:
    """Return checks that statements name and no claim has."""
    known = {name for claim in claims for name in claim.check_names}
    naming: dict[str, list[Statement]] = {}
    for statement in statements:
        for name in statement.checks:
            naming.setdefault(name, []).append(statement)
    return [
        f"{name} is not a check of any claim, and statements name it, such as {found[0].section} {found[0].quote!r}"
        for name, found in naming.items()
        if name not in known
    ]


def unnamed_checks(claims: Sequence[ClaimFile], statements: Sequence[Statement]) -> list[str]:
    """Return checks that no statement names, nor their claim's docstring."""
    named = {name for statement in statements for name in statement.checks}
    return [
        f"{claim.id}:{check.name} is named by no statement, nor by the docstring of {claim.path.name}"
        for claim in claims
        for check in claim.checks
        if f"{claim.id}:{check.name}" not in named and not re.search(rf"\b{check.name}\b", claim.docstring)
    ]


def uncontrolled(claims: Sequence[ClaimFile]) -> list[str]:
    """Return claims without a check, or without a control that must be refuted."""
    gaps = [f"{claim.id} has controls and no check" for claim in claims if not claim.checks]
    return gaps + [
        f"{claim.id} has no control that must be refuted"
        for claim in claims
        if MustBe.REFUTED not in {control.must_be for control in claim.controls}
    ]


def missing_sections(statements: Sequence[Statement]) -> list[str]:
    """Return the sections of the paper that no statement is taken from."""
    present = {statement.section for statement in statements}
    return [f"no statement is taken from {section}" for section in SECTIONS if section not in present]
