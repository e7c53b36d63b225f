"""What is missing between the paper, the list of its statements, and the claims."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from wndcheck.verdicts.checks import Verdict
from wndcheck.verdicts.coverage.modules import ClaimModule
from wndcheck.verdicts.coverage.statements import SECTIONS, Statement


def gaps(claims: Sequence[ClaimModule], statements: Sequence[Statement]) -> list[str]:
    """Every gap in words; empty if there is none."""
    return [
        *unknown_checks(claims, statements),
        *unnamed_checks(claims, statements),
        *uncontrolled(claims),
        *silent_sections(statements),
    ]


def unknown_checks(claims: Iterable[ClaimModule], statements: Iterable[Statement]) -> list[str]:
    """Checks that statements name and no claim has."""
    known = {name for claim in claims for name in claim.check_names}
    naming: dict[str, list[Statement]] = {}
    for statement in statements:
        for name in statement.checks:
            naming.setdefault(name, []).append(statement)
    return [
        f"{name}, which no claim has, is to test {len(said)} statement(s), such as {said[0].section} {said[0].quote!r}"
        for name, said in naming.items()
        if name not in known
    ]


def unnamed_checks(claims: Iterable[ClaimModule], statements: Iterable[Statement]) -> list[str]:
    """Checks that no statement names, nor their claim's docstring."""
    named = {name for statement in statements for name in statement.checks}
    return [
        f"{claim.claim.id}:{check.name} is named by no statement, nor by the docstring of {claim.path.name}"
        for claim in claims
        for check in claim.checks
        if f"{claim.claim.id}:{check.name}" not in named and not re.search(rf"\b{check.name}\b", claim.docstring)
    ]


def uncontrolled(claims: Iterable[ClaimModule]) -> list[str]:
    """Claims without a check, or without a control that must be refuted."""
    complaints = [f"{claim.claim.id} has controls and no check" for claim in claims if not claim.checks]
    return complaints + [
        f"{claim.claim.id} has no control that must be refuted"
        for claim in claims
        if Verdict.REFUTED not in {control.must_be for control in claim.controls}
    ]


def silent_sections(statements: Iterable[Statement]) -> list[str]:
    """Sections of the paper that no statement is taken from."""
    heard = {statement.section for statement in statements}
    return [f"no statement is taken from {section}" for section in SECTIONS if section not in heard]
