"""statements.toml: what the paper says, in its order, and what of this suite tests it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wndcheck.verdicts.coverage.modules import MatrixError

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


def read(path: Path) -> list[Statement]:
    """The file's statements. MatrixError for what cannot be read, misspells a field, or gives no reason."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MatrixError(f"{path} is not there: name a folder that has it, as in `wndcheck claims claims`") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MatrixError(f"{path}: {error}") from error
    entries = document.get("statement", [])
    if document.keys() != {"statement"} or not isinstance(entries, list):
        raise MatrixError(f"{path}: expected [[statement]] entries and nothing else")
    statements = [parse(entry, path) for entry in entries]
    places = [SECTIONS.index(statement.section) for statement in statements]
    for place, following, statement in zip(places, places[1:], statements[1:], strict=False):
        if following < place:
            raise MatrixError(f"{path}: {statement.quote!r} of {statement.section} stands after {SECTIONS[place]}")
    return statements


def parse(entry: dict[str, Any], path: Path) -> Statement:
    """One entry; MatrixError with its quote for what it lacks or misspells."""

    def wrong(what: str) -> MatrixError:
        return MatrixError(f"{path}: statement {entry.get('quote', '?')!r}: {what}")

    answers = [name for name in ("checks", *REASONS) if entry.get(name)]
    if unknown := entry.keys() - {"section", "quote", "checks", *REASONS}:
        raise wrong(f"unknown field(s): {', '.join(sorted(unknown))}")
    if not entry.get("quote") or entry.get("section") not in SECTIONS:
        raise wrong(f"section {entry.get('section')!r}, expected a quote and one of {', '.join(SECTIONS)}")
    if len(answers) != 1:
        raise wrong(f"expected one of checks, {' or '.join(REASONS)}, got {' and '.join(answers) or 'none'}")
    checks = entry.get("checks", [])
    if not isinstance(checks, list) or not all(isinstance(name, str) and name.count(":") == 1 for name in checks):
        raise wrong(f"checks {checks!r}, expected a list of claim:check")
    return Statement(**{**entry, "checks": tuple(checks)})
