"""expectations.toml as text, entry by entry: tomlkit edits the entries that change, and the others stay as they are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import tomlkit

from wndcheck.verdicts.expectations import Expectation, ExpectationError, parse

# The head of an entry, with the comment right above it.
ENTRY = re.compile(r"^(?:[ \t]*#.*\n)*(?P<table>[ \t]*\[\[\s*expect\s*\]\][ \t]*(?:#.*)?)$", re.MULTILINE)
LONGEST = 100  # characters of an array on one line


@dataclass(frozen=True)
class Entry:
    """An entry with its text, which begins with the comment above it and ends where the next one begins."""

    expectation: Expectation
    text: str

    @classmethod
    def new(cls, expectation: Expectation) -> Entry:
        return cls(expectation, edited("[[expect]]\n", None, expectation))

    def changed(self, expectation: Expectation) -> Entry:
        """Return the entry with new fields; those that do not change, and comments, stay as they are."""
        return Entry(expectation, edited(self.text, self.expectation, expectation))


def edited(text: str, old: Expectation | None, new: Expectation) -> str:
    """Return the text of an entry after setting the fields that are missing or differ."""
    document = tomlkit.parse(text)
    entry: Any = document["expect"][0]  # type: ignore[index]
    for name in (field.name for field in fields(Expectation)):
        if old is None or getattr(old, name) != getattr(new, name):
            entry[name] = toml_value(name, getattr(new, name))
    return tomlkit.dumps(document)


def toml_value(name: str, value: Any) -> Any:
    """Return a field's value for TOML: a single verdict is not a list, a date is not a string."""
    if name == "date":
        try:
            return date.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, str):
        return value
    if name == "verdict" and len(value) == 1:
        return str(value[0])
    array = tomlkit.array()
    array.extend(map(str, value))
    return array.multiline(len(array.as_string()) > LONGEST)


def split(text: str, path: Path) -> tuple[str, list[Entry]]:
    """Return the text before the first entry, and the entries. ExpectationError unless they are [[expect]] tables."""
    # A comment at the head of the file is not the first entry's.
    starts = [match.start() or match.start("table") for match in ENTRY.finditer(text)]
    texts = [text[start:end] for start, end in zip(starts, [*starts[1:], None], strict=False)]
    try:
        whole = tomllib.loads(text).get("expect", [])
        parsed = [entry for text in texts for entry in tomllib.loads(text)["expect"]]
    except tomllib.TOMLDecodeError as error:
        raise ExpectationError(f"{path}: {error}") from error
    if whole != parsed or len(parsed) != len(texts):
        raise ExpectationError(f"{path}: expected [[expect]] tables, each on its own line")
    entries = [Entry(parse(entry, path), text) for entry, text in zip(parsed, texts, strict=True)]
    return text[: starts[0]] if starts else text, entries


def join(head: str, entries: Sequence[Entry]) -> str:
    """Return the text of a file of entries, with an empty line between them."""
    texts = [head, *(entry.text for entry in entries)]
    return "\n\n".join(part.strip("\n") for part in texts if part.strip("\n")) + "\n"
