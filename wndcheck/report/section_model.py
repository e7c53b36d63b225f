"""The model of a report's sections, which the page and the summary show: tables of plain text, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from wndcheck.seeds import BASE_SEED


@dataclass(frozen=True)
class Table:
    """Rows of plain text under their heads."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    text: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page and of the summary, with its CSV files by name.

    `missing` names what has not been measured, and `command` measures it.
    """

    title: str
    text: str = ""
    tables: Sequence[Table] = ()
    files: dict[str, str] = field(default_factory=dict)
    missing: str = ""
    command: str = ""


def measure_command(profile: str, base_seed: int, parts: Iterable[str] = ()) -> str:
    """Return the command that measures nets which the store lacks."""
    seed = [f"--seed={base_seed}"] if base_seed != BASE_SEED else []
    return " ".join(["wndcheck measure", f"--profile={profile}", *seed, *(f"--cells={part}" for part in parts)])
