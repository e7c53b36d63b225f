"""Markdown: text that shows as it is, tables, and sections of the summary that have data beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")


@dataclass(frozen=True)
class Section:
    """A part of the summary: Markdown that is escaped already, and the CSV files it speaks of, by name."""

    title: str
    paragraphs: Sequence[str]
    files: dict[str, str]

    def markdown(self) -> str:
        return "\n\n".join([f"## {escaped(self.title)}", *self.paragraphs])


def escaped(text: object) -> str:
    """Text that Markdown shows as it is, in a table too: on one line, special characters behind a backslash."""
    return SPECIAL.sub(r"\\\1", " ".join(str(text).split()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table of cells that are escaped already."""
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])
