"""The text of expectations.toml, entry by entry, so that what still fits is kept word for word."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wndcheck.verdicts.expectations import Expectation, ExpectationError, parse

HEAD = re.compile(r"\s*\[\[\s*expect\s*\]\]\s*(#.*)?$")
LONGEST = 120  # columns of a line of checks


@dataclass(frozen=True)
class Block:
    """An entry with its text, from the comment above it to where the next one begins."""

    entry: Expectation
    text: str


def blocks(text: str, path: Path) -> tuple[str, list[Block]]:
    """What stands before the first entry, and the entries. ExpectationError where they are no [[expect]] tables."""
    lines = text.splitlines(keepends=True)
    starts = [with_comment(lines, place) for place, line in enumerate(lines) if HEAD.match(line)]
    texts = ["".join(lines[start:end]) for start, end in zip(starts, [*starts[1:], None], strict=False)]
    try:
        whole = tomllib.loads(text).get("expect", [])
        apart = [entry for text in texts for entry in tomllib.loads(text)["expect"]]
    except tomllib.TOMLDecodeError as error:
        raise ExpectationError(f"{path}: {error}") from error
    if whole != apart or len(apart) != len(texts):
        raise ExpectationError(f"{path}: expected [[expect]] tables, each beginning on a line of its own")
    found = [Block(parse(entry, path), text) for entry, text in zip(apart, texts, strict=True)]
    return "".join(lines[: starts[0]] if starts else lines), found


def with_comment(lines: Sequence[str], place: int) -> int:
    """Where an entry begins, the comment that stands right above it included; a comment that heads the file is none."""
    first = place
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return first if first else place


def entry_text(entry: Expectation) -> str:
    """An entry as TOML."""
    verdicts = [string(verdict) for verdict in entry.verdict]
    verdict = verdicts[0] if len(verdicts) == 1 else f"[{', '.join(verdicts)}]"
    date = entry.date if re.fullmatch(r"\d{4}-\d\d-\d\d", entry.date) else string(entry.date)
    return "\n".join(
        [
            "[[expect]]",
            f"claim = {string(entry.claim)}",
            f"profile = {string(entry.profile)}",
            f"checks = {array([string(check) for check in entry.checks])}",
            f"verdict = {verdict}",
            f"reason = {string(entry.reason)}",
            f"evidence = {string(entry.evidence)}",
            f"date = {date}",
            "",
        ]
    )


def array(items: Sequence[str]) -> str:
    """A TOML array on one line, or on a line an item where that is too long."""
    line = f"[{', '.join(items)}]"
    if len("checks = " + line) <= LONGEST:
        return line
    return "\n".join(["[", *(f"  {item}," for item in items), "]"])


def string(text: str) -> str:
    """A TOML basic string, whose escapes are JSON's, and one more for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def joined(head: str, texts: Sequence[str]) -> str:
    """A file of entries with an empty line between them."""
    return "\n\n".join(part.strip("\n") for part in (head, *texts) if part.strip("\n")) + "\n"
