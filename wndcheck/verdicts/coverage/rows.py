"""The matrix of claims and the list of statements, as rows of text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wndcheck.experiment.profiles import PROFILES, Profile
from wndcheck.verdicts.coverage.modules import ClaimModule, ClaimTest
from wndcheck.verdicts.coverage.statements import Statement

MATRIX_HEAD = ("claim", "paper", "statement", "checks", "controls", "decided by", "file", "figures")
STATEMENTS_HEAD = ("section", "the paper says", "tested by")


def matrix_row(claim: ClaimModule) -> tuple[str, ...]:
    """A claim's cells in the order of MATRIX_HEAD; several items of a cell stand on lines of their own."""
    return (
        claim.claim.id,
        claim.claim.paper,
        claim.claim.statement,
        "\n".join(map(check_text, claim.checks)),
        "\n".join(f"{spoken(control.name)}: {control.must_be}" for control in claim.controls),
        "\n".join(deciding(claim)),
        claim.path.name,
        "\n".join(figures(claim)),
    )


def matrix_json(claim: ClaimModule) -> dict[str, Any]:
    return {
        "id": claim.claim.id,
        "paper": claim.claim.paper,
        "statement": claim.claim.statement,
        "checks": [
            {"check": check.name, "counts": counts(check) or None, "level": is_level(check)} for check in claim.checks
        ],
        "controls": [{"control": control.name, "must_be": control.must_be} for control in claim.controls],
        "decided_by": deciding(claim),
        "file": claim.path.name,
        "figures": figures(claim),
    }


def statement_row(statement: Statement) -> tuple[str, ...]:
    """A statement's cells in the order of STATEMENTS_HEAD."""
    return statement.section, statement.quote, "\n".join(statement.checks) or reason(statement)


def statement_json(statement: Statement) -> dict[str, Any]:
    named = {name: getattr(statement, name) for name in ("not_measurable", "untested")}
    return {
        "section": statement.section,
        "quote": statement.quote,
        "checks": list(statement.checks),
        **{name: text for name, text in named.items() if text},
    }


def reason(statement: Statement) -> str:
    if statement.untested:
        return f"not tested: {statement.untested}"
    return f"not measurable: {statement.not_measurable}"


def check_text(check: ClaimTest) -> str:
    """``level (primary, full profile)``; the name alone where the code does not tell."""
    words = [counts(check)] if check.kinds else []
    if is_level(check) is not False and check.kinds:
        words.append("full profile")
    return f"{check.name} ({', '.join(words)})" if words else check.name


def spoken(name: str) -> str:
    """A test's name as words, which a narrow column can break."""
    return name.replace("_", " ")


def counts(check: ClaimTest) -> str:
    """Whether a check counts towards its claim; empty where the code does not tell."""
    primary = {kind.primary for kind in check.kinds}
    return " or ".join(word for word, is_primary in (("primary", True), ("secondary", False)) if is_primary in primary)


def is_level(check: ClaimTest) -> bool | None:
    """Is it about the paper's widest nets? None where the code does not tell."""
    levels = {kind.level for kind in check.kinds}
    return levels.pop() if len(levels) == 1 else None


def deciding(claim: ClaimModule) -> list[str]:
    """The profiles that decide a claim, or the part of it that is not about the paper's widest nets."""
    return [f"{name}{how}" for name, profile in PROFILES.items() if (how := part_decided(claim, profile)) is not None]


def part_decided(claim: ClaimModule, profile: Profile) -> str | None:
    """Nothing to add for the whole claim, ", in part" without its levels; None where the profile lacks its nets."""
    needed = set().union(*(parts_of(claim, other) for other in PROFILES.values()))
    if parts_of(claim, profile) != needed:
        return None
    primary = {kind.level for check in claim.checks for kind in check.kinds if kind.primary}
    if profile.decides_levels or True not in primary:
        return ""
    return ", in part" if False in primary else None


def parts_of(claim: ClaimModule, profile: Profile) -> set[str]:
    """The parts of a profile that a claim's nets are of."""
    asked = set(claim.claim.cells(profile, 0))
    return {name for name, cells in profile.parts(0).items() if asked & set(cells)}


def figures(claim: ClaimModule) -> list[str]:
    """The stems of the figures, in a run's report, that show what the claim is about."""
    return list(claim.claim.figures)


def tally(statements: Sequence[Statement]) -> str:
    """How many statements are tested, how many are not, and how many cannot be."""
    tested, untested = (sum(bool(getattr(s, name)) for s in statements) for name in ("checks", "untested"))
    rest = len(statements) - tested - untested
    return f"{len(statements)} statements: {tested} tested, {rest} not measurable, {untested} not tested"
